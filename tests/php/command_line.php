<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * boot() on the command line.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Boots where a constant is defined. */
function defining(string $name, mixed $value): callable {
    return function () use ($name, $value) {
        define($name, $value);
        return booted(cfg(['vmoodle' => ['subpaths' => true]]));
    };
}

answer([
    'boot' => fn() => booted(),
    'override one' => defining('CLI_VMOODLE_OVERRIDE', 'https://one.example.org'),
    'override true' => defining('CLI_VMOODLE_OVERRIDE', true),
    'override false' => defining('CLI_VMOODLE_OVERRIDE', false),
    'override empty' => defining('CLI_VMOODLE_OVERRIDE', ''),
    'override null' => defining('CLI_VMOODLE_OVERRIDE', null),
    'override unknown' => defining('CLI_VMOODLE_OVERRIDE', 'nobody.example.org'),
    'PHPUNIT_TEST' => defining('PHPUNIT_TEST', true),
    'PHPUNIT_UTIL' => defining('PHPUNIT_UTIL', true),
    'BEHAT_UTIL' => defining('BEHAT_UTIL', true),
    'BEHAT_TEST' => defining('BEHAT_TEST', true),
    'PHPUNIT_TEST farm' => function () {
        define('PHPUNIT_TEST', true);
        define('MOODLE_INTERNAL', true);
        return ['with' => booted(cfg(['vmoodle' => ['subpaths' => true]])), 'without' => booted(cfg())];
    },
    'PHPUNIT_TEST false' => defining('PHPUNIT_TEST', false),
]);
