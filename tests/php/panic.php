<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * A function that panics, of the extension in vmoodle-php/examples/panicking.rs.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

$said = [];
foreach (['first', 'second', "bytes \u{e9}"] as $text) {
    try {
        \Panicking\now($text);
    } catch (\Throwable $thrown) {
        $said[] = [get_class($thrown), $thrown->getMessage(), basename($thrown->getFile())];
    }
}
$calm = \Panicking\now('');
function uncaught(): void {
    try {
        \Panicking\now('inside');
    } finally {
        $GLOBALS['finally'] = true;
    }
}
try {
    uncaught();
} catch (\Error $thrown) {
    $said[] = [get_class($thrown), $thrown->getTrace()[1]['function'] ?? null];
}
echo json_encode(['said' => $said, 'calm' => $calm, 'dropped' => \Panicking\dropped(), 'finally' => $finally]);
