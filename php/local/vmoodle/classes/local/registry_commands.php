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
 * Reads and changes the registry from the command line: the script cli/tenants.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class registry_commands {
    /** @var string[] columns of the list. */
    private const COLUMNS = ['vhostname', 'name', 'state', 'vdbtype', 'vdbname', 'tags'];

    /** @var array action by the option that asks for it; the list is what happens without any. */
    private const ACTIONS = [
        'add' => 'add',
        'update' => 'update',
        'remove' => 'remove',
        'check' => 'check',
        'aliases' => 'aliases',
        'alias-add' => 'alias_add',
        'alias-remove' => 'alias_remove',
    ];

    /**
     * Does what the options ask for.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        $given = static fn(string $option): bool => !in_array($cli->option($option), [null, false], true);
        $asked = array_filter(array_keys(self::ACTIONS), $given);
        if (count($asked) + (int)$cli->option('list') > 1) {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        $action = $asked ? self::ACTIONS[reset($asked)] : 'list';
        return self::$action($cli);
    }

    /**
     * Lists tenants.
     *
     * @param cli $cli options targets, state, search, limit, offset
     * @return int exit code
     */
    private static function list(cli $cli): int {
        $filter = ['targets' => $cli->targets()];
        foreach (['state', 'search', 'limit', 'offset'] as $name) {
            $filter[$name] = $cli->option($name);
        }
        $rows = bridge::tenants(array_filter($filter, static fn($value) => $value !== null && $value !== []));
        $cli->result($rows, static function (array $rows): void {
            $headings = [];
            foreach (self::COLUMNS as $column) {
                $headings[$column] = get_string('column_' . $column, 'local_vmoodle');
            }
            cli::table($headings, array_map(static function (array $row): array {
                $row['tags'] = is_array($row['tags'] ?? null) ? implode(',', $row['tags']) : $row['tags'] ?? '';
                return $row;
            }, $rows));
        });
        return cli::DONE;
    }

    /**
     * Adds a tenant.
     *
     * @param cli $cli options set, password-stdin
     * @return int exit code
     */
    private static function add(cli $cli): int {
        $row = bridge::tenant_add(self::given_row($cli));
        return self::say($cli, 'tenantadded', $row, $row['vhostname']);
    }

    /**
     * Changes a tenant.
     *
     * @param cli $cli options update, set, password-stdin
     * @return int exit code
     */
    private static function update(cli $cli): int {
        $row = bridge::tenant_update($cli->option('update'), self::given_row($cli));
        return self::say($cli, 'tenantupdated', $row, $row['vhostname']);
    }

    /**
     * Takes a tenant out of the registry.
     *
     * @param cli $cli option remove
     * @return int exit code
     */
    private static function remove(cli $cli): int {
        $row = bridge::tenant_remove($cli->option('remove'));
        return self::say($cli, 'tenantremoved', $row, $row['vhostname'] ?? $cli->option('remove'));
    }

    /**
     * Checks a tenant of the registry, or with an empty --check= one that is only described by --set.
     *
     * @param cli $cli options check, set, password-stdin
     * @return int exit code, FAILED when a check is an error
     */
    private static function check(cli $cli): int {
        $wwwroot = $cli->option('check');
        $row = self::given_row($cli) + ($wwwroot === '' ? [] : bridge::tenant($wwwroot));
        $checks = bridge::tenant_check($row);
        $cli->result($checks, static function (array $checks): void {
            foreach ($checks as $check) {
                cli::line(sprintf('%-8s %s: %s', $check['status'], $check['check'], $check['detail']));
                if ((string)($check['hint'] ?? '') !== '') {
                    cli::line('         ' . get_string('clihint', 'local_vmoodle', $check['hint']));
                }
            }
        });
        return in_array('error', array_column($checks, 'status'), true) ? cli::FAILED : cli::DONE;
    }

    /**
     * Lists aliases.
     *
     * @param cli $cli option json
     * @return int exit code
     */
    private static function aliases(cli $cli): int {
        global $DB;
        $aliases = $DB->get_records_sql('SELECT a.id, a.host, t.vhostname AS tenant
                                           FROM {local_vmoodle_alias} a
                                           JOIN {local_vmoodle} t ON t.id = a.tenantid
                                       ORDER BY a.host');
        $rows = array_map(static fn($alias) => ['host' => $alias->host, 'tenant' => $alias->tenant], array_values($aliases));
        $cli->result($rows, static function (array $rows): void {
            $headings = [
                'host' => get_string('column_alias', 'local_vmoodle'),
                'tenant' => get_string('column_vhostname', 'local_vmoodle'),
            ];
            cli::table($headings, $rows);
        });
        return cli::DONE;
    }

    /**
     * Adds an alias.
     *
     * @param cli $cli options alias-add, tenant
     * @return int exit code
     */
    private static function alias_add(cli $cli): int {
        if ((string)$cli->option('tenant') === '') {
            throw new \moodle_exception('clialiastenant', 'local_vmoodle');
        }
        $alias = bridge::alias_add($cli->option('alias-add'), $cli->option('tenant'));
        return self::say($cli, 'aliasadded', $alias, $cli->option('alias-add'));
    }

    /**
     * Removes an alias.
     *
     * @param cli $cli option alias-remove
     * @return int exit code
     */
    private static function alias_remove(cli $cli): int {
        $alias = bridge::alias_remove($cli->option('alias-remove'));
        return self::say($cli, 'aliasremoved', $alias, $cli->option('alias-remove'));
    }

    /**
     * The values given with --set, and the password.
     *
     * @param cli $cli options set, password-stdin
     * @return array text by column
     */
    private static function given_row(cli $cli): array {
        $row = $cli->assignments();
        $password = $cli->password();
        return $password === null ? $row : $row + ['vdbpass' => $password];
    }

    /**
     * Prints that something was done.
     *
     * @param cli $cli option json
     * @param string $string key of the sentence
     * @param array $data the result
     * @param string $name what it was done to
     * @return int exit code
     */
    private static function say(cli $cli, string $string, array $data, string $name): int {
        $cli->result($data, static fn() => cli::line(get_string($string, 'local_vmoodle', $name)));
        return cli::DONE;
    }
}
