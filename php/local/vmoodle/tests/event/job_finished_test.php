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
 * Tests of the event that a job has ended.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\event\job_finished
 */
final class job_finished_test extends \advanced_testcase {
    /**
     * The event tells which job it is, who asked for it and how it ended.
     */
    public function test_event(): void {
        $this->resetAfterTest();
        $user = $this->getDataGenerator()->create_user();
        $job = ['id' => 7, 'userid' => (int)$user->id, 'operation' => 'set_config', 'status' => 'failed',
            'counts' => ['done' => 3, 'failed' => 1], 'parameters' => ['value' => 'not for a log']];
        $sink = $this->redirectEvents();
        job_finished::of($job)->trigger();
        $events = $sink->get_events();
        $sink->close();
        $this->assertCount(1, $events);
        $event = reset($events);
        $this->assertInstanceOf(job_finished::class, $event);
        $this->assertEquals(\context_system::instance(), $event->get_context());
        $this->assertEquals([7, $user->id, 'local_vmoodle_job'], [$event->objectid, $event->userid, $event->objecttable]);
        $this->assertSame(['done' => 3, 'failed' => 1], $event->other['counts']);
        $this->assertSame("The job with id '7' (set_config) ended as 'failed'.", $event->get_description());
        $this->assertEquals(new \moodle_url('/local/vmoodle/job.php', ['id' => 7]), $event->get_url());
        $this->assertSame(get_string('eventjobfinished', 'local_vmoodle'), job_finished::get_name());
        $this->assertStringNotContainsString('not for a log', json_encode($event->get_data()));
        $this->assertSame(\core\event\base::NOT_MAPPED, job_finished::get_objectid_mapping());
        $this->assertEventContextNotUsed($event);
    }

    /**
     * A job that the system asked for has no user.
     */
    public function test_event_of_nobody(): void {
        $job = ['id' => 8, 'userid' => 0, 'operation' => 'tenant_status', 'status' => 'done', 'counts' => []];
        $event = job_finished::of($job);
        $this->assertSame(0, $event->userid);
        $this->assertSame([], $event->other['counts']);
    }
}
