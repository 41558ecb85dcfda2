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

namespace local_vmoodle\external;

use core_external\external_api;
use local_vmoodle\bridge;
use local_vmoodle\native_exception;
use local_vmoodle\task\run_job;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the web services about jobs, on a control site.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\external\get_job
 * @covers     \local_vmoodle\external\start_job
 * @covers     \local_vmoodle\external\stop_job
 */
final class jobs_test extends farm_testcase {
    /**
     * A farm of two tenants.
     */
    protected function setUp(): void {
        parent::setUp();
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org');
    }

    /**
     * A job is written down for its targets and left to the next cron; whoever may run operations needs nothing else.
     */
    public function test_start(): void {
        $user = $this->set_user_with('local/vmoodle:execute');
        $given = start_job::execute('set_config', '{"name":"theme","value":"classic"}', ['a.example.org']);
        $id = external_api::clean_returnvalue(start_job::execute_returns(), $given)['id'];
        $job = bridge::job($id);
        $this->assertSame(['set_config', 'queued'], [$job['operation'], $job['status']]);
        $this->assertSame(['https://a.example.org'], array_column($job['items'], 'wwwroot'));
        $this->assertEquals($user->id, $job['userid']);
        $tasks = \core\task\manager::get_adhoc_tasks(run_job::class);
        $this->assertCount(1, $tasks);
        $this->assertEquals($id, reset($tasks)->get_custom_data()->job);
    }

    /**
     * How a job goes about its tenants.
     */
    public function test_start_with_options(): void {
        $this->setAdminUser();
        $parameters = '{"name":"theme","value":"classic"}';
        $id = start_job::execute('set_config', $parameters, ['all'], false, '1,rest', 5, 0, 'continue')['id'];
        $options = bridge::job($id)['options'];
        $this->assertSame(['continue', '1,rest'], [$options['on_error'], $options['waves']]);
        $this->assertGreaterThanOrEqual(time() + 4 * MINSECS, run_job::next_begin($id));
        $id = start_job::execute('set_config', $parameters, ['all'], false, '', 0, 0, '3')['id'];
        $this->assertEquals(3, bridge::job($id)['options']['on_error']);
        $this->expectException(native_exception::class);
        start_job::execute('set_config', $parameters, ['all'], false, 'some, more');
    }

    /**
     * A dangerous operation must be meant.
     */
    public function test_start_asks_for_confirmation(): void {
        $this->setAdminUser();
        $parameters = json_encode(['sql' => "UPDATE {config} SET value = 1 WHERE name = 'x'", 'mode' => 'write']);
        try {
            start_job::execute('run_sql', $parameters, ['all']);
            $this->fail('It was not refused.');
        } catch (native_exception $exception) {
            $this->assertNotSame('sql_refused', $exception->reason);
            $this->assertSame([], bridge::jobs());
            $this->assertCount(0, \core\task\manager::get_adhoc_tasks(run_job::class));
        }
        $id = start_job::execute('run_sql', $parameters, ['all'], true)['id'];
        $this->assertSame('run_sql', bridge::job($id)['operation']);
    }

    /**
     * What is wrong leaves no job and no task behind.
     *
     * @dataProvider wrong
     * @param string $exception its class
     * @param array $arguments of the service
     */
    public function test_start_of_what_is_wrong(string $exception, array $arguments): void {
        $this->setAdminUser();
        try {
            start_job::execute(...$arguments);
            $this->fail('It was not refused.');
        } catch (\moodle_exception $thrown) {
            $this->assertInstanceOf($exception, $thrown);
        }
        $this->assertSame([], bridge::jobs());
        $this->assertCount(0, \core\task\manager::get_adhoc_tasks(run_job::class));
    }

    /**
     * What start_job does not take.
     *
     * @return array[] class of the exception, arguments
     */
    public static function wrong(): array {
        return [
            'no such operation' => [native_exception::class, ['make_coffee', '{}', ['all']]],
            'a name that is none' => [\invalid_parameter_exception::class, ['set config', '{}', ['all']]],
            'no JSON' => [\invalid_parameter_exception::class, ['purge_caches', 'all', ['all']]],
            'a parameter that it has not' => [native_exception::class, ['purge_caches', '{"colour":"red"}', ['all']]],
            'nobody is meant' => [native_exception::class, ['purge_caches', '{}', ['nobody.example.net']]],
            'a secret setting in clear' => [
                native_exception::class, ['set_config', '{"name":"smtppass","value":"hidden"}', ['all']],
            ],
        ];
    }

    /**
     * How far a job is, and that it can be stopped.
     */
    public function test_get_and_stop(): void {
        $this->setAdminUser();
        $id = bridge::job_submit('purge_caches', [], ['all']);
        $get = static fn(): array => external_api::clean_returnvalue(get_job::execute_returns(), get_job::execute($id));
        $job = $get();
        $this->assertSame(['purge_caches', 'queued'], [$job['operation'], $job['status']]);
        $this->assertSame([false, 0], [$job['finished'], $job['percent']]);
        $this->assertStringContainsString(get_string('state_queued', 'local_vmoodle'), $job['badge']);
        $this->assertStringContainsString('2', $job['counts']);
        $stopped = external_api::clean_returnvalue(stop_job::execute_returns(), stop_job::execute($id));
        $this->assertSame('cancelled', $stopped['status']);
        $this->assertEquals($stopped, $get());
        $this->assertSame([true, 100], [$stopped['finished'], $stopped['percent']]);
        $this->assertSame('cancelled', bridge::job($id)['items'][0]['status']);
    }

    /**
     * A job that is not there.
     */
    public function test_no_such_job(): void {
        $this->setAdminUser();
        foreach ([get_job::class, stop_job::class] as $class) {
            try {
                $class::execute(123456789);
                $this->fail('It was not refused.');
            } catch (native_exception $exception) {
                $this->assertSame('job_not_found', $exception->reason);
            }
        }
    }
}
