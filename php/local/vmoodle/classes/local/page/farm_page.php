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
use local_vmoodle\local\component_cache;
use local_vmoodle\output\farm_view;

/**
 * The page farm.php: the farm at a glance.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class farm_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/farm.php';

    /** @var string jobs that have not ended. */
    private const OPEN = "status IN ('queued', 'running')";

    /** @var int jobs that are listed. */
    private const JOBS = 10;

    /**
     * Lets only those in who may, and only on the control site.
     */
    public static function require_access(): void {
        require_capability('local/vmoodle:managevmoodles', \context_system::instance());
        bridge::require_control_site();
        admin_externalpage_setup('local_vmoodle_farm');
    }

    /**
     * Looks at the code again when the button was pressed, and comes back to the page.
     *
     * @param string $action look, or nothing
     */
    public static function process(string $action): void {
        if ($action !== 'look' || ($_SERVER['REQUEST_METHOD'] ?? '') !== 'POST') {
            return;
        }
        require_sesskey();
        component_cache::is_current();
        redirect(new \moodle_url(self::URL));
    }

    /**
     * Reads what the page shows: a few counts, whatever the number of tenants.
     *
     * @return farm_view to be rendered
     */
    public static function content(): farm_view {
        global $CFG, $DB;
        require_once($CFG->dirroot . '/local/vmoodle/lib.php');
        $states = $DB->get_records_sql_menu(
            "SELECT state, COUNT(1) FROM {local_vmoodle} GROUP BY state ORDER BY COUNT(1) DESC"
        );
        $value = $DB->sql_compare_text('value');
        $releases = $DB->get_records_sql_menu(
            "SELECT {$value}, COUNT(1) FROM {local_vmoodle_status} WHERE fact = 'release' GROUP BY {$value}"
        );
        return new farm_view(
            array_map('intval', $states),
            array_map('intval', $releases),
            self::crons(),
            $DB->count_records_select('local_vmoodle_job', self::OPEN),
            $DB->get_records_select('local_vmoodle_job', self::OPEN, null, 'id DESC', 'id, operation, status', 0, self::JOBS),
            array_merge(local_vmoodle_status_checks(), local_vmoodle_security_checks())
        );
    }

    /**
     * How long ago the crons of enabled tenants ran.
     *
     * @return int[] number of tenants by age: the string that says it
     */
    private static function crons(): array {
        global $DB;
        $sql = "SELECT COUNT(CASE WHEN lastcron >= :minutes THEN 1 END) AS cronminutes,
                       COUNT(CASE WHEN lastcron >= :hour AND lastcron < :minutes2 THEN 1 END) AS cronhour,
                       COUNT(CASE WHEN lastcron >= :day AND lastcron < :hour2 THEN 1 END) AS cronday,
                       COUNT(CASE WHEN lastcron > 0 AND lastcron < :day2 THEN 1 END) AS cronolder,
                       COUNT(CASE WHEN lastcron = 0 THEN 1 END) AS cronnever
                  FROM {local_vmoodle}
                 WHERE state = 'enabled'";
        $times = ['minutes' => time() - 5 * MINSECS, 'hour' => time() - HOURSECS, 'day' => time() - DAYSECS];
        foreach ($times as $name => $time) {
            $times[$name . '2'] = $time;
        }
        return array_map('intval', (array)$DB->get_record_sql($sql, $times));
    }
}
