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
use local_vmoodle\output\tenant_view;

/**
 * The page tenant.php: one tenant.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class tenant_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/tenant.php';

    /** @var int jobs that are listed. */
    private const JOBS = 10;

    /**
     * Lets only those in who may, and only on the control site.
     *
     * @param int $id of the tenant's row
     */
    public static function require_access(int $id): void {
        global $PAGE;
        require_capability('local/vmoodle:managevmoodles', \context_system::instance());
        bridge::require_control_site();
        \navigation_node::override_active_url(new \moodle_url('/local/vmoodle/index.php'));
        admin_externalpage_setup('local_vmoodle_tenants', '', null, new \moodle_url(self::URL, ['id' => $id]));
        $PAGE->navbar->add(s(bridge::tenant("#{$id}")['vhostname']));
    }

    /**
     * What the page shows.
     *
     * @param int $id of the tenant's row
     * @return string HTML
     */
    public static function content(int $id): string {
        global $DB, $OUTPUT;
        $facts = $DB->get_records('local_vmoodle_status', ['tenantid' => $id], 'fact', 'fact, value, collected');
        $aliases = $DB->get_fieldset_select('local_vmoodle_alias', 'host', 'tenantid = ? ORDER BY host', [$id]);
        $sql = "SELECT i.id, i.jobid, i.status, i.timefinished, j.operation, j.mode
                  FROM {local_vmoodle_item} i
                  JOIN {local_vmoodle_job} j ON j.id = i.jobid
                 WHERE i.tenantid = ?
              ORDER BY i.id DESC";
        $jobs = $DB->get_records_sql($sql, [$id], 0, self::JOBS);
        $row = bridge::tenant("#{$id}");
        $own = static fn(array $snapshot): bool => ($snapshot['wwwroot'] ?? '') === $row['vhostname'];
        $snapshots = array_reverse(array_filter(bridge::snapshots(), $own));
        return $OUTPUT->render(new tenant_view($row, $facts, $aliases, $jobs, $snapshots, bridge::operations()));
    }
}
