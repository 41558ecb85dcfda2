<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * The rows of one change, written or read on many databases in turn: what a script of one's own would do, without a journal.
 *
 * Arguments: engine, socket (or its folder), port, user, password, first words of the databases' names, how many, what to do,
 * value, folder of dataroots.
 *
 * @package   local_vmoodle
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

[, $engine, $socket, $port, $user, $password, $base, $count, $what, $value, $folder] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

/**
 * Connects to a database.
 *
 * @param string $name the database's
 * @return callable runs a statement with `?` for its values and gives its rows
 */
$connect = static function (string $name) use ($engine, $socket, $port, $user, $password): callable {
    if ($engine === 'mariadb') {
        $db = new mysqli('localhost', $user, $password, $name, 0, $socket);
        return static function (string $sql, array $values = []) use ($db): array {
            $result = $db->execute_query($sql, $values);
            return is_bool($result) ? [] : $result->fetch_all(MYSQLI_ASSOC);
        };
    }
    $secret = addcslashes($password, "'\\\\");
    $db = pg_connect("host=127.0.0.1 port=$port user=$user password='$secret' dbname=$name", PGSQL_CONNECT_FORCE_NEW);
    return static function (string $sql, array $values = []) use ($db): array {
        $number = 0;
        $sql = preg_replace_callback('/\?/', static function () use (&$number): string {
            return '$' . ++$number;
        }, $sql);
        return pg_fetch_all(pg_query_params($db, $sql, $values)) ?: [];
    };
};

/**
 * Writes a setting as Moodle does, with its trace.
 *
 * @param callable $run runs a statement
 * @param string $name of the setting
 * @param string $value its new value
 */
$set = static function (callable $run, string $name, string $value): void {
    $found = $run('SELECT id, value FROM mdl_config WHERE name = ?', [$name])[0] ?? null;
    if ($found) {
        $run('UPDATE mdl_config SET value = ? WHERE id = ?', [$value, $found['id']]);
    } else {
        $run('INSERT INTO mdl_config (name, value) VALUES (?, ?)', [$name, $value]);
    }
    $run(
        'INSERT INTO mdl_config_log (userid, timemodified, name, value, oldvalue) VALUES (0, ?, ?, ?, ?)',
        [time(), $name, $value, $found['value'] ?? null]
    );
};

$matrix = [];
for ($number = 1; $number <= (int)$count; $number++) {
    $run = $connect($base . $number);
    $run('START TRANSACTION');
    $root = "$folder/t$number.example.org";
    switch ($what) {
        case 'set_config':
            $set($run, 'vmoodlebench', "php $value");
            break;
        case 'maintenance':
            $set($run, 'maintenance_enabled', (string)($value % 2));
            break;
        case 'plugin_state':
            $run('UPDATE mdl_block SET visible = ? WHERE name = ?', [1 - $value % 2, 'html']);
            $run(
                'INSERT INTO mdl_config_log (userid, timemodified, name, value, oldvalue) VALUES (0, ?, ?, ?, ?)',
                [time(), 'block_visibility', 1 - $value % 2, $value % 2]
            );
            break;
        case 'capability_sync':
            $roles = $run('SELECT id FROM mdl_role WHERE shortname = ?', ['student']);
            $place = [$roles[0]['id'], 'mod/forum:replypost'];
            $found = $run('SELECT id FROM mdl_role_capabilities WHERE roleid = ? AND capability = ? AND contextid = 1', $place);
            $run(
                'UPDATE mdl_role_capabilities SET permission = ?, timemodified = ? WHERE id = ?',
                [$value % 2 ? -1 : 1, time(), $found[0]['id']]
            );
            break;
        case 'purge_caches':
            foreach (['themerev', 'jsrev', 'langrev', 'templaterev', 'localcachedirpurged', 'scheduledtaskreset'] as $name) {
                $set($run, $name, (string)time());
            }
            $run('UPDATE mdl_course SET cacherev = cacherev + 1');
            break;
        case 'role_compare':
            $rows = $run(
                'SELECT r.shortname, c.capability, c.permission FROM mdl_role_capabilities c
                   JOIN mdl_role r ON r.id = c.roleid WHERE c.contextid = 1'
            );
            foreach ($rows as $row) {
                $matrix[$row['shortname']][$row['capability']][$row['permission']][] = $number;
            }
            break;
        default:
            throw new InvalidArgumentException($what);
    }
    $run('COMMIT');
    unset($run);
    if ($what === 'purge_caches') {
        foreach (['cache', 'localcache'] as $name) {
            rename("$root/$name", "$root/$name.$value.old");
            mkdir("$root/$name");
        }
    } else if ($what !== 'role_compare') {
        @unlink("$root/cache/cachestore_file/default_application/core_config/abc-cache/abc.cache");
    }
}
echo count($matrix);
