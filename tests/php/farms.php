<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * Two farms in one process: two config.php with an index each.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Boots the farms' sites in turns and tells which database each got. */
function alternating(callable $boot): array {
    $wrong = [];
    $databases = [];
    for ($round = 0; $round < 200; $round++) {
        foreach (['cfg.json', 'other.json'] as $file) {
            foreach (['shared.example.org', 'one.example.org', 'two.example.org'] as $host) {
                $got = $boot($file, $host);
                $databases["$file $host"] ??= $got;
                if ($databases["$file $host"] !== $got) {
                    $wrong[] = [$file, $host, $got];
                }
            }
        }
    }
    return ['databases' => $databases, 'wrong' => $wrong];
}

/** The database, or the reason of the refusal. */
function database(string $file): string {
    $cfg = cfg([], null, $file);
    $thrown = thrown(fn() => \Vmoodle\boot($cfg));
    return $thrown['getReason'] ?? $cfg->dbname;
}

answer([
    'alternating' => fn() => alternating(function ($file, $host) {
        putenv("VMOODLE_HOST=$host");
        return database($file);
    }),
    'resolve' => fn() => alternating(function ($file, $host) {
        putenv('VMOODLE_HOST');
        \Vmoodle\boot(cfg([], null, $file));
        return \Vmoodle\resolve($host)['tenant']['name'] ?? 'none';
    }),
    'one' => fn() => ['cfg' => database($_SERVER['HTTP_X_FILE'])],
    "the other's index" => function () {
        $cfg = cfg(['vmoodle' => ['index' => site() . '/other/index']]);
        putenv('VMOODLE_HOST=one.example.org');
        return [thrown(fn() => \Vmoodle\boot($cfg))['getReason']];
    },
]);
