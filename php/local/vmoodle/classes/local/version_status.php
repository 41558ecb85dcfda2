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
 * Which tenant is at which version, where an upgrade is pending, and how the last one ended: cli/upgrade.php --status.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class version_status {
    /** @var string[] the table's columns. */
    private const COLUMNS = ['tenant', 'state', 'release', 'version', 'pending', 'lastupgrade', 'collected'];

    /**
     * Prints it.
     *
     * @param cli $cli options targets, refresh, json
     * @return int exit code, PARTLY where an upgrade is pending or has not ended well
     */
    public static function show(cli $cli): int {
        $targets = $cli->targets();
        if ($cli->option('refresh')) {
            job_commands::work(bridge::job_submit('tenant_status', [], $targets ?: ['any']));
        }
        $last = self::last_upgrades();
        $tenants = array_map(static function (array $tenant) use ($last): array {
            $value = static fn(string $fact): ?string => $tenant['facts'][$fact]['value'] ?? null;
            return [
                'tenant' => $tenant['tenant'],
                'state' => $tenant['state'],
                'release' => $value('release'),
                'version' => $value('version'),
                'pending' => $value('pending') === null ? null : $value('pending') === '1',
                'collected' => $tenant['facts']['version']['collected'] ?? null,
                'lastupgrade' => $last[$tenant['tenant']] ?? null,
            ];
        }, bridge::status($targets));
        $versions = array_count_values(array_map(static fn(array $tenant): string => $tenant['version'] ?? '-', $tenants));
        krsort($versions);
        $cli->result(['versions' => $versions, 'tenants' => $tenants], [self::class, 'print']);
        $open = static fn(array $tenant): bool => $tenant['pending'] ||
            in_array($tenant['lastupgrade']['status'] ?? 'done', ['failed', 'unknown'], true);
        return array_filter($tenants, $open) ? cli::PARTLY : cli::DONE;
    }

    /**
     * Prints it for people.
     *
     * @param array $result versions and tenants
     */
    public static function print(array $result): void {
        foreach ($result['versions'] as $version => $count) {
            cli::line("$version: $count");
        }
        $headings = [];
        foreach (self::COLUMNS as $column) {
            $headings[$column] = get_string("statuscolumn_$column", 'local_vmoodle');
        }
        cli::table($headings, array_map(static function (array $tenant): array {
            $last = $tenant['lastupgrade'];
            $tenant['lastupgrade'] = $last === null ? null :
                get_string('state_' . $last['status'], 'local_vmoodle') . ' ' . status_commands::age(time() - $last['time']);
            $tenant['pending'] = [null => null, 1 => get_string('yes'), 0 => get_string('no')][$tenant['pending']];
            $tenant['collected'] = $tenant['collected'] === null ? null : status_commands::age(time() - $tenant['collected']);
            return array_map(static fn(?string $cell): string => $cell ?? '-', $tenant);
        }, $result['tenants']));
    }

    /**
     * How the last upgrade of each tenant ended, where there was something to do.
     *
     * @return array[] status, time, job and error by address
     */
    private static function last_upgrades(): array {
        global $DB;
        $sql = "SELECT i.id, i.wwwroot, i.status, i.timefinished, i.jobid, i.error
                  FROM {local_vmoodle_item} i
                  JOIN (SELECT MAX(last.id) AS id
                          FROM {local_vmoodle_item} last
                          JOIN {local_vmoodle_job} j ON j.id = last.jobid
                         WHERE j.operation = 'upgrade' AND last.status IN ('done', 'failed', 'unknown')
                      GROUP BY last.tenantid) ended ON ended.id = i.id";
        $upgrades = [];
        foreach ($DB->get_records_sql($sql) as $item) {
            $upgrades[$item->wwwroot] = ['status' => $item->status, 'time' => (int)$item->timefinished,
                'job' => (int)$item->jobid, 'error' => $item->error];
        }
        return $upgrades;
    }
}
