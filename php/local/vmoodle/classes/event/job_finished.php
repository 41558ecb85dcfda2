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

namespace local_vmoodle\event;

/**
 * A job has ended.
 *
 * @property-read array $other {
 *      - string operation: what was done
 *      - string status: done, failed or cancelled
 *      - array counts: number of items by state
 * }
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class job_finished extends \core\event\base {
    /**
     * The event of a job.
     *
     * @param array $job as bridge::job_summary() gives it
     * @return self not yet triggered
     */
    public static function of(array $job): self {
        return self::create([
            'context' => \context_system::instance(),
            'objectid' => $job['id'],
            'userid' => $job['userid'],
            'other' => ['operation' => $job['operation'], 'status' => $job['status'], 'counts' => $job['counts']],
        ]);
    }

    #[\Override]
    protected function init() {
        $this->data['crud'] = 'u';
        $this->data['edulevel'] = self::LEVEL_OTHER;
        $this->data['objecttable'] = 'local_vmoodle_job';
    }

    #[\Override]
    public static function get_name() {
        return get_string('eventjobfinished', 'local_vmoodle');
    }

    #[\Override]
    public function get_description() {
        return "The job with id '$this->objectid' ({$this->other['operation']}) ended as '{$this->other['status']}'.";
    }

    #[\Override]
    public function get_url() {
        return new \moodle_url('/local/vmoodle/job.php', ['id' => $this->objectid]);
    }

    #[\Override]
    public static function get_objectid_mapping() {
        return \core\event\base::NOT_MAPPED;
    }
}
