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
 * States of tenants, jobs and items as a coloured word.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class state {
    /** @var string[] Bootstrap colour by state; the others are grey. */
    private const COLOURS = [
        'enabled' => 'success', 'done' => 'success',
        'creating' => 'info', 'queued' => 'info', 'running' => 'primary',
        'disabled' => 'warning', 'unknown' => 'warning',
        'broken' => 'danger', 'failed' => 'danger',
    ];

    /**
     * A state as people know it.
     *
     * @param string $state of a tenant, a job or an item
     * @return string in the reader's language
     */
    public static function word(string $state): string {
        $known = get_string_manager()->string_exists('state_' . $state, 'local_vmoodle');
        return $known ? get_string('state_' . $state, 'local_vmoodle') : s($state);
    }

    /**
     * A state as a badge.
     *
     * @param string $state of a tenant, a job or an item
     * @return string HTML
     */
    public static function badge(string $state): string {
        $colour = self::COLOURS[$state] ?? 'secondary';
        return \html_writer::span(self::word($state), badge::classes($colour));
    }
}
