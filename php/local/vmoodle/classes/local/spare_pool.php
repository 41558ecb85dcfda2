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

namespace local_vmoodle\local;

use local_vmoodle\bridge;

/**
 * The pool of spare sites: pre-built of a template, for tenants to come.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class spare_pool {
    /** @var string what the settings begin with that say how many spares a template has. */
    private const SETTING = 'pool_';

    /** @var string what the settings begin with that say on which database server they are made. */
    private const SERVER = 'poolserver_';

    /**
     * Notes how many spares a template shall have; the daily task refills the pool.
     *
     * @param string $template its name
     * @param int $size how many; 0 forgets it
     * @param string $server name of the database server that they are made on, empty for the usual one
     */
    public static function keep(string $template, int $size, string $server = ''): void {
        foreach ([self::SETTING => $size, self::SERVER => $server] as $setting => $value) {
            if ($size > 0 && $value) {
                set_config($setting . $template, $value, 'local_vmoodle');
            } else {
                unset_config($setting . $template, 'local_vmoodle');
            }
        }
    }

    /**
     * The parameters of create_tenant, beside the nodes, for spares of a template.
     *
     * @param string $template its name
     * @return array template, server where one was named, spare
     */
    public static function parameters(string $template): array {
        $server = (string)get_config('local_vmoodle', self::SERVER . $template);
        return array_filter(['template' => $template, 'server' => $server, 'spare' => true]);
    }

    /**
     * The pools that are kept.
     *
     * @return int[] size by template
     */
    public static function kept(): array {
        $sizes = [];
        foreach ((array)get_config('local_vmoodle') as $name => $value) {
            if (str_starts_with($name, self::SETTING)) {
                $sizes[substr($name, strlen(self::SETTING))] = (int)$value;
            }
        }
        return $sizes;
    }

    /**
     * The nodes that fill a pool. Their addresses are nobody's: a spare gets its own when it is claimed.
     *
     * @param string $template its name
     * @param int $size how many spares there shall be
     * @return array nodes as the operation create_tenant takes them
     */
    public static function missing(string $template, int $size): array {
        $tag = 'spare:' . $template;
        $there = bridge::tenants(['state' => 'spare', 'targets' => ['tag:' . $tag]]);
        $there = array_merge($there, bridge::tenants(['state' => 'creating', 'targets' => ['tag:' . $tag]]));
        $nodes = [];
        for ($count = count($there); $count < $size; $count++) {
            $nodes[] = ['vhostname' => 'https://spare-' . bin2hex(random_bytes(6)) . '.invalid'];
        }
        return $nodes;
    }

    /**
     * The jobs that left spares of a template half made: to be tried again, since a half-made one has its place in the pool.
     *
     * @param string $template its name
     * @return int[] numbers of jobs
     */
    public static function unfinished(string $template): array {
        global $DB;
        $ids = array_column(bridge::tenants(['state' => 'creating', 'targets' => ['tag:spare:' . $template]]), 'id');
        if (!$ids) {
            return [];
        }
        [$in, $values] = $DB->get_in_or_equal($ids, SQL_PARAMS_NAMED);
        $sql = "SELECT DISTINCT item.jobid
                  FROM {local_vmoodle_item} item
                 WHERE item.status IN ('failed', 'cancelled', 'unknown')
                   AND item.id IN (SELECT MAX(last.id)
                                     FROM {local_vmoodle_item} last
                                    WHERE last.tenantid $in
                                 GROUP BY last.tenantid)";
        return array_map('intval', $DB->get_fieldset_sql($sql, $values));
    }
}
