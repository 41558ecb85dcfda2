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

namespace local_vmoodle\reportbuilder;

use core_external\external_api;
use core_reportbuilder\exception\report_access_exception;
use core_reportbuilder\external\systemreports\retrieve;
use core_reportbuilder\manager;
use core_reportbuilder\system_report_factory;
use local_vmoodle\bridge;
use local_vmoodle\reportbuilder\local\systemreports\{items, jobs, tenants, trash};
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the lists of tenants, jobs, items and of the trash.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\reportbuilder\local\entities\farm_entity
 * @covers     \local_vmoodle\reportbuilder\local\entities\item
 * @covers     \local_vmoodle\reportbuilder\local\entities\job
 * @covers     \local_vmoodle\reportbuilder\local\entities\tenant
 * @covers     \local_vmoodle\reportbuilder\local\entities\trash
 * @covers     \local_vmoodle\reportbuilder\local\systemreports\items
 * @covers     \local_vmoodle\reportbuilder\local\systemreports\jobs
 * @covers     \local_vmoodle\reportbuilder\local\systemreports\tenants
 * @covers     \local_vmoodle\reportbuilder\local\systemreports\trash
 */
final class systemreports_test extends farm_testcase {
    /**
     * The reports, and who may see each.
     *
     * @return array[] class, capability
     */
    public static function reports(): array {
        return [
            'items' => [items::class, 'local/vmoodle:execute'],
            'jobs' => [jobs::class, 'local/vmoodle:execute'],
            'tenants' => [tenants::class, 'local/vmoodle:managevmoodles'],
            'trash' => [trash::class, 'local/vmoodle:managevmoodles'],
        ];
    }

    /**
     * The cells of a report, as people see them.
     *
     * @param string $class of the report
     * @param array $parameters of the report
     * @return array[] rows of HTML
     */
    private static function rows(string $class, array $parameters = []): array {
        $given = [];
        foreach ($parameters as $name => $value) {
            $given[] = ['name' => $name, 'value' => $value];
        }
        // A report is kept for a user, whatever its parameters.
        manager::reset_caches();
        $report = external_api::clean_returnvalue(
            retrieve::execute_returns(),
            retrieve::execute($class, ['contextid' => SYSCONTEXTID], '', '', 0, $given, 0, 100)
        );
        return array_column($report['data']['rows'], 'columns');
    }

    /**
     * A report is for those who may, on the control site.
     *
     * @dataProvider reports
     * @param string $class of the report
     * @param string $capability that it asks for
     */
    public function test_access(string $class, string $capability): void {
        global $PAGE;
        $this->become_control_site();
        $PAGE->set_url('/local/vmoodle/index.php');
        $create = static fn() => system_report_factory::create($class, \context_system::instance());
        $this->set_user_with($capability);
        $this->assertStringContainsString('data-region="core_reportbuilder/report"', $create()->output());
        $this->set_user_with(...array_diff(['local/vmoodle:execute', 'local/vmoodle:managevmoodles'], [$capability]));
        $this->expectException(report_access_exception::class);
        $create()->require_can_view();
    }

    /**
     * Off the control site the tables are empty or a copy, and nobody sees them.
     *
     * @dataProvider reports
     * @param string $class of the report
     */
    public function test_no_access_off_the_control_site(string $class): void {
        $this->resetAfterTest();
        $this->setAdminUser();
        $this->expectException(report_access_exception::class);
        system_report_factory::create($class, \context_system::instance())->require_can_view();
    }

    /**
     * Tenants with their facts; a name is text, and only an enabled tenant's address is a link.
     */
    public function test_tenants(): void {
        global $DB;
        $this->become_control_site();
        $this->setAdminUser();
        $row = $this->add_tenant('a.example.org', ['name' => '<i>Alpha</i>', 'tags' => ['pilot', '<u>']]);
        $this->add_tenant('b.example.org', ['state' => 'disabled']);
        $DB->set_field('local_vmoodle', 'lastcron', time(), ['id' => $row['id']]);
        $facts = ['release' => '4.5.6<b> (Build: 20250811)', 'users' => '12', 'courses' => '3', 'diskfree' => '77'];
        foreach ($facts as $fact => $value) {
            $DB->insert_record('local_vmoodle_status', ['tenantid' => $row['id'], 'fact' => $fact, 'value' => $value]);
        }
        $rows = self::rows(tenants::class);
        $this->assertCount(2, $rows);
        $html = implode(' ', $rows[0]);
        $enabled = get_string('state_enabled', 'local_vmoodle');
        foreach (['4.5.6', '12', 'pilot', '<a href="https://a.example.org"', $enabled] as $shown) {
            $this->assertStringContainsString($shown, $html);
        }
        foreach (['<i>', '<u>', '<b>'] as $tag) {
            $this->assertStringNotContainsString($tag, $html);
            $this->assertStringContainsString(s($tag), $html);
        }
        $this->assertStringContainsString(get_string('ago', 'message', format_time(1)), $html);
        $this->assertStringNotContainsString('<a href="https://b.example.org"', implode(' ', $rows[1]));
        $this->assertStringContainsString(get_string('never'), implode(' ', $rows[1]));
    }

