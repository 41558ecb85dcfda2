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

use local_vmoodle\bridge;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of what the plugin keeps in its settings: pools of spare sites, scripts that may be run from the web.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\spare_pool
 * @covers     \local_vmoodle\local\webscripts
 */
final class settings_test extends farm_testcase {
    /**
     * Pools are kept by template, and forgotten at size 0.
     */
    public function test_pools(): void {
        $this->resetAfterTest();
        $this->assertSame([], spare_pool::kept());
        spare_pool::keep('basic', 3);
        spare_pool::keep('big-one', 1);
        $this->assertEquals(['basic' => 3, 'big-one' => 1], spare_pool::kept());
        spare_pool::keep('basic', 0);
        $this->assertSame(['big-one' => 1], spare_pool::kept());
    }

    /**
     * The daily task makes spares on the server that was named, until the pool is forgotten.
     */
    public function test_pool_on_a_server(): void {
        $this->resetAfterTest();
        spare_pool::keep('basic', 3, 'db2');
        $this->assertSame(['basic' => 3], spare_pool::kept());
        $this->assertSame(['template' => 'basic', 'server' => 'db2', 'spare' => true], spare_pool::parameters('basic'));
        spare_pool::keep('basic', 0);
        $this->assertSame(['template' => 'basic', 'spare' => true], spare_pool::parameters('basic'));
    }

    /**
     * A spare that could not be made is told by its last job; one that is being made, or tried again, is not.
     */
    public function test_unfinished_spares(): void {
        global $DB;
        $this->become_control_site();
        $one = $this->add_tenant('u1.invalid', ['state' => 'creating', 'tags' => ['spare:basic']]);
        $other = $this->add_tenant('u2.invalid', ['state' => 'creating', 'tags' => ['spare:basic']]);
        $item = static fn(int $job, array $tenant, string $status) => $DB->insert_record('local_vmoodle_item', [
            'jobid' => $job, 'tenantid' => $tenant['id'], 'wwwroot' => $tenant['vhostname'], 'server' => '', 'status' => $status,
        ]);
        $item(7, $one, 'failed');
        $item(7, $other, 'failed');
        $this->assertSame([7], spare_pool::unfinished('basic'));
        $item(8, $one, 'failed');
        $item(8, $other, 'running');
        $this->assertSame([8], spare_pool::unfinished('basic'));
        $this->assertSame([], spare_pool::unfinished('big'));
    }

    /**
     * A pool is filled up: what is there or being made counts, what is of another template does not.
     */
    public function test_missing_spares(): void {
        $this->become_control_site();
        $this->add_tenant('s1.invalid', ['state' => 'spare', 'tags' => ['spare:basic']]);
        $this->add_tenant('s2.invalid', ['state' => 'creating', 'tags' => ['spare:basic']]);
        $this->add_tenant('s3.invalid', ['state' => 'enabled', 'tags' => ['spare:basic']]);
        $this->add_tenant('s4.invalid', ['state' => 'spare', 'tags' => ['spare:big']]);
        $missing = spare_pool::missing('basic', 5);
        $this->assertCount(3, $missing);
        $this->assertCount(3, array_unique(array_column($missing, 'vhostname')));
        foreach ($missing as $node) {
            $this->assertStringEndsWith('.invalid', $node['vhostname']);
        }
        $this->assertSame([], spare_pool::missing('basic', 2));
        $this->assertSame([], spare_pool::missing('basic', 1));
    }

    /**
     * The list of scripts is the usual one until an administrator changes it; an empty one allows nothing.
     */
    public function test_scripts(): void {
        global $CFG;
        $this->resetAfterTest();
        unset_config('webscripts', 'local_vmoodle');
        $this->assertSame(webscripts::USUAL, webscripts::list());
        foreach (webscripts::USUAL as $script) {
            $this->assertFileExists("{$CFG->dirroot}/{$script}");
        }
        set_config('webscripts', "admin/cli/cron.php\r\n\r\n  local/x/cli/y.php ", 'local_vmoodle');
        $this->assertSame(['admin/cli/cron.php', 'local/x/cli/y.php'], webscripts::list());
        set_config('webscripts', '', 'local_vmoodle');
        $this->assertSame([], webscripts::list());
    }

    /**
     * The command line may run any script.
     */
    public function test_scripts_of_the_command_line(): void {
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $this->setAdminUser();
        set_config('webscripts', '', 'local_vmoodle');
        $job = bridge::job_submit('run_script', ['script' => 'admin/cli/checks.php'], ['all'], ['confirm' => true]);
        $this->assertSame('run_script', bridge::job($job)['operation']);
    }
}
