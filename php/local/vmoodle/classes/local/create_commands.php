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
 * Makes tenants from the command line: the scripts cli/create.php and cli/clone.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class create_commands {
    /**
     * Makes the tenants of a file, or one that --set describes; with --pool, fills the pool of spares.
     *
     * @param cli $cli its options
     * @return int exit code, PARTLY where a line of the file is wrong or a tenant failed
     */
    public static function main(cli $cli): int {
        if ($cli->option('pool') === null) {
            return self::make($cli, 'create_tenant', self::common($cli, ['template', 'source', 'server']));
        }
        $template = (string)$cli->option('template');
        if ($template === '') {
            throw new \moodle_exception('clineeds', 'local_vmoodle', '', 'template');
        }
        if ($cli->option('pool') > 0 && !self::is_template($template)) {
            throw new \moodle_exception('error_snapshot_not_found', 'local_vmoodle', '', $template);
        }
        if (!$cli->option('plan')) {
            spare_pool::keep($template, $cli->option('pool'), (string)$cli->option('server'));
            // The JSON of a script is one document: with more to do than to try again, the daily task does that.
            foreach ($cli->option('json') ? [] : spare_pool::unfinished($template) as $job) {
                job_commands::finish($cli, bridge::job_retry($job));
            }
        }
        $nodes = spare_pool::missing($template, $cli->option('pool'));
        if (!$nodes) {
            return self::full($cli, $template);
        }
        $parameters = ['nodes' => $nodes, 'spare' => true] + self::common($cli, ['template', 'server']);
        return self::perform($cli, 'create_tenant', $parameters);
    }

    /**
     * Says that a pool lacks no spare.
     *
     * @param cli $cli option json
     * @param string $template its name
     * @return int exit code, PARTLY where some are half made
     */
    private static function full(cli $cli, string $template): int {
        $unfinished = spare_pool::unfinished($template);
        $said = $unfinished
            ? get_string('clipoolunfinished', 'local_vmoodle', ['template' => $template, 'jobs' => implode(', ', $unfinished)])
            : get_string('clipoolfull', 'local_vmoodle', $template);
        $cli->result(['job' => null, 'unfinished' => $unfinished], static fn() => cli::line($said));
        return $unfinished ? cli::PARTLY : cli::DONE;
    }

    /**
     * Whether a snapshot has this number or name.
     *
     * @param string $template number or name
     * @return bool
     */
    private static function is_template(string $template): bool {
        foreach (bridge::snapshots() as $snapshot) {
            if (in_array($template, [$snapshot['id'], $snapshot['name'] ?? null], true)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Makes copies of a tenant: the script cli/clone.php.
     *
     * @param cli $cli its options
     * @return int exit code, PARTLY where a line of the file is wrong or a tenant failed
     */
    public static function copy(cli $cli): int {
        if ((string)$cli->option('source') === '') {
            throw new \moodle_exception('clineeds', 'local_vmoodle', '', 'source');
        }
        return self::make($cli, 'clone_tenant', self::common($cli, ['source', 'server']));
    }

    /**
     * Makes what a file of nodes or --set describes.
     *
     * @param cli $cli its options
     * @param string $operation the operation
     * @param array $common what is meant for every node
     * @return int exit code
     */
    private static function make(cli $cli, string $operation, array $common): int {
        [$own, $columns] = self::assignments($cli, $operation);
        [$nodes, $faults] = self::wanted($cli, $columns);
        self::complain_all($cli, $faults);
        if (!$nodes || ($faults && $cli->option('all-or-nothing'))) {
            throw new \moodle_exception('clinothingmade', 'local_vmoodle', '', count($faults));
        }
        $parameters = ['nodes' => $nodes, 'all_or_nothing' => $cli->option('all-or-nothing')] + $common + $own;
        if ($cli->option('spare')) {
            $parameters['spare'] = true;
        }
        $code = self::perform($cli, $operation, $parameters);
        return $faults && $code === cli::DONE ? cli::PARTLY : $code;
    }

    /**
     * Plans, or submits and runs.
     *
     * @param cli $cli option plan, and those of job_commands::submit()
     * @param string $operation the operation
     * @param array $parameters its parameters
     * @return int exit code
     */
    private static function perform(cli $cli, string $operation, array $parameters): int {
        return $cli->option('plan')
            ? job_commands::plan($cli, bridge::plan($operation, $parameters, []))
            : job_commands::submit($cli, $operation, $parameters, []);
    }

    /**
     * The options that are parameters for every node.
     *
     * @param cli $cli its options
     * @param string[] $names the options
     * @return array value by name, of those that were given
     */
    private static function common(cli $cli, array $names): array {
        $values = [];
        foreach ($names as $name) {
            $values[$name] = (string)$cli->option($name);
        }
        return array_filter($values, 'strlen');
    }

    /**
     * What is given beside the file: parameters of the operation, meant for every tenant, and columns.
     *
     * @param cli $cli options nodes, set, set-stdin
     * @param string $operation the operation
     * @return array parameters by name, texts by column
     */
    private static function assignments(cli $cli, string $operation): array {
        if ($cli->option('set-stdin') && $cli->option('nodes') === '-') {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        $given = job_commands::given($cli, $operation);
        $names = array_flip(array_column(job_commands::parameters($operation), 'name'));
        return [array_intersect_key($given, $names), array_diff_key($given, $names)];
    }

    /**
     * The nodes that are asked for, and what is wrong in their file.
     *
     * @param cli $cli option nodes
     * @param array $columns what a line of the file leaves out, or the one tenant where there is no file
     * @return array nodes, faults
     */
    private static function wanted(cli $cli, array $columns): array {
        if ((string)$cli->option('nodes') !== '') {
            return self::nodes($cli, $columns);
        }
        if (!$columns) {
            throw new \moodle_exception('clinonodes', 'local_vmoodle');
        }
        return [[$columns], []];
    }

    /**
     * The nodes of a file, and what is wrong in it.
     *
     * @param cli $cli option nodes
     * @param array $defaults columns of the registry where a line says nothing
     * @return array nodes, faults
     */
    public static function nodes(cli $cli, array $defaults): array {
        $file = (string)$cli->option('nodes');
        $contents = $file === '-' ? stream_get_contents(STDIN) : @file_get_contents($file);
        if ($contents === false) {
            throw new \moodle_exception('clinofile', 'local_vmoodle', '', $file);
        }
        $read = bridge::nodes($contents, $defaults);
        return [$read['nodes'], $read['faults']];
    }

    /**
     * Says all that is wrong in a file of nodes.
     *
     * @param cli $cli option json
     * @param array $faults list of line, column, message
     */
    public static function complain_all(cli $cli, array $faults): void {
        foreach ($faults as $fault) {
            self::complain($cli, $fault);
        }
    }

    /**
     * Says what is wrong in the file.
     *
     * @param cli $cli option json
     * @param array $fault line, column, message
     */
    private static function complain(cli $cli, array $fault): void {
        if ($cli->option('json')) {
            cli::note(cli::json(['fault' => $fault]));
            return;
        }
        $text = $fault['column'] === '' ? $fault['message'] : $fault['column'] . ': ' . $fault['message'];
        cli::note(get_string('clifault', 'local_vmoodle', ['line' => $fault['line'], 'message' => $text]));
    }
}
