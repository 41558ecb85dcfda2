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

namespace local_vmoodle\task;

use local_vmoodle\bridge;
use local_vmoodle\local\publisher;

/**
 * Mends this node's index when it is unreadable, behind the registry, or made for another set of plugins.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class publish_index extends \core\task\scheduled_task {
    #[\Override]
    public function get_name() {
        return get_string('taskpublishindex', 'local_vmoodle');
    }

    #[\Override]
    public function execute() {
        if (!bridge::is_control_site()) {
            return;
        }
        $fault = publisher::fault();
        if ($fault === null) {
            return;
        }
        // A node that only lags behind takes over what another node published.
        $result = $fault === 'behind' ? bridge::index_refresh() : publisher::publish_all();
        mtrace(get_string('taskpublished', 'local_vmoodle', ['fault' => $fault, 'generation' => $result['generation']]));
    }
}
