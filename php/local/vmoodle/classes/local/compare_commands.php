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
use local_vmoodle\local\comparison\plugins;

/**
 * Many tenants side by side on the command line: the script cli/compare.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class compare_commands {
    /** @var string[] what can be compared: the words of --what. */
    private const WHAT = ['config', 'plugins', 'roles'];

    /**
     * Compares, and prints a line for each thing: what most tenants have, and the odd ones out.
     *
     * @param cli $cli its options
     * @return int exit code, PARTLY where a tenant could not be read
     */
    public static function main(cli $cli): int {
        $what = (string)$cli->option('what');
        if (!in_array($what, self::WHAT, true)) {
            throw new \moodle_exception('comparewhat', 'local_vmoodle', '', implode(', ', self::WHAT));
        }
        $filter = array_values(array_filter(array_map('trim', explode(',', (string)$cli->option('filter'))), 'strlen'));
        $targets = $cli->targets() ?: ['all'];
        if ($what === 'roles') {
            return role_commands::compare($cli, $targets, array_filter([
                'role' => $filter,
                'component' => $cli->option('component'),
                'differences' => $cli->option('differences'),
            ]));
        }
        [$tenants, $lines] = $what === 'plugins' ? self::plugins($targets, $filter) : self::config($targets, $filter);
        if ($cli->option('differences')) {
            $lines = array_values(array_filter($lines, static fn(array $line): bool => (bool)$line['odd']));
        }
        $readable = array_column(array_filter($tenants, static fn(array $one): bool => $one['error'] === null), 'wwwroot');
        if ($cli->option('csv')) {
            self::csv($lines, $readable);
        } else {
            $cli->result(['tenants' => $tenants, 'lines' => $lines], static fn() => self::table($lines, $readable));
        }
        $silent = array_filter($tenants, static fn(array $one): bool => $one['error'] !== null);
        foreach ($silent as $tenant) {
            cli::note(get_string('cliwarning', 'local_vmoodle', "{$tenant['wwwroot']}: {$tenant['error']}"));
        }
        return $silent ? cli::PARTLY : cli::DONE;
    }

    /**
     * Compares plugins.
     *
     * @param string[] $targets selectors
     * @param string[] $filter types and full names of plugins, all where empty
     * @return array tenants; lines with name, value, alike, odd
     */
    private static function plugins(array $targets, array $filter): array {
        $full = static fn(string $word): bool => str_contains($word, '_');
        $compared = bridge::plugin_compare($targets, array_filter([
            'types' => array_values(array_filter($filter, static fn(string $word): bool => !$full($word))),
            'plugins' => array_values(array_filter($filter, $full)),
        ]));
        return [$compared['tenants'], array_map(static fn(array $line): array => [
            'name' => $line['plugin'], 'value' => plugins::text($line['value']), 'alike' => $line['alike'],
            'odd' => array_map([plugins::class, 'text'], $line['odd']),
        ], $compared['plugins'])];
    }

    /**
     * Compares settings.
     *
     * @param string[] $targets selectors
     * @param string[] $filter names: theme, auth_manual/expiration, auth_manual/*
     * @return array tenants; lines with name, value, alike, odd
     */
    private static function config(array $targets, array $filter): array {
        $compared = bridge::config_compare($targets, $filter);
        return [$compared['tenants'], $compared['settings']];
    }

    /**
     * Prints lines for a person: what most have, then each odd one.
     *
     * @param array[] $lines name, value, alike, odd
     * @param string[] $tenants addresses of those that were read
     */
    private static function table(array $lines, array $tenants): void {
        $rows = [];
        foreach ($lines as $line) {
            $rows[] = ['name' => $line['name'], 'value' => self::cell($line['value']),
                'tenant' => $line['alike'] . '/' . count($tenants)];
            foreach ($line['odd'] as $tenant => $value) {
                $rows[] = ['name' => '', 'value' => self::cell($value), 'tenant' => $tenant];
            }
        }
        $headings = ['name', 'value', 'tenant'];
        cli::table(array_combine($headings, array_map(
            static fn(string $heading): string => get_string("comparecolumn_$heading", 'local_vmoodle'),
            $headings
        )), $rows);
    }

    /**
     * Prints the whole matrix, a column for each tenant.
     *
     * @param array[] $lines name, value, alike, odd
     * @param string[] $tenants addresses of those that were read
     */
    private static function csv(array $lines, array $tenants): void {
        $put = static fn(array $line) => fputcsv(STDOUT, spreadsheet::safe($line), ',', '"', '');
        $put(array_merge([get_string('comparecolumn_name', 'local_vmoodle')], $tenants));
        foreach ($lines as $line) {
            $cells = array_map(static function (string $tenant) use ($line): string {
                return self::cell(array_key_exists($tenant, $line['odd']) ? $line['odd'][$tenant] : $line['value']);
            }, $tenants);
            $put(array_merge([$line['name']], $cells));
        }
    }

    /**
     * A value as text on one line.
     *
     * @param string|null $value null where it is not there
     * @return string
     */
    private static function cell(?string $value): string {
        return $value === null ? '-' : str_replace(["\r", "\n"], ' ', $value);
    }
}
