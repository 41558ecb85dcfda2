<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * boot() for requests: the script of the built-in server.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

answer([
    'boot' => fn() => booted(),
    'words of the command line' => function () {
        putenv('VMOODLE_HOST=two.example.org');
        define('CLI_VMOODLE_OVERRIDE', 'two.example.org');
        define('PHPUNIT_TEST', true);
        return booted();
    },
    'sub-paths' => fn() => booted(cfg(['vmoodle' => ['subpaths' => true]])),
    'a trusted proxy' => fn() => booted(cfg(['vmoodle' => ['trusted_proxies' => ['127.0.0.0/8']]])),
    'control refused' => fn() => booted(cfg(['vmoodle' => ['control' => 'refuse']])),
    'behat' => fn() => booted(cfg(['behat_wwwroot' => 'https://behat.example.org/site', 'vmoodle' => ['subpaths' => true]])),
    'a script that wrote into $_SERVER' => function () {
        $_SERVER['HTTP_HOST'] = 'two.example.org';
        return booted();
    },
    'no $_SERVER' => function () {
        $_SERVER = null;
        return booted();
    },
]);