    /**
     * Jobs, the newest first, with how many items each has and how many failed.
     */
    public function test_jobs(): void {
        global $DB;
        $this->become_control_site();
        $user = $this->set_user_with('local/vmoodle:execute');
        $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org');
        $first = bridge::job_submit('purge_caches', [], ['all']);
        $second = bridge::job_submit('set_config', ['name' => 'theme', 'value' => 'classic'], ['a.example.org']);
        $DB->set_field('local_vmoodle_item', 'status', 'unknown', ['jobid' => $second]);
        $rows = self::rows(jobs::class);
        $this->assertCount(2, $rows);
        $this->assertStringContainsString("job.php?id={$second}", $rows[0][0]);
        $this->assertStringContainsString("job.php?id={$first}", $rows[1][0]);
        $this->assertSame(['set_config', '1', '1'], array_map('strval', [$rows[0][1], $rows[0][3], $rows[0][4]]));
        $this->assertSame(['purge_caches', '2', '0'], array_map('strval', [$rows[1][1], $rows[1][3], $rows[1][4]]));
        $this->assertStringContainsString(fullname($user), $rows[0][5]);
    }

    /**
     * The items of one job and of no other, with what each changed and said.
     */
    public function test_items(): void {
        global $DB;
        $this->become_control_site();
        $this->setAdminUser();
        $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org');
        $job = bridge::job_submit('purge_caches', [], ['a.example.org']);
        bridge::job_submit('purge_caches', [], ['b.example.org']);
        $DB->set_field('local_vmoodle_item', 'beforeimage', '[{"what":"theme","before":"<boost>","after":"x"}]', ['jobid' => $job]);
        $DB->set_field('local_vmoodle_item', 'errorcode', 'tenant_unreachable', ['jobid' => $job]);
        $DB->set_field('local_vmoodle_item', 'error', 'no <answer>', ['jobid' => $job]);
        $rows = self::rows(items::class, ['job' => $job]);
        $this->assertCount(1, $rows);
        $html = implode(' ', $rows[0]);
        $this->assertStringContainsString('/local/vmoodle/tenant.php?id=', $html);
        $this->assertStringContainsString('&lt;boost&gt;', $html);
        $this->assertStringContainsString('no &lt;answer&gt;', $html);
        $this->assertStringNotContainsString('b.example.org', $html);
        $this->assertSame([], self::rows(items::class), 'of no job');
    }

    /**
     * The trash, with the job whose undoing is the way back.
     */
    public function test_trash(): void {
        global $DB;
        $this->become_control_site();
        $this->setAdminUser();
        foreach ([5 => 'https://old.example.org', 6 => 'https://older.example.org'] as $tenant => $wwwroot) {
            $row = ['tenantid' => $tenant, 'wwwroot' => $wwwroot, 'timeover' => 1800000000 + $tenant];
            $DB->insert_record('local_vmoodle_trash', $row);
        }
        $add = static function (string $operation, string $mode, string $status) use ($DB): int {
            $job = $DB->insert_record('local_vmoodle_job', ['operation' => $operation, 'mode' => $mode, 'status' => 'done']);
            $DB->insert_record('local_vmoodle_item',
                ['jobid' => $job, 'tenantid' => 5, 'wwwroot' => 'https://old.example.org', 'server' => '', 'status' => $status]);
            return $job;
        };
        $add('destroy_tenant', 'run', 'done');
        $destroyed = $add('destroy_tenant', 'run', 'done');
        $add('destroy_tenant', 'undo', 'done');
        $add('destroy_tenant', 'run', 'failed');
        $add('purge_caches', 'run', 'done');
        $rows = self::rows(trash::class);
        $this->assertSame(['https://old.example.org', 'https://older.example.org'], array_column($rows, 0));
        $this->assertStringContainsString("job.php?id={$destroyed}\"", $rows[0][3]);
        $this->assertSame('', $rows[1][3]);
    }
}
