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

namespace local_vmoodle\local\tenant;

use core_cache\helper;

/**
 * Drops what is stale in caches that the core cannot reach itself.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class caches {
    /**
     * Empties definitions in every store that they are kept in.
     *
     * @param array $given definitions (list of component/area, * for all)
     * @return array dropped, and failed by definition
     */
    public static function drop(array $given): array {
        $definitions = $given['definitions'] ?? [];
        if (in_array('*', $definitions, true)) {
            helper::purge_all();
            return ['dropped' => ['*'], 'failed' => []];
        }
        $failed = [];
        foreach ($definitions as $definition) {
            [$component, $area] = array_pad(explode('/', $definition, 2), 2, '');
            try {
                helper::purge_by_definition($component, $area);
            } catch (\moodle_exception $exception) {
                // The other definitions are no less stale.
                $failed[$definition] = $exception->getMessage();
            }
        }
        if ($failed) {
            throw new refused('script_failed', 'not emptied: ' . implode('; ', $failed));
        }
        return ['dropped' => $definitions];
    }
}
