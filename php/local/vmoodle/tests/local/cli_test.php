<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

namespace local_vmoodle\local;

/**
 * Tests of the table of options that all scripts share.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\cli
 */
final class cli_test extends \basic_testcase {
    /**
     * Options of every kind, in any order; what is not given has its default.
     */
    public function test_options(): void {
        $cli = new cli('run', ['--operation=set_config', '--set=name=theme', '--set=value=a=b', '--concurrency=4', '--yes']);
        $this->assertSame('set_config', $cli->option('operation'));
        $this->assertSame(['name' => 'theme', 'value' => 'a=b'], $cli->assignments());
        $this->assertSame(4, $cli->option('concurrency'));
        $this->assertTrue($cli->option('yes'));
        $this->assertFalse($cli->option('plan'));
        $this->assertNull($cli->option('on-error'));
        // An option that the script does not have is as if it were not given.
        $this->assertFalse($cli->option('daemon'));
        $this->assertTrue($cli->is_of('run'));
        $this->assertTrue((new cli('run', ['-h']))->option('help'));
    }

    /**
     * Targets may be repeated, and a regular expression holds its commas.
     */
    public function test_targets(): void {
        $cli = new cli('run', ['--targets=all, !net:2 ,', '--targets=/^(a,b)/', '--targets=!/c,d/', '--targets=0']);
        $this->assertSame(['all', '!net:2', '/^(a,b)/', '!/c,d/', '0'], $cli->targets());
        $this->assertSame([], (new cli('run', []))->targets());
    }

    /**
     * What stands after -- is another script's, for the one script that goes on.
     */
    public function test_rest(): void {
        $cli = new cli('exec', ['--targets=all', '--', 'admin/cli/cfg.php', '--name=theme', '--']);
        $this->assertSame(['admin/cli/cfg.php', '--name=theme', '--'], $cli->rest());
        $this->assertSame(['all'], $cli->targets());
        $this->expectException(\moodle_exception::class);
        new cli('run', ['--', '--operation=x']);
    }

    /**
     * What is wrong is refused before anything is done.
     *
     * @dataProvider wrong
     * @param string $script its name
     * @param string $argument on its command line
     * @param string $errorcode string that says it
     */
    public function test_wrong_arguments(string $script, string $argument, string $errorcode): void {
        try {
            (new cli($script, [$argument]))->assignments();
            $this->fail('It was not refused.');
        } catch (\moodle_exception $exception) {
            $this->assertSame($errorcode, $exception->errorcode);
        }
    }

    /**
     * Arguments that no script takes.
     *
     * @return array[] script, argument, errorcode
     */
    public static function wrong(): array {
        return [
            'unknown' => ['run', '--colour=red', 'cliunknown'],
            'of another script' => ['run', '--daemon', 'cliunknown'],
            'no option' => ['run', 'set_config', 'cliunknown'],
            'a flag with a value' => ['run', '--yes=1', 'clibadvalue'],
            'no value' => ['run', '--operation', 'clibadvalue'],
            'no number' => ['run', '--concurrency=many', 'clibadvalue'],
            'a number below zero' => ['run', '--concurrency=-1', 'clibadvalue'],
            'no assignment' => ['run', '--set=theme', 'clibadset'],
            'an assignment to nothing' => ['run', '--set==x', 'clibadset'],
            'a password for all to see' => ['tenants', '--set=vdbpass=secret', 'clinopassword'],
        ];
    }

    /**
     * Every script has its help, and every option its explanation.
     */
    public function test_help(): void {
        $scripts = (new \ReflectionClassConstant(cli::class, 'SCRIPTS'))->getValue();
        $options = (new \ReflectionClassConstant(cli::class, 'OPTIONS'))->getValue();
        $this->assertSame([], array_values(array_diff(array_keys($options), ...array_values($scripts))), 'of no script');
        $help = new \ReflectionMethod(cli::class, 'help');
        foreach (array_keys($scripts) as $script) {
            $text = $help->invoke(new cli($script, []));
            $this->assertDoesNotMatchRegularExpression('/\[\[\w/', $text);
            $this->assertStringContainsString('--help', $text);
            if ($script !== 'in_tenant') {
                $this->assertFileExists(dirname(__DIR__, 2) . "/cli/{$script}.php");
            }
        }
    }

    /**
     * JSON on one line, whatever octets a tenant has sent.
     */
    public function test_json(): void {
        $this->assertSame('{"a":"é/ü","b":[1,null]}', cli::json(['a' => 'é/ü', 'b' => [1, null]]));
        $this->assertJson(cli::json(['bad' => "\xff\xfe", 'lines' => "a\nb"]));
        $this->assertStringNotContainsString("\n", cli::json(['lines' => "a\nb"]));
    }

    /**
     * A file is read whole; one that is not there is refused by its name.
     */
    public function test_contents(): void {
        $file = make_request_directory() . '/nodes.csv';
        file_put_contents($file, "a\nb\n");
        $this->assertSame("a\nb\n", (new cli('create', ["--nodes={$file}"]))->contents('nodes'));
        $this->expectExceptionMessage('/no/such/file');
        (new cli('create', ['--nodes=/no/such/file']))->contents('nodes');
    }

    /**
     * A password comes from the environment.
     */
    public function test_password(): void {
        putenv('VMOODLE_DBPASS');
        $this->assertNull((new cli('tenants', []))->password());
        putenv('VMOODLE_DBPASS=from the environment');
        $this->assertSame('from the environment', (new cli('tenants', []))->password());
        putenv('VMOODLE_DBPASS');
    }
}
