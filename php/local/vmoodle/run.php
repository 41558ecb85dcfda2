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
 * An operation on many tenants: chosen, planned, submitted.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require_once(__DIR__ . '/../../config.php');
require_once($CFG->libdir . '/adminlib.php');

use local_vmoodle\local\page\run_page;

$operation = optional_param('operation', '', PARAM_ALPHANUMEXT);
$ids = optional_param('ids', '', PARAM_SEQUENCE);

$PAGE->set_context(context_system::instance());
$PAGE->set_url(run_page::URL, array_filter(['operation' => $operation, 'ids' => $ids]));

require_login(null, false);
run_page::require_access();
$content = run_page::content($operation, array_filter(explode(',', $ids)));

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('operations', 'local_vmoodle'));
echo $content;
echo $OUTPUT->footer();
