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
 * Web services of the plugin; they refuse on any site but the control site.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$functions = [
    'local_vmoodle_check_tenant' => [
        'classname' => 'local_vmoodle\external\check_tenant',
        'description' => 'Tries whether a tenant could serve.',
        'type' => 'read',
        'ajax' => true,
        'capabilities' => 'local/vmoodle:managevmoodles',
    ],
    'local_vmoodle_get_job' => [
        'classname' => 'local_vmoodle\external\get_job',
        'description' => 'How far a job is.',
        'type' => 'read',
        'ajax' => true,
        'capabilities' => 'local/vmoodle:execute',
    ],
    'local_vmoodle_list_tenants' => [
        'classname' => 'local_vmoodle\external\list_tenants',
        'description' => 'The tenants of the farm.',
        'type' => 'read',
        'ajax' => true,
        'capabilities' => 'local/vmoodle:managevmoodles',
    ],
    'local_vmoodle_match_tenants' => [
        'classname' => 'local_vmoodle\external\match_tenants',
        'description' => 'Which tenants are meant by target words, and where a setting has a value.',
        'type' => 'read',
        'ajax' => true,
        'capabilities' => 'local/vmoodle:execute',
    ],
    'local_vmoodle_resolve_host' => [
        'classname' => 'local_vmoodle\external\resolve_host',
        'description' => 'What a request for a host would be answered with.',
        'type' => 'read',
        'ajax' => false,
        'capabilities' => 'local/vmoodle:managevmoodles',
    ],
    'local_vmoodle_start_job' => [
        'classname' => 'local_vmoodle\external\start_job',
        'description' => 'Submits a job, which the next cron runs.',
        'type' => 'write',
        'ajax' => false,
        'capabilities' => 'local/vmoodle:execute',
    ],
    'local_vmoodle_stop_job' => [
        'classname' => 'local_vmoodle\external\stop_job',
        'description' => 'Stops a job.',
        'type' => 'write',
        'ajax' => false,
        'capabilities' => 'local/vmoodle:execute',
    ],
];
