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

namespace local_vmoodle\reportbuilder\local\systemreports;

use core_reportbuilder\local\entities\user;
use core_reportbuilder\system_report;
use lang_string;
use local_vmoodle\bridge;
use local_vmoodle\reportbuilder\local\entities\job;

/**
 * The journal: all jobs, the newest first.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class jobs extends system_report {
    #[\Override]
    protected function initialise(): void {
        $entity = new job();
        $alias = $entity->get_table_alias('local_vmoodle_job');
        $this->set_main_table('local_vmoodle_job', $alias);
        $this->add_entity($entity);
        $this->add_base_fields("{$alias}.id");
        $user = new user();
        $useralias = $user->get_table_alias('user');
        $this->add_entity($user->add_join("LEFT JOIN {user} {$useralias} ON {$useralias}.id = {$alias}.userid"));
        $this->add_columns_from_entities(['job:id', 'job:operation', 'job:status', 'job:items', 'job:failed',
            'user:fullname', 'job:timecreated', 'job:timefinished']);
        $this->get_column('user:fullname')->set_title(new lang_string('jobcolumn_user', 'local_vmoodle'));
        $this->set_initial_sort_column('job:id', SORT_DESC);
        $this->add_filters_from_entities(['job:operation', 'job:status', 'job:timecreated']);
        $this->set_default_no_results_notice(new lang_string('nojobs', 'local_vmoodle'));
        $this->set_downloadable(true, get_string('jobs', 'local_vmoodle'));
    }

    #[\Override]
    protected function can_view(): bool {
        return has_capability('local/vmoodle:execute', \context_system::instance()) && bridge::is_control_site();
    }
}
