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
 * The facts of tenants on the command line: the script cli/status.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class status_commands {
    /** @var string[] facts that are shown as they are, in the table's order. */
    private const PLAIN = ['users', 'activeusers', 'courses', 'duetasks', 'failingtasks'];

    /** @var string[] facts that only a collection of sizes brings. */
    private const SIZES = ['databaseoctets', 'fileoctets'];

    /**
     * The script cli/status.php.
     *
     * @param cli $cli options targets, refresh, sizes, json
     * @return int exit code, PARTLY where a tenant does not answer
     */
    public static function main(cli $cli): int {
        $targets = $cli->targets();
        if ($cli->option('refresh')) {
            $parameters = ['sizes' => (bool)$cli->option('sizes')];
            job_commands::work(bridge::job_submit('tenant_status', $parameters, $targets ?: ['any']));
        }
        $tenants = bridge::status($targets);
        $cli->result($tenants, static function (array $tenants) use ($cli): void {
            $columns = array_merge(['tenant', 'state', 'release', 'pending'], self::PLAIN, ['lastcron']);
            $columns = array_merge($columns, $cli->option('sizes') ? [...self::SIZES, 'diskfree'] : [], ['collected']);
            $headings = [];
            foreach ($columns as $column) {
                $headings[$column] = get_string("statuscolumn_$column", 'local_vmoodle');
            }
            cli::table($headings, array_map([self::class, 'row'], $tenants));
        });
        $silent = static fn(array $tenant): bool => ($tenant['facts']['reachable']['value'] ?? '1') === '0';
        return array_filter($tenants, $silent) ? cli::PARTLY : cli::DONE;
    }

    /**
     * A tenant as a row of the table.
     *
     * @param array $tenant tenant, state and facts
     * @return string[] cells by column
     */
    private static function row(array $tenant): array {
        $facts = $tenant['facts'];
        $value = static fn(string $fact): ?string => $facts[$fact]['value'] ?? null;
        $row = ['tenant' => $tenant['tenant'], 'state' => $tenant['state'], 'release' => $value('release') ?? '-'];
        foreach (self::PLAIN as $fact) {
            $row[$fact] = $value($fact) ?? '-';
        }
        $row['pending'] = ['1' => get_string('yes'), '0' => get_string('no')][$value('pending') ?? ''] ?? '-';
        $row['lastcron'] = $value('lastcron') === null ? '-' : self::age(time() - (int)$value('lastcron'));
        foreach (self::SIZES as $fact) {
            $row[$fact] = $value($fact) === null ? '-'
                : display_size((int)$value($fact)) . ' (' . self::age($facts[$fact]['age']) . ')';
        }
        $row['diskfree'] = $value('diskfree') === null ? '-' : display_size((int)$value('diskfree'));
        $row['collected'] = isset($facts['reachable']) ? self::age($facts['reachable']['age']) : '-';
        if ($value('reachable') === '0') {
            $row['collected'] .= '  ' . get_string('clierror', 'local_vmoodle', $value('error'));
        }
        return $row;
    }

    /**
     * How long ago something was.
     *
     * @param int $seconds since then
     * @return string in words
     */
    public static function age(int $seconds): string {
        return get_string('statusago', 'local_vmoodle', format_time(max(1, $seconds)));
    }
}
