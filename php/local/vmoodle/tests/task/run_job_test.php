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

namespace local_vmoodle\task;

use local_vmoodle\bridge;
use local_vmoodle\event\job_finished;
use local_vmoodle\event\tenant_updated;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the task that runs a job: on tenants whose databases are there, or are not.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\task\run_job
 */
final class run_job_test extends farm_testcase {
    /**
     * Runs the task of a job.
     *
     * @param int $job its number
     * @return string what it printed
     */
    private static function run_task(int $job): string {
        $task = new run_job();
        $task->set_custom_data(['job' => $job]);
        ob_start();
        try {
            $task->execute();
        } finally {
            $printed = ob_get_clean();
        }
        return $printed;
    }

    /**
     * A job changes the tenant as asked, tells who asked for it, and can be taken back.
     */
    public function test_a_job_that_is_done(): void {
        $this->become_control_site();
        $this->add_site('site.example.org');
        $before = $this->site_setting('theme');
        $user = $this->set_user_with('local/vmoodle:execute');
        $job = bridge::job_submit('set_config', ['name' => 'theme', 'value' => 'of_a_test'], ['all']);
        $this->setUser(0);
        [$events, $messages] = [$this->redirectEvents(), $this->redirectMessages()];
        $said = self::run_task($job);
        $this->assertSame('done', bridge::job($job)['status'], json_encode(bridge::job($job)['items']));
        $this->assertSame('of_a_test', $this->site_setting('theme'));
        $this->assertStringContainsString('done 1', $said);
        $finished = array_values(array_filter($events->get_events(), static fn($event): bool => $event instanceof job_finished));
        $this->assertCount(1, $finished);
        $this->assertEquals([$job, $user->id], [$finished[0]->objectid, $finished[0]->userid]);
        $told = $messages->get_messages();
        $this->assertCount(1, $told);
        $this->assertEquals($user->id, $told[0]->useridto);
        $this->assertSame(['local_vmoodle', 'jobfinished'], [$told[0]->component, $told[0]->eventtype]);
        $this->assertStringContainsString('set_config', $told[0]->subject);
        $this->assertStringContainsString("/local/vmoodle/job.php?id={$job}", $told[0]->contexturl);
        // Once it has ended, nobody is told again.
        $this->assertSame('', self::run_task($job));
        $this->assertCount(1, $messages->get_messages());
        self::run_task(bridge::job_undo($job));
        $this->assertSame($before, $this->site_setting('theme'));
        $events->clear();
        self::run_task(bridge::job_submit('disable_tenant', [], ['all']));
        $moved = array_values(array_filter($events->get_events(), static fn($event): bool => $event instanceof tenant_updated));
        $this->assertCount(1, $moved);
        $this->assertSame(['https://site.example.org', 'disable_tenant'], [$moved[0]->other['wwwroot'], $moved[0]->other['operation']]);
    }

    /**
     * A tenant without a database fails, and the others are done.
     */
    public function test_a_job_that_fails_on_one_tenant(): void {
        $this->become_control_site();
        $this->add_site('site.example.org');
        $this->add_tenant('broken.example.org');
        $this->setAdminUser();
        $job = bridge::job_submit('set_config', ['name' => 'theme', 'value' => 'of_a_test'], ['all'], ['concurrency' => 1]);
        $sink = $this->redirectMessages();
        do {
            $said = self::run_task($job);
        } while ($said !== '' && !bridge::job($job)['timefinished'] && self::wait_for_next($job));
        $states = array_column(bridge::job($job)['items'], 'status', 'wwwroot');
        $this->assertEquals(['https://site.example.org' => 'done', 'https://broken.example.org' => 'failed'], $states);
        $this->assertSame('of_a_test', $this->site_setting('theme'));
        $this->assertSame('failed', bridge::job($job)['status']);
        $this->assertStringContainsString(get_string('state_failed', 'local_vmoodle'), $sink->get_messages()[0]->subject);
        $this->assertSame('queued', bridge::job(bridge::job_retry($job))['status']);
    }

    /**
     * Waits until the next item of a job may begin: what may be tried again is.
     *
     * @param int $job its number
     * @return bool false where nothing is left
     */
    private static function wait_for_next(int $job): bool {
        $seconds = run_job::next_begin($job) - time();
        if ($seconds > 0) {
            sleep(min($seconds, 30));
        }
        return true;
    }

    /**
     * A job that begins later is left to a cron of then.
     */
    public function test_a_job_that_begins_later(): void {
        $this->become_control_site();
        $this->add_site('site.example.org');
        $job = bridge::job_submit('set_config', ['name' => 'theme', 'value' => 'of_a_test'], ['all'], ['delay' => 60]);
        $this->assertStringContainsString('queued 1', self::run_task($job));
        $this->assertNotSame('of_a_test', $this->site_setting('theme'));
        $tasks = \core\task\manager::get_adhoc_tasks(run_job::class);
        $this->assertCount(1, $tasks);
        $this->assertEqualsWithDelta(time() + HOURSECS, reset($tasks)->get_next_run_time(), 60);
    }

    /**
     * A job is queued once, however often that is asked for.
     */
    public function test_queue(): void {
        $this->resetAfterTest();
        run_job::queue(7);
        run_job::queue(7);
        run_job::queue(8);
        $tasks = \core\task\manager::get_adhoc_tasks(run_job::class);
        $jobs = array_map(static fn($task): int => $task->get_custom_data()->job, $tasks);
        $this->assertEqualsCanonicalizing([7, 8], $jobs);
    }

    /**
     * A job whose journal is gone is said and done with: to try again would not help.
     */
    public function test_a_job_that_is_gone(): void {
        $this->become_control_site();
        $this->assertStringContainsString('123456789', self::run_task(123456789));
    }

    /**
     * Off the control site nothing is run.
     */
    public function test_off_the_control_site(): void {
        $this->assertSame('', self::run_task(1));
        $this->assertSame(get_string('taskrunjob', 'local_vmoodle'), (new run_job())->get_name());
    }
}
