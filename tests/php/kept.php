<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * What a worker keeps of a tenant from one request to the next.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Does to what boot gave all that a script may do, and holds it so that the end of the request finds it in use. */
function spoil(): void {
    $cfg = cfg();
    $facts = \Vmoodle\boot($cfg);
    $GLOBALS['held'] = [&$cfg, &$facts, $cfg->wwwroot, $facts['tags'], array_fill_keys(array_values((array) $cfg->dboptions), 1)];
    foreach (['wwwroot', 'dbname', 'dbpass', 'session_redis_prefix'] as $name) {
        $cfg->$name .= '/spoilt';
        $cfg->{$cfg->$name} = $cfg->$name;
    }
    $cfg->dboptions['dbport'] = 'spoilt';
    $cfg->dboptions['spoilt']['spoilt'] = $facts;
    foreach ($facts as $name => &$value) {
        preg_match('/./u', $name);
        $value = is_string($value) ? strtoupper($value) : [$value];
    }
    $facts['tags'][] = 'spoilt';
    $facts['self'] = &$facts;
    $again = \Vmoodle\current();
    sort($again['tags']);
    end($again);
    array_pop($again);
    $iterator = new ArrayIterator(\Vmoodle\current());
    $iterator->next();
    $iterator['key'] = 'spoilt';
    $GLOBALS['iterator'] = $iterator;
    gc_collect_cycles();
}

answer([
    'boot' => fn() => booted(),
    'spoilt' => function () {
        spoil();
        return booted();
    },
    'spoilt and ended' => function () {
        spoil();
        exit('"ended"');
    },
    // The engine marks an array while it walks through it, and an error ends this walk early.
    'ended by an error' => function () {
        \Vmoodle\boot(cfg());
        ob_start(fn() => trigger_error('the end', E_USER_ERROR), 1);
        var_dump(\Vmoodle\current());
    },
    'another index' => function () {
        $cfg = cfg();
        $facts = \Vmoodle\boot($cfg);
        $before = [$facts, get_object_vars($cfg)];
        copy(site() . '/next', site() . '/control/vmoodle/copy');
        rename(site() . '/control/vmoodle/copy', site() . '/control/vmoodle/index');
        $limit = time() + 60;
        do {
            $now = booted();
        } while ($now['tenant']['name'] === $facts['name'] && time() < $limit);
        return ['before' => $before, 'still' => [$facts, get_object_vars($cfg)], 'now' => $now];
    },
    'in one place' => function () {
        $given = [];
        foreach (['h1', 'h129', 'h1', 'h129'] as $host) {
            putenv("VMOODLE_HOST=$host.example.org");
            $given[] = booted();
        }
        return array_map(fn($booted) => [$booted['tenant']['key'], $booted['cfg']['wwwroot'], $booted['cfg']['dboptions'],
            $booted['current']['key']], $given);
    },
]);
