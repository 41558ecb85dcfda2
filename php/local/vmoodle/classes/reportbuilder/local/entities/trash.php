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
use core_reportbuilder\local\filters\text;
use core_reportbuilder\local\helpers\format;
use core_reportbuilder\local\report\column;
use lang_string;

/**
 * A tenant in the trash, and the job that put it there: undone, it brings the tenant back.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class trash extends farm_entity {
    /** @var string what the strings of the headings begin with. */
    protected const STRINGS = 'trashcolumn_';

    #[\Override]
    protected function get_default_tables(): array {
        return ['local_vmoodle_trash'];
    }

    #[\Override]
    protected function get_default_entity_title(): lang_string {
        return new lang_string('trash', 'local_vmoodle');
    }

    #[\Override]
    protected function columns(): array {
        $columns = [];
        $alias = $this->get_table_alias('local_vmoodle_trash');
        $columns[] = $this->text('wwwroot', "{$alias}.wwwroot");
        foreach (['timetrashed', 'timeover'] as $name) {
            $columns[] = $this->column($name, "{$alias}.{$name}")->set_type(column::TYPE_TIMESTAMP)
                ->add_callback([format::class, 'userdate'], get_string('strftimedatetimeshort', 'core_langconfig'));
        }
        $job = "(SELECT MAX(i.jobid)
                   FROM {local_vmoodle_item} i
                   JOIN {local_vmoodle_job} j ON j.id = i.jobid
                  WHERE i.tenantid = {$alias}.tenantid AND i.status = 'done' AND j.operation = 'destroy_tenant' AND j.mode = 'run')";
        $columns[] = $this->column('job', $job, 'destroyed')->set_type(column::TYPE_INTEGER)
            ->add_callback(static fn(?int $id): string => $id ? \html_writer::link(
                new \moodle_url('/local/vmoodle/job.php', ['id' => $id]),
                get_string('bringback', 'local_vmoodle', $id)
            ) : '');
        return $columns;
    }

    #[\Override]
    protected function filters(): array {
        $alias = $this->get_table_alias('local_vmoodle_trash');
        return [
            $this->filter(text::class, 'wwwroot', "{$alias}.wwwroot"),
            $this->filter(date::class, 'timeover', "{$alias}.timeover"),
        ];
    }
}
