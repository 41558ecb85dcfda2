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

namespace local_vmoodle\check;

use core\check\result;

/**
 * Did the farm cron run lately, and did it reach every tenant?
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class cron extends farm_check {
    /** @var int seconds after which a round is overdue. */
    private const ROUND = 900;

    /** @var int how many tenants are named. */
    private const NAMED = 20;

    #[\Override]
    protected function judge(): result {
        global $DB;
        $round = (int)$DB->get_field('local_vmoodle_cron', 'timefinished', ['tenantid' => -1]);
        if ($round === 0) {
            return new result(result::INFO, get_string('checkcronnever', 'local_vmoodle'), get_string('runcron', 'local_vmoodle'));
        }
        $ago = format_time(max(1, time() - $round));
        if (time() - $round > self::ROUND) {
            $summary = get_string('checkcronoverdue', 'local_vmoodle', $ago);
            return new result(result::WARNING, $summary, get_string('runcron', 'local_vmoodle'));
        }
        // One that was made today has its first run still before it.
        $where = "state = 'enabled' AND lastcron < :cron AND timecreated < :made";
        $params = ['cron' => time() - DAYSECS, 'made' => time() - DAYSECS];
        $count = $DB->count_records_select('local_vmoodle', $where, $params);
        if ($count > 0) {
            $hosts = $DB->get_fieldset_select('local_vmoodle', 'vhostname', "$where ORDER BY lastcron, id", $params);
            $named = \html_writer::alist(array_map('s', array_slice($hosts, 0, self::NAMED)));
            return new result(result::WARNING, get_string('checkcrontenants', 'local_vmoodle', $count), $named);
        }
        return new result(result::OK, get_string('checkcronok', 'local_vmoodle', $ago));
    }
}
