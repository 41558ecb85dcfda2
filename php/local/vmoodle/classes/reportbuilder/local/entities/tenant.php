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

namespace local_vmoodle\reportbuilder\local\entities;

use core_reportbuilder\local\entities\base;
use core_reportbuilder\local\filters\date;
use core_reportbuilder\local\filters\select;
use core_reportbuilder\local\filters\text;
use core_reportbuilder\local\report\column;
use core_reportbuilder\local\report\filter;
use lang_string;
use local_vmoodle\output\state;

/**
 * A tenant of the farm, and the facts that were last collected of it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class tenant extends base {
    /** @var string[] states that a tenant can have. */
    public const STATES = ['enabled', 'creating', 'disabled', 'retired', 'trashed', 'spare', 'broken'];

    /** @var string[] facts of local_vmoodle_status that are columns. */
    private const FACTS = ['release', 'users', 'courses'];

    #[\Override]
    protected function get_default_tables(): array {
        return ['local_vmoodle'];
    }

    #[\Override]
    protected function get_default_entity_title(): lang_string {
        return new lang_string('tenants', 'local_vmoodle');
    }

    #[\Override]
    public function initialise(): base {
        foreach ($this->get_all_columns() as $column) {
            $this->add_column($column);
        }
        foreach ($this->get_all_filters() as $filter) {
            $this->add_filter($filter)->add_condition($filter);
        }
        return $this;
    }

    /**
     * The columns.
     *
     * @return column[]
     */
    private function get_all_columns(): array {
        $alias = $this->get_table_alias('local_vmoodle');
        $columns = [
            $this->text_column('name', "{$alias}.name"),
            $this->text_column('vhostname', "{$alias}.vhostname")
                ->add_field("{$alias}.state")
                ->add_callback(static fn(?string $wwwroot, \stdClass $row): string => $row->state === 'enabled'
                    ? \html_writer::link($wwwroot, s($wwwroot)) : s((string)$wwwroot)),
            $this->text_column('state', "{$alias}.state")
                ->add_callback(static fn(?string $state): string => state::badge((string)$state)),
            $this->text_column('vdbtype', "{$alias}.vdbtype"),
            $this->text_column('tags', "{$alias}.tags"),
            $this->text_column('mnet', "{$alias}.mnet")->set_type(column::TYPE_INTEGER),
            $this->text_column('lastcron', "{$alias}.lastcron")
                ->set_type(column::TYPE_TIMESTAMP)
                ->add_callback(static fn(?int $time): string => $time
                    ? get_string('ago', 'message', format_time(time() - $time)) : get_string('never')),
        ];
        foreach (self::FACTS as $fact) {
            $fields = "(SELECT value FROM {local_vmoodle_status} f WHERE f.tenantid = {$alias}.id AND f.fact = '{$fact}')";
            $columns[] = $this->text_column($fact, $fields, "fact{$fact}");
        }
        return $columns;
    }

    /**
     * A column whose heading is the string column_NAME.
     *
     * @param string $name its name
     * @param string $sql the field
     * @param string $as its name in the query
     * @return column
     */
    private function text_column(string $name, string $sql, string $as = ''): column {
        return (new column($name, new lang_string('column_' . $name, 'local_vmoodle'), $this->get_entity_name()))
            ->add_joins($this->get_joins())
            ->set_type(column::TYPE_TEXT)
            ->add_field($sql, $as)
            ->set_is_sortable(true);
    }

    /**
     * The filters.
     *
     * @return filter[]
     */
    private function get_all_filters(): array {
        $alias = $this->get_table_alias('local_vmoodle');
        $filters = [];
        foreach (['name', 'vhostname', 'tags'] as $name) {
            $filters[] = $this->filter(text::class, $name, "{$alias}.{$name}");
        }
        $states = [];
        foreach (self::STATES as $state) {
            $states[$state] = get_string('state_' . $state, 'local_vmoodle');
        }
        $filters[] = $this->filter(select::class, 'state', "{$alias}.state")->set_options($states);
        $engines = ['mariadb' => 'MariaDB', 'mysqli' => 'MySQL', 'pgsql' => 'PostgreSQL'];
        $filters[] = $this->filter(select::class, 'vdbtype', "{$alias}.vdbtype")->set_options($engines);
        $filters[] = $this->filter(date::class, 'lastcron', "{$alias}.lastcron");
        return $filters;
    }

    /**
     * A filter whose heading is the string column_NAME.
     *
     * @param string $class of the filter
     * @param string $name its name
     * @param string $sql the field
     * @return filter
     */
    private function filter(string $class, string $name, string $sql): filter {
        $title = new lang_string('column_' . $name, 'local_vmoodle');
        return (new filter($class, $name, $title, $this->get_entity_name(), $sql))->add_joins($this->get_joins());
    }
}
