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
 * Tests of commands that run side by side.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\process_pool
 */
final class process_pool_test extends \basic_testcase {
    /**
     * Runs scripts of PHP.
     *
     * @param string[] $scripts PHP by key
     * @param int $concurrency how many at once
     * @param int $timelimit seconds
     * @return array[] results by key, in the order in which they ended
     */
    private static function results(array $scripts, int $concurrency = 2, int $timelimit = 30): array {
        $results = [];
        $commands = array_map(static fn(string $script): array => [
            'argv' => [PHP_BINARY, '-n', '-r', $script],
            'env' => ['VMOODLE_HOST' => 'a.example.org'],
        ], $scripts);
        $heard = static function (string $key, array $result) use (&$results): void {
            $results[$key] = $result;
        };
        (new process_pool($concurrency, $timelimit))->run($commands, $heard);
        return $results;
    }

    /**
     * Each command's end, exit code and output, errors in their order; one failure stops no other.
     */
    public function test_results(): void {
        $results = self::results([
            'good' => 'echo getenv("VMOODLE_HOST"); fwrite(STDERR, " and an error");',
            'bad' => 'echo "no"; exit(3);',
            'silent' => '',
        ]);
        $this->assertEqualsCanonicalizing(['good', 'bad', 'silent'], array_keys($results));
        $this->assertSame(['done', 0, 'a.example.org and an error'], self::told($results['good']));
        $this->assertSame(['failed', 3, 'no'], self::told($results['bad']));
        $this->assertSame(['done', 0, ''], self::told($results['silent']));
    }

    /**
     * What a result says.
     *
     * @param array $result
     * @return array outcome, exit, output
     */
    private static function told(array $result): array {
        return [$result['outcome'], $result['exit'], $result['output']];
    }

    /**
     * One that takes too long is ended, and says so.
     */
    public function test_time_limit(): void {
        $began = microtime(true);
        $results = self::results(['slow' => 'echo "begun"; sleep(60);', 'quick' => 'echo "x";'], 2, 1);
        $this->assertSame(['timeout', null, 'begun'], self::told($results['slow']));
        $this->assertSame('done', $results['quick']['outcome']);
        $this->assertLessThan(20, microtime(true) - $began);
    }

    /**
     * The last octets of a long output are kept, where the error stands.
     */
    public function test_long_output(): void {
        $output = self::results(['long' => 'echo str_repeat("x", 300000), "the end";'])['long']['output'];
        $this->assertSame(65536, strlen($output));
        $this->assertStringEndsWith('the end', $output);
    }

    /**
     * Never more at once than asked for.
     */
    public function test_concurrency(): void {
        $file = make_request_directory() . '/running';
        $script = 'file_put_contents(' . var_export($file, true) . ', "+", FILE_APPEND); usleep(100000);'
            . 'file_put_contents(' . var_export($file, true) . ', "-", FILE_APPEND);';
        self::results(array_fill_keys(['a', 'b', 'c', 'd', 'e'], $script), 1);
        $this->assertSame('+-+-+-+-+-', file_get_contents($file));
    }
}
