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

namespace local_vmoodle\privacy;

use core_privacy\local\metadata\collection;
use core_privacy\local\request\approved_contextlist;
use core_privacy\local\request\approved_userlist;
use core_privacy\local\request\contextlist;
use core_privacy\local\request\transform;
use core_privacy\local\request\userlist;
use core_privacy\local\request\writer;

/**
 * The plugin keeps, of persons, only who submitted which job.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class provider implements
    \core_privacy\local\metadata\provider,
    \core_privacy\local\request\core_userlist_provider,
    \core_privacy\local\request\plugin\provider {
    #[\Override]
    public static function get_metadata(collection $collection): collection {
        return $collection->add_database_table('local_vmoodle_job', [
            'userid' => 'privacy:metadata:job:userid',
            'operation' => 'privacy:metadata:job:operation',
            'parameters' => 'privacy:metadata:job:parameters',
            'timecreated' => 'privacy:metadata:job:timecreated',
        ], 'privacy:metadata:job');
    }

    #[\Override]
    public static function get_contexts_for_userid(int $userid): contextlist {
        global $DB;
        $list = new contextlist();
        if ($DB->record_exists('local_vmoodle_job', ['userid' => $userid])) {
            $list->add_system_context();
        }
        return $list;
    }

    #[\Override]
    public static function get_users_in_context(userlist $userlist) {
        if ($userlist->get_context() instanceof \context_system) {
            $userlist->add_from_sql('userid', 'SELECT userid FROM {local_vmoodle_job} WHERE userid > 0', []);
        }
    }

    #[\Override]
    public static function export_user_data(approved_contextlist $contextlist) {
        global $DB;
        if (!in_array(\context_system::instance()->id, $contextlist->get_contextids())) {
            return;
        }
        $jobs = $DB->get_records('local_vmoodle_job', ['userid' => $contextlist->get_user()->id], 'id');
        $exported = array_map(static fn(\stdClass $job): array => [
            'job' => $job->id,
            'operation' => $job->operation,
            // A sealed secret tells nothing.
            'parameters' => preg_replace('~\benc:v1:[^"]*~', '_', (string)$job->parameters),
            'status' => $job->status,
            'timecreated' => transform::datetime($job->timecreated),
        ], array_values($jobs));
        writer::with_context(\context_system::instance())
            ->export_data([get_string('jobs', 'local_vmoodle')], (object)['jobs' => $exported]);
    }

    #[\Override]
    public static function delete_data_for_all_users_in_context(\context $context) {
        global $DB;
        if ($context instanceof \context_system) {
            $DB->set_field('local_vmoodle_job', 'userid', 0);
        }
    }

    #[\Override]
    public static function delete_data_for_user(approved_contextlist $contextlist) {
        self::forget([$contextlist->get_user()->id], $contextlist->get_contextids());
    }

    #[\Override]
    public static function delete_data_for_users(approved_userlist $userlist) {
        self::forget($userlist->get_userids(), [$userlist->get_context()->id]);
    }

    /**
     * Takes persons off their jobs: what was done to sites stays in the journal.
     *
     * @param int[] $userids
     * @param int[] $contextids only the system context counts
     */
    private static function forget(array $userids, array $contextids): void {
        global $DB;
        if (!$userids || !in_array(\context_system::instance()->id, $contextids)) {
            return;
        }
        [$in, $params] = $DB->get_in_or_equal($userids);
        $DB->set_field_select('local_vmoodle_job', 'userid', 0, "userid $in", $params);
    }
}
