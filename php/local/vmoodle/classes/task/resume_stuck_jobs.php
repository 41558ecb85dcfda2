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

/**
 * Leaves jobs to the next cron whose runner died: they were begun, are not over, and nobody holds an item of them.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class resume_stuck_jobs extends \core\task\scheduled_task {
    /** @var int for so many seconds a runner may hold nothing: it waits for a lock, or publishes. */
    private const PATIENCE = 300;

    #[\Override]
    public function get_name() {
        return get_string('taskresumestuckjobs', 'local_vmoodle');
    }

    #[\Override]
    public function execute() {
        global $DB;
        if (!bridge::is_control_site()) {
            return;
        }
        $now = time();
        $sql = "SELECT j.id
                  FROM {local_vmoodle_job} j
                 WHERE j.status = 'running' AND j.timefinished = 0 AND j.timestarted < :started
                       AND NOT EXISTS (SELECT 1
                                         FROM {local_vmoodle_item} i
                                        WHERE i.jobid = j.id
                                              AND (i.timefinished > :ended OR (i.status = 'running' AND i.leaseuntil >= :now)))
              ORDER BY j.id";
        $parameters = ['started' => $now - self::PATIENCE, 'ended' => $now - self::PATIENCE, 'now' => $now];
        foreach ($DB->get_fieldset_sql($sql, $parameters) as $job) {
            mtrace(get_string('taskjobresumed', 'local_vmoodle', $job));
            run_job::queue((int)$job);
        }
    }
}
