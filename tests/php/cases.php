<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * What every theme shares: the control site's $CFG, exceptions as arrays, and the answer as JSON.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

/** The folder that the Rust side made. */
function site(): string {
    return getenv('VMOODLE_TEST_SITE');
}

/** $CFG as config.php describes the control site, with changes on top, in an object of one's own where one is given. */
function cfg(array $changes = [], ?object $into = null, string $file = 'cfg.json'): object {
    $into ??= new stdClass();
    $settings = json_decode(file_get_contents(site() . '/' . $file), true, 512, JSON_THROW_ON_ERROR);
    foreach ($changes + $settings as $name => $value) {
        $into->$name = $value;
    }
    return $into;
}

/** What a call threw: null where it came back. */
function thrown(callable $call): ?array {
    try {
        $call();
        return null;
    } catch (\Throwable $thrown) {
        return told($thrown);
    }
}

/** An exception as an array. */
function told(\Throwable $thrown): array {
    $told = ['class' => get_class($thrown), 'code' => $thrown->getCode(), 'message' => $thrown->getMessage()];
    foreach (['getReason', 'getTenant', 'isRetryable', 'getHint', 'getLocation', 'getRetryAfter'] as $getter) {
        if (method_exists($thrown, $getter)) {
            $told[$getter] = $thrown->$getter();
        }
    }
    return $told;
}

/** What boot gave or threw, and what current() gives afterwards. */
function booted(?object $cfg = null): array {
    $cfg ??= cfg();
    $tenant = null;
    $thrown = thrown(function () use ($cfg, &$tenant) {
        $tenant = \Vmoodle\boot($cfg);
    });
    return ['tenant' => $tenant, 'thrown' => $thrown, 'cfg' => get_object_vars($cfg), 'current' => \Vmoodle\current()];
}

/** Runs the case that the command line or the header X-Case names. */
function answer(array $cases): void {
    $case = PHP_SAPI === 'cli' ? $GLOBALS['argv'][1] : $_SERVER['HTTP_X_CASE'] ?? '';
    if (!isset($cases[$case])) {
        http_response_code(404);
        echo '"no such case"';
        return;
    }
    $flags = JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PRESERVE_ZERO_FRACTION;
    echo json_encode($cases[$case](), $flags);
}
