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
use local_vmoodle\form\operation_form;

/**
 * Web service: which tenants target words mean, and which of them have a setting at a value.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class match_tenants extends external_api {
    /** @var int how many tenants are named where no setting is asked for. */
    private const NAMED = 20;

    /**
     * What it takes.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'targets' => new external_value(PARAM_RAW, 'Target words, as they are typed'),
            'name' => new external_value(PARAM_RAW_TRIMMED, 'A setting: theme, auth_manual/expiration', VALUE_DEFAULT, ''),
            'value' => new external_value(PARAM_RAW, 'The value that it must have', VALUE_DEFAULT, ''),
        ]);
    }

    /**
     * Does it.
     *
     * @param string $targets target words
     * @param string $name a setting, or nothing
     * @param string $value the value that it must have
     * @return array count, tenants, more
     */
    public static function execute(string $targets, string $name = '', string $value = ''): array {
        ['targets' => $targets, 'name' => $name, 'value' => $value] = self::validate_parameters(self::execute_parameters(), [
            'targets' => $targets,
            'name' => $name,
            'value' => $value,
        ]);
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/vmoodle:execute', $context);
        $selectors = operation_form::targets((object)['targets' => $targets]);
        $all = $selectors ? array_column(bridge::tenants(['targets' => $selectors]), 'vhostname') : [];
        if ($name !== '' && $all) {
            $all = self::where($selectors, $name, $value);
            return ['count' => count($all), 'tenants' => $all, 'more' => 0];
        }
        $named = array_slice($all, 0, self::NAMED);
        return ['count' => count($all), 'tenants' => $named, 'more' => count($all) - count($named)];
    }

    /**
     * The tenants where a setting has a value.
     *
     * @param string[] $selectors target words
     * @param string $name the setting
     * @param string $value its value; empty for a setting that is empty or not there
     * @return string[] addresses; a tenant that cannot be read is none of them
     */
    private static function where(array $selectors, string $name, string $value): array {
        $compared = bridge::config_compare($selectors, [$name]);
        $line = $compared['settings'][0] ?? ['value' => null, 'odd' => []];
        $readable = array_filter($compared['tenants'], static fn(array $tenant): bool => $tenant['error'] === null);
        $has = static fn(string $tenant): bool
            => (string)(array_key_exists($tenant, $line['odd']) ? $line['odd'][$tenant] : $line['value']) === $value;
        return array_values(array_filter(array_column($readable, 'wwwroot'), $has));
    }

    /**
     * What it gives.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'count' => new external_value(PARAM_INT, 'How many tenants are meant'),
            'tenants' => new external_multiple_structure(new external_value(PARAM_RAW, 'Address')),
            'more' => new external_value(PARAM_INT, 'How many are not named'),
        ]);
    }
}
