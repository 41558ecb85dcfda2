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
use core_reportbuilder\local\filters\number;
use core_reportbuilder\local\filters\select;
use core_reportbuilder\local\filters\text;
use core_reportbuilder\local\report\column;
use lang_string;
use local_vmoodle\output\health;
use local_vmoodle\output\state;

/**
 * A tenant of the farm, and the facts that were last collected of it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class tenant extends farm_entity {
    /** @var string what the strings of the headings begin with. */
    protected const STRINGS = 'column_';

    /** @var string[] states that a tenant can have. */
    public const STATES = ['enabled', 'creating', 'disabled', 'retired', 'trashed', 'spare', 'broken'];

    /** @var string[] facts of local_vmoodle_status that are numbers. */
    private const NUMBERS = ['users', 'courses'];

    #[\Override]
    protected function get_default_tables(): array {
        return ['local_vmoodle'];
    }

    #[\Override]
    protected function get_default_entity_title(): lang_string {
        return new lang_string('tenants', 'local_vmoodle');
    }

    #[\Override]
    protected function columns(): array {
        global $DB;
        $alias = $this->get_table_alias('local_vmoodle');
        $columns = [
            $this->text('name', "{$alias}.name"),
            $this->column('vhostname', "{$alias}.vhostname")
                ->add_field("{$alias}.state")
                ->add_callback(static fn(?string $wwwroot, \stdClass $row): string => $row->state === 'enabled'
                    ? \html_writer::link($wwwroot, self::host($wwwroot)) : self::host((string)$wwwroot)),
            $this->column('state', "{$alias}.state")
                ->add_callback(static fn(?string $state): string => state::badge((string)$state)),
            $this->text('vdbtype', "{$alias}.vdbtype"),
            $this->text('tags', "{$alias}.tags"),
            $this->column('mnet', "{$alias}.mnet")->set_type(column::TYPE_INTEGER)
                ->add_callback(static fn(?int $network): string => (int)$network < 0 ? '' : (string)$network),
            $this->column('lastcron', "{$alias}.lastcron")
                ->set_type(column::TYPE_TIMESTAMP)
                ->add_callback(static fn(?int $time): string => $time
                    ? get_string('ago', 'message', format_time(max(1, time() - $time))) : get_string('never')),
        ];
        // The build, which is the same for one release as a rule, stands on the tenant's own page.
        $columns[] = $this->column('release', $this->fact('release'), 'factrelease')
            ->add_callback(static fn(?string $release): string => s(strtok((string)$release, ' ') ?: ''));
        foreach (self::NUMBERS as $fact) {
            $columns[] = $this->column($fact, $DB->sql_cast_char2int($this->fact($fact), true), "fact{$fact}")
                ->set_type(column::TYPE_INTEGER);
        }
        $columns[] = $this->column('size', $this->size(), 'factsize')->set_type(column::TYPE_FLOAT)
            ->add_callback(static fn(?float $octets): string => $octets === null ? '' : display_size((int)$octets));
        $columns[] = $this->column('health', health::sql($alias), 'facthealth')->set_type(column::TYPE_INTEGER)
            ->add_field("(SELECT MAX(f.collected) FROM {local_vmoodle_status} f WHERE f.tenantid = {$alias}.id)", 'factcollected')
            ->add_callback(static fn(?int $level, \stdClass $row): string => health::badge($level, (int)$row->factcollected));
        return $columns;
    }

    /**
     * A fact as a field of the query.
     *
     * @param string $name of the fact
     * @return string SQL
     */
    private function fact(string $name): string {
        $alias = $this->get_table_alias('local_vmoodle');
        return "(SELECT f.value FROM {local_vmoodle_status} f WHERE f.tenantid = {$alias}.id AND f.fact = '{$name}')";
    }

    /**
     * What the database and the files of a tenant take, as a field of the query.
     *
     * @return string SQL, in octets; null where it was never measured
     */
    private function size(): string {
        global $DB;
        $alias = $this->get_table_alias('local_vmoodle');
        return "(SELECT SUM(" . $DB->sql_cast_char2real('f.value', true) . ")
                   FROM {local_vmoodle_status} f
                  WHERE f.tenantid = {$alias}.id AND f.fact IN ('databaseoctets', 'fileoctets'))";
    }

    /**
     * An address without its scheme, which may break at its dots.
     *
     * @param string $wwwroot of a tenant
     * @return string HTML
     */
    private static function host(string $wwwroot): string {
        return str_replace('.', '.<wbr>', s(preg_replace('#^https?://#', '', $wwwroot)));
    }

    #[\Override]
    protected function filters(): array {
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
        $filters[] = $this->filter(select::class, 'health', health::sql($alias))->set_options(health::words());
        $filters[] = $this->filter(text::class, 'release', $this->fact('release'));
        $filters[] = $this->filter(number::class, 'mnet', "{$alias}.mnet");
        $filters[] = $this->filter(date::class, 'lastcron', "{$alias}.lastcron");
        return $filters;
    }
}
