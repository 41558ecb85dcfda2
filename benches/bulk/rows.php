<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * The rows that a change of one setting writes, on many databases in turn: what a script of one's own would do.
 *
 * Arguments: socket, user, password, first words of the databases' names, how many, what to do, value, folder of dataroots.
 *
 * @package   local_vmoodle
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

[, $socket, $user, $password, $base, $count, $what, $value, $folder] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$set = static function (mysqli $db, string $name, string $value): void {
    $found = $db->execute_query('SELECT id, value FROM mdl_config WHERE name = ?', [$name])->fetch_assoc();
    if ($found) {
        $db->execute_query('UPDATE mdl_config SET value = ? WHERE id = ?', [$value, $found['id']]);
    } else {
        $db->execute_query('INSERT INTO mdl_config (name, value) VALUES (?, ?)', [$name, $value]);
    }
    $db->execute_query(
        'INSERT INTO mdl_config_log (userid, timemodified, name, value, oldvalue) VALUES (0, ?, ?, ?, ?)',
        [time(), $name, $value, $found['value'] ?? null]
    );
};
for ($number = 0; $number < (int)$count; $number++) {
    $db = new mysqli('localhost', $user, $password, $base . $number, 0, $socket);
    $db->begin_transaction();
    $root = "$folder/s$number.example.org";
    if ($what === 'purge_caches') {
        foreach (['themerev', 'jsrev', 'langrev', 'templaterev', 'localcachedirpurged', 'scheduledtaskreset'] as $name) {
            $set($db, $name, (string)time());
        }
        $db->query('UPDATE mdl_course SET cacherev = cacherev + 1');
    } else {
        $set($db, $what === 'maintenance' ? 'maintenance_enabled' : 'vmoodlebench', $value);
    }
    $db->commit();
    $db->close();
    if ($what === 'purge_caches') {
        foreach (['cache', 'localcache'] as $name) {
            if (is_dir("$root/$name")) {
                rename("$root/$name", "$root/$name.old");
                mkdir("$root/$name");
                rmdir("$root/$name.old");
            }
        }
    } else {
        @unlink("$root/cache/cachestore_file/default_application/core_config/abc-cache/abc.cache");
    }
}
