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
 * Picks the site of this request by its host name: required by config.php, just before lib/setup.php.
 *
 * It runs in the scope of config.php and must leave nothing there. A request that is served passes through the one native call
 * and reads no further file. Every other ending stops here: a redirect, a plain page, or a message on the command line.
 *
 * This file and bridge.php are the only ones of the plugin that name the native extension.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

// phpcs:disable moodle.Files.MoodleInternal.MoodleInternalGlobalState -- Runs before Moodle is there.

try {
    \Vmoodle\boot($CFG);
    // Plugins written for the original VMoodle ask for this constant.
    defined('VMOODLE_BOOT') || define('VMOODLE_BOOT', true);
} catch (\Throwable $vmoodlerefusal) {
    require_once(__DIR__ . '/classes/local/refusal.php');
    (new \local_vmoodle\local\refusal($vmoodlerefusal))->answer();
}
