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
use local_vmoodle\form\tenant_form;
use local_vmoodle\output\words;

/**
 * Web service: tries whether a tenant could serve.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class check_tenant extends external_api {
    /** @var string[] Bootstrap colour by status. */
    private const COLOURS = ['ok' => 'success', 'warning' => 'warning', 'error' => 'danger'];

    /**
     * What it takes.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'row' => new external_value(PARAM_RAW, 'Columns of the registry, as JSON'),
        ]);
    }

    /**
     * Does it.
     *
     * @param string $row columns of the registry, as JSON
     * @return array
     */
    public static function execute(string $row): array {
        [$row] = array_values(self::validate_parameters(self::execute_parameters(), [
            'row' => $row,
        ]));
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/vmoodle:managevmoodles', $context);
        $given = json_decode($row, true);
        if (!is_array($given)) {
            throw new \invalid_parameter_exception('row');
        }
        $known = (int)($given['id'] ?? 0) ? bridge::tenant('#' . (int)$given['id']) : ['vdbtype' => 'mariadb', 'vdbprefix' => 'mdl_'];
        $asked = array_intersect_key($given, array_flip(['vhostname', ...tenant_form::PLACES, 'vdbpass']));
        $asked = array_filter($asked, static fn($value): bool => (string)$value !== '');
        return array_map(static fn(array $check): array => [
            'name' => words::check($check['check']),
            'status' => words::check('status_' . $check['status']),
            'colour' => self::COLOURS[$check['status']] ?? 'secondary',
            'detail' => (string)$check['detail'],
            'hint' => (string)$check['hint'],
            'folded' => !words::reads_english() && (string)$check['detail'] . $check['hint'] !== '',
        ], bridge::tenant_check($asked + $known));
    }

    /**
     * What it gives.
     *
     * @return external_multiple_structure
     */
    public static function execute_returns(): external_multiple_structure {
        return new external_multiple_structure(new external_single_structure([
            'name' => new external_value(PARAM_TEXT, 'What was tried'),
            'status' => new external_value(PARAM_TEXT, 'How it went'),
            'colour' => new external_value(PARAM_ALPHA, 'Colour of the badge'),
            'detail' => new external_value(PARAM_RAW, 'What was found'),
            'hint' => new external_value(PARAM_RAW, 'The way out'),
            'folded' => new external_value(PARAM_BOOL, 'Whether the reader has another language than what was found and the way out'),
        ]));
    }
}
