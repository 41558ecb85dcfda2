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
use local_vmoodle\local\component_cache;

/**
 * Does the shared component cache list the plugins and classes that are on disk?
 *
 * Boot notices another version.php by itself, but not that a plugin came or went.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class components extends farm_check {
    #[\Override]
    protected function judge(): result {
        if (component_cache::descriptor() === null) {
            return new result(result::INFO, get_string('checkcomponentsnone', 'local_vmoodle'));
        }
        $look = component_cache::last_look();
        $ago = format_time(max(1, time() - $look['time']));
        if (!$look['current']) {
            return new result(
                result::WARNING,
                get_string('checkcomponentsstale', 'local_vmoodle', $ago),
                get_string('runpublish', 'local_vmoodle')
            );
        }
        return new result(result::OK, get_string('checkcomponentsok', 'local_vmoodle', $ago));
    }
}
