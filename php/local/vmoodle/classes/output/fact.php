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
 * A fact that was collected of a tenant, as people read it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class fact {
    /** @var string[] facts that are a number of octets. */
    private const SIZES = ['databaseoctets', 'diskfree', 'fileoctets'];

    /** @var string[] facts that are 1 or 0. */
    private const FLAGS = ['maintenance', 'pending', 'reachable', 'upgrading'];

    /**
     * The name of a fact.
     *
     * @param string $name of the fact
     * @return string in the reader's language
     */
    public static function label(string $name): string {
        $known = get_string_manager()->string_exists('fact_' . $name, 'local_vmoodle');
        return $known ? get_string('fact_' . $name, 'local_vmoodle') : $name;
    }

    /**
     * The value of a fact.
     *
     * @param string $name of the fact
     * @param string|null $value as it was collected
     * @return string in the reader's language
     */
    public static function value(string $name, ?string $value): string {
        if ((string)$value === '') {
            return '';
        }
        if (in_array($name, self::SIZES, true)) {
            return display_size((int)$value);
        }
        if (in_array($name, self::FLAGS, true)) {
            return get_string($value === '1' ? 'yes' : 'no');
        }
        if ($name === 'error' && !words::reads_english()) {
            return words::sentence('error_tenant_unreachable');
        }
        return $name === 'lastcron' ? ((int)$value ? userdate((int)$value) : get_string('never')) : $value;
    }
}
