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
 * Takes old jobs out of the journal, with what they hold of before and after.
 *
 * What the farm still leans on stays whatever its age: how its tenants came to be, what was done for one in steps, and
 * what a tenant in the trash is brought back by.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class prune_journal extends \core\task\scheduled_task {
    /** @var int days that a job stays where the settings do not say. */
    public const DAYS = 365;

    /** @var int how many jobs go at a time. */
    private const PAGE = 500;

    #[\Override]
    public function get_name() {
        return get_string('taskprunejournal', 'local_vmoodle');
    }

    #[\Override]
    public function execute() {
        global $DB;
        $set = get_config('local_vmoodle', 'journaldays');
        $days = $set === false ? self::DAYS : (int)$set;
        if ($days <= 0 || !bridge::is_control_site()) {
            return;
        }
        $makes = array_column(array_filter(bridge::operations(), static fn(array $operation): bool => $operation['makes']), 'name');
        [$others, $params] = $DB->get_in_or_equal($makes, SQL_PARAMS_NAMED, 'makes', false);
        $sql = "SELECT j.id
                  FROM {local_vmoodle_job} j
                 WHERE j.timefinished > 0 AND j.timefinished < :before AND j.operation $others
                       AND NOT EXISTS (SELECT 1
                                         FROM {local_vmoodle_item} i
                                         JOIN {local_vmoodle} t ON t.id = i.tenantid
                                        WHERE i.jobid = j.id AND (i.memory IS NOT NULL OR t.state = 'trashed'))
              ORDER BY j.id";
        $jobs = $DB->get_fieldset_sql($sql, ['before' => time() - $days * DAYSECS] + $params);
        foreach (array_chunk($jobs, self::PAGE) as $page) {
            $transaction = $DB->start_delegated_transaction();
            $DB->delete_records_list('local_vmoodle_item', 'jobid', $page);
            $DB->delete_records_list('local_vmoodle_job', 'id', $page);
            $transaction->allow_commit();
        }
        mtrace(get_string('taskpruned', 'local_vmoodle', count($jobs)));
    }
}
