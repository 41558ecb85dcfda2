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
 * Roles and role sheets from the command line: the script cli/roles.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class role_commands {
    /** @var string[] columns of the list of sheets. */
    private const COLUMNS = ['name', 'role', 'source', 'timemodified'];

    /** @var int how many tenants a line of the table names. */
    private const NAMED = 5;

    /**
     * Compares roles, or does what else is asked for.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        $asked = array_filter(['sheets', 'import', 'export', 'remove-sheet'], static fn(string $name) => (bool)$cli->option($name));
        if ($cli->option('save') !== null && $cli->option('import') === null) {
            $asked[] = 'save';
        }
        if (count($asked) + (int)$cli->option('compare') > 1) {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        return match (reset($asked)) {
            'sheets' => self::list($cli),
            'save' => self::say($cli, 'sheetsaved', bridge::sheet_save(
                $cli->option('save'),
                self::needed($cli, 'tenant'),
                self::needed($cli, 'role')
            )),
            'import' => self::say($cli, 'sheetsaved', bridge::sheet_import(
                self::needed($cli, 'save'),
                $cli->contents('import')
            )),
            'export' => self::export($cli),
            'remove-sheet' => self::say($cli, 'sheetremoved', bridge::sheet_remove($cli->option('remove-sheet'))),
            false => self::compare($cli, $cli->targets(), array_filter([
                'role' => $cli->option('role'),
                'component' => $cli->option('component'),
                'differences' => $cli->option('differences'),
                'concurrency' => $cli->option('concurrency'),
            ])),
        };
    }

    /**
     * Compares the roles of the chosen tenants and prints what was found.
     *
     * @param cli $cli options csv, json
     * @param string[] $targets selectors
     * @param array $filter as bridge::role_compare() takes it
     * @return int exit code, PARTLY where a tenant could not be read
     */
    public static function compare(cli $cli, array $targets, array $filter): int {
        $found = bridge::role_compare($targets, $filter);
        if ($cli->option('csv')) {
            foreach (self::matrix($found) as $line) {
                fputcsv(STDOUT, $line, ',', '"', '');
            }
        } else {
            $cli->result($found, static function (array $found): void {
                $headings = [];
                foreach (['role', 'part', 'name', 'majority', 'odd'] as $column) {
                    $headings[$column] = get_string('rolecolumn_' . $column, 'local_vmoodle');
                }
                cli::table($headings, self::rows($found));
            });
        }
        foreach ($cli->option('json') ? [] : $found['failed'] as $failed) {
            cli::note(get_string('cliwarning', 'local_vmoodle', $failed['error']));
        }
        return $found['failed'] ? cli::PARTLY : cli::DONE;
    }

    /**
     * A comparison as lines for a person.
     *
     * @param array $found as bridge::role_compare() gives it
     * @return array[] role, part, name, majority, odd
     */
    public static function rows(array $found): array {
        $rows = [];
        foreach ($found['roles'] as $role) {
            if ($role['missing']) {
                $norole = get_string('rolemissing', 'local_vmoodle');
                $rows[] = ['role' => $role['role'], 'odd' => $norole . ': ' . self::names($role['missing'])];
            }
            foreach ($role['rows'] as $row) {
                $odd = [];
                foreach ($row['odd'] as $tenant => $value) {
                    $odd[$value][] = $tenant;
                }
                foreach ($odd as $value => $tenants) {
                    $odd[$value] = self::short($value) . ': ' . self::names($tenants);
                }
                $rows[] = [
                    'role' => $role['role'], 'part' => $row['part'], 'name' => $row['name'],
                    'majority' => self::short($row['majority']), 'odd' => implode('; ', $odd),
                ];
            }
        }
        return $rows;
    }

    /**
     * A comparison as a matrix: a column for each tenant.
     *
     * @param array $found as bridge::role_compare() gives it
     * @return array[] lists of texts, the first one the headings
     */
    public static function matrix(array $found): array {
        $lines = [array_merge(['role', 'part', 'name', 'component', 'majority'], $found['tenants'])];
        foreach ($found['roles'] as $role) {
            $missing = array_flip($role['missing']);
            foreach ($role['rows'] as $row) {
                $line = [$role['role'], $row['part'], $row['name'], $row['component'], $row['majority']];
                foreach ($found['tenants'] as $tenant) {
                    $line[] = isset($missing[$tenant]) ? 'norole' : $row['odd'][$tenant] ?? $row['majority'];
                }
                $lines[] = spreadsheet::safe($line);
            }
        }
        return $lines;
    }

    /**
     * Lists the sheets.
     *
     * @param cli $cli option json
     * @return int exit code
     */
    private static function list(cli $cli): int {
        $cli->result(bridge::sheets(), static function (array $sheets): void {
            $headings = [];
            foreach (self::COLUMNS as $column) {
                $headings[$column] = get_string('sheetcolumn_' . $column, 'local_vmoodle');
            }
            cli::table($headings, array_map(static function (array $sheet): array {
                $sheet['timemodified'] = userdate($sheet['timemodified'], '%Y-%m-%d %H:%M:%S');
                return $sheet;
            }, $sheets));
        });
        return cli::DONE;
    }

    /**
     * Prints a sheet as XML.
     *
     * @param cli $cli options export, role
     * @return int exit code
     */
    private static function export(cli $cli): int {
        fwrite(STDOUT, bridge::sheet_export($cli->option('export'), $cli->option('role')));
        return cli::DONE;
    }

    /**
     * Prints that something was done.
     *
     * @param cli $cli option json
     * @param string $string key of the sentence
     * @param array $sheet what it was done to
     * @return int exit code
     */
    private static function say(cli $cli, string $string, array $sheet): int {
        $cli->result($sheet, static fn() => cli::line(get_string($string, 'local_vmoodle', $sheet)));
        return cli::DONE;
    }

    /**
     * An option that what is asked for cannot do without.
     *
     * @param cli $cli the options
     * @param string $name the option's name
     * @return string its value
     */
    private static function needed(cli $cli, string $name): string {
        $value = (string)$cli->option($name);
        if ($value === '') {
            throw new \moodle_exception('climissing', 'local_vmoodle', '', "--$name");
        }
        return $value;
    }

    /**
     * The first of many tenants.
     *
     * @param string[] $tenants addresses
     * @return string on one line
     */
    private static function names(array $tenants): string {
        $more = count($tenants) - self::NAMED;
        return implode(', ', array_slice($tenants, 0, self::NAMED)) . ($more > 0 ? ", +$more" : '');
    }

    /**
     * A value for a table.
     *
     * @param string $value any text
     * @return string at most 40 characters, on one line
     */
    private static function short(string $value): string {
        $value = preg_replace('/\s+/u', ' ', $value) ?? '';
        return \core_text::strlen($value) > 40 ? \core_text::substr($value, 0, 39) . '…' : $value;
    }
}
