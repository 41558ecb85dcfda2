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
use local_vmoodle\task\run_job;

/**
 * Web service: submits a job, which the next cron runs.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class start_job extends external_api {
    /**
     * What it takes.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'operation' => new external_value(PARAM_ALPHANUMEXT, 'Operation'),
            'parameters' => new external_value(PARAM_RAW, 'Parameters by name, as JSON', VALUE_DEFAULT, '{}'),
            'targets' => new external_multiple_structure(new external_value(PARAM_RAW, 'Selector'), 'Targets', VALUE_DEFAULT, []),
            'confirm' => new external_value(PARAM_BOOL, 'Whether a dangerous operation is meant', VALUE_DEFAULT, false),
            'waves' => new external_value(PARAM_RAW_TRIMMED, 'Sizes of its waves, such as 1,5%,rest', VALUE_DEFAULT, ''),
            'delay' => new external_value(PARAM_INT, 'Minutes until its first tenant begins', VALUE_DEFAULT, 0),
            'spread' => new external_value(PARAM_INT, 'Minutes over which its tenants begin', VALUE_DEFAULT, 0),
            'onerror' => new external_value(
                PARAM_ALPHANUM,
                'continue, or after how many failures it stops; nothing for continue, and in waves for 1',
                VALUE_DEFAULT,
                ''
            ),
        ]);
    }

    /**
     * Does it.
     *
     * @param string $operation its name
     * @param string $parameters parameters by name, as JSON
     * @param array $targets selectors
     * @param bool $confirm whether a dangerous operation is meant
     * @param string $waves sizes of its waves, nothing for one
     * @param int $delay minutes until its first tenant begins
     * @param int $spread minutes over which its tenants begin
     * @param string $onerror continue, or after how many failures it stops
     * @return array
     */
    public static function execute(
        string $operation,
        string $parameters = '{}',
        array $targets = [],
        bool $confirm = false,
        string $waves = '',
        int $delay = 0,
        int $spread = 0,
        string $onerror = ''
    ): array {
        ['operation' => $operation, 'parameters' => $parameters, 'targets' => $targets] = $asked
            = self::validate_parameters(self::execute_parameters(), [
                'operation' => $operation,
                'parameters' => $parameters,
                'targets' => $targets,
                'confirm' => $confirm,
                'waves' => $waves,
                'delay' => $delay,
                'spread' => $spread,
                'onerror' => $onerror,
            ]);
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/vmoodle:execute', $context);
        $given = json_decode($parameters, true);
        if (!is_array($given)) {
            throw new \invalid_parameter_exception('parameters');
        }
        $options = array_filter(array_intersect_key($asked, array_flip(['confirm', 'waves', 'delay', 'spread'])));
        if ($asked['onerror'] !== '') {
            $options['on_error'] = $asked['onerror'];
        }
        $job = bridge::job_submit($operation, $given, $targets, $options);
        run_job::queue($job);
        return ['id' => $job];
    }

    /**
     * What it gives.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure(['id' => new external_value(PARAM_INT, 'Number of the job')]);
    }
}
