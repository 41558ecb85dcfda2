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

use core_reportbuilder\system_report;
use local_vmoodle\bridge;
use local_vmoodle\reportbuilder\local\entities\item;

/**
 * What a job did, tenant by tenant. Parameter: job.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class items extends system_report {
    #[\Override]
    protected function initialise(): void {
        $entity = new item();
        $alias = $entity->get_table_alias('local_vmoodle_item');
        $this->set_main_table('local_vmoodle_item', $alias);
        $this->add_entity($entity);
        $this->add_base_fields("{$alias}.id");
        $this->add_base_condition_simple("{$alias}.jobid", $this->get_parameter('job', 0, PARAM_INT));
        $columns = ['wwwroot', 'status', 'changes', 'message', 'timefinished'];
        $this->add_columns_from_entities(array_map(static fn(string $name): string => "item:{$name}", $columns));
        $this->set_initial_sort_column('item:wwwroot', SORT_ASC);
        $this->add_filters_from_entities(['item:wwwroot', 'item:status', 'item:message']);
        $this->set_downloadable(true, get_string('items', 'local_vmoodle'));
    }

    #[\Override]
    protected function can_view(): bool {
        return has_capability('local/vmoodle:execute', \context_system::instance()) && bridge::is_control_site();
    }
}
