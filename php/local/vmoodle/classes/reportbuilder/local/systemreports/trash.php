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
use lang_string;
use local_vmoodle\bridge;
use local_vmoodle\reportbuilder\local\entities\trash as entity;

/**
 * Destroyed tenants that can still be brought back.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class trash extends system_report {
    #[\Override]
    protected function initialise(): void {
        $entity = new entity();
        $this->set_main_table('local_vmoodle_trash', $entity->get_table_alias('local_vmoodle_trash'));
        $this->add_entity($entity);
        $columns = ['wwwroot', 'timetrashed', 'timeover', 'job'];
        $this->add_columns_from_entities(array_map(static fn(string $name): string => "trash:{$name}", $columns));
        $this->set_initial_sort_column('trash:timeover', SORT_ASC);
        $this->add_filters_from_entities(['trash:wwwroot', 'trash:timeover']);
        $this->set_default_no_results_notice(new lang_string('notrash', 'local_vmoodle'));
    }

    #[\Override]
    protected function can_view(): bool {
        return has_capability('local/vmoodle:managevmoodles', \context_system::instance()) && bridge::is_control_site();
    }
}
