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
use local_vmoodle\local\job_end;
use local_vmoodle\local\spare_pool;
use local_vmoodle\native_exception;

/**
 * Removes what is over age in the trash and in the journal, and what killed runs have left, and refills the pools of spare sites.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class keep_house extends \core\task\scheduled_task {
    #[\Override]
    public function get_name() {
        return get_string('taskkeephouse', 'local_vmoodle');
    }

    #[\Override]
    public function execute() {
        if (!bridge::is_control_site()) {
            return;
        }
        try {
            mtrace(get_string('taskswept', 'local_vmoodle', bridge::snapshot_sweep()));
        } catch (native_exception $exception) {
            // A damaged snapshot keeps the files of all; the rest of the house is kept all the same.
            mtrace($exception->getMessage());
        }
        $age = (int)get_config('local_vmoodle', 'jobretention');
        if ($age > 0) {
            mtrace(get_string('taskpurgedjobs', 'local_vmoodle', bridge::jobs_purge(max($age, DAYSECS))));
        }
        $trashed = array_column(bridge::tenants(['state' => 'trashed']), 'vhostname');
        if ($trashed) {
            $this->run(bridge::job_submit('purge_trash', [], $trashed, ['confirm' => true]));
        }
        foreach (spare_pool::kept() as $template => $size) {
            foreach (spare_pool::unfinished($template) as $job) {
                $this->run(bridge::job_retry($job));
            }
            $nodes = spare_pool::missing($template, $size);
            if ($nodes) {
                $this->run(bridge::job_submit('create_tenant', ['nodes' => $nodes] + spare_pool::parameters($template), []));
            }
        }
    }

    /**
     * Runs a job to its end.
     *
     * @param int $job its number
     */
    private function run(int $job): void {
        $began = time();
        do {
            $counts = bridge::job_run($job);
        } while (!empty($counts['queued']));
        job_end::announce($job, $began);
        // New passwords are not for a log.
        $counts = array_filter($counts, 'is_int');
        mtrace(get_string('taskranjob', 'local_vmoodle', ['job' => $job, 'counts' => json_encode($counts)]));
    }
}
