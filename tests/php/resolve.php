<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * What Vmoodle\resolve() decides.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

answer([
    'cases' => function () {
        \Vmoodle\boot(cfg());
        $answers = [];
        foreach (json_decode(file_get_contents(__DIR__ . '/../fixtures/hosts.json'), true)['cases'] as $case) {
            $server = $case['server'];
            $host = $server['HTTP_HOST'] ?? '';
            unset($server['HTTP_HOST']);
            $answers[] = \Vmoodle\resolve($host, $server);
        }
        return $answers;
    },
    'facts' => function () {
        \Vmoodle\boot(cfg());
        return \Vmoodle\resolve('TWO.example.org.:8443');
    },
    'bytes' => function () {
        \Vmoodle\boot(cfg());
        $hosts = ["\xff\xfe", "one.example.org\xff", "\0", "one.example.org\0", "\xc3.example.org", str_repeat("\x80", 70000)];
        return array_map(fn($host) => \Vmoodle\resolve($host), $hosts);
    },
    'types' => function () {
        \Vmoodle\boot(cfg());
        $uri = '/x';
        return [
            \Vmoodle\resolve('one.example.org', ['REQUEST_URI' => ['a'], 'REQUEST_METHOD' => 5, 'REMOTE_ADDR' => null]),
            \Vmoodle\resolve('one.example.org', ['REQUEST_URI' => &$uri, 'HTTP_HOST' => 'nobody.example.org', 7 => 'x']),
            \Vmoodle\resolve('one.example.org', ['REQUEST_URI' => new stdClass(), 'HTTP_X_FORWARDED_HOST' => 1.5]),
        ];
    },
    'after a refusal' => function () {
        putenv('VMOODLE_HOST=nobody.example.org');
        return ['thrown' => thrown(fn() => \Vmoodle\boot(cfg()))] + \Vmoodle\resolve('one.example.org');
    },
    'before boot' => fn() => thrown(fn() => \Vmoodle\resolve('one.example.org')),
]);
