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
 * Makes tenants from the command line: the script cli/create.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class create_commands {
    /**
     * Makes the tenants of a file, or one that --set describes.
     *
     * @param cli $cli its options
     * @return int exit code, PARTLY where a line of the file is wrong or a tenant failed
     */
    public static function main(cli $cli): int {
        [$common, $columns] = self::assignments($cli);
        [$nodes, $faults] = self::wanted($cli, $columns);
        foreach ($faults as $fault) {
            self::complain($cli, $fault);
        }
        if (!$nodes || ($faults && $cli->option('all-or-nothing'))) {
            throw new \moodle_exception('clinothingmade', 'local_vmoodle', '', count($faults));
        }
        $parameters = ['nodes' => $nodes, 'all_or_nothing' => $cli->option('all-or-nothing')] + $common;
        foreach (['template', 'source', 'server'] as $name) {
            if ((string)$cli->option($name) !== '') {
                $parameters[$name] = $cli->option($name);
            }
        }
        if ($cli->option('spare')) {
            $parameters['spare'] = true;
        }
        $code = $cli->option('plan')
            ? job_commands::plan($cli, bridge::plan('create_tenant', $parameters, []))
            : job_commands::submit($cli, 'create_tenant', $parameters, []);
        return $faults && $code === cli::DONE ? cli::PARTLY : $code;
    }

    /**
     * What is given beside the file: parameters of the operation, meant for every tenant, and columns.
     *
     * @param cli $cli options nodes, set, set-stdin
     * @return array parameters by name, texts by column
     */
    private static function assignments(cli $cli): array {
        if ($cli->option('set-stdin') && $cli->option('nodes') === '-') {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        $given = job_commands::given($cli, 'create_tenant');
        $names = array_flip(array_column(job_commands::parameters('create_tenant'), 'name'));
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
        $file = (string)$cli->option('nodes');
        if ($file === '') {
            if (!$columns) {
                throw new \moodle_exception('clinonodes', 'local_vmoodle');
            }
            return [[$columns], []];
        }
        $contents = $file === '-' ? stream_get_contents(STDIN) : @file_get_contents($file);
        if ($contents === false) {
            throw new \moodle_exception('clinofile', 'local_vmoodle', '', $file);
        }
        $read = bridge::nodes($contents, $columns);
        return [$read['nodes'], $read['faults']];
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
