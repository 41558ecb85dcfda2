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
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the scheduled tasks: what they do on the control site, and that they do nothing anywhere else.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\task\collect_status
 * @covers     \local_vmoodle\task\keep_house
 * @covers     \local_vmoodle\task\publish_index
 * @covers     \local_vmoodle\task\resume_stuck_jobs
 */
final class tasks_test extends farm_testcase {
    /**
     * The scheduled tasks that are declared.
     *
     * @return array[] class
     */
    public static function scheduled(): array {
        return [[collect_status::class], [keep_house::class], [publish_index::class], [resume_stuck_jobs::class]];
    }

    /**
     * Runs a task.
     *
     * @param string $class its class
     * @return string what it printed
     */
    private static function run_task(string $class): string {
        ob_start();
        try {
            (new $class())->execute();
        } finally {
            $printed = ob_get_clean();
        }
        return $printed;
    }

    /**
     * What is declared is there, and each is tested here.
     */
    public function test_declarations(): void {
        $tasks = \core\task\manager::load_scheduled_tasks_for_component('local_vmoodle');
        $classes = array_map('get_class', $tasks);
        $this->assertEqualsCanonicalizing(array_column(self::scheduled(), 0), $classes);
        foreach ($tasks as $task) {
            $this->assertNotEmpty($task->get_name());
            $this->assertStringNotContainsString('[[', $task->get_name());
            $this->assertFalse($task->get_disabled());
        }
    }

    /**
     * Where no farm is nothing is done and nothing is said.
     *
     * @dataProvider scheduled
     * @param string $class of the task
     */
    public function test_nothing_is_done_without_a_farm(string $class): void {
        global $DB;
        $this->resetAfterTest();
        // A task that went on would have something to do.
        $DB->insert_record('local_vmoodle_job', ['operation' => 'x', 'mode' => 'run', 'status' => 'running', 'timestarted' => 1]);
        set_config('pool_basic', 2, 'local_vmoodle');
        $this->assertSame('', self::run_task($class));
        $this->assertSame(1, $DB->count_records('local_vmoodle_job'));
        $this->assertSame(0, $DB->count_records('task_adhoc', ['component' => 'local_vmoodle']));
    }

    /**
     * A tenant has the plugin too, where it does nothing.
     *
     * @dataProvider scheduled
     * @param string $class of the task
     */
    public function test_nothing_is_done_on_a_tenant(string $class): void {
        global $DB;
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $this->become_tenant('https://a.example.org');
        $this->assertSame('', self::run_task($class));
        $this->assertSame(0, $DB->count_records('local_vmoodle_job'));
    }

    /**
     * Facts are asked of all tenants by one job; an empty farm needs none.
     */
    public function test_collect_status(): void {
        $this->become_control_site();
        self::run_task(collect_status::class);
        $this->assertSame([], bridge::jobs());
        $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org', ['state' => 'disabled']);
        self::run_task(collect_status::class);
        $jobs = bridge::jobs();
        $this->assertSame(['tenant_status'], array_column($jobs, 'operation'));
        $this->assertCount(2, bridge::job($jobs[0]['id'])['items']);
        $this->assertCount(1, \core\task\manager::get_adhoc_tasks(run_job::class));
    }

    /**
     * An index that is gone comes back, one that is well is left as it is.
     */
    public function test_publish_index(): void {
        $this->become_control_site();
        \local_vmoodle\local\publisher::publish_all();
        $generation = bridge::index_status()['generation'];
        $this->assertSame('', self::run_task(publish_index::class));
        $this->assertSame($generation, bridge::index_status()['generation']);
        unlink($this->index());
        $this->assertNotSame('', self::run_task(publish_index::class));
        $this->assertFileExists($this->index());
        $this->assertSame('good', bridge::index_status()['state']);
    }

    /**
     * House is kept on a farm that has nothing to keep.
     */
    public function test_keep_house(): void {
        $this->become_control_site();
        $said = self::run_task(keep_house::class);
        $this->assertStringContainsString(get_string('taskswept', 'local_vmoodle', ['trials' => 0, 'files' => 0]), $said);
        $this->assertSame([], bridge::jobs());
    }

    /**
     * Jobs that ended long ago go out of the journal, where that is asked for.
     */
    public function test_keep_house_of_the_journal(): void {
        global $DB;
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        [$old, $new] = [bridge::job_submit('purge_caches', [], ['all']), bridge::job_submit('purge_caches', [], ['all'])];
        foreach ([$old, $new] as $job) {
            bridge::job_cancel($job);
        }
        $DB->set_field('local_vmoodle_job', 'timefinished', time() - 10 * DAYSECS, ['id' => $old]);
        set_config('jobretention', 0, 'local_vmoodle');
        self::run_task(keep_house::class);
        $this->assertCount(2, bridge::jobs());
        set_config('jobretention', 5 * DAYSECS, 'local_vmoodle');
        self::run_task(keep_house::class);
        $this->assertSame([$new], array_column(bridge::jobs(), 'id'));
        $this->assertSame(0, $DB->count_records('local_vmoodle_item', ['jobid' => $old]));
    }

    /**
     * A job whose runner died is left to the next cron; one that is being run, is queued or has ended is not.
     */
    public function test_resume_stuck_jobs(): void {
        global $DB;
        $this->become_control_site();
        $add = static function (array $job, array $items = []) use ($DB): int {
            $job += ['operation' => 'purge_caches', 'mode' => 'run', 'status' => 'running', 'timestarted' => time() - HOURSECS];
            $id = $DB->insert_record('local_vmoodle_job', $job);
            foreach ($items as $item) {
                $DB->insert_record('local_vmoodle_item', $item + ['jobid' => $id, 'wwwroot' => 'https://a', 'server' => '']);
            }
            return $id;
        };
        $dead = $add([], [['status' => 'running', 'leaseuntil' => time() - 1], ['status' => 'queued']]);
        $add([], [['status' => 'running', 'leaseuntil' => time() + 100]]);
        $add([], [['status' => 'done', 'timefinished' => time() - 10], ['status' => 'queued']]);
        $add(['timestarted' => time() - 10], [['status' => 'queued']]);
        $add(['status' => 'queued', 'timestarted' => 0], [['status' => 'queued']]);
        $add(['status' => 'done', 'timefinished' => time() - 100]);
        $add(['timefinished' => time() - 1000]);
        $said = self::run_task(resume_stuck_jobs::class);
        $this->assertSame(get_string('taskjobresumed', 'local_vmoodle', $dead) . "\n", $said);
        $tasks = \core\task\manager::get_adhoc_tasks(run_job::class);
        $this->assertSame([$dead], array_values(array_map(static fn($task): int => $task->get_custom_data()->job, $tasks)));
        self::run_task(resume_stuck_jobs::class);
        $this->assertCount(1, \core\task\manager::get_adhoc_tasks(run_job::class));
    }
}
