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
 * Can PHP change the code that all tenants share?
 *
 * The administrator of one tenant acts as the farm's OS user; with a writable code tree, as the administrator of all.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class codetree extends farm_check {
    /** @var string[] what is tried, relative to dirroot: the tree, the hook, and where plugins are put. */
    private const PATHS = ['', '/config.php', '/admin/tool', '/blocks', '/lib', '/local', '/local/vmoodle', '/mod', '/theme'];

    #[\Override]
    public function get_action_link(): ?\action_link {
        return null;
    }

    #[\Override]
    protected function needs_control_site(): bool {
        return false;
    }

    #[\Override]
    protected function judge(): result {
        global $CFG;
        if (function_exists('posix_geteuid') && posix_geteuid() === 0) {
            return new result(result::UNKNOWN, get_string('checkcodetreeroot', 'local_vmoodle'));
        }
        $writable = [];
        foreach (self::PATHS as $path) {
            if (is_writable($CFG->dirroot . $path)) {
                $writable[] = s($CFG->dirroot . $path);
            }
        }
        if ($writable) {
            return new result(
                result::WARNING,
                get_string('checkcodetreewritable', 'local_vmoodle'),
                \html_writer::alist($writable)
            );
        }
        return new result(result::OK, get_string('checkcodetreeok', 'local_vmoodle'));
    }
}
