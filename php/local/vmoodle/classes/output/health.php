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

namespace local_vmoodle\output;

/**
 * How a tenant was when its facts were last collected, in one word: the worst of what they tell.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class health {
    /** @var string[] word by level, the worst last. */
    private const WORDS = ['well', 'maintenance', 'failingtasks', 'pending', 'unreachable'];

    /** @var string[] Bootstrap colour by level. */
    private const COLOURS = ['success', 'secondary', 'warning', 'warning', 'danger'];

    /**
     * The level as a field of a query.
     *
     * @param string $alias of the table local_vmoodle
     * @return string SQL, null where nothing was collected
     */
    public static function sql(string $alias): string {
        return "(SELECT MAX(CASE WHEN f.fact = 'reachable' AND f.value = '0' THEN 4
                                 WHEN f.fact = 'pending' AND f.value = '1' THEN 3
                                 WHEN f.fact = 'failingtasks' AND f.value <> '0' THEN 2
                                 WHEN f.fact = 'maintenance' AND f.value = '1' THEN 1
                                 ELSE 0 END)
                   FROM {local_vmoodle_status} f
                  WHERE f.tenantid = {$alias}.id)";
    }

    /**
     * All levels, for a filter.
     *
     * @return string[] word in the reader's language by level
     */
    public static function words(): array {
        return array_map(static fn(string $word): string => get_string('health_' . $word, 'local_vmoodle'), self::WORDS);
    }

    /**
     * A level as a badge, with the age of what it was told by.
     *
     * @param int|null $level as sql() gives it
     * @param int $collected when its facts were collected
     * @return string HTML, empty where nothing was collected
     */
    public static function badge(?int $level, int $collected): string {
        if ($level === null) {
            return '';
        }
        $age = get_string('statusago', 'local_vmoodle', format_time(max(1, time() - $collected)));
        return \html_writer::span(self::words()[$level], badge::classes(self::COLOURS[$level]))
            . ' ' . \html_writer::tag('small', $age, ['class' => 'text-muted']);
    }
}
