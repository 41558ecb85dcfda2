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
 * Badges whose text can be read on their colour, in Bootstrap 4 and 5.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class badge {
    /** @var string[] colours on which dark text is read. */
    private const PALE = ['warning', 'secondary', 'light'];

    /**
     * The classes of a badge.
     *
     * @param string $colour of Bootstrap; empty for no badge
     * @return string
     */
    public static function classes(string $colour): string {
        if ($colour === '') {
            return '';
        }
        return "badge bg-{$colour} " . (in_array($colour, self::PALE, true) ? 'text-dark' : 'text-white')
            . ($colour === 'light' ? ' border' : '');
    }
}
