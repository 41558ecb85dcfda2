<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * What boot() makes of $CFG.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Boots, and looks for the passwords in everything that a script can reach. */
function reached(array $changes): array {
    $GLOBALS['CFG'] = cfg($changes);
    \Vmoodle\boot($GLOBALS['CFG']);
    $everything = print_r([$GLOBALS, \Vmoodle\current(), ini_get_all('vmoodle'), get_defined_constants(true)['user'] ?? []], true);
    $words = ['secret-of-control', 'secret-of-farm', 'secret-of-1', 'secret-of-2'];
    return array_values(array_filter($words, fn($word) => str_contains($everything, $word)));
}

answer([
    'boot' => fn() => booted(),
    'moved folders' => fn() => booted(cfg([
        'cachedir' => '/fast/cache/', 'localcachedir' => '/fast/local', 'tempdir' => '/fast/temp', 'filedir' => '/fast/files',
        'session_file_save_path' => '/fast/sessions', 'altcacheconfigpath' => '/fast/muc.php', 'backuptempdir' => '',
    ])),
    'behind a proxy' => fn() => booted(cfg(['sslproxy' => true])),
    'CACHE_DISABLE_ALL' => function () {
        define('CACHE_DISABLE_ALL', true);
        return booted();
    },
    'IGNORE_COMPONENT_CACHE' => function () {
        define('IGNORE_COMPONENT_CACHE', true);
        return booted();
    },
    'a cache of its own' => fn() => booted(cfg(['alternative_component_cache' => '/own.php'])),
    'passwords' => fn() => reached([]),
    'passwords with an account for all' => fn() => reached(['vmoodle' => ['dbuser' => 'farm', 'dbpass' => 'secret-of-farm']]),
]);
