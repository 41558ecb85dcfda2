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

namespace local_vmoodle\output;

/**
 * Tests of the small pieces of HTML: badges, states, words, changes, rows.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\output\badge
 * @covers     \local_vmoodle\output\changes
 * @covers     \local_vmoodle\output\fact
 * @covers     \local_vmoodle\output\health
 * @covers     \local_vmoodle\output\rows
 * @covers     \local_vmoodle\output\state
 * @covers     \local_vmoodle\output\words
 */
final class html_test extends \basic_testcase {
    /**
     * Text on a badge can be read on its colour, in Bootstrap 4 and 5.
     */
    public function test_badge(): void {
        $this->assertSame('', badge::classes(''));
        $this->assertSame('badge bg-success text-white', badge::classes('success'));
        $this->assertSame('badge bg-warning text-dark', badge::classes('warning'));
        $this->assertSame('badge bg-light text-dark border', badge::classes('light'));
    }

    /**
     * Every state that a tenant, a job or an item can have is a word; another one is shown as it is, escaped.
     */
    public function test_state(): void {
        $states = [
            ...\local_vmoodle\reportbuilder\local\entities\tenant::STATES,
            ...\local_vmoodle\reportbuilder\local\entities\job::STATES,
            ...\local_vmoodle\reportbuilder\local\entities\item::STATES,
        ];
        foreach (array_unique($states) as $state) {
            $this->assertTrue(get_string_manager()->string_exists("state_{$state}", 'local_vmoodle'), $state);
            $this->assertStringContainsString(state::word($state), state::badge($state));
        }
        $this->assertSame('&lt;i&gt;', state::word('<i>'));
        $this->assertStringContainsString('bg-danger', state::badge('failed'));
        $this->assertStringContainsString('bg-secondary', state::badge('of another version'));
    }

    /**
     * Facts as people read them; one of another version is shown as it is.
     */
    public function test_facts(): void {
        $this->assertSame(display_size(2048), fact::value('diskfree', '2048'));
        $this->assertSame([get_string('yes'), get_string('no')], [fact::value('pending', '1'), fact::value('pending', '0')]);
        $this->assertSame(get_string('never'), fact::value('lastcron', '0'));
        $this->assertSame(userdate(1700000000), fact::value('lastcron', '1700000000'));
        $this->assertSame(['12', '', ''], [fact::value('users', '12'), fact::value('users', null), fact::value('diskfree', '')]);
        $this->assertSame('of_another_version', fact::label('of_another_version'));
        $this->assertSame(get_string('fact_users', 'local_vmoodle'), fact::label('users'));
    }

    /**
     * How a tenant is, with the age of what it was told by; nothing where nothing was collected.
     */
    public function test_health(): void {
        $this->assertSame('', health::badge(null, time()));
        $this->assertCount(5, health::words());
        foreach (health::words() as $level => $word) {
            $this->assertStringNotContainsString('[[', $word);
            $this->assertStringContainsString($word, health::badge($level, time() - 5 * HOURSECS));
        }
        $this->assertStringContainsString('bg-danger', health::badge(4, time()));
        $this->assertStringContainsString(format_time(5 * HOURSECS), health::badge(0, time() - 5 * HOURSECS));
    }

    /**
     * Operations, parameters, choices and checks have words; what has none is called by its name.
     */
    public function test_words(): void {
        $this->assertSame(get_string('operation_set_config', 'local_vmoodle'), words::operation('set_config'));
        $this->assertSame('make_coffee', words::operation('make_coffee'));
        $this->assertSame(get_string('parameter_value', 'local_vmoodle'), words::parameter('value', 'set_config'));
        $this->assertSame('sugar', words::parameter('sugar', 'make_coffee'));
        $this->assertSame(get_string('choice_on', 'local_vmoodle'), words::choice('on'));
        $this->assertSame(get_string('check_status_ok', 'local_vmoodle'), words::check('status_ok'));
        $this->assertStringContainsString('&lt;b&gt;', words::error('tenant_not_found', '<b>'));
        $this->assertSame('&lt;b&gt;', words::error('of_another_version', '<b>'));
        $this->assertSame('said', words::error('', 'said'));
    }

