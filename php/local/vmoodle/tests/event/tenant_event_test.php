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
namespace local_vmoodle\event;

/**
 * Tests of the events of tenants.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\event\tenant_created
 * @covers     \local_vmoodle\event\tenant_deleted
 * @covers     \local_vmoodle\event\tenant_event
 * @covers     \local_vmoodle\event\tenant_updated
 */
final class tenant_event_test extends \advanced_testcase {
    /**
     * Operations, and the event of each when it is done and when it is taken back.
     *
     * @return array[] operation, class, class
     */
    public static function operations(): array {
        return [
            'create' => ['create_tenant', tenant_created::class, tenant_deleted::class],
            'clone' => ['clone_tenant', tenant_created::class, tenant_deleted::class],
            'adopt' => ['adopt_site', tenant_created::class, tenant_deleted::class],
            'destroy' => ['destroy_tenant', tenant_deleted::class, tenant_updated::class],
            'retire' => ['retire_tenant', tenant_updated::class, tenant_updated::class],
            'rename' => ['rename_tenant', tenant_updated::class, tenant_updated::class],
        ];
    }

    /**
     * An event tells which tenant it is and what became of it.
     *
     * @dataProvider operations
     * @param string $operation
     * @param string $done class of its event
     * @param string $takenback class of the event of its undo
     */
    public function test_event(string $operation, string $done, string $takenback): void {
        $this->resetAfterTest();
        $user = $this->getDataGenerator()->create_user();
        $job = ['id' => 7, 'userid' => (int)$user->id, 'operation' => $operation, 'mode' => 'run', 'parameters' => ['secret' => 'hidden']];
        $item = (object)['tenantid' => 5, 'wwwroot' => 'https://a.example.org'];
        $sink = $this->redirectEvents();
        tenant_event::of($job, $item)->trigger();
        tenant_event::of(['mode' => 'undo'] + $job, $item)->trigger();
        $events = $sink->get_events();
        $sink->close();
        $this->assertSame([$done, $takenback], array_map('get_class', $events));
        $this->assertEquals([5, $user->id, 'local_vmoodle'], [$events[0]->objectid, $events[0]->userid, $events[0]->objecttable]);
        $this->assertSame(
            "The operation '{$operation}' was done on the tenant with id '5' (https://a.example.org) by the job with id '7'.",
            $events[0]->get_description()
        );
        $this->assertEquals(new \moodle_url('/local/vmoodle/job.php', ['id' => 7]), $events[0]->get_url());
        $this->assertNotSame('', $done::get_name());
        $this->assertStringNotContainsString('hidden', json_encode($events[0]->get_data()));
        $this->assertSame(\core\event\base::NOT_MAPPED, $done::get_objectid_mapping());
        $this->assertFalse($done::get_other_mapping());
        $this->assertEventContextNotUsed($events[0]);
    }

    /**
     * What changes a setting leaves the tenant where it stands.
     */
    public function test_other_operations_have_no_event(): void {
        $this->assertFalse(tenant_event::concerns('set_config'));
        $this->assertTrue(tenant_event::concerns('create_tenant'));
    }
}
