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

/**
 * Asks for a job that collects the facts of all tenants, their sizes included.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class collect_status extends \core\task\scheduled_task {
    #[\Override]
    public function get_name() {
        return get_string('taskcollectstatus', 'local_vmoodle');
    }

    #[\Override]
    public function execute() {
        if (!bridge::is_control_site() || !bridge::tenants(['limit' => 1])) {
            return;
        }
        run_job::queue(bridge::job_submit('tenant_status', ['sizes' => true], ['any']));
    }
}
