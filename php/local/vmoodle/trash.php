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
 * Destroyed tenants that can still be brought back.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require_once(__DIR__ . '/../../config.php');
require_once($CFG->libdir . '/adminlib.php');

use core_reportbuilder\system_report_factory;
use local_vmoodle\bridge;
use local_vmoodle\reportbuilder\local\systemreports\trash;

$PAGE->set_context(context_system::instance());
$PAGE->set_url('/local/vmoodle/trash.php');

require_login(null, false);
require_capability('local/vmoodle:managevmoodles', context_system::instance());
bridge::require_control_site();
admin_externalpage_setup('local_vmoodle_trash');

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('trash', 'local_vmoodle'));
echo system_report_factory::create(trash::class, context_system::instance())->output();
echo $OUTPUT->footer();
