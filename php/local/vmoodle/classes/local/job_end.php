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
use local_vmoodle\event\job_finished;
use local_vmoodle\event\tenant_event;

/**
 * Tells Moodle's events what a job has done; twice where two runners share it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class job_end {
    /**
     * Triggers the events of what has been done since a run began: those of tenants, and that of the job where it has ended.
     *
     * @param int $id number of the job
     * @param int $began epoch
     * @return array|null the job as bridge::job_summary() gives it, null where it has not ended since
     */
    public static function announce(int $id, int $began): ?array {
        global $DB;
        $job = bridge::job_summary($id);
        if (tenant_event::concerns($job['operation'])) {
            $select = "jobid = :job AND status = 'done' AND timefinished >= :began";
            $values = ['job' => $id, 'began' => $began];
            foreach ($DB->get_records_select('local_vmoodle_item', $select, $values, 'id', 'id, tenantid, wwwroot') as $item) {
                tenant_event::of($job, $item)->trigger();
            }
        }
        if ($job['timefinished'] < $began) {
            return null;
        }
        job_finished::of($job)->trigger();
        return $job;
    }
}
