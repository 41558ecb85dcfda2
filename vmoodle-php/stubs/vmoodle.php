<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * The manual of the PHP extension `vmoodle`, as a file that editors and static analysers read. It is never loaded by PHP.
 *
 * tests/php holds every name, parameter, type and default below against the loaded extension.
 *
 * What applies everywhere:
 *
 * - Arrays in and out are plain: null, booleans, numbers, UTF-8 texts and arrays of such, at most 16 levels deep. Times are
 *   seconds since 1970, sizes are bytes. A row that a function gives never holds a password, only `haspassword`.
 * - A parameter of another type is a \TypeError, with no juggling: `tenant(5)` is refused, `tenant('#5')` is not.
 * - What fails throws a child of {@see Exception}; `@throws` names its reason, the stable word of `getReason()`. Every
 *   function from {@see tenants()} on may also throw, and does not repeat it below:
 *   - {@see ControlException} `not_booted`: {@see boot()} did not run in this process, or did not succeed;
 *   - {@see ControlException} `not_control_site`: this process serves a tenant, and only the control site pilots the farm;
 *   - {@see ControlException} `control_unreachable`: the control database does not answer (may be tried again);
 *   - {@see ControlException} `registry_missing`: the plugin's tables are not in the control database;
 *   - {@see ControlException} `bad_configuration`, `keyfile_unreadable`: `$CFG->vmoodle`, the database settings of config.php
 *     or the key file cannot be used;
 *   - {@see InternalException} `internal`: a defect of vmoodle.
 * - Every function from {@see tenants()} on connects, works and says goodbye: nothing stays open between two calls. Those
 *   that change what the index holds publish it in the same step, and change nothing when that is not possible, but for
 *   `index_write_failed` ({@see ControlException}, may be tried again: the row is saved, the index is not in place) and
 *   `publish_refused` ({@see ControlException}: the index belongs to another OS user).
 *
 * INI entries (PHP_INI_SYSTEM: php.ini, `php -d`, a pool's `php_admin_value`), all empty unless set. They stand in for what
 * `$CFG->vmoodle`, an array under the same names without `vmoodle.`, leaves out:
 *
 * | entry                     | in `$CFG->vmoodle`           | what it is                                                     |
 * |---------------------------|------------------------------|----------------------------------------------------------------|
 * | `vmoodle.index`           | `index`: text                | absolute path of the index; `<dataroot>/vmoodle/index`         |
 * | `vmoodle.subpaths`        | `subpaths`: bool             | whether paths take part in choosing the tenant; no             |
 * | `vmoodle.trusted_proxies` | `trusted_proxies`: list      | addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-Host`  |
 * |                           | or text, commas between      | and `-Port` count; none                                        |
 * | `vmoodle.dbuser`          | `dbuser`: text               | one database account for all tenants; each has its own         |
 * | none, it would be shown   | `dbpass`: text               | its password                                                   |
 * | `vmoodle.keyfile`         | `keyfile`: text              | absolute path of the key of stored passwords; stored in clear  |
 * | `vmoodle.control`         | `control`: `serve`, `refuse` | whether the control site's own host is served on the web; yes  |
 *
 * {@see boot()} takes `$CFG->vmoodle` away, since it may hold a password. A name that is not in this table is refused.
 *
 * @package   vmoodle
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace Vmoodle;

/**
 * Switches `$cfg` to the site that this request is for. To be called once, by config.php, before lib/setup.php.
 *
 * On the web the host of the request picks the site. On the command line the environment variable `VMOODLE_HOST` does, or
 * the constant `CLI_VMOODLE_OVERRIDE` where a script defines it (`true` means the control site); without either it is the
 * control site, and a name that is empty or unknown is refused, never passed over. The command line boots tenants in any
 * state, and takes an alias for its tenant.
 *
 * In Moodle's own test runs (PHPUnit, Behat) it changes nothing but to take `$CFG->vmoodle` away, and gives null. A test may
 * boot a farm of its own once Moodle is there (`MOODLE_INTERNAL`), with a copy of `$CFG` that has `vmoodle`.
 *
 * ```php
 * $CFG->wwwroot = 'https://farm.example.org'; // And all other settings of the control site.
 * try {
 *     $tenant = \Vmoodle\boot($CFG);          // ['id' => 12, 'wwwroot' => 'https://a.example.org', ...], or null.
 * } catch (\Vmoodle\RefusedException $refusal) {
 *     http_response_code($refusal->getCode()); // 301, 308, 404 or 503; 200 for node_health.
 *     exit;
 * }
 * require_once(__DIR__ . '/lib/setup.php');
 * ```
 *
 * What it sets for a tenant: `dbtype`, `dblibrary`, `dbhost`, `dbname`, `dbuser`, `dbpass`, `prefix`, `dboptions`, `wwwroot`,
 * `dataroot`; `session_redis_prefix`, `session_memcached_prefix`, `sessioncookie`; a folder of its own below `cachedir`,
 * `localcachedir`, `localrequestdir`, `tempdir`, `backuptempdir`, `filedir`, `trashdir`, `lock_file_root` and
 * `session_file_save_path` where the control site sets them; `preventexecpath`, `disableupdateautodeploy`,
 * `uninstallclionly`; `sslproxy` (off) for an http address; the farm's policies, then the tenant's own settings. For every
 * site: `mainwwwroot`, `vmoodleroot`, `vmoodlename`, on a named command line `vhost`, and `alternative_component_cache` while
 * a published one fits the code and neither `CACHE_DISABLE_ALL` nor `IGNORE_COMPONENT_CACHE` is defined. It takes
 * `altcacheconfigpath` away from tenants. A request that is refused leaves `$cfg` as it was, but for `vmoodle`.
 *
 * @param object $cfg `$CFG` as config.php describes the control site; `wwwroot`, `dbname`, `prefix` and `dataroot` are read
 * @return array{id: int, name: string, shortname: string, wwwroot: string, key: string, state: string, mnet: int,
 *     tags: list<string>, cacheprefix: string, generation: int}|null the tenant's public facts; null on the control site.
 *     `key` is the normalised `host[:port][/path]`, `cacheprefix` what its keys in shared stores begin with, `generation`
 *     that of the index
 * @throws RefusedException `host_unknown` (code 404), `tenant_unavailable` (503), `alias_redirect` (301 for GET and HEAD,
 *     else 308, with a location), `index_unreadable` (503), `node_health` (200 or 503: a load balancer's question)
 * @throws ControlException `bad_configuration`, `secret_undecryptable`, `keyfile_unreadable`; the code is 503
 */
function boot(object $cfg): ?array {}

/**
 * The tenant of this request: what {@see boot()} gave.
 *
 * @return array{id: int, name: string, shortname: string, wwwroot: string, key: string, state: string, mnet: int,
 *     tags: list<string>, cacheprefix: string, generation: int}|null null on the control site, before boot, and after a boot
 *     that was refused
 */
function current(): ?array {}

/**
 * What {@see boot()} would decide on the web for a host, without switching.
 *
 * ```php
 * \Vmoodle\resolve('WWW.a.example.org', ['REQUEST_URI' => '/course/?id=2']);
 * // ['outcome' => 'redirect', 'status' => 301, 'key' => 'www.a.example.org',
 * //  'location' => 'https://a.example.org/course/?id=2', 'tenant' => ['id' => 12, ...]]
 * ```
 *
 * @param string $host as in a Host header, any bytes
 * @param array<string, string> $server further entries as in `$_SERVER`: REQUEST_URI, REQUEST_METHOD, REMOTE_ADDR,
 *     HTTP_X_FORWARDED_HOST, HTTP_X_FORWARDED_PORT, and SERVER_NAME, SERVER_PORT for an empty host; others do not count
 * @return array{outcome: string, status: int, key: ?string, location: ?string, tenant: ?array} `outcome` is `tenant`,
 *     `control`, `redirect`, `unavailable`, `unknown` or `health`; `status` the HTTP status a visitor gets; `key` the
 *     normalised `host[:port]`, null where the host is none; `location` is null but for a redirect; `tenant` as boot gives
 *     it, null where none is concerned
 * @throws ControlException `not_booted`: no boot told which farm is meant. A refused one did
 */
function resolve(string $host, array $server = []): array {}

/**
 * Every reason that an exception of this extension may have.
 *
 * @return array<string, array{blame: string, retryable: bool, exception: string}> by reason: who has to act (`caller`,
 *     `tenant`, `control`, `internal`), whether the same call may succeed later, and the exception's class in this namespace
 */
function error_codes(): array {}

/**
 * Rows of the registry, the lowest number first.
 *
 * ```php
 * \Vmoodle\tenants(['targets' => ['*.school.edu', '!net:2'], 'state' => 'enabled', 'limit' => 50]);
 * ```
 *
 * @param array{targets?: string|list<string>, state?: string, search?: string, limit?: int, offset?: int} $filter `targets`
 *     are words combined left to right: `all` (enabled), `any`, an address or host, a glob, `/regex/`, `net:2`, `tag:pilot`,
 *     each with a leading `!` to take away; without them rows in all states are given. `search` looks in name, short name
 *     and address
 * @return list<array<string, mixed>> as {@see tenant()} gives each
 * @throws InvalidException `bad_parameter`
 */
function tenants(array $filter = []): array {}

/**
 * One row of the registry.
 *
 * @param string $wwwroot the tenant's address or host, or `#12` by its number
 * @return array<string, mixed> every column of `local_vmoodle` but the password, by name: texts and integers as they are
 *     stored, `vdboptions` and `settings` as arrays (null where they are no JSON), `tags` as a list; and
 *     `key` (?string), `haspassword` (bool), `state` (`broken` where the row cannot be served, then with `problem`)
 * @throws NotFoundException `tenant_not_found`
 * @throws InvalidException `bad_host`, `bad_wwwroot`
 */
function tenant(string $wwwroot): array {}

/**
 * Adds a tenant and publishes. Its database and files are not made, and not looked at: see {@see tenant_check()}.
 *
 * ```php
 * \Vmoodle\tenant_add([
 *     'vhostname' => 'https://a.example.org',
 *     'vdbname' => 'moodle_a', 'vdblogin' => 'moodle_a', 'vdbpass' => $password,
 *     'vdatapath' => '/var/moodledata/a',
 * ]);
 * ```
 *
 * @param array<string, mixed> $row `vhostname`, `vdbname` and `vdatapath` must be given; `vdblogin` too, where the farm has no
 *     `dbuser`. Else: `name`, `shortname`, `description`, `vdbtype` (mariadb, mysqli, pgsql; as the control site), `vdbhost`
 *     (localhost; `host:port` is taken apart), `vdbport`, `vdbsocket`, `vdbpass`, `vdbprefix` (mdl_), `vdbpersist` (no),
 *     `vdboptions` (array), `mnet` (0), `state` (enabled) or `enabled`, `settings` (array: what it sets in `$CFG`), `tags`
 *     (list), `metadata`, `allowshared` (bool: its database or dataroot may be another tenant's)
 * @return array<string, mixed> the row, as {@see tenant()} gives it
 * @throws InvalidException `bad_parameter`, `bad_host`, `bad_wwwroot`, `bad_identifier`, `bad_setting`
 * @throws ConflictException `host_taken`, `database_taken`, `dataroot_taken`
 */
function tenant_add(array $row): array {}

/**
 * Changes a tenant's row and publishes.
 *
 * @param string $wwwroot as for {@see tenant()}
 * @param array<string, mixed> $changes as for {@see tenant_add()}; what is not given stays as it is
 * @return array<string, mixed> the row as it is now
 * @throws NotFoundException `tenant_not_found`
 * @throws InvalidException `bad_parameter`, `bad_host`, `bad_wwwroot`, `bad_identifier`, `bad_setting`
 * @throws ConflictException `host_taken`, `database_taken`, `dataroot_taken`
 */
function tenant_update(string $wwwroot, array $changes): array {}

/**
 * Takes a tenant and its aliases out of the registry and publishes. Its database and files stay.
 *
 * @param string $wwwroot as for {@see tenant()}
 * @return array<string, mixed> the row as it was
 * @throws NotFoundException `tenant_not_found`
 * @throws InvalidException `bad_host`, `bad_wwwroot`
 */
function tenant_remove(string $wwwroot): array {}

/**
 * Tries whether a tenant could serve. What is wrong is a check's result, not an exception.
 *
 * @param array<string, mixed> $tenant as for {@see tenant_add()}, or a row that {@see tenant()} gave: with its `id` what is
 *     not given comes from the registry, the password above all
 * @return list<array{check: string, status: string, detail: string, hint: ?string}> in the order they were made; `status` is
 *     `ok`, `warning`, `error` or `skipped`
 * @throws NotFoundException `tenant_not_found`: no tenant has the `id`
 */
function tenant_check(array $tenant): array {}

/**
 * Gives a tenant a further host, which answers with a redirect, and publishes.
 *
 * @param string $host `host[:port][/path]`, or `*.example.org` for every name below a domain
 * @param string $tenant the tenant's address or host
 * @return array{id: int, host: string, tenant: ?string, tenantid: int, timecreated: int}
 * @throws NotFoundException `tenant_not_found`
 * @throws InvalidException `bad_host`, `bad_wwwroot`
 * @throws ConflictException `host_taken`
 */
function alias_add(string $host, string $tenant): array {}

/**
 * Changes an alias and publishes.
 *
 * @param string $host the alias as it is
 * @param array{host?: string, tenant?: string} $changes
 * @return array{id: int, host: string, tenant: ?string, tenantid: int, timecreated: int}
 * @throws NotFoundException `alias_not_found`, `tenant_not_found`
 * @throws InvalidException `bad_parameter`, `bad_host`, `bad_wwwroot`
 * @throws ConflictException `host_taken`
 */
function alias_update(string $host, array $changes): array {}

/**
 * Takes an alias away and publishes.
 *
 * @param string $host the alias
 * @return array{id: int, host: string, tenant: ?string, tenantid: int, timecreated: int} as it was
 * @throws NotFoundException `alias_not_found`
 * @throws InvalidException `bad_host`, `bad_wwwroot`
 */
function alias_remove(string $host): array {}

/**
 * Adds a policy, settings that are enforced on tenants, and publishes.
 *
 * @param array<string, mixed> $row `name`, `targets` (words as for {@see tenants()}) and `settings` (array) must be given;
 *     `enabled` (yes), `sortorder` (0: later ones win)
 * @return array{id: int, name: string, targets: list<string>, settings: ?array, enabled: int, sortorder: int,
 *     timecreated: int, timemodified: int}
 * @throws InvalidException `bad_parameter`, `bad_setting`, `bad_identifier`
 * @throws ConflictException `name_taken`
 */
function policy_add(array $row): array {}

/**
 * Changes a policy and publishes.
 *
 * @param string $name the policy's name as it is
 * @param array<string, mixed> $changes as for {@see policy_add()}; what is not given stays
 * @return array{id: int, name: string, targets: list<string>, settings: ?array, enabled: int, sortorder: int,
 *     timecreated: int, timemodified: int}
 * @throws NotFoundException `policy_not_found`
 * @throws InvalidException `bad_parameter`, `bad_setting`, `bad_identifier`
 * @throws ConflictException `name_taken`
 */
function policy_update(string $name, array $changes): array {}

/**
 * Takes a policy away and publishes.
 *
 * @param string $name the policy's name
 * @return array{id: int, name: string, targets: list<string>, settings: ?array, enabled: int, sortorder: int,
 *     timecreated: int, timemodified: int} as it was
 * @throws NotFoundException `policy_not_found`
 */
function policy_remove(string $name): array {}

/**
 * Adds a database server on which tenants may be made. The index holds no servers: nothing is published.
 *
 * @param array<string, mixed> $row `name`, `engine` (mariadb, mysqli, pgsql) and `login` must be given; `host` (localhost),
 *     `port`, `socket`, `password` or `passwordfile` (absolute path), `accounthost`, `connections` (0: no limit), `weight` (1)
 * @return array<string, mixed> its columns by name without the password, and `haspassword` (bool)
 * @throws InvalidException `bad_parameter`
 * @throws ConflictException `name_taken`
 */
function server_add(array $row): array {}

/**
 * Changes a database server.
 *
 * @param string $name its name as it is
 * @param array<string, mixed> $changes as for {@see server_add()}; what is not given stays
 * @return array<string, mixed> as {@see server_add()} gives it
 * @throws NotFoundException `server_not_found`
 * @throws InvalidException `bad_parameter`
 * @throws ConflictException `name_taken`
 */
function server_update(string $name, array $changes): array {}

/**
 * Takes a database server off the list. The server itself is not touched.
 *
 * @param string $name its name
 * @return array<string, mixed> as it was
 * @throws NotFoundException `server_not_found`
 */
function server_remove(string $name): array {}

/**
 * Compiles the registry into the index and puts it in place. An original's rows are upgraded on the way, and stored
 * passwords are sealed where the farm has a key file.
 *
 * @return array{generation: int, tenants: int, aliases: int, bytes: int, path: string, warnings: list<string>} `warnings`
 *     are sentences about rows that could not be taken as they are
 * @throws ControlException `registry_invalid`, `publish_refused`, `index_write_failed`
 */
function publish(): array {}

/**
 * Makes a key file for the passwords of the registry; `$CFG->vmoodle['keyfile']` names it from then on.
 *
 * It belongs to the farm's OS user, mode 0600. The next publish() seals every password with it.
 *
 * @param string $path absolute, outside the code and every dataroot; its folder must be there
 * @return array{path: string}
 * @throws InvalidException `bad_parameter` for another place
 * @throws ControlException `keyfile_unreadable` where there is a file already, or it cannot be written
 */
function key_create(string $path): array {}

/**
 * Puts a new key above those of the key file and publishes, which seals every password again.
 *
 * The older keys stay in the file for indexes that other nodes still have.
 *
 * @return array as {@see publish()}
 * @throws ControlException `bad_configuration` where no key file is set; `keyfile_unreadable`; as publish()
 */
function key_renew(): array {}

/**
 * Brings this node's index up to the registry's generation, which stays as it is: for farms of several nodes.
 *
 * @return array{generation: ?int, tenants: ?int, aliases: ?int, bytes: ?int, path: string, warnings: list<string>,
 *     changed: bool} as {@see publish()}; `aliases` is null where nothing changed
 * @throws ControlException `registry_invalid`, `publish_refused`, `index_write_failed`
 */
function index_refresh(): array {}

/**
 * How this node's index is. Needs no control database.
 *
 * @return array{path: string, state: string, generation: ?int, tenants: ?int, bytes: ?int, published: ?int,
 *     message: ?string} `state` is `good`, `previous` (the one in place is not fit, the one before is served), or, where none
 *     is served, `torn`, `foreign`, `version` or `missing`; `message` is for the operator, null where all is well
 */
function index_status(): array {}

/**
 * Every operation's description, for forms and help.
 *
 * @return list<array{name: string, parameters: list<array<string, mixed>>, dangerous: bool,
 *     harmless: ?array{parameter: string, value: string}, idempotent: bool, undoable: bool, makes: bool}> `harmless` is the
 *     parameter and the value of it with which a dangerous one needs no confirmation
 * @throws ControlException `not_booted`, `not_control_site`
 */
function operations(): array {}

/**
 * A dry run: for each tenant the changes that a run would make.
 *
 * @param string $operation its name, as in {@see operations()}
 * @param array<string, mixed> $parameters its parameters by name
 * @param list<string> $targets words as {@see tenants()} takes them
 * @return list<array<string, mixed>>
 * @throws InvalidException `bad_parameter`
 * @throws NotFoundException `operation_not_found`
 */
function plan(string $operation, array $parameters, array $targets): array {}

/**
 * Writes a job down, with one item for each tenant meant; it does nothing until {@see job_run()}.
 *
 * @param string $operation its name, as in {@see operations()}
 * @param array<string, mixed> $parameters its parameters by name
 * @param list<string> $targets words as {@see tenants()} takes them
 * @param array{concurrency?: int, on_error?: string|int, waves?: string|list<int|string>, confirm?: bool, userid?: int, delay?: int, spread?: int} $options
 *     `on_error` is `continue` or after how many failures the job stops, or one of its waves with it; `waves` are sizes such as
 *     `[1, '5%', 'rest']`, of which the next begins when all of the one before has ended: the first failure stops them where
 *     `on_error` says nothing else; a dangerous operation asks for `confirm`; the first item begins after `delay` minutes, the
 *     others spread over `spread` minutes after it
 * @return int the job's number
 * @throws InvalidException `bad_parameter`
 * @throws NotFoundException `operation_not_found`
 */
function job_submit(string $operation, array $parameters, array $targets, array $options = []): int {}

/**
 * Runs a job, or resumes it; several processes may run one job. Takes no more items after 15 minutes.
 *
 * @param callable|null $progress hears how many items are in each state whenever that changes, `function (array $counts): void`;
 *     what it throws is thrown once the run is over, and it cannot call other functions of this extension
 * @return array<string, int|array<string, string>> how many items are in each state; on a farm without a key file also
 *     `passwords`: new ones of administrators by the addresses of their sites, which are kept nowhere (see {@see job_passwords()})
 * @throws NotFoundException `job_not_found`
 */
function job_run(int $job, ?callable $progress = null): array {}

/**
 * The farm cron: finds the tenants with due tasks by SQL and runs Moodle's own cron, as a process, for those only.
 *
 * Tenants in maintenance, with a pending upgrade or with cron switched off are told and not run. One process per tenant,
 * over all nodes; the longest wait goes first. The tag `cron:weight=3` of a tenant makes its waiting count three times.
 * Like {@see job_run()} never in a web request.
 *
 * @param array{targets?: list<string>, control?: bool, plan?: bool, daemon?: bool, interval?: int, concurrency?: int, per_server?: int,
 *     time_limit?: int, grace?: int, codehash?: string} $options `targets` (`all`); `control`: the control site too; `plan`:
 *     start nothing; `daemon`: round after round, `interval` seconds apart (60), instead of one; `concurrency` processes on
 *     this node (4), `per_server` on one database server over all nodes (4); `time_limit` seconds for one tenant (900), `grace`
 *     seconds to end when asked to (20); `codehash`: what `core_component::get_all_versions_hash()` gives, to know who has a pending
 *     upgrade
 * @param callable|null $progress hears events, `function (array $event): mixed`: `event` is `round`, `probed`, `due`, `started`,
 *     `ended`, `suspended`, `refused`, `passed`, `error`, and at least five times a second `tick`. When it gives false or
 *     throws, nothing more is started, what runs is asked to end, and the call returns
 * @return array<string, mixed> counts (`rounds`, `tenants`, `due`, `idle`, `started`, `done`, `failed`, `timeout`, `stopped`,
 *     `disabled`, `maintenance`, `upgrade`, `unreachable`, `elsewhere`, `locked`, `left`, those that are not 0), `lateness`
 *     (`max`, `mean`, in seconds), `stopped_early`, and without `daemon` the `items`: for each tenant that was not idle `tenant`,
 *     `outcome`, `since`, `lateness`, `seconds`, `exit`, `said`
 * @throws InvalidException `bad_parameter`
 * @throws ControlException `not_booted`, `not_control_site`, `control_unreachable`
 */
function cron(array $options = [], ?callable $progress = null): array {}

/**
 * Asks one read-only `SELECT` of every tenant meant, several at once, as each tenant's own database user.
 *
 * The server itself keeps it from changing anything, and what it cannot be sure of is refused.
 *
 * @param string $sql one statement; `{table}` gets the site's prefix, `[[?name]]` stands for a value
 * @param array<string, null|bool|int|float|string> $parameters values by name; they are bound, never a part of the text
 * @param list<string> $targets words as {@see tenants()} takes them
 * @param array{row_limit?: int, time_limit?: int, size_limit?: int, allow?: string|list<string>} $options limits for each
 *     tenant: rows (10,000), seconds (30), octets (16 MiB); `allow` takes `administrator`, `other_schema`, `unparsed`
 * @param callable|null $row hears each row as it comes, `function (array $row): mixed`, and `rows` stays empty; `false` ends
 *     the question; it cannot call other functions of this extension
 * @return array{rows: list<array<string, mixed>>, errors: list<array{host: string, errorcode: string, error: string}>,
 *     truncated: list<string>, answered: int, failed: int} each row with the tenant's `host` first, a column of that name as
 *     `host_2`; numbers are numbers, decimals and dates texts, octets `0x…`; `truncated` are hosts with more rows
 * @throws InvalidException `sql_refused`, `bad_parameter`
 */
function query(string $sql, array $parameters, array $targets, array $options = [], ?callable $row = null): array {}

/**
 * One job with its `counts` and `items`, and `untold`, how many new passwords wait for {@see job_passwords()}; secrets are masked.
 *
 * The `errorcode` of an item that failed is a reason as `getReason()` gives it, those of the registry included, or one that
 * only work on a tenant ends with: `state_refused`, `not_empty`, `server_unreachable`, `server_refused`, `program_missing`,
 * `tenant_unreachable`, `database_busy`, `transfer_failed`, `no_moodle`, `moodle_unfit`, `config_unreadable`, `files_failed`,
 * `script_failed`, `unhealthy`, `sql_refused`, `sql_failed`, `outcome_unknown`, `snapshot_unfit`, `nodes_invalid`,
 * `job_cancelled`, `lease_lost`, `category_not_found`, `course_not_found`.
 *
 * The `warnings` of an item are a list of `code` and `message`: what a person should know of work that was done all the same.
 *
 * @return array<string, mixed>
 * @throws NotFoundException `job_not_found`
 */
function job(int $job): array {}

/**
 * Tells the new passwords of administrators that a job has made, and forgets them: nobody is told them again.
 *
 * @return array<string, string> by the address of the site
 * @throws NotFoundException `job_not_found`
 * @throws ControlException `secret_undecryptable`; nothing is forgotten then
 */
function job_passwords(int $job): array {}

/**
 * The jobs with their `counts`, the newest first.
 *
 * @param array{operation?: string, status?: string, limit?: int, id?: int} $filter `limit` is 100 where it is not given, 1,000
 *     at most; with `id` that job alone, which tells `untold` too, but no items
 * @return list<array<string, mixed>>
 * @throws InvalidException `bad_parameter`
 */
function jobs(array $filter = []): array {}

/**
 * Stops a job before its next item; what runs goes on to its end.
 *
 * @return array<string, mixed> the job
 * @throws NotFoundException `job_not_found`
 */
function job_cancel(int $job): array {}

/**
 * Writes a new job over the failed items of a job.
 *
 * @return int the new job's number
 * @throws NotFoundException `job_not_found`
 * @throws ConflictException `job_refused`
 */
function job_retry(int $job): int {}

/**
 * Writes a new job that puts back what a job changed, where nobody changed it since.
 *
 * @return int the new job's number
 * @throws NotFoundException `job_not_found`
 * @throws ConflictException `job_refused`
 */
function job_undo(int $job): int {}

/**
 * Removes from the journal the jobs that ended longer ago than an age. Those stay that made a tenant which is
 * there, and all of one that is half made or lies in the trash.
 *
 * @param int $age in seconds, a day at least
 * @return int how many jobs went
 * @throws InvalidException `bad_parameter`
 */
function jobs_purge(int $age): int {}

/**
 * What the operation `tenant_status` has collected of each tenant meant, in the registry's order.
 *
 * Facts, each of which may be missing or null: `reachable`, `error`, `version`, `release`, `branch`, `upgrading`, `pending`,
 * `users`, `activeusers` (within a day), `courses`, `lastcron` (seconds since 1970), `duetasks`, `failingtasks`,
 * `maintenance`, `cachestores`, `diskfree` (bytes); of a collection with `sizes` also `databaseoctets`, `fileoctets`.
 * `pending` is null where only Moodle could tell: the control site is not of the code's version itself.
 *
 * @param list<string> $targets target words; none means all tenants, in all states
 * @return list<array{tenant: string, state: string, facts: array<string, array{value: ?string, collected: int, age: int}>}>
 *     `collected` in seconds since 1970, `age` in seconds
 * @throws InvalidException `bad_parameter`
 */
function status(array $targets = []): array {}

/**
 * The plugins of many tenants side by side: each tenant is read once, nothing is written.
 *
 * A line's `value` is what most tenants have, `alike` how many; `odd` is what each of the others has, by address. `state` is
 * `enabled`, `available`, `disabled`, `not_installed`, or `installed` for a type that knows no off; `behind` names what is
 * newer: the `code` on disk, the `newest` tenant.
 *
 * @param list<string> $targets words as {@see tenants()} takes them
 * @param array{types?: list<string>, plugins?: list<string>} $filter all plugins where it is empty
 * @return array{tenants: list<array{wwwroot: string, errorcode: ?string, error: ?string}>, plugins: list<array{plugin: string,
 *     code: ?string, newest: ?string, value: array{state: string, version: ?string, behind: list<string>}, alike: int,
 *     odd: array<string, array{state: string, version: ?string, behind: list<string>}>}>} a tenant with an error is in no line
 * @throws InvalidException `bad_parameter`
 * @throws ControlException `bad_configuration` where the code cannot be read
 */
function plugin_compare(array $targets, array $filter = []): array {}

/**
 * Settings of many tenants side by side: as {@see plugin_compare()}, with values. Secrets are masked; equal ones have the
 * same number.
 *
 * @param list<string> $targets words as {@see tenants()} takes them
 * @param list<string> $names `theme`, `auth_manual/expiration`, or `auth_manual/*` for all of a plugin
 * @return array{tenants: list<array{wwwroot: string, errorcode: ?string, error: ?string}>, settings: list<array{name: string,
 *     value: ?string, alike: int, odd: array<string, ?string>}>} null stands for a setting that is not there
 * @throws InvalidException `bad_parameter`, `bad_identifier`
 */
function config_compare(array $targets, array $names): array {}

/**
 * What differs from the description of a fleet; changes nothing. What a description may say stands in `samples/fleet.yaml`;
 * YAML and JSON are read. Where blocks overlap the later one wins, which `overlaps` tells.
 *
 * @param string $contents the description
 * @param string $folder where the presets stand that it names
 * @return array{meant: int, drift: int, failed: int, overlaps: list<array{what: string, block: string, over: string,
 *     tenants: int}>, idle: list<string>, tenants: list<array{tenant: string, digest: string, changes: list<array{operation:
 *     string, what: string, before: mixed, after: mixed}>, errors: list<array{operation: string, errorcode: string, error:
 *     string}>}>} only tenants with a change or an error; secrets are masked; `idle` are blocks that mean no tenant
 * @throws InvalidException `fleet_invalid` with the lines, `bad_parameter`
 */
function fleet_plan(string $contents, string $folder): array {}

/**
 * Writes down the jobs that make tenants as the description of a fleet says, one for each operation and set of tenants that
 * want the same; {@see job_run()} runs them. They make the changes that were planned and no others.
 *
 * @param string $contents the description
 * @param string $folder where the presets stand that it names
 * @param array{shown?: array<string, string>, concurrency?: int, on_error?: string|int, userid?: int} $options `shown` are the
 *     digests by tenant of a plan that was shown: a tenant whose differences are others by now is refused
 * @return array{jobs: list<array{job: int, operation: string, tenants: int}>, refused: list<array{tenant: string, errorcode:
 *     string, error: string}>, meant: int, drift: int, failed: int, overlaps: list<array<string, mixed>>, idle: list<string>,
 *     tenants: list<array<string, mixed>>} as {@see fleet_plan()}
 * @throws InvalidException `fleet_invalid` with the lines, `bad_parameter`
 */
function fleet_apply(string $contents, string $folder, array $options = []): array {}

/**
 * Reads a file of nodes (the original's CSV, or JSON) and checks it whole; nothing is touched.
 *
 * @param string $contents the file, in UTF-8
 * @param array<string, mixed> $defaults columns of the registry where a line says nothing
 * @return array{nodes: list<array<string, mixed>>, faults: list<array{line: int, column: string, message: string}>} the nodes as
 *     the operation `create_tenant` takes them; `vdbpass` is in clear
 */
function nodes(string $contents, array $defaults = []): array {}

/**
 * The farm's snapshots, the oldest first.
 *
 * @return list<array<string, mixed>> facts of each, or its `problem`
 */
function snapshots(): array {}

/**
 * Checks every octet of a snapshot against what its manifest says.
 *
 * @param string $snapshot its number, or a template's name
 * @return array<string, mixed> the snapshot
 * @throws InvalidException `snapshot_damaged`
 * @throws NotFoundException `snapshot_not_found`
 */
function snapshot_verify(string $snapshot): array {}

/**
 * Checks every octet of a snapshot, then reads its database into one of its own on a server, and drops that again. What a
 * killed trial has left is dropped by the next one, or by snapshot_sweep().
 *
 * @param string $snapshot its number, or a template's name
 * @param string $server the server's name in the registry, `control`, or empty for the first one of the snapshot's engine
 * @return array<string, mixed> the snapshot, with `server`, `tables` and `rows`
 * @throws InvalidException `snapshot_damaged`, `transfer_failed`, `bad_parameter`
 * @throws NotFoundException `snapshot_not_found`, `server_not_found`
 */
function snapshot_trial(string $snapshot, string $server): array {}

/**
 * Makes a snapshot a template by a name, or takes its name away.
 *
 * @param string $snapshot its number, or the name that it has
 * @param string $name small letters, digits, `.`, `-` and `_`; empty takes the name away
 * @return array<string, mixed> the snapshot
 * @throws InvalidException `bad_parameter`
 * @throws NotFoundException `snapshot_not_found`
 */
function snapshot_name(string $snapshot, string $name): array {}

/**
 * Brings a template of the original VMoodle (`<key>_vmoodledata`, `<key>_sql`) onto the shelf, under its key. Its dump is tried
 * on a server, as snapshot_trial() does, to know of which Moodle it is.
 *
 * @param string $key see snapshot_originals()
 * @param string $server as for snapshot_trial()
 * @return array<string, mixed> the snapshot
 * @throws ConflictException `snapshot_unfit`
 * @throws NotFoundException `snapshot_not_found`, `server_not_found`
 */
function snapshot_import(string $key, string $server): array {}

/**
 * The keys of the original's templates that lie in the control site's dataroot.
 *
 * @return list<string>
 */
function snapshot_originals(): array {}

/**
 * Removes what killed runs have left: databases of trials, snapshots and files that nobody finished or holds.
 *
 * @return array{trials: int, files: int} how many went
 */
function snapshot_sweep(): array {}

/**
 * Deletes a snapshot, and the files that no other one holds.
 *
 * @param string $snapshot its number, or a template's name
 * @return array<string, mixed> the snapshot as it was
 * @throws NotFoundException `snapshot_not_found`
 */
function snapshot_delete(string $snapshot): array {}

/**
 * The roles of many tenants side by side: what each may do at the system context. Reads only, several tenants at once.
 *
 * ```php
 * \Vmoodle\role_compare(['all'], ['role' => 'student', 'component' => 'mod_forum', 'differences' => true]);
 * // ['tenants' => ['https://a.example.org', ...], 'failed' => [], 'roles' => [['role' => 'student', 'missing' => [],
 * //  'rows' => [['part' => 'capability', 'name' => 'mod/forum:replypost', 'component' => 'mod_forum', 'majority' => 'allow',
 * //  'counts' => ['allow' => 41, 'prohibit' => 1], 'odd' => ['https://b.example.org' => 'prohibit']]]]]]
 * ```
 *
 * @param list<string> $targets selectors, as for {@see tenants()}
 * @param array{role?: string|list<string>, component?: string, differences?: bool, concurrency?: int} $filter `role`: short
 *     names, all roles without it; `component`: its capabilities only (`core` for Moodle itself); `differences`: only what is
 *     not the same everywhere; `concurrency`: tenants at once (8; 64 at most)
 * @return array{tenants: list<string>, failed: list<array{tenant: string, errorcode: string, error: string}>, roles:
 *     list<array{role: string, missing: list<string>, rows: list<array{part: string, name: string, component: string,
 *     majority: string, counts: array<string, int>, odd: array<string, string>}>}>} `missing`: the tenants without the role.
 *     `part` is `capability` (values `inherit`, `allow`, `prevent`, `prohibit`, and `missing` where the tenant does not know
 *     it), `contextlevel`, `assign`, `override`, `switch`, `view` (values `yes`, `no`), `name`, `description` or `archetype`
 *     (texts). Tenants that are not in `odd`, nor in `missing`, say what the majority says
 * @throws InvalidException `bad_parameter`
 * @throws ConflictException `job_refused`: no tenant is meant
 */
function role_compare(array $targets, array $filter = []): array {}

/**
 * Keeps the sheet of a tenant's role under a name, in place of one of that name: name, description, archetype, permissions at
 * the system context, context levels, and what it may do with other roles.
 *
 * @param string $name 1 to 100 characters
 * @param string $tenant as for {@see tenant()}
 * @param string $role its short name
 * @return array{id: int, name: string, role: string, source: ?string, timecreated: int, timemodified: int}
 * @throws NotFoundException `tenant_not_found`, `role_not_found`
 * @throws TenantException `tenant_unreachable`, `no_moodle`
 * @throws InvalidException `bad_parameter`
 */
function sheet_save(string $name, string $tenant, string $role): array {}

/**
 * The role sheets that are kept, by name.
 *
 * @return list<array{id: int, name: string, role: string, source: ?string, timecreated: int, timemodified: int}> `source`: the
 *     tenant's address, null for a sheet that came as XML
 */
function sheets(): array {}

/**
 * Removes a role sheet.
 *
 * @return array{id: int, name: string, role: string, source: ?string, timecreated: int, timemodified: int} as it was
 * @throws NotFoundException `sheet_not_found`
 */
function sheet_remove(string $name): array {}

/**
 * A role sheet as the XML preset that Moodle's page "Define roles" takes.
 *
 * @param string $name of a sheet that is kept; with `$role`, a tenant as for {@see tenant()}
 * @param string|null $role short name of a role of that tenant
 * @return string XML, in UTF-8
 * @throws NotFoundException `sheet_not_found`, `tenant_not_found`, `role_not_found`
 * @throws TenantException `tenant_unreachable`, `no_moodle`
 */
function sheet_export(string $name, ?string $role = null): string {}

/**
 * Keeps an XML preset that Moodle has exported as a role sheet, in place of one of that name. A document type, and with it any
 * entity of its own, is refused; so are more than 1,048,576 bytes.
 *
 * @return array{id: int, name: string, role: string, source: ?string, timecreated: int, timemodified: int}
 * @throws InvalidException `bad_parameter`
 */
function sheet_import(string $name, string $xml): array {}

/**
 * Whatever goes wrong. The message is for operators: it names no password, and hosts in it are escaped.
 */
class Exception extends \Exception {
    /** @var string what getReason() gives */
    protected $reason = '';
    /** @var ?string what getTenant() gives */
    protected $tenant = null;
    /** @var bool what isRetryable() gives */
    protected $retryable = false;
    /** @var ?string what getHint() gives */
    protected $hint = null;

    /**
     * The stable word for what went wrong, a key of {@see error_codes()}; empty for one that PHP code made.
     */
    final public function getReason(): string {}

    /**
     * The address of the tenant that it happened to; null where it concerns none.
     */
    final public function getTenant(): ?string {}

    /**
     * Whether the same call may succeed later without anybody acting.
     */
    final public function isRetryable(): bool {}

    /**
     * The way out, as a sentence; it also stands at the end of the message. Null where there is none.
     */
    final public function getHint(): ?string {}
}

/**
 * boot() does not serve this request. `getCode()` is the HTTP status.
 */
class RefusedException extends Exception {
    /** @var ?string what getLocation() gives */
    protected $location = null;
    /** @var ?int what getRetryAfter() gives */
    protected $retryafter = null;

    /**
     * Where to go instead: the tenant's address and the same path, fit for a header. Null but for `alias_redirect`.
     */
    final public function getLocation(): ?string {}

    /**
     * After how many seconds to come back; null where that would not help.
     */
    final public function getRetryAfter(): ?int {}
}

/**
 * A value that was given is not valid. Nothing was changed.
 */
class InvalidException extends Exception {
}

/**
 * What was named does not exist.
 */
class NotFoundException extends Exception {
}

/**
 * What was asked for belongs to somebody else.
 */
class ConflictException extends Exception {
}

/**
 * A tenant's database or files do not answer.
 */
class TenantException extends Exception {
}

/**
 * The control site is at fault: its database, the registry, the index, the settings.
 */
class ControlException extends Exception {
}

/**
 * A defect of vmoodle: please report it.
 */
class InternalException extends Exception {
}
