<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * current() over the life of a request, and over requests.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** What this process knows of a request before and after boot. */
function known(): array {
    return [
        'current' => \Vmoodle\current()['key'] ?? null,
        'resolve' => thrown(fn() => \Vmoodle\resolve('one.example.org'))['getReason'] ?? null,
        'console' => thrown(fn() => \Vmoodle\index_status())['getReason'] ?? null,
    ];
}

answer([
    'known' => known(...),
    'boot' => function () {
        $before = known();
        $thrown = thrown(fn() => \Vmoodle\boot(cfg()));
        return ['before' => $before, 'after' => known(), 'thrown' => $thrown['getReason'] ?? null];
    },
    'a copy that was changed' => function () {
        $tenant = \Vmoodle\boot(cfg());
        $tenant['key'] = 'changed';
        $tenant['tags'][] = 'changed';
        $current = \Vmoodle\current();
        $current['wwwroot'] = 'changed';
        unset($tenant);
        return \Vmoodle\current();
    },
    'twice' => function () {
        \Vmoodle\boot(cfg());
        putenv('VMOODLE_HOST=nobody.example.org');
        $_SERVER['HTTP_HOST'] = 'nobody.example.org';
        $thrown = thrown(fn() => \Vmoodle\boot(cfg()));
        return ['thrown' => $thrown['getReason'], 'after' => known()];
    },
    'a fatal error within boot' => function () {
        \Vmoodle\boot(cfg());
        $cfg = cfg([], new class {
            private $values = [];
            public function __get($name) {
                return $this->values[$name];
            }
            public function __isset($name) {
                return isset($this->values[$name]);
            }
            public function __set($name, $value) {
                if (isset($this->values[$name])) {
                    header('X-Reached: yes');
                    trigger_error('the end', E_USER_ERROR);
                }
                $this->values[$name] = $value;
            }
        });
        register_shutdown_function(function () {
            header('X-After: ' . json_encode(known()));
        });
        \Vmoodle\boot($cfg);
        return 'not reached';
    },
]);
