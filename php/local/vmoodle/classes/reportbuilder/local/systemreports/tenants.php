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

use core_reportbuilder\local\report\action;
use core_reportbuilder\system_report;
use lang_string;
use local_vmoodle\bridge;
use local_vmoodle\reportbuilder\local\entities\tenant;
use moodle_url;
use pix_icon;

/**
 * The tenants of the farm, with boxes for what is done to many at once.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class tenants extends system_report {
    #[\Override]
    protected function initialise(): void {
        $entity = new tenant();
        $alias = $entity->get_table_alias('local_vmoodle');
        $this->set_main_table('local_vmoodle', $alias);
        $this->add_entity($entity);
        $this->add_base_fields("{$alias}.id, {$alias}.name, {$alias}.vhostname");
        if (has_capability('local/vmoodle:execute', $this->get_context())) {
            $this->set_checkbox_toggleall(static fn(\stdClass $row): array => [$row->id, s($row->name ?: $row->vhostname)]);
        }
        $names = ['name', 'vhostname', 'state', 'health', 'release', 'users', 'size', 'tags', 'mnet', 'lastcron'];
        $this->add_columns_from_entities(array_map(static fn(string $name): string => "tenant:{$name}", $names));
        $this->set_initial_sort_column('tenant:name', SORT_ASC);
        $filters = ['name', 'vhostname', 'state', 'health', 'release', 'mnet', 'tags', 'vdbtype', 'lastcron'];
        $this->add_filters_from_entities(array_map(static fn(string $name): string => "tenant:{$name}", $filters));
        $this->add_action(new action(
            new moodle_url('/local/vmoodle/tenant.php', ['id' => ':id']),
            new pix_icon('e/search', ''),
            [],
            false,
            new lang_string('view')
        ));
        $this->set_default_no_results_notice(new lang_string('notenants', 'local_vmoodle'));
        $this->set_downloadable(true, get_string('tenants', 'local_vmoodle'));
    }

    #[\Override]
    protected function can_view(): bool {
        return has_capability('local/vmoodle:managevmoodles', \context_system::instance()) && bridge::is_control_site();
    }
}
