<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * The settings of boot: INI entries and $CFG->vmoodle.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Boots with one setting after the other; tells what each was refused with. */
function each(array $settings): array {
    $said = [];
    foreach ($settings as $setting) {
        $thrown = thrown(fn() => \Vmoodle\boot(cfg(['vmoodle' => $setting])));
        $said[] = $thrown === null ? null : [$thrown['class'], $thrown['getReason'], $thrown['code'], $thrown['message']];
    }
    return $said;
}

answer([
    'boot' => fn() => booted(),
    'ini' => fn() => ['all' => ini_get_all('vmoodle', false), 'set' => @ini_set('vmoodle.index', '/x')] + booted(),
    'cfg wins' => fn() => booted(cfg(['vmoodle' => ['index' => site() . '/control/vmoodle/index']])),
    'null is not said' => fn() => booted(cfg(['vmoodle' => ['index' => null, 'subpaths' => null, 'dbuser' => null]])),
    'account' => fn() => booted(cfg(['vmoodle' => ['dbuser' => 'farm', 'dbpass' => 'secret-of-farm']])),
    'wrong' => fn() => each([
        ['indes' => '/x'],
        ['/x'],
        ['index' => 'relative'],
        ['index' => ['/x']],
        ['index' => new stdClass()],
        ['subpaths' => 1.5],
        ['control' => 'perhaps'],
        ['control' => true],
        ['trusted_proxies' => 'everyone'],
        ['trusted_proxies' => ['10.0.0.0/8', new stdClass()]],
        ['trusted_proxies' => [['10.0.0.0/8']]],
        ['trusted_proxies' => ['10.0.0.0/33']],
        ['dbpass' => 'secret-of-farm'],
        ['keyfile' => 'relative'],
        ["a\nb" => 1],
        (function () {
            $own = ['trusted_proxies' => ['10.0.0.0/8']];
            $own['trusted_proxies'][] = &$own;
            return $own;
        })(),
        'index=/x',
        (object) ['index' => '/x'],
        5,
        true,
    ]),
    'right' => fn() => each([
        [],
        null,
        ['subpaths' => '1', 'control' => 'serve', 'trusted_proxies' => '10.0.0.0/8, ::1'],
        ['subpaths' => 0, 'control' => '', 'trusted_proxies' => ['10.0.0.0/8', '::1']],
        ['dbuser' => '', 'keyfile' => ''],
    ]),
    'many farms' => function () {
        $answers = [];
        for ($i = 0; $i < 200; $i++) {
            $proxy = '10.0.0.' . ($i % 40);
            $answers[] = \Vmoodle\boot(cfg(['vmoodle' => ['trusted_proxies' => [$proxy]]]))['key'];
        }
        return array_values(array_unique($answers));
    },
]);
