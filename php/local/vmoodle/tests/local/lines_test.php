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

use local_vmoodle\local\comparison\plugins;
use local_vmoodle\local\comparison\roles;
use local_vmoodle\local\comparison\settings;

/**
 * Tests of lines for spreadsheets and terminals, and of what a cell of a comparison leads to.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\comparison\plugins
 * @covers     \local_vmoodle\local\comparison\roles
 * @covers     \local_vmoodle\local\comparison\settings
 * @covers     \local_vmoodle\local\job_commands
 * @covers     \local_vmoodle\local\spreadsheet
 * @covers     \local_vmoodle\local\sql_commands
 * @covers     \local_vmoodle\local\status_commands
 */
final class lines_test extends \advanced_testcase {
    /**
     * What another site's administrator wrote is text in a spreadsheet, never a formula; numbers stay numbers.
     */
    public function test_spreadsheet(): void {
        $formulas = ['=HYPERLINK("http://x")', '+1+cmd|x', '-1+1', '@SUM(A1)', "\t=1", "\r=1", '+', "-1\n=1"];
        $quoted = array_map(static fn(string $formula): string => "'{$formula}", $formulas);
        $this->assertSame($quoted, spreadsheet::safe($formulas));
        $texts = ['-12', '-1.5', 'a=b', '', '12', '0', 'a-b'];
        $this->assertSame($texts, spreadsheet::safe($texts));
    }

    /**
     * The rows that a script gave on all tenants: a heading for each statement, and a tenant of another version's columns.
     */
    public function test_lines_of_sql(): void {
        $item = static fn(string $wwwroot, ?array $statements): array
            => ['wwwroot' => $wwwroot, 'output' => ['statements' => $statements]];
        $rows = static fn(int $number, array $columns, array $rows): array
            => ['statement' => $number, 'columns' => $columns, 'rows' => $rows];
        $job = ['items' => [
            $item('https://a', [$rows(1, ['id', 'name'], [[1, 'x'], [2, null]]), ['statement' => 2, 'affected' => 7]]),
            $item('https://b', [$rows(1, ['name', 'more'], [[true, 'y']])]),
            ['wwwroot' => 'https://c', 'output' => null],
        ]];
        $this->assertSame([
            ['tenant', 'statement', 'id', 'name'],
            ['https://a', '1', '1', 'x'],
            ['https://a', '1', '2', ''],
            ['tenant', 'statement', 'affected'],
            ['https://a', '2', '7'],
            ['https://b', '1', '', 'true'],
        ], iterator_to_array(sql_commands::lines($job), false));
    }

    /**
     * How a job's end becomes an exit code.
     */
    public function test_exit_codes(): void {
        $this->assertSame(cli::DONE, job_commands::code(['done' => 2, 'skipped' => 1]));
        foreach (['failed', 'unknown', 'cancelled'] as $state) {
            $this->assertSame(cli::PARTLY, job_commands::code(['done' => 2, $state => 1]), $state);
        }
    }

    /**
     * An age is said in the largest unit that tells something.
     */
    public function test_age(): void {
        $ages = array_map([status_commands::class, 'age'], [5, 5 * MINSECS, 5 * HOURSECS, 5 * DAYSECS]);
        $this->assertCount(4, array_unique($ages));
        foreach ($ages as $age) {
            $this->assertStringContainsString('5', $age);
        }
    }

    /**
     * A cell of the roles' matrix leads to the operation of its part.
     */
    public function test_spread_of_roles(): void {
        $this->assertSame(
            ['operation' => 'capability_sync', 'p_capability' => 'mod/forum:replypost', 'p_roles' => 'student',
                'p_source' => 'https://a'],
            roles::spread('student|capability|mod/forum:replypost', 'https://a')
        );
        $parts = ['contextlevel' => 'contextlevels', 'assign' => 'allows', 'view' => 'allows', 'name' => 'names',
            'archetype' => 'names'];
        foreach ($parts as $part => $parameter) {
            $spread = roles::spread("student|{$part}|50", 'https://a');
            $this->assertSame(['role_sync', 'student', $parameter], [$spread['operation'], $spread['p_role'], $spread['p_parts']]);
        }
        $this->assertSame('role_sync', roles::spread('student', 'https://a')['operation'], 'an address that somebody has typed');
        $roles = new roles();
        $this->assertFalse($roles->may_spread([], 'norole'));
        $this->assertFalse($roles->may_spread([], 'missing'));
        $this->assertTrue($roles->may_spread([], 'prohibit'));
        $this->assertSame(get_string('yes'), $roles->word('yes'));
        $this->assertSame('danger', $roles->colour('prohibit'));
        $this->assertSame('', $roles->colour('Student'));
        foreach ($roles->legend() as $entry) {
            $this->assertStringNotContainsString('[[', $entry['word']);
        }
    }

    /**
     * A plugin's cell is told by its state, its version and what is newer.
     */
    public function test_plugins(): void {
        $text = plugins::text(['state' => 'enabled', 'version' => '2024100700', 'behind' => ['code', 'newest']]);
        $this->assertStringContainsString(get_string('comparestate_enabled', 'local_vmoodle') . ' 2024100700, ', $text);
        $this->assertStringContainsString(get_string('comparebehind_newest', 'local_vmoodle'), $text);
        foreach (['enabled', 'available', 'disabled', 'not_installed', 'installed'] as $state) {
            $word = plugins::text(['state' => $state, 'version' => null, 'behind' => []]);
            $this->assertSame(get_string("comparestate_{$state}", 'local_vmoodle'), $word);
        }
        $this->assertSame('plugin_sync', plugins::spread('mod_chat', 'https://a')['operation']);
    }

    /**
     * A setting's cell: none, empty, a value; a masked one of Moodle itself cannot be given on, one of a plugin goes unseen.
     */
    public function test_settings(): void {
        $settings = new settings();
        $words = array_map([$settings, 'word'], [null, '', '0']);
        $this->assertSame(get_string('settingmissing', 'local_vmoodle'), $words[0]);
        $this->assertSame([get_string('settingempty', 'local_vmoodle'), '0'], [$words[1], $words[2]]);
        $this->assertFalse($settings->may_spread(['id' => 'theme'], null));
        $this->assertTrue($settings->may_spread(['id' => 'theme'], ''));
        $this->assertFalse($settings->may_spread(['id' => 'smtppass'], '******** (1)'));
        $this->assertTrue($settings->may_spread(['id' => 'auth_ldap/bind_pw'], '******** (1)'));
        $this->assertSame(
            ['operation' => 'copy_plugin_config', 'p_source' => 'https://a', 'p_plugin' => 'auth_ldap', 'p_names' => 'bind_pw'],
            settings::spread('auth_ldap/bind_pw', 'https://a')
        );
    }
}
