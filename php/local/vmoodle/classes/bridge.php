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

namespace local_vmoodle;

use local_vmoodle\local\webscripts;

/**
 * The way to the native extension, and the only class that names it: casts values, turns native exceptions into Moodle's.
 *
 * The native functions refuse a number that comes as text, and everything that comes from a form or a command line is text.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class bridge {
    /** @var string[] keys of rows and filters that are whole numbers, or null where nothing is given. */
    private const INTEGERS = ['connections', 'limit', 'mnet', 'offset', 'port', 'sortorder', 'vdbport', 'weight'];

    /** @var string[] keys of rows that are yes or no. */
    private const BOOLEANS = ['allowshared', 'enabled', 'vdbpersist'];

    /**
     * Whether the extension is loaded in this PHP.
     *
     * @return bool false where no native function can be called
     */
    public static function is_available(): bool {
        return function_exists('\Vmoodle\boot');
    }

    /**
     * Whether the native boot ran in this process.
     *
     * @return bool false where config.php does not require boot.php, and under PHPUnit and Behat, which boot leaves alone
     *              unless a test boots a farm of its own
     */
    public static function is_booted(): bool {
        try {
            // There is no cheaper question that every site may ask; it takes a microsecond.
            self::resolve('localhost');
            return true;
        } catch (native_exception $exception) {
            return !in_array($exception->reason, ['extension_missing', 'not_booted'], true);
        }
    }

    /**
     * Whether this process serves the control site, from which the farm is administered.
     *
     * @return bool false on a tenant, and false where boot did not run
     */
    public static function is_control_site(): bool {
        return self::is_booted() && self::current() === null;
    }

    /**
     * Stops what may only run on the control site.
     *
     * @throws native_exception on a tenant, where boot did not run, and without the extension
     */
    public static function require_control_site(): void {
        if (!self::is_available()) {
            throw native_exception::missing();
        }
        if (!self::is_booted()) {
            throw new native_exception('not_booted', get_string('hookmissing', 'local_vmoodle'));
        }
        if (self::is_tenant()) {
            throw native_exception::not_control_site();
        }
    }

    /**
     * Whether this process serves a tenant, where the plugin does nothing.
     *
     * @return bool false on the control site, and false where boot did not run
     */
    public static function is_tenant(): bool {
        return self::is_booted() && self::current() !== null;
    }

    /**
     * The extension's version.
     *
     * @return string|null null where it is not loaded
     */
    public static function version(): ?string {
        return phpversion('vmoodle') ?: null;
    }

    /**
     * The tenant of this process.
     *
     * @return array|null its public facts, null on the control site
     */
    public static function current(): ?array {
        return self::call(static fn() => \Vmoodle\current());
    }

    /**
     * What boot would decide for a host.
     *
     * @param string $host as in the Host header
     * @param array $server further entries of $_SERVER that count
     * @return array outcome, key, tenant, location, status
     */
    public static function resolve(string $host, array $server = []): array {
        return self::call(static fn() => \Vmoodle\resolve($host, $server));
    }

    /**
     * Rows of the registry, without passwords.
     *
     * @param array $filter targets (list of selectors), state, search, limit, offset
     * @return array list of rows
     */
    public static function tenants(array $filter = []): array {
        return self::call(static fn() => \Vmoodle\tenants(self::cast($filter)));
    }

    /**
     * One row of the registry.
     *
     * @param string $wwwroot the tenant's address or host
     * @return array the row, without password
     */
    public static function tenant(string $wwwroot): array {
        return self::call(static fn() => \Vmoodle\tenant($wwwroot));
    }

    /**
     * Adds a tenant to the registry and republishes.
     *
     * @param array $row values by column name
     * @return array the new row
     */
    public static function tenant_add(array $row): array {
        return self::call(static fn() => \Vmoodle\tenant_add(self::cast($row)));
    }

    /**
     * Changes a tenant's row and republishes.
     *
     * @param string $wwwroot the tenant's address or host
     * @param array $changes new values by column name
     * @return array the row as it is now
     */
    public static function tenant_update(string $wwwroot, array $changes): array {
        return self::call(static fn() => \Vmoodle\tenant_update($wwwroot, self::cast($changes)));
    }

    /**
     * Takes a tenant out of the registry and republishes; its database and files stay.
     *
     * @param string $wwwroot the tenant's address or host
     * @return array the row that was removed
     */
    public static function tenant_remove(string $wwwroot): array {
        return self::call(static fn() => \Vmoodle\tenant_remove($wwwroot));
    }

    /**
     * Tries whether a tenant could serve.
     *
     * @param array $row values by column name, in the registry or not
     * @return array list of check, status (ok, warning, error, skipped), detail, hint
     */
    public static function tenant_check(array $row): array {
        return self::call(static fn() => \Vmoodle\tenant_check(self::cast($row)));
    }

    /**
     * Adds an alias and republishes.
     *
     * @param string $host host name, or *. and a domain
     * @param string $tenant address or host of the tenant
     * @return array the alias
     */
    public static function alias_add(string $host, string $tenant): array {
        return self::call(static fn() => \Vmoodle\alias_add($host, $tenant));
    }

    /**
     * Changes an alias and republishes.
     *
     * @param string $host the alias
     * @param array $changes host, tenant
     * @return array the alias as it is now
     */
    public static function alias_update(string $host, array $changes): array {
        return self::call(static fn() => \Vmoodle\alias_update($host, self::cast($changes)));
    }

    /**
     * Removes an alias and republishes.
     *
     * @param string $host the alias
     * @return array the alias that was removed
     */
    public static function alias_remove(string $host): array {
        return self::call(static fn() => \Vmoodle\alias_remove($host));
    }

    /**
     * Adds a policy and republishes.
     *
     * @param array $row values by column name
     * @return array the policy
     */
    public static function policy_add(array $row): array {
        return self::call(static fn() => \Vmoodle\policy_add(self::cast($row)));
    }

    /**
     * Changes a policy and republishes.
     *
     * @param string $name the policy
     * @param array $changes new values by column name
     * @return array the policy as it is now
     */
    public static function policy_update(string $name, array $changes): array {
        return self::call(static fn() => \Vmoodle\policy_update($name, self::cast($changes)));
    }

    /**
     * Removes a policy and republishes.
     *
     * @param string $name the policy
     * @return array the policy that was removed
     */
    public static function policy_remove(string $name): array {
        return self::call(static fn() => \Vmoodle\policy_remove($name));
    }

    /**
     * Adds a database server.
     *
     * @param array $row values by column name
     * @return array the server, without password
     */
    public static function server_add(array $row): array {
        return self::call(static fn() => \Vmoodle\server_add(self::cast($row)));
    }

    /**
     * Changes a database server.
     *
     * @param string $name the server
     * @param array $changes new values by column name
     * @return array the server as it is now, without password
     */
    public static function server_update(string $name, array $changes): array {
        return self::call(static fn() => \Vmoodle\server_update($name, self::cast($changes)));
    }

    /**
     * Removes a database server from the list; the server itself is not touched.
     *
     * @param string $name the server
     * @return array the server that was removed
     */
    public static function server_remove(string $name): array {
        return self::call(static fn() => \Vmoodle\server_remove($name));
    }

    /**
     * Compiles the registry to the index that every request reads.
     *
     * @return array generation, tenants, aliases, bytes, path, warnings
     */
    public static function publish(): array {
        return self::call(static fn() => \Vmoodle\publish());
    }

    /**
     * Brings this node's index up to the registry's generation.
     *
     * @return array as publish(), and changed
     */
    public static function index_refresh(): array {
        return self::call(static fn() => \Vmoodle\index_refresh());
    }

    /**
     * How the index of this node is.
     *
     * @return array path, state, generation, tenants, bytes, published (epoch or null), message
     */
    public static function index_status(): array {
        return self::call(static fn() => \Vmoodle\index_status());
    }

    /**
     * Makes a key file for the passwords of the registry.
     *
     * @param string $path absolute, outside the code and every dataroot
     * @return array path
     */
    public static function key_create(string $path): array {
        return self::call(static fn() => \Vmoodle\key_create($path));
    }

    /**
     * Puts a new key above those of the key file, and seals every password again.
     *
     * @return array as publish()
     */
    public static function key_renew(): array {
        return self::call(static fn() => \Vmoodle\key_renew());
    }

    /**
     * Every operation's description.
     *
     * @return array list of name, parameters, dangerous, harmless, idempotent, undoable, makes
     */
    public static function operations(): array {
        return self::call(static fn() => \Vmoodle\operations());
    }

    /**
     * For each tenant the changes that a run would make.
     *
     * @param string $operation its name
     * @param array $parameters its parameters by name, as text or typed
     * @param string[] $targets selectors
     * @return array list of tenant, changes, and errorcode and error where it would fail
     */
    public static function plan(string $operation, array $parameters, array $targets): array {
        webscripts::require_listed($operation, $parameters);
        return self::call(static fn() => \Vmoodle\plan($operation, $parameters, $targets));
    }

    /**
     * Writes a job down; it does nothing until it is run.
     *
     * @param string $operation its name
     * @param array $parameters its parameters by name, as text or typed
     * @param string[] $targets selectors
     * @param array $options concurrency, on_error (continue, or a number as text or typed), waves, confirm, delay and spread
     *     (minutes)
     * @return int the job's number
     */
    public static function job_submit(string $operation, array $parameters, array $targets, array $options = []): int {
        global $USER;
        webscripts::require_listed($operation, $parameters);
        $options += ['userid' => (int)($USER->id ?? 0)];
        if (ctype_digit((string)($options['on_error'] ?? ''))) {
            $options['on_error'] = (int)$options['on_error'];
        }
        return self::call(static fn() => \Vmoodle\job_submit($operation, $parameters, $targets, $options));
    }

    /**
     * Runs or resumes a job: in a task or on the command line, never in a web request.
     *
     * @param int $job its number
     * @param callable|null $progress hears how many items are in each state
     * @return array number of items by state
     */
    public static function job_run(int $job, ?callable $progress = null): array {
        return self::call(static fn() => \Vmoodle\job_run($job, $progress));
    }

    /**
     * Runs the crons of the tenants that have due work: on the command line, never in a web request.
     *
     * @param array $options targets, control, plan, daemon, interval, concurrency, per_server, time_limit, grace, codehash
     * @param callable|null $progress hears each event; false ends the run
     * @return array counts, lateness and, for a single round, items
     */
    public static function cron(array $options, ?callable $progress = null): array {
        return self::call(static fn() => \Vmoodle\cron(self::cast($options), $progress));
    }

    /**
     * Asks one read-only SELECT of many tenants.
     *
     * @param string $sql one statement with {table} and [[?name]]
     * @param array $parameters values by name, with their types
     * @param string[] $targets selectors
     * @param array $options row_limit, time_limit, size_limit, allow
     * @param callable|null $row hears each row as it comes; false ends the question
     * @return array rows (host first; none where $row heard them), errors, truncated, answered, failed
     */
    public static function query(
        string $sql,
        array $parameters,
        array $targets,
        array $options = [],
        ?callable $row = null
    ): array {
        return self::call(static fn() => \Vmoodle\query($sql, $parameters, $targets, $options, $row));
    }

    /**
     * A job with its items.
     *
     * @param int $job its number
     * @return array its columns, counts, items
     */
    public static function job(int $job): array {
        return self::call(static fn() => \Vmoodle\job($job));
    }

    /**
     * A job without its items, whatever their number.
     *
     * @param int $job its number
     * @return array its columns, counts, untold
     */
    public static function job_summary(int $job): array {
        // What is not there is said by the other one.
        return self::jobs(['id' => $job])[0] ?? self::job($job);
    }

    /**
     * The jobs, the newest first.
     *
     * @param array $filter operation, status, limit, id
     * @return array list of jobs with their counts
     */
    public static function jobs(array $filter = []): array {
        return self::call(static fn() => \Vmoodle\jobs(self::cast($filter)));
    }

    /**
     * Tells the new passwords that a job has made, and forgets them.
     *
     * @param int $job its number
     * @return array password by the address of the site; none where somebody was told them before
     */
    public static function job_passwords(int $job): array {
        return self::call(static fn() => \Vmoodle\job_passwords($job));
    }

    /**
     * Stops a job.
     *
     * @param int $job its number
     * @return array the job
     */
    public static function job_cancel(int $job): array {
        return self::call(static fn() => \Vmoodle\job_cancel($job));
    }

    /**
     * A new job over what a job did not do.
     *
     * @param int $job its number
     * @return int the new job's number
     */
    public static function job_retry(int $job): int {
        webscripts::require_listed_job($job);
        return self::call(static fn() => \Vmoodle\job_retry($job));
    }

    /**
     * A new job that puts back what a job changed.
     *
     * @param int $job its number
     * @return int the new job's number
     */
    public static function job_undo(int $job): int {
        return self::call(static fn() => \Vmoodle\job_undo($job));
    }

    /**
     * Removes old jobs from the journal; those stay that a tenant still needs.
     *
     * @param int $age in seconds since their end, a day at least
     * @return int how many went
     */
    public static function jobs_purge(int $age): int {
        return self::call(static fn() => \Vmoodle\jobs_purge($age));
    }

    /**
     * The facts that were collected of tenants.
     *
     * @param string[] $targets selectors, none for all tenants
     * @return array list of tenant, state, and facts by name with value, collected and age
     */
    public static function status(array $targets = []): array {
        return self::call(static fn() => \Vmoodle\status($targets));
    }

    /**
     * The plugins of many tenants side by side.
     *
     * @param string[] $targets selectors
     * @param array $filter types, plugins: lists of names
     * @return array tenants, and plugins with plugin, code, newest, value, alike, odd
     */
    public static function plugin_compare(array $targets, array $filter = []): array {
        return self::call(static fn() => \Vmoodle\plugin_compare($targets, self::cast($filter)));
    }

    /**
     * Settings of many tenants side by side, secrets masked.
     *
     * @param string[] $targets selectors
     * @param string[] $names settings: theme, auth_manual/expiration, auth_manual/*
     * @return array tenants, and settings with name, value, alike, odd
     */
    public static function config_compare(array $targets, array $names): array {
        return self::call(static fn() => \Vmoodle\config_compare($targets, $names));
    }

    /**
     * What differs from the description of a fleet.
     *
     * @param string $contents YAML or JSON
     * @param string $folder where presets stand that it names
     * @return array tenants (tenant, changes, errors, digest), meant, drift, failed, overlaps, idle
     */
    public static function fleet_plan(string $contents, string $folder): array {
        return self::call(static fn() => \Vmoodle\fleet_plan($contents, $folder));
    }

    /**
     * Writes down the jobs that make tenants as the description of a fleet says; runs nothing.
     *
     * @param string $contents YAML or JSON
     * @param string $folder where presets stand that it names
     * @param array $options shown (digests by tenant of the plan that was shown), concurrency
     * @return array jobs (job, operation, tenants), refused (tenant, errorcode, error), and what fleet_plan() gives
     */
    public static function fleet_apply(string $contents, string $folder, array $options = []): array {
        global $USER;
        $options += ['userid' => (int)($USER->id ?? 0)];
        return self::call(static fn() => \Vmoodle\fleet_apply($contents, $folder, $options));
    }

    /**
     * Reads a file of nodes and checks it whole.
     *
     * @param string $contents CSV or JSON
     * @param array $defaults columns of the registry where a line says nothing
     * @return array nodes, and faults with line, column and message
     */
    public static function nodes(string $contents, array $defaults = []): array {
        return self::call(static fn() => \Vmoodle\nodes($contents, $defaults));
    }

    /**
     * The farm's snapshots, the oldest first.
     *
     * @return array list of facts, or of a problem
     */
    public static function snapshots(): array {
        return self::call(static fn() => \Vmoodle\snapshots());
    }

    /**
     * Checks every octet of a snapshot.
     *
     * @param string $snapshot its number, or a template's name
     * @return array the snapshot
     */
    public static function snapshot_verify(string $snapshot): array {
        return self::call(static fn() => \Vmoodle\snapshot_verify($snapshot));
    }

    /**
     * Checks every octet of a snapshot and reads its database into one of its own, which is dropped again.
     *
     * @param string $snapshot its number, or a template's name
     * @param string $server name of the database server; empty for the first that fits
     * @return array the snapshot, with server, tables and rows
     */
    public static function snapshot_trial(string $snapshot, string $server = ''): array {
        return self::call(static fn() => \Vmoodle\snapshot_trial($snapshot, $server));
    }

    /**
     * Makes a snapshot a template, or takes its name away.
     *
     * @param string $snapshot its number, or the name that it has
     * @param string $name empty takes the name away
     * @return array the snapshot
     */
    public static function snapshot_name(string $snapshot, string $name): array {
        return self::call(static fn() => \Vmoodle\snapshot_name($snapshot, $name));
    }

    /**
     * Brings a template of the original VMoodle onto the shelf.
     *
     * @param string $key its key
     * @param string $server name of the database server on which its dump is tried; empty for the first that fits
     * @return array the snapshot
     */
    public static function snapshot_import(string $key, string $server = ''): array {
        return self::call(static fn() => \Vmoodle\snapshot_import($key, $server));
    }

    /**
     * The keys of the original's templates.
     *
     * @return string[] keys for snapshot_import()
     */
    public static function snapshot_originals(): array {
        return self::call(static fn() => \Vmoodle\snapshot_originals());
    }

    /**
     * Removes what killed runs have left on the shelf and on the servers.
     *
     * @return array trials and files: how many went
     */
    public static function snapshot_sweep(): array {
        return self::call(static fn() => \Vmoodle\snapshot_sweep());
    }

    /**
     * Deletes a snapshot.
     *
     * @param string $snapshot its number, or a template's name
     * @return array the snapshot as it was
     */
    public static function snapshot_delete(string $snapshot): array {
        return self::call(static fn() => \Vmoodle\snapshot_delete($snapshot));
    }

    /**
     * The roles of many tenants side by side.
     *
     * @param string[] $targets selectors
     * @param array $filter role, component, differences, concurrency
     * @return array tenants, failed, and roles with missing and rows
     */
    public static function role_compare(array $targets, array $filter = []): array {
        return self::call(static fn() => \Vmoodle\role_compare($targets, $filter));
    }

    /**
     * Keeps the sheet of a tenant's role.
     *
     * @param string $name the sheet's name
     * @param string $tenant the tenant's address or host
     * @param string $role the role's short name
     * @return array the sheet's row
     */
    public static function sheet_save(string $name, string $tenant, string $role): array {
        return self::call(static fn() => \Vmoodle\sheet_save($name, $tenant, $role));
    }

    /**
     * The role sheets that are kept.
     *
     * @return array list of rows, by name
     */
    public static function sheets(): array {
        return self::call(static fn() => \Vmoodle\sheets());
    }

    /**
     * Removes a role sheet.
     *
     * @param string $name the sheet's name
     * @return array the row that was removed
     */
    public static function sheet_remove(string $name): array {
        return self::call(static fn() => \Vmoodle\sheet_remove($name));
    }

    /**
     * A role sheet as Moodle's own XML preset.
     *
     * @param string $name the sheet's name; with a role, the tenant's address or host
     * @param string|null $role the role's short name
     * @return string XML
     */
    public static function sheet_export(string $name, ?string $role = null): string {
        return self::call(static fn() => \Vmoodle\sheet_export($name, $role));
    }

    /**
     * Keeps an XML preset as a role sheet.
     *
     * @param string $name the sheet's name
     * @param string $xml as Moodle exports it
     * @return array the sheet's row
     */
    public static function sheet_import(string $name, string $xml): array {
        return self::call(static fn() => \Vmoodle\sheet_import($name, $xml));
    }

    /**
     * Every error that the extension knows.
     *
     * @return array blame, retryable and exception by stable code
     */
    public static function error_codes(): array {
        return self::call(static fn() => \Vmoodle\error_codes());
    }

    /**
     * Makes a native call.
     *
     * @param callable $native the call
     * @return mixed what it returns
     * @throws native_exception when the extension is missing or throws
     */
    private static function call(callable $native) {
        if (!self::is_available()) {
            throw native_exception::missing();
        }
        try {
            return $native();
        } catch (\Vmoodle\Exception $exception) {
            throw new native_exception(
                $exception->getReason(),
                $exception->getMessage(),
                $exception->getHint(),
                $exception->getTenant(),
                $exception->isRetryable() ? native_exception::RETRYABLE : native_exception::FINAL
            );
        }
    }

    /**
     * Gives numbers and yes/no values their type.
     *
     * @param array $values text or typed values by name
     * @return array the same, typed
     */
    private static function cast(array $values): array {
        foreach ($values as $key => $value) {
            if ($value === []) {
                // An empty array does not tell whether it is a list or a map; null is the empty one of either.
                $values[$key] = null;
            }
            if (!is_string($value)) {
                continue;
            }
            if (in_array($key, self::INTEGERS, true) && ($value === '' || preg_match('/^-?\d+$/', $value))) {
                $values[$key] = $value === '' ? null : (int)$value;
            } else if (in_array($key, self::BOOLEANS, true)) {
                $values[$key] = filter_var($value, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE) ?? $value;
            }
        }
        return $values;
    }
}
