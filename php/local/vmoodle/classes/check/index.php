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
use local_vmoodle\local\publisher;

/**
 * Is this node's index readable, and as new as the registry?
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class index extends farm_check {
    #[\Override]
    protected function judge(): result {
        $status = bridge::index_status();
        $details = s($status['path']) . ' ' . s((string)$status['message']);
        if ($status['state'] !== 'good') {
            $severity = $status['state'] === 'previous' ? result::WARNING : result::ERROR;
            return new result($severity, get_string('index_' . $status['state'], 'local_vmoodle'), $details);
        }
        $registry = publisher::registry_generation();
        $a = ['index' => (int)$status['generation'], 'registry' => $registry, 'tenants' => $status['tenants']];
        if ($a['index'] !== $registry) {
            return new result(result::WARNING, get_string('checkindexbehind', 'local_vmoodle', $a), $details);
        }
        return new result(result::OK, get_string('checkindexok', 'local_vmoodle', $a), $details);
    }
}
