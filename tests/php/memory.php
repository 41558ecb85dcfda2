<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * A million boots of all kinds.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Memory that this process wrote to, in bytes; pages of files count for whoever has them mapped, which others change. */
function private_bytes(): int {
    preg_match_all('/^Private_Dirty:\s+(\d+) kB/m', file_get_contents('/proc/self/smaps_rollup'), $found);
    return 1024 * array_sum($found[1]);
}

/** Boots two tenants, a host that is refused, and the control site, in turns; `$count` is a multiple of 1,000. */
function boots(int $count): int {
    static $template;
    $template ??= cfg(['vmoodle' => ['subpaths' => false]]);
    $served = 0;
    $names = ['VMOODLE_HOST=one.example.org', 'VMOODLE_HOST=two.example.org', 'VMOODLE_HOST=nobody.example.org', 'VMOODLE_HOST'];
    for ($i = 0; $i < $count; $i++) {
        // Not at every turn: putenv() itself takes memory for good.
        if ($i % 250 === 0) {
            putenv($names[intdiv($i, 250) % 4]);
        }
        $cfg = clone $template;
        try {
            $served += \Vmoodle\boot($cfg) === \Vmoodle\current() ? 1 : 0;
        } catch (\Vmoodle\RefusedException $refused) {
            $served += $refused->getCode() === 404 ? 1 : 0;
        }
    }
    return $served;
}

answer([
    'a million boots' => function () {
        // Both are read once before, for what reading them takes.
        boots(20000);
        private_bytes();
        gc_collect_cycles();
        [$memory, $private, $served, $grown] = [memory_get_usage(), private_bytes(), 0, []];
        for ($part = 0; $part < 4; $part++) {
            $served += boots(250000);
            gc_collect_cycles();
            $now = private_bytes();
            $grown[] = $now - $private;
            $private = $now;
        }
        // The kernel makes huge pages of small ones when it likes, once or twice a run; a leak grows in every part.
        return ['served' => $served, 'php' => memory_get_usage() - $memory, 'private' => min($grown), 'parts' => $grown];
    },
]);
