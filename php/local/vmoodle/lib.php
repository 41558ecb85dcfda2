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
 * Callbacks of the plugin.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

/**
 * Status checks of the farm.
 *
 * @return \core\check\check[] they say "not applicable" on a tenant
 */
function local_vmoodle_status_checks(): array {
    return [
        new \local_vmoodle\check\extension(),
        new \local_vmoodle\check\index(),
        new \local_vmoodle\check\registry(),
        new \local_vmoodle\check\components(),
        new \local_vmoodle\check\cron(),
    ];
}

/**
 * Security checks of the farm.
 *
 * @return \core\check\check[] they say "not applicable" on a tenant
 */
function local_vmoodle_security_checks(): array {
    return [new \local_vmoodle\check\codetree()];
}
