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

/**
 * Texts that boot.php shows before Moodle is there.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

return [
    'hint' => 'Way out:',
    'noextension' => 'the PHP extension vmoodle is not loaded in this PHP ({$a}): add extension=vmoodle to its php.ini and restart it, '
        . 'or take the line that requires local/vmoodle/boot.php out of config.php',
    'unavailabletext' => 'This site cannot be used at the moment. Please try again in a few minutes.',
    'unavailabletitle' => 'Site temporarily unavailable',
    'unknowntext' => 'There is no site at this address. Please check how the address is spelled.',
    'unknowntitle' => 'Site not found',
];
