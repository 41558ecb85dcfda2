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
use local_vmoodle\bridge;

/**
 * Can the native core read the registry, and are all rows sound?
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class registry extends farm_check {
    /** @var int how many broken rows are named. */
    private const NAMED = 20;

    #[\Override]
    protected function judge(): result {
        global $DB;
        $rows = bridge::tenants(['state' => 'broken', 'limit' => self::NAMED]);
        if (!$rows) {
            $total = $DB->count_records('local_vmoodle');
            return new result(result::OK, get_string('checkregistryok', 'local_vmoodle', $total));
        }
        $summary = get_string('checkregistrybroken', 'local_vmoodle', $DB->count_records('local_vmoodle', ['state' => 'broken']));
        return new result(result::WARNING, $summary, \html_writer::alist(array_map('s', array_column($rows, 'vhostname'))));
    }
}
