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
 * The farm's entry in the administration menu; a tenant has none.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

if (\local_vmoodle\bridge::is_control_site()) {
    $ADMIN->add('server', new admin_category('local_vmoodle', new lang_string('pluginname', 'local_vmoodle')));
    $pages = [
        'farm' => ['farm', 'managevmoodles'],
        'tenants' => ['index', 'managevmoodles'],
        'run' => ['run', 'execute', 'operations'],
        'jobs' => ['jobs', 'execute'],
        'compare' => ['compare', 'managevmoodles'],
        'snapshots' => ['snapshots', 'managevmoodles'],
        'policies' => ['policies', 'managevmoodles'],
        'trash' => ['trash', 'managevmoodles'],
    ];
    foreach ($pages as $name => $page) {
        $ADMIN->add('local_vmoodle', new admin_externalpage(
            'local_vmoodle_' . $name,
            new lang_string($page[2] ?? $name, 'local_vmoodle'),
            new moodle_url("/local/vmoodle/{$page[0]}.php"),
            'local/vmoodle:' . $page[1]
        ));
    }
    $patterns = new admin_settingpage(
        'local_vmoodle_patterns',
        new lang_string('patterns', 'local_vmoodle'),
        'local/vmoodle:managevmoodles'
    );
    foreach (\local_vmoodle\form\tenant_form::PATTERNS as $name) {
        $patterns->add(new admin_setting_configtext(
            'local_vmoodle/pattern_' . $name,
            new lang_string('column_' . $name, 'local_vmoodle'),
            new lang_string('pattern_desc', 'local_vmoodle'),
            '',
            PARAM_RAW_TRIMMED
        ));
    }
    $ADMIN->add('local_vmoodle', $patterns);
    $journal = new admin_settingpage('local_vmoodle_journal', new lang_string('journal', 'local_vmoodle'), 'moodle/site:config');
    $journal->add(new admin_setting_configduration(
        'local_vmoodle/jobretention',
        new lang_string('jobretention', 'local_vmoodle'),
        new lang_string('jobretention_desc', 'local_vmoodle'),
        YEARSECS,
        DAYSECS
    ));
    $ADMIN->add('local_vmoodle', $journal);
    // Whoever may change this list may run any code on every tenant.
    $scripts = new admin_settingpage('local_vmoodle_scripts', new lang_string('webscripts', 'local_vmoodle'), 'moodle/site:config');
    $scripts->add(new admin_setting_configtextarea(
        'local_vmoodle/webscripts',
        new lang_string('webscripts', 'local_vmoodle'),
        new lang_string('webscripts_desc', 'local_vmoodle'),
        implode("\n", \local_vmoodle\local\webscripts::USUAL),
        PARAM_RAW_TRIMMED
    ));
    $ADMIN->add('local_vmoodle', $scripts);
}
