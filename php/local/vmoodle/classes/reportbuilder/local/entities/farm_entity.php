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
use core_reportbuilder\local\report\column;
use core_reportbuilder\local\report\filter;
use lang_string;

/**
 * What the plugin's entities share: headings are strings under one prefix, and every filter is a condition too.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
abstract class farm_entity extends base {
    /** @var string what the strings of the headings begin with. */
    protected const STRINGS = '';

    /**
     * The columns.
     *
     * @return column[]
     */
    abstract protected function columns(): array;

    /**
     * The filters.
     *
     * @return filter[]
     */
    abstract protected function filters(): array;

    #[\Override]
    public function initialise(): base {
        foreach ($this->columns() as $column) {
            $this->add_column($column);
        }
        foreach ($this->filters() as $filter) {
            $this->add_filter($filter)->add_condition($filter);
        }
        return $this;
    }

    /**
     * A sortable column, whose callbacks make HTML of the field.
     *
     * @param string $name its name
     * @param string $sql the field
     * @param string $as its name in the query
     * @return column
     */
    protected function column(string $name, string $sql, string $as = ''): column {
        return (new column($name, new lang_string(static::STRINGS . $name, 'local_vmoodle'), $this->get_entity_name()))
            ->add_joins($this->get_joins())
            ->set_type(column::TYPE_TEXT)
            ->add_field($sql, $as)
            ->set_is_sortable(true);
    }

    /**
     * A sortable column of text that somebody has typed, or another site has told: nothing in it is HTML.
     *
     * @param string $name its name
     * @param string $sql the field
     * @param string $as its name in the query
     * @return column
     */
    protected function text(string $name, string $sql, string $as = ''): column {
        return $this->column($name, $sql, $as)->add_callback(static fn(?string $text): string => s((string)$text));
    }

    /**
     * A filter.
     *
     * @param string $class of the filter
     * @param string $name its name
     * @param string $sql the field
     * @return filter
     */
    protected function filter(string $class, string $name, string $sql): filter {
        $title = new lang_string(static::STRINGS . $name, 'local_vmoodle');
        return (new filter($class, $name, $title, $this->get_entity_name(), $sql))->add_joins($this->get_joins());
    }
}
