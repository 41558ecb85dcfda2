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

namespace local_vmoodle\external;

use core_external\external_api;
use core_external\external_function_parameters;
use core_external\external_single_structure;
use core_external\external_value;
use local_vmoodle\bridge;
use local_vmoodle\output\job_view;

/**
 * Web service: how far a job is.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class get_job extends external_api {
    /**
     * What it takes.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'id' => new external_value(PARAM_INT, 'Number of the job'),
        ]);
    }

    /**
     * Does it.
     *
     * @param int $id number of the job
     * @return array
     */
    public static function execute(int $id): array {
        [$id] = array_values(self::validate_parameters(self::execute_parameters(), [
            'id' => $id,
        ]));
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/vmoodle:execute', $context);
        $job = bridge::job_summary($id);
        $known = ['id' => $job['id'], 'operation' => $job['operation'], 'status' => $job['status']];
        return $known + job_view::progress($job);
    }

    /**
     * What it gives.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'id' => new external_value(PARAM_INT, 'Number of the job'),
            'operation' => new external_value(PARAM_ALPHANUMEXT, 'Operation'),
            'status' => new external_value(PARAM_ALPHA, 'queued, running, done, failed or cancelled'),
            'finished' => new external_value(PARAM_BOOL, 'Whether it has ended'),
            'percent' => new external_value(PARAM_INT, 'Share of its items that have ended'),
            'badge' => new external_value(PARAM_RAW, 'Its state as HTML'),
            'counts' => new external_value(PARAM_RAW, 'Number of items by state as HTML'),
        ]);
    }
}
