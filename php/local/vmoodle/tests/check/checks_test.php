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

namespace local_vmoodle\check;

use core\check\check;
use core\check\result;
use local_vmoodle\bridge;
use local_vmoodle\local\publisher;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the checks of the farm.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\check\codetree
 * @covers     \local_vmoodle\check\components
 * @covers     \local_vmoodle\check\cron
 * @covers     \local_vmoodle\check\extension
 * @covers     \local_vmoodle\check\farm_check
 * @covers     \local_vmoodle\check\index
 * @covers     \local_vmoodle\check\registry
 */
final class checks_test extends farm_testcase {
    /**
     * The status of a check.
     *
     * @param check $check
     * @return string one of the constants of result
     */
    private function status(check $check): string {
        $result = $check->get_result();
        $this->assertNotSame('', (string)$result->get_summary());
        $this->assertStringNotContainsString('[[', $result->get_summary() . $result->get_details());
        return $result->get_status();
    }

    /**
     * Moodle finds the checks, each with a name and a number of its own.
     */
    public function test_moodle_finds_them(): void {
        $of = static fn(string $type): array => array_values(array_filter(
            \core\check\manager::get_checks($type),
            static fn(check $check): bool => $check->get_component() === 'local_vmoodle'
        ));
        $this->assertCount(5, $of('status'));
        $this->assertCount(1, $of('security'));
        $all = array_merge($of('status'), $of('security'));
        foreach ($all as $check) {
            $this->assertStringNotContainsString('[[', $check->get_name());
        }
        $this->assertCount(6, array_unique(array_map(static fn(check $check): string => $check->get_ref(), $all)));
    }

    /**
     * Without boot only the extension and the code tree can be judged.
     */
    public function test_without_boot(): void {
        $this->assertSame(result::ERROR, $this->status(new extension()));
        foreach ([new index(), new registry(), new components(), new cron()] as $check) {
            $this->assertSame(result::UNKNOWN, $this->status($check));
            $this->assertNull($check->get_action_link());
        }
    }

    /**
     * A tenant is not asked about the farm.
     */
    public function test_on_a_tenant(): void {
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $this->become_tenant('https://a.example.org');
        foreach ([new extension(), new index(), new registry(), new components(), new cron(), new codetree()] as $check) {
            $this->assertSame(result::NA, $this->status($check), get_class($check));
        }
    }

    /**
     * The extension on the control site.
     */
    public function test_extension(): void {
        $this->become_control_site();
        $check = new extension();
        $this->assertSame(result::OK, $this->status($check));
        $this->assertStringContainsString(bridge::version(), $check->get_result()->get_summary());
        $this->assertStringContainsString('/local/vmoodle/index.php', $check->get_action_link()->url->out());
    }

    /**
     * The index: as new as the registry, behind it, gone.
     */
    public function test_index(): void {
        global $DB;
        $this->become_control_site();
        $this->assertSame(result::OK, $this->status(new index()));
        $DB->set_field_select('local_vmoodle_generation', 'generation', publisher::registry_generation() + 1, '');
        $this->assertSame(result::WARNING, $this->status(new index()));
        bridge::publish();
        $this->assertSame(result::OK, $this->status(new index()));
    }

    /**
     * The registry: sound, or with rows that cannot be served, which are named.
     */
    public function test_registry(): void {
        global $DB;
        $this->become_control_site();
        $this->assertSame(result::OK, $this->status(new registry()));
        $this->add_tenant('a.example.org');
        $row = $this->add_tenant('b.example.org');
        $this->assertSame(result::OK, $this->status(new registry()));
        $DB->update_record('local_vmoodle', ['id' => $row['id'], 'state' => 'broken', 'enabled' => 0]);
        $this->assertSame(result::WARNING, $this->status(new registry()));
        $this->assertStringContainsString('https://b.example.org', (new registry())->get_result()->get_details());
        $this->assertStringNotContainsString('https://a.example.org', (new registry())->get_result()->get_details());
    }

    /**
     * The component cache: none, as the code on disk, stale.
     */
    public function test_components(): void {
        $this->become_control_site();
        $this->assertSame(result::INFO, $this->status(new components()));
        $built = publisher::publish_all()['components'];
        $this->assertFileExists($built['path']);
        $this->assertSame(result::OK, $this->status(new components()));
        unlink($built['path']);
        $this->assertSame(result::WARNING, $this->status(new components()));
    }

    /**
     * The farm cron: never, lately, long ago; and tenants that it does not reach, but for those of today.
     */
    public function test_cron(): void {
        global $DB;
        $this->become_control_site();
        $this->assertSame(result::INFO, $this->status(new cron()));
        $id = $DB->insert_record('local_vmoodle_cron', ['tenantid' => -1, 'timefinished' => time() - 60]);
        $this->assertSame(result::OK, $this->status(new cron()));
        $row = $this->add_tenant('a.example.org');
        $this->assertSame(result::OK, $this->status(new cron()));
        $DB->set_field('local_vmoodle', 'timecreated', time() - WEEKSECS, ['id' => $row['id']]);
        $this->assertSame(result::WARNING, $this->status(new cron()));
        $this->assertStringContainsString('https://a.example.org', (new cron())->get_result()->get_details());
        $DB->set_field('local_vmoodle', 'lastcron', time() - HOURSECS, ['id' => $row['id']]);
        $this->assertSame(result::OK, $this->status(new cron()));
        $DB->set_field('local_vmoodle_cron', 'timefinished', time() - HOURSECS, ['id' => $id]);
        $this->assertSame(result::WARNING, $this->status(new cron()));
    }

    /**
     * The code tree: root may write anywhere, so that only another user can tell.
     */
    public function test_codetree(): void {
        global $CFG;
        $expected = is_writable($CFG->dirroot) ? result::WARNING : result::OK;
        $this->assertSame(posix_geteuid() === 0 ? result::UNKNOWN : $expected, $this->status(new codetree()));
        $this->assertNull((new codetree())->get_action_link());
    }

    /**
     * What the extension throws is the check's result.
     */
    public function test_errors(): void {
        $this->become_control_site();
        $check = new class extends farm_check {
            #[\Override]
            public function get_name(): string {
                return 'a check';
            }

            #[\Override]
            protected function judge(): result {
                throw new \local_vmoodle\native_exception('control_unreachable', '<b>no</b> answer', 'start <it>');
            }
        };
        $this->assertSame(result::ERROR, $this->status($check));
        $this->assertStringNotContainsString('<b>', $check->get_result()->get_summary());
        $this->assertSame('start &lt;it&gt;', $check->get_result()->get_details());
    }
}
