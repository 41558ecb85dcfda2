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

/**
 * Web service: what a request for a host would be answered with.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class resolve_host extends external_api {
    /**
     * What it takes.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'host' => new external_value(PARAM_RAW, 'Host, as in the Host header'),
        ]);
    }

    /**
     * Does it.
     *
     * @param string $host as in the Host header
     * @return array
     */
    public static function execute(string $host): array {
        [$host] = array_values(self::validate_parameters(self::execute_parameters(), [
            'host' => $host,
        ]));
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/vmoodle:managevmoodles', $context);
        $resolved = bridge::resolve($host);
        return [
            'outcome' => $resolved['outcome'],
            'status' => $resolved['status'],
            'wwwroot' => (string)($resolved['tenant']['wwwroot'] ?? ''),
            'location' => (string)$resolved['location'],
        ];
    }

    /**
     * What it gives.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'outcome' => new external_value(PARAM_ALPHAEXT, 'tenant, control, redirect, unavailable or unknown'),
            'status' => new external_value(PARAM_INT, 'HTTP status'),
            'wwwroot' => new external_value(PARAM_RAW, 'Address of the tenant, if there is one'),
            'location' => new external_value(PARAM_RAW, 'Where an alias leads'),
        ]);
    }
}