    /**
     * Changes are shown one a line, escaped, not too long, without what is sealed.
     */
    public function test_changes(): void {
        $this->assertSame('', changes::html([]));
        $html = changes::html([
            ['what' => '<config>', 'before' => null, 'after' => 'a & b'],
            ['what' => 'roles', 'before' => ['é' => 1], 'after' => str_repeat('é', 400)],
            ['what' => 'smtppass', 'before' => 'enc:v1:AAAA', 'after' => ['secret' => 'enc:v1:BBBB']],
            ['what' => 'image', 'before' => 'zst:v1:CCCC', 'after' => false],
        ]);
        $this->assertSame(4, substr_count($html, '<li'));
        $this->assertStringContainsString('&lt;config&gt;', $html);
        $this->assertStringContainsString('a &amp; b', $html);
        $this->assertStringContainsString('null', $html);
        $this->assertStringContainsString('false', $html);
        $this->assertStringContainsString(s('{"é":1}'), $html);
        $this->assertStringContainsString(str_repeat('é', 300) . '<', $html);
        foreach (['AAAA', 'BBBB', 'CCCC'] as $secret) {
            $this->assertStringNotContainsString($secret, $html);
        }
    }

    /**
     * An item's image may be empty, packed or of another version: that is no change to be shown.
     */
    public function test_changes_of_an_image(): void {
        foreach ([null, '', 'zst:v1:AAAA', '"text"', '7', '["x"]'] as $image) {
            $this->assertSame('', changes::of_image($image), (string)$image);
        }
        $image = json_encode([['what' => 'theme', 'before' => 'boost', 'after' => 'classic']]);
        $this->assertStringContainsString('classic', changes::of_image($image));
    }

    /**
     * What an item says: its error with the code's text, then its warnings.
     */
    public function test_messages(): void {
        $row = static fn(?string $code, ?string $error, ?string $warnings): \stdClass
            => (object)['errorcode' => $code, 'error' => $error, 'warnings' => $warnings];
        $this->assertSame('', changes::messages($row(null, null, null)));
        $warnings = '[{"code":"cache_stays","message":"<cache> is stale"}]';
        $html = changes::messages($row('tenant_unreachable', '<no> answer', $warnings));
        $this->assertStringContainsString(get_string('error_tenant_unreachable', 'local_vmoodle', '&lt;no&gt; answer'), $html);
        $this->assertStringContainsString('&lt;cache&gt; is stale', $html);
    }

    /**
     * Rows of SQL stand in a table of a few lines; what a script of PHP said is folded.
     */
    public function test_rows(): void {
        $this->assertSame('', rows::of_output(null));
        $this->assertSame('', rows::of_output('{"statements":[{"statement":1,"affected":3}]}'));
        $rows = array_map(static fn(int $number): array => [$number, "<name {$number}>", null, true], range(1, 7));
        $html = rows::of_output(json_encode(['statements' => [['columns' => ['id', '<n>', 'e', 'b'], 'rows' => $rows]]]));
        $this->assertStringContainsString('&lt;n&gt;', $html);
        $this->assertStringContainsString('&lt;name 5&gt;', $html);
        $this->assertStringNotContainsString('name 6', $html);
        $this->assertStringContainsString(get_string('rowsmore', 'local_vmoodle', 2), $html);
        $said = rows::of_output(json_encode(['stdout' => str_repeat('x', 5000) . "\n<done>", 'stderr' => 'a notice']));
        $this->assertStringContainsString('&lt;done&gt;', $said);
        $this->assertStringContainsString('a notice', $said);
        $this->assertLessThan(4500, strlen($said));
    }
}
