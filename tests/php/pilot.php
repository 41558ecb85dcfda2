<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * The functions of the control site where there is none, and their parameters.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Those that need no control site. */
const REQUEST = ['vmoodle\boot', 'vmoodle\current', 'vmoodle\resolve', 'vmoodle\error_codes'];

/** An argument of each type. */
function argument(ReflectionParameter $parameter): mixed {
    return match ((string) $parameter->getType()) {
        '?callable', '?string' => null,
        'string' => 'one.example.org',
        'array' => [],
        'int' => 1,
        'object' => new stdClass(),
    };
}

/** Calls every function of the control site with arguments of the right types; tells what each threw. */
function piloted(): array {
    $said = [];
    foreach (array_diff(array_map(strtolower(...), get_extension_funcs('vmoodle')), REQUEST) as $name) {
        $function = new ReflectionFunction($name);
        $arguments = array_map(argument(...), $function->getParameters());
        $thrown = thrown(fn() => $name(...$arguments));
        $said[$function->getShortName()] = [$thrown['class'] ?? null, $thrown['getReason'] ?? null];
    }
    return $said;
}

/** What a call threw: its class, and what the message says of the argument. */
function refused(string $name, array $arguments): array {
    $thrown = thrown(fn() => ("\\Vmoodle\\$name")(...$arguments));
    return [$name, $thrown['class'] ?? null, $thrown['message'] ?? null];
}

answer([
    'without boot' => piloted(...),
    'booted' => function () {
        $thrown = thrown(fn() => \Vmoodle\boot(cfg()));
        return ['thrown' => $thrown['getReason'] ?? null] + piloted();
    },
    'types' => function () {
        \Vmoodle\boot(cfg());
        return array_map(fn($call) => refused(...$call), [
            ['boot', [null]], ['boot', [[]]], ['boot', ['x']], ['boot', [5]],
            ['resolve', [5]], ['resolve', [null]], ['resolve', [[]]], ['resolve', [new stdClass()]], ['resolve', [true]],
            ['resolve', ['x', null]], ['resolve', ['x', 'y']], ['resolve', ['x', new stdClass()]],
            ['tenants', [null]], ['tenants', ['x']], ['tenants', [new ArrayObject()]],
            ['tenant', [5]], ['tenant', [null]], ['tenant', [[]]], ['tenant', [1.5]],
            ['tenant_add', ['x']], ['tenant_add', [null]], ['tenant_add', [new stdClass()]],
            ['tenant_update', ['x', 'y']], ['tenant_update', [[], []]], ['alias_add', ['x', 5]],
        ]);
    },
    'counts' => function () {
        \Vmoodle\boot(cfg());
        return array_map(fn($call) => refused(...$call), [
            ['boot', []], ['resolve', []], ['tenant', []], ['tenant_update', ['x']], ['alias_add', ['x']],
            ['current', [1]], ['resolve', ['x', [], 1]], ['tenants', [[], 1]],
        ]);
    },
    'values' => function () {
        \Vmoodle\boot(cfg());
        $self = ['name' => 'x'];
        $self['settings'] = &$self;
        $deep = [];
        for ($i = 0; $i < 100000; $i++) {
            $deep = [$deep];
        }
        return array_map(fn($row) => thrown(fn() => \Vmoodle\tenant_add($row))['getReason'] ?? null, [
            ['name' => "\xff"], ['name' => new stdClass()], ['name' => fopen('php://memory', 'r')], ['mnet' => NAN],
            ['mnet' => INF], $self, ['settings' => $deep],
        ]);
    },
    'bytes' => function () {
        \Vmoodle\boot(cfg());
        $calls = [['tenant', ["\xff"]], ['tenant_remove', ["a\0b"]], ['alias_add', ["\xff", 'x']]];
        return array_map(fn($call) => refused(...$call)[1], $calls);
    },
]);
