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

use core_reportbuilder\local\filters\select;
use core_reportbuilder\local\filters\text;
use core_reportbuilder\local\helpers\format;
use core_reportbuilder\local\report\column;
use lang_string;
use local_vmoodle\output\changes;
use local_vmoodle\output\rows;
use local_vmoodle\output\state;

/**
 * A job's part for one tenant.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class item extends farm_entity {
    /** @var string what the strings of the headings begin with. */
    protected const STRINGS = 'itemcolumn_';

    /** @var string[] states that an item can have. */
    public const STATES = ['queued', 'running', 'done', 'skipped', 'failed', 'cancelled', 'unknown'];

    #[\Override]
    protected function get_default_tables(): array {
        return ['local_vmoodle_item'];
    }

    #[\Override]
    protected function get_default_entity_title(): lang_string {
        return new lang_string('items', 'local_vmoodle');
    }

    #[\Override]
    protected function columns(): array {
        $columns = [];
        $alias = $this->get_table_alias('local_vmoodle_item');
        $columns[] = $this->column('wwwroot', "{$alias}.wwwroot")
            ->add_field("{$alias}.tenantid")
            ->add_callback(static fn(?string $wwwroot, \stdClass $row): string => $row->tenantid
                ? \html_writer::link(new \moodle_url('/local/vmoodle/tenant.php', ['id' => $row->tenantid]), s($wwwroot))
                : s((string)$wwwroot));
        $columns[] = $this->column('status', "{$alias}.status")
            ->add_callback(static fn(?string $status): string => state::badge((string)$status));
        $columns[] = $this->column('changes', "{$alias}.beforeimage")->set_is_sortable(false)
            ->add_field("{$alias}.output")
            ->add_callback(static fn(?string $image, \stdClass $row): string
                => changes::of_image($image) . rows::of_output($row->output));
        $columns[] = $this->column('message', "{$alias}.error")
            ->add_fields("{$alias}.errorcode, {$alias}.warnings")
            ->set_is_sortable(false)
            ->add_callback(static fn(?string $error, \stdClass $row): string => changes::messages($row));
        $columns[] = $this->column('timefinished', "{$alias}.timefinished")->set_type(column::TYPE_TIMESTAMP)
            ->add_callback([format::class, 'userdate'], get_string('strftimedatetimeshortaccurate', 'core_langconfig'));
        return $columns;
    }

    #[\Override]
    protected function filters(): array {
        $alias = $this->get_table_alias('local_vmoodle_item');
        $states = [];
        foreach (self::STATES as $state) {
            $states[$state] = state::word($state);
        }
        return [
            $this->filter(text::class, 'wwwroot', "{$alias}.wwwroot"),
            $this->filter(select::class, 'status', "{$alias}.status")->set_options($states),
            $this->filter(text::class, 'message', "{$alias}.error"),
        ];
    }
}
