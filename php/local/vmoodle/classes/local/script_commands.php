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

namespace local_vmoodle\local;

use local_vmoodle\bridge;

/**
 * Scripts on many tenants from the command line: the script cli/exec.php, and what scripts have said.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class script_commands {
    /**
     * The script cli/exec.php: what stands after -- is run as each chosen tenant.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function exec(cli $cli): int {
        $arguments = $cli->rest();
        $script = (string)array_shift($arguments);
        if ($script === '') {
            throw new \moodle_exception('climissing', 'local_vmoodle', '', '-- SCRIPT');
        }
        $parameters = ['script' => $script, 'arguments' => $arguments, 'idempotent' => $cli->option('idempotent')];
        if ($cli->option('timeout') !== null) {
            $parameters['time_limit'] = $cli->option('timeout');
        }
        if ($cli->option('stdin')) {
            $parameters['input'] = stream_get_contents(STDIN);
        }
        if ($cli->option('plan')) {
            return job_commands::plan($cli, bridge::plan('run_script', $parameters, $cli->targets()));
        }
        // Whoever types a script's name means it.
        return job_commands::submit($cli, 'run_script', $parameters, $cli->targets(), true);
    }

    /**
     * Prints what a script has said on each tenant, the tenant's host before each line.
     *
     * @param cli $cli option json
     * @param array $job the job
     */
    public static function show(cli $cli, array $job): void {
        $items = array_map([self::class, 'item'], $job['items']);
        $cli->result(['job' => $job['id'], 'counts' => $job['counts'], 'items' => $items], static function (array $result): void {
            foreach ($result['items'] as $item) {
                $host = preg_replace('~^https?://~', '', $item['tenant']);
                self::lines("$host: ", (string)$item['stdout'], [cli::class, 'line']);
                self::lines("$host: ", (string)$item['stderr'], [cli::class, 'note']);
                // What a failed script has said stands there already.
                if ($item['error'] !== null && $item['exit'] === null) {
                    cli::note("$host: " . get_string('clierror', 'local_vmoodle', $item['error']));
                } else if ($item['exit']) {
                    cli::note("$host: " . get_string('cliexit', 'local_vmoodle', $item['exit']));
                }
            }
        });
    }

    /**
     * Prints what a script has said on one tenant, where people read a job.
     *
     * @param array $output the item's output
     */
    public static function output(array $output): void {
        foreach (['stdout', 'stderr'] as $stream) {
            self::lines('             ', (string)($output[$stream] ?? ''), [cli::class, 'line']);
        }
    }

    /**
     * A tenant's part of the result.
     *
     * @param array $item of the job
     * @return array tenant, status, exit, seconds, stdout, stderr, cut, error, errorcode
     */
    private static function item(array $item): array {
        $said = array_fill_keys(['exit', 'seconds', 'stdout', 'stderr', 'cut'], null);
        return ['tenant' => $item['wwwroot'], 'status' => $item['status']]
            + array_intersect_key($item['output'] ?: [], $said) + $said
            + ['error' => $item['error'], 'errorcode' => $item['errorcode']];
    }

    /**
     * Prints the lines of a text that say something.
     *
     * @param string $before stands before each line
     * @param string $text the text
     * @param callable $print takes a line
     */
    private static function lines(string $before, string $text, callable $print): void {
        foreach (preg_split('/\R/', $text) as $line) {
            if (trim($line) !== '') {
                $print($before . rtrim($line));
            }
        }
    }
}
