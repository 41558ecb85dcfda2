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

use core_reportbuilder\system_report_factory;
use local_vmoodle\bridge;
use local_vmoodle\local\publisher;
use local_vmoodle\native_exception;
use local_vmoodle\output\tenant_list;
use local_vmoodle\output\words;
use local_vmoodle\reportbuilder\local\systemreports\tenants;

/**
 * The page index.php: the tenants of the farm and the state of the index.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class tenants_page {
    /** @var string where the page is. */
    private const URL = '/local/vmoodle/index.php';

    /**
     * Lets only those in who may, and only on the control site.
     *
     * @throws native_exception on a tenant or without boot
     */
    public static function require_access(): void {
        require_capability('local/vmoodle:managevmoodles', \context_system::instance());
        bridge::require_control_site();
        admin_externalpage_setup('local_vmoodle_tenants');
    }

    /**
     * Publishes when the button was pressed, and comes back to the page.
     *
     * @param string $action publish, or nothing
     * @return string HTML of what kept it from being done
     */
    public static function process(string $action): string {
        if ($action !== 'publish' || ($_SERVER['REQUEST_METHOD'] ?? '') !== 'POST') {
            return '';
        }
        require_sesskey();
        try {
            $result = publisher::publish_all();
        } catch (\moodle_exception $exception) {
            return words::problem($exception);
        }
        $message = get_string('published', 'local_vmoodle', array_map('strval', array_filter($result, 'is_scalar')));
        redirect(new \moodle_url(self::URL), s($message), null, \core\output\notification::NOTIFY_SUCCESS);
    }

    /**
     * Reads what the page shows.
     *
     * @return tenant_list to be rendered
     */
    public static function content(): tenant_list {
        $context = \context_system::instance();
        $report = system_report_factory::create(tenants::class, $context)->output();
        $operations = has_capability('local/vmoodle:execute', $context) ? bridge::operations() : [];
        return new tenant_list($report, bridge::index_status(), publisher::registry_generation(), $operations);
    }
}
