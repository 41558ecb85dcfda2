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

namespace local_vmoodle\local\page;

use local_vmoodle\bridge;
use local_vmoodle\form\compare_form;
use local_vmoodle\form\operation_form;
use local_vmoodle\local\comparison\comparison;
use local_vmoodle\local\comparison\settings;
use local_vmoodle\local\spreadsheet;
use local_vmoodle\native_exception;
use local_vmoodle\output\matrix_view;
use local_vmoodle\output\words;

/**
 * The page compare.php: roles, plugins and settings of many tenants side by side. It only reads; a cell leads to an operation.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class compare_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/compare.php';

    /** @var array what is asked for where the address says nothing. */
    private const ASKED = [
        'targets' => 'all', 'role' => '', 'component' => '', 'type' => '', 'names' => settings::USUAL, 'search' => '',
        'differences' => 1,
    ];

    /**
     * Lets only those in who may, and only on the control site.
     *
     * @param string $what a kind of comparison
     */
    public static function require_access(string $what): void {
        require_capability('local/vmoodle:managevmoodles', \context_system::instance());
        bridge::require_control_site();
        \navigation_node::override_active_url(new \moodle_url(self::URL));
        admin_externalpage_setup('local_vmoodle_compare', '', null, new \moodle_url(self::URL, ['what' => $what]));
    }

    /**
     * What the page shows. A cell that was chosen leads to its operation, and a download ends the request.
     *
     * @param string $what a key of comparison::KINDS
     * @return string HTML
     */
    public static function content(string $what): string {
        global $OUTPUT;
        $asked = [];
        foreach (self::ASKED as $name => $default) {
            $asked[$name] = trim(optional_param($name, $default, PARAM_RAW));
        }
        $cell = optional_param('cell', '', PARAM_RAW);
        if ($cell !== '') {
            redirect(self::spread($what, $cell, $asked['targets']));
        }
        $form = new compare_form(new \moodle_url(self::URL), ['what' => $what], 'get');
        $form->set_data($asked);
        $lead = $OUTPUT->tabtree(self::tabs($asked['targets']), $what) . $form->render();
        // To open the page asks no tenant.
        if (optional_param('targets', '', PARAM_RAW) === '') {
            return $lead;
        }
        $again = optional_param('submitbutton', '', PARAM_RAW) !== '';
        try {
            $comparison = $again ? null : comparison::kept($what, $asked);
            if (!$comparison) {
                $selectors = operation_form::targets((object)['targets' => $asked['targets']]);
                $comparison = comparison::read($what, $selectors, $asked);
                $comparison->keep($what, $asked);
            }
        } catch (native_exception $exception) {
            return $lead . words::problem($exception);
        }
        if ($again) {
            // An address that is opened again, or left for somebody, asks no tenant anew.
            redirect(new \moodle_url(self::URL, ['what' => $what] + $asked));
        }
        self::download(optional_param('download', '', PARAM_ALPHA), $what, $comparison);
        $pages = ['page' => optional_param('page', 0, PARAM_INT), 'tenantpage' => optional_param('tenantpage', 0, PARAM_INT)];
        return $lead . $OUTPUT->render(new matrix_view($what, $comparison, $asked, $pages));
    }

    /**
     * Sends the whole matrix, and ends the request.
     *
     * @param string $format csv, json, or nothing
     * @param string $what a key of comparison::KINDS
     * @param comparison $comparison what was read
     */
    private static function download(string $format, string $what, comparison $comparison): void {
        global $CFG;
        if ($format === 'csv') {
            spreadsheet::download($what, $comparison->matrix());
        } else if ($format === 'json') {
            $json = json_encode($comparison->data(), JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
            require_once($CFG->libdir . '/filelib.php');
            send_file($json, "{$what}.json", 0, 0, true, true, 'application/json');
            die;
        }
    }

    /**
     * Where a cell leads: to the operation that makes the ticked tenants, or else all that are compared, as its tenant is.
     *
     * @param string $what a key of comparison::KINDS
     * @param string $cell number of the tenant, a colon, and the line
     * @param string $targets that are compared
     * @return \moodle_url
     */
    private static function spread(string $what, string $cell, string $targets): \moodle_url {
        [$tenant, $line] = explode(':', $cell, 2) + ['', ''];
        $source = bridge::tenant('#' . (int)$tenant)['vhostname'];
        $parameters = comparison::KINDS[$what]::spread($line, $source);
        $ticked = optional_param_array('chosen', [], PARAM_INT);
        $parameters += $ticked ? ['ids' => implode(',', $ticked)] : ['targets' => $targets];
        return new \moodle_url(run_page::URL, $parameters);
    }

    /**
     * The kinds of comparison, as tabs.
     *
     * @param string $targets that are compared
     * @return \tabobject[]
     */
    private static function tabs(string $targets): array {
        return array_map(static fn(string $what): \tabobject => new \tabobject(
            $what,
            new \moodle_url(self::URL, ['what' => $what] + ($targets === self::ASKED['targets'] ? [] : ['targets' => $targets])),
            get_string('compare_' . $what, 'local_vmoodle')
        ), array_keys(comparison::KINDS));
    }
}
