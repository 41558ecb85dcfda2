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
use core_reportbuilder\local\helpers\format;
use core_reportbuilder\local\report\column;
use core_reportbuilder\local\report\filter;
use lang_string;
use local_vmoodle\output\state;

/**
 * A job: one operation over chosen tenants.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class job extends base {
    /** @var string[] states that a job can have. */
    public const STATES = ['queued', 'running', 'done', 'failed', 'cancelled'];

    #[\Override]
    protected function get_default_tables(): array {
        return ['local_vmoodle_job'];
    }

    #[\Override]
    protected function get_default_entity_title(): lang_string {
        return new lang_string('jobs', 'local_vmoodle');
    }

    #[\Override]
    public function initialise(): base {
        $alias = $this->get_table_alias('local_vmoodle_job');
        $counted = "(SELECT COUNT(1) FROM {local_vmoodle_item} i WHERE i.jobid = {$alias}.id";
        $link = static fn(?int $id): string => \html_writer::link(new \moodle_url('/local/vmoodle/job.php', ['id' => $id]), $id);
        $this->add_column($this->column('id', "{$alias}.id")->set_type(column::TYPE_INTEGER)->add_callback($link));
        $this->add_column($this->column('operation', "{$alias}.operation")->add_field("{$alias}.mode")
            ->add_callback(static fn(?string $name, \stdClass $row): string => s($name)
                . ($row->mode === 'undo' ? ' ' . get_string('isundo', 'local_vmoodle') : '')));
        $this->add_column($this->column('status', "{$alias}.status")
            ->add_callback(static fn(?string $status): string => state::badge((string)$status)));
        $this->add_column($this->column('items', "{$counted})", 'items')->set_type(column::TYPE_INTEGER));
        $this->add_column($this->column('failed', "{$counted} AND i.status IN ('failed', 'unknown'))", 'failed')
            ->set_type(column::TYPE_INTEGER));
        foreach (['timecreated', 'timefinished'] as $name) {
            $this->add_column($this->column($name, "{$alias}.{$name}")->set_type(column::TYPE_TIMESTAMP)
                ->add_callback([format::class, 'userdate'], get_string('strftimedatetimeshort', 'core_langconfig')));
        }
        $states = [];
        foreach (self::STATES as $state) {
            $states[$state] = state::word($state);
        }
        $filters = [
            $this->filter(text::class, 'operation', "{$alias}.operation"),
            $this->filter(select::class, 'status', "{$alias}.status")->set_options($states),
            $this->filter(date::class, 'timecreated', "{$alias}.timecreated"),
        ];
        foreach ($filters as $filter) {
            $this->add_filter($filter)->add_condition($filter);
        }
        return $this;
    }

    /**
     * A column whose heading is the string jobcolumn_NAME.
     *
     * @param string $name its name
     * @param string $sql the field
     * @param string $as its name in the query
     * @return column
     */
    private function column(string $name, string $sql, string $as = ''): column {
        return (new column($name, new lang_string('jobcolumn_' . $name, 'local_vmoodle'), $this->get_entity_name()))
            ->add_joins($this->get_joins())
            ->set_type(column::TYPE_TEXT)
            ->add_field($sql, $as)
            ->set_is_sortable(true);
    }

    /**
     * A filter whose heading is the string jobcolumn_NAME.
     *
     * @param string $class of the filter
     * @param string $name its name
     * @param string $sql the field
     * @return filter
     */
    private function filter(string $class, string $name, string $sql): filter {
        $title = new lang_string('jobcolumn_' . $name, 'local_vmoodle');
        return (new filter($class, $name, $title, $this->get_entity_name(), $sql))->add_joins($this->get_joins());
    }
}
