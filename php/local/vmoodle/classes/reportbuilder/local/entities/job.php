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

use core_reportbuilder\local\filters\date;
use core_reportbuilder\local\filters\select;
use core_reportbuilder\local\filters\text;
use core_reportbuilder\local\helpers\format;
use core_reportbuilder\local\report\column;
use lang_string;
use local_vmoodle\output\state;

/**
 * A job: one operation over chosen tenants.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class job extends farm_entity {
    /** @var string what the strings of the headings begin with. */
    protected const STRINGS = 'jobcolumn_';

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
    protected function columns(): array {
        $columns = [];
        $alias = $this->get_table_alias('local_vmoodle_job');
        $counted = "(SELECT COUNT(1) FROM {local_vmoodle_item} i WHERE i.jobid = {$alias}.id";
        $link = static fn(?int $id): string => \html_writer::link(new \moodle_url('/local/vmoodle/job.php', ['id' => $id]), $id);
        $columns[] = $this->column('id', "{$alias}.id")->set_type(column::TYPE_INTEGER)->add_callback($link);
        $columns[] = $this->column('operation', "{$alias}.operation")->add_field("{$alias}.mode")
            ->add_callback(static fn(?string $name, \stdClass $row): string => s($name)
                . ($row->mode === 'undo' ? ' ' . get_string('isundo', 'local_vmoodle') : ''));
        $columns[] = $this->column('status', "{$alias}.status")
            ->add_callback(static fn(?string $status): string => state::badge((string)$status));
        $columns[] = $this->column('items', "{$counted})", 'items')->set_type(column::TYPE_INTEGER);
        $columns[] = $this->column('failed', "{$counted} AND i.status IN ('failed', 'unknown'))", 'failed')
            ->set_type(column::TYPE_INTEGER);
        foreach (['timecreated', 'timefinished'] as $name) {
            $columns[] = $this->column($name, "{$alias}.{$name}")->set_type(column::TYPE_TIMESTAMP)
                ->add_callback([format::class, 'userdate'], get_string('strftimedatetimeshort', 'core_langconfig'));
        }
        return $columns;
    }

    #[\Override]
    protected function filters(): array {
        $alias = $this->get_table_alias('local_vmoodle_job');
        $states = [];
        foreach (self::STATES as $state) {
            $states[$state] = state::word($state);
        }
        return [
            $this->filter(text::class, 'operation', "{$alias}.operation"),
            $this->filter(select::class, 'status', "{$alias}.status")->set_options($states),
            $this->filter(date::class, 'timecreated', "{$alias}.timecreated"),
        ];
    }
}
