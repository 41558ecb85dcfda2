<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * A little of everything, for valgrind.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Boots with VMOODLE_HOST set so, or without it. */
function boot_as(?string $host, array $changes = []): ?array {
    putenv($host === null ? 'VMOODLE_HOST' : "VMOODLE_HOST=$host");
    return thrown(fn() => \Vmoodle\boot(cfg($changes)));
}

answer([
    'nothing' => fn() => 'nothing',
    'everything' => function () {
        $reasons = [];
        for ($round = 0; $round < 3; $round++) {
            foreach (['one.example.org', 'two.example.org', 'www.one.example.org', 'nobody.example.org', "\xff", '', null] as $host) {
                $reasons[] = boot_as($host)['getReason'] ?? null;
                $current = \Vmoodle\current();
                foreach (['one.example.org', 'www.one.example.org', 'off.example.org', "\xff\x80", ''] as $asked) {
                    \Vmoodle\resolve($asked, ['REQUEST_URI' => '/x?y=%20', 'REQUEST_METHOD' => 'POST']);
                }
            }
            // The control site, whose database is down.
            foreach (['tenants', 'publish', 'index_status', 'index_refresh'] as $function) {
                $reasons[] = thrown(fn() => ("\\Vmoodle\\$function")())['getReason'] ?? null;
            }
            $reasons[] = thrown(fn() => \Vmoodle\tenant_add(['settings' => ['a' => [1, 2.5, null, ['b' => true]]]]))['getReason'];
            $reasons[] = thrown(fn() => \Vmoodle\tenant('one.example.org'))['getReason'];
            $reasons[] = boot_as('one.example.org', ['vmoodle' => ['dbuser' => 'farm', 'dbpass' => 'secret']])['getReason'] ?? null;
            $reasons[] = boot_as('one.example.org', ['vmoodle' => ['indes' => 1]])['getReason'];
            $reasons[] = boot_as('one.example.org', ['vmoodle' => new stdClass()])['getReason'];
            \Vmoodle\error_codes();
            ob_start();
            phpinfo(INFO_MODULES);
            ob_end_clean();
            thrown(fn() => \Vmoodle\resolve([]));
            thrown(fn() => \Vmoodle\boot());
            new \Vmoodle\RefusedException('made', 1, new \Exception('cause'));
        }
        boot_as('two.example.org');
        return array_count_values(array_map(fn($reason) => $reason ?? 'none', $reasons));
    },
]);
