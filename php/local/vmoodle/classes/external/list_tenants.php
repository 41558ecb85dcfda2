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
use core_external\external_multiple_structure;
use core_external\external_single_structure;
use core_external\external_value;
use local_vmoodle\bridge;

/**
 * Web service: the tenants of the farm.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class list_tenants extends external_api {
    /**
     * What it takes.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'targets' => new external_multiple_structure(new external_value(PARAM_RAW, 'Selector'), 'Targets', VALUE_DEFAULT, []),
            'limit' => new external_value(PARAM_INT, 'At most so many', VALUE_DEFAULT, 100),
            'offset' => new external_value(PARAM_INT, 'After so many', VALUE_DEFAULT, 0),
            'search' => new external_value(PARAM_RAW, 'Part of a name or an address', VALUE_DEFAULT, ''),
        ]);
    }

    /**
     * Does it.
     *
     * @param array $targets selectors; none for all
     * @param int $limit at most so many
     * @param int $offset after so many
     * @param string $search part of a name or an address
     * @return array
     */
    public static function execute(array $targets = [], int $limit = 100, int $offset = 0, string $search = ''): array {
        [$targets, $limit, $offset, $search] = array_values(self::validate_parameters(self::execute_parameters(), [
            'targets' => $targets,
            'limit' => $limit,
            'offset' => $offset,
            'search' => $search,
        ]));
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/vmoodle:managevmoodles', $context);
        $filter = ['limit' => $limit, 'offset' => $offset] + array_filter(['targets' => $targets, 'search' => $search]);
        return array_map(static fn(array $row): array => [
            'id' => $row['id'],
            // As Moodle gives names: text in HTML, which the field of the forms puts on the page.
            'name' => htmlspecialchars((string)$row['name'], ENT_NOQUOTES),
            'wwwroot' => $row['vhostname'],
            'state' => $row['state'],
        ], bridge::tenants($filter));
    }

    /**
     * What it gives.
     *
     * @return external_multiple_structure
     */
    public static function execute_returns(): external_multiple_structure {
        return new external_multiple_structure(new external_single_structure([
            'id' => new external_value(PARAM_INT, 'Number of the tenant'),
            'name' => new external_value(PARAM_RAW, 'Name, as HTML'),
            'wwwroot' => new external_value(PARAM_RAW, 'Address'),
            'state' => new external_value(PARAM_ALPHA, 'State'),
        ]));
    }
}
