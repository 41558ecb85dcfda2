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
 * SQL on many tenants from the command line: the scripts cli/query.php and cli/sql.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class sql_commands {
    /** @var int how many rows a table has; the next rows begin another one. */
    private const PAGE = 500;

    /** @var resource|null where a CSV goes. */
    private static $csv = null;

    /**
     * The script cli/query.php: rows as they come, one JSON object for each with --json.
     *
     * @param cli $cli its options
     * @return int exit code, PARTLY where a tenant gave no answer
     */
    public static function query(cli $cli): int {
        $options = array_filter(['row_limit' => $cli->option('row-limit'), 'allow' => $cli->option('allow')]);
        $options['time_limit'] = $cli->option('statement-limit');
        $page = [];
        $heading = null;
        $print = static function (array $row) use ($cli, &$page, &$heading): void {
            if ($cli->option('json')) {
                cli::line(cli::json($row));
            } else if ($cli->option('csv')) {
                array_map([self::class, 'put'], self::row($row, $heading));
            } else {
                $page[] = array_map([self::class, 'text'], $row);
                if (count($page) >= self::PAGE) {
                    self::table($page);
                    $page = [];
                }
            }
        };
        $answer = bridge::query(self::script($cli), self::values($cli), $cli->targets(), $options, $print);
        self::table($page);
        foreach ($answer['errors'] as $error) {
            cli::note($cli->option('json') ? cli::json($error) : get_string('clitenanterror', 'local_vmoodle', $error));
        }
        foreach ($answer['truncated'] as $host) {
            cli::note($cli->option('json') ? cli::json(['host' => $host, 'truncated' => true])
                : get_string('clitruncated', 'local_vmoodle', $host));
        }
        return $answer['errors'] ? cli::PARTLY : cli::DONE;
    }

    /**
     * The script cli/sql.php: the operation run_sql with its results.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function run(cli $cli): int {
        $parameters = array_filter([
            'sql' => self::script($cli),
            'values' => json_encode((object)self::values($cli)),
            'mode' => $cli->option('write') ? 'write' : 'read',
            'allow' => $cli->option('allow'),
            'row_limit' => $cli->option('row-limit'),
            'time_limit' => $cli->option('statement-limit'),
        ]);
        if ($cli->option('plan')) {
            return job_commands::plan($cli, bridge::plan('run_sql', $parameters, $cli->targets()));
        }
        return job_commands::submit($cli, 'run_sql', $parameters, $cli->targets());
    }

    /**
     * Prints what a script gave on one tenant.
     *
     * @param array $output the item's output, empty where there is none
     */
    public static function output(array $output): void {
        foreach ($output['statements'] ?? [] as $statement) {
            if (isset($statement['affected'])) {
                cli::line('  ' . get_string('cliaffected', 'local_vmoodle', $statement));
                continue;
            }
            self::table(array_map(
                static fn(array $row): array => array_combine($statement['columns'], array_map([self::class, 'text'], $row)),
                $statement['rows']
            ));
            if ($statement['truncated']) {
                cli::line('  ' . get_string('clitruncated', 'local_vmoodle', $statement['statement']));
            }
        }
    }

    /**
     * Prints the rows of all tenants of a job as CSV.
     *
     * @param array $job the job
     */
    public static function csv(array $job): void {
        foreach (self::lines($job) as $line) {
            self::put($line);
        }
        foreach ($job['items'] as $item) {
            if ((string)$item['error'] !== '') {
                cli::note(get_string('clitenanterror', 'local_vmoodle', ['host' => $item['wwwroot'], 'error' => $item['error']]));
            }
        }
    }

    /**
     * The rows of all tenants of a job, each statement's heading before its first row.
     *
     * @param array $job the job
     * @return \Generator lists of texts
     */
    public static function lines(array $job): \Generator {
        $headings = [];
        foreach ($job['items'] as $item) {
            foreach ($item['output']['statements'] ?? [] as $statement) {
                $number = $statement['statement'];
                $columns = $statement['columns'] ?? ['affected'];
                foreach ($statement['rows'] ?? [[$statement['affected']]] as $row) {
                    $headings[$number] ??= null;
                    $row = array_combine($columns, $row);
                    yield from self::row(['tenant' => $item['wwwroot'], 'statement' => $number] + $row, $headings[$number]);
                }
            }
        }
    }

    /**
     * A row as a line, and its heading before the first.
     *
     * @param array $row value by column
     * @param string[]|null $heading the columns, null before the first row
     * @return array[] lists of texts
     */
    private static function row(array $row, ?array &$heading): array {
        $lines = [];
        if ($heading === null) {
            $heading = array_keys($row);
            $lines[] = $heading;
        }
        // Another version of Moodle may have other columns.
        $lines[] = array_map(static fn(string $column): string => self::text($row[$column] ?? null), $heading);
        return $lines;
    }

    /**
     * Prints a line of a CSV.
     *
     * @param string[] $line texts
     */
    private static function put(array $line): void {
        self::$csv ??= fopen('php://stdout', 'w');
        fputcsv(self::$csv, $line, ',', '"', '');
    }

    /**
     * Prints rows as a table.
     *
     * @param array[] $rows text by column
     */
    private static function table(array $rows): void {
        if ($rows) {
            $columns = array_keys(array_merge(...array_values($rows)));
            cli::table(array_combine($columns, $columns), $rows);
        }
    }

    /**
     * The statements, from --sql or from a file; - is standard input.
     *
     * @param cli $cli options sql, file
     * @return string SQL
     */
    private static function script(cli $cli): string {
        $file = $cli->option('file');
        if ($file === null) {
            $sql = (string)$cli->option('sql');
        } else {
            $sql = $file === '-' ? stream_get_contents(STDIN) : (is_readable($file) ? file_get_contents($file) : '');
        }
        if (trim($sql) === '') {
            throw new \moodle_exception('clinosql', 'local_vmoodle');
        }
        return $sql;
    }

    /**
     * The values that the statements ask for.
     *
     * @param cli $cli option values
     * @return array by name
     */
    private static function values(cli $cli): array {
        $values = json_decode($cli->option('values'), true);
        if (!is_array($values)) {
            throw new \moodle_exception('clibadvalue', 'local_vmoodle', '', '--values');
        }
        return $values;
    }

    /**
     * A value as text.
     *
     * @param mixed $value any JSON value
     * @return string empty for null
     */
    private static function text($value): string {
        return is_scalar($value) && !is_bool($value) ? (string)$value : ($value === null ? '' : json_encode($value));
    }
}
