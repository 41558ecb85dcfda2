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

    /**
     * Notes how many spares a template shall have; the daily task refills the pool.
     *
     * @param string $template its name
     * @param int $size how many; 0 forgets it
     */
    public static function keep(string $template, int $size): void {
        if ($size > 0) {
            set_config(self::SETTING . $template, $size, 'local_vmoodle');
        } else {
            unset_config(self::SETTING . $template, 'local_vmoodle');
        }
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
}
