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
 * Is the native extension loaded, and does config.php call it?
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class extension extends farm_check {
    #[\Override]
    protected function needs_control_site(): bool {
        return false;
    }

    #[\Override]
    protected function judge(): result {
        if (!bridge::is_available()) {
            return new result(result::ERROR, get_string('error_extension_missing', 'local_vmoodle', PHP_SAPI));
        }
        if (!bridge::is_booted()) {
            return new result(result::ERROR, get_string('hookmissing', 'local_vmoodle'));
        }
        return new result(result::OK, get_string('checkextensionok', 'local_vmoodle', bridge::version()));
    }
}
