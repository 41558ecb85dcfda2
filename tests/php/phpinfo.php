<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * What phpinfo() and its kin show.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Boots with secrets wherever there may be one, and gives what the extension shows of itself. */
function shown(array $vmoodle): array {
    $cfg = cfg(['vmoodle' => $vmoodle]);
    $thrown = thrown(fn() => \Vmoodle\boot($cfg));
    ob_start();
    phpinfo(INFO_MODULES | INFO_CONFIGURATION | INFO_GENERAL);
    $everything = ob_get_clean();
    ob_start();
    (new ReflectionExtension('vmoodle'))->info();
    $table = ob_get_clean();
    return ['everything' => $everything . print_r(ini_get_all(), true), 'table' => $table, 'thrown' => $thrown];
}

answer([
    'tenant' => fn() => shown(['dbuser' => 'farm', 'dbpass' => 'secret-of-farm', 'keyfile' => site() . '/key']),
    'own accounts' => fn() => shown([]),
    'ini' => fn() => shown(['dbpass' => 'secret-of-farm']),
]);
