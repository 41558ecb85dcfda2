<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * Objects other than a plain stdClass as $CFG.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Keeps its values elsewhere, and runs code of its own at every access. */
class Magic {
    /** @var array the values, and what was done */
    private array $values = [];
    public array $done = [];
    /** @var ?callable runs at each write */
    public $before = null;

    public function __get($name) {
        return $this->values[$name];
    }

    public function __isset($name) {
        return isset($this->values[$name]);
    }

    public function __unset($name) {
        $this->done[] = "unset $name";
        unset($this->values[$name]);
    }

    public function __set($name, $value) {
        if ($this->before) {
            ($this->before)($name);
        }
        $this->values[$name] = $value;
    }

    public function values(): array {
        return $this->values;
    }
}

/** A magic $CFG that runs something before each write once it is complete. */
function magic(?callable $before = null): Magic {
    $cfg = cfg(['vmoodle' => ['subpaths' => false]], new Magic());
    $cfg->before = $before;
    return $cfg;
}

/** Boots an object and tells what it threw, and what the process is afterwards. */
function outcome(object $cfg): array {
    $thrown = thrown(fn() => \Vmoodle\boot($cfg));
    $control = thrown(fn() => \Vmoodle\index_status());
    return ['thrown' => $thrown, 'current' => \Vmoodle\current(), 'control' => $control['getReason'] ?? null];
}

class Typed {
    public string $dbname = '';
    public ?int $session_redis_prefix = null;
    public array $vmoodle = ['subpaths' => false];
    public $wwwroot, $prefix, $dataroot, $dirroot, $dbtype, $dblibrary, $dbhost, $dbuser, $dbpass, $dboptions;
}

class Once {
    public function __construct(public readonly string $wwwroot) {
    }
    public $dbname, $prefix, $dataroot, $dirroot, $dbtype, $dblibrary, $dbhost, $dbuser, $dbpass, $dboptions;
}

class Hidden {
    private $sessioncookie = 'mine';
    public $dbname, $wwwroot, $prefix, $dataroot, $dirroot, $dbtype, $dblibrary, $dbhost, $dbuser, $dbpass, $dboptions;
}

class Child extends stdClass {
}

enum Word: string {
    case One = 'one';
}

answer([
    'magic' => function () {
        $cfg = magic();
        $tenant = \Vmoodle\boot($cfg);
        return ['tenant' => $tenant, 'values' => $cfg->values(), 'done' => $cfg->done];
    },
    'a child of stdClass' => fn() => booted(cfg([], new Child())),
    'declared properties' => function () {
        $class = new class {
            public $dbname, $wwwroot, $prefix, $dataroot, $dirroot, $vmoodle = [];
        };
        return booted(cfg([], $class));
    },
    'a wrong type' => fn() => outcome(cfg([], new Typed())),
    'a readonly property' => function () {
        $settings = cfg();
        $cfg = new Once($settings->wwwroot);
        unset($settings->wwwroot);
        foreach ($settings as $name => $value) {
            $cfg->$name = $value;
        }
        return outcome($cfg);
    },
    'a private property' => fn() => outcome(cfg([], new Hidden())),
    'an empty object' => fn() => outcome(new stdClass()),
    'a closure' => fn() => outcome(function () {
    }),
    'an enum' => fn() => outcome(Word::One),
    'a generator' => fn() => outcome((fn() => yield 1)()),
    'no texts' => fn() => outcome(cfg(['wwwroot' => ['a'], 'dbname' => 5, 'prefix' => null])),
    'copies' => function () {
        $cfg = cfg();
        $array = (array) $cfg;
        $clone = clone $cfg;
        $taken = get_object_vars($cfg);
        $cast = (object) $array;
        $seen = [];
        \Vmoodle\boot($cfg);
        foreach ([$array, (array) $clone, $taken, (array) $cast, (array) $cfg] as $copy) {
            $seen[] = $copy['dbname'];
        }
        return $seen;
    },
    'booted by a copy' => function () {
        $array = json_decode(file_get_contents(site() . '/cfg.json'), true);
        $cfg = (object) $array;
        $other = (object) $array;
        \Vmoodle\boot($cfg);
        return [$array['dbname'], $other->dbname, $cfg->dbname, isset($cfg->preventexecpath), isset($other->preventexecpath)];
    },
    'in a loop over it' => function () {
        $cfg = cfg();
        $names = [];
        foreach ($cfg as $name => $value) {
            if (!$names) {
                \Vmoodle\boot($cfg);
            }
            $names[$name] = is_array($value) ? 'array' : $value;
        }
        return ['names' => $names, 'dbname' => $cfg->dbname];
    },
    'references' => function () {
        $cfg = cfg();
        $dbname = &$cfg->dbname;
        $wwwroot = 'https://control.example.org';
        $cfg->wwwroot = &$wwwroot;
        $own = ['subpaths' => false, 'index' => null];
        $own['index'] = &$path;
        $path = site() . '/control/vmoodle/index';
        $cfg->vmoodle = &$own;
        \Vmoodle\boot($cfg);
        return [$cfg->dbname, $cfg->wwwroot, isset($cfg->vmoodle)];
    },
    'called again from a write' => function () {
        $inner = [];
        $cfg = magic(function ($name) use (&$inner) {
            if ($name === 'dbname') {
                $inner[] = \Vmoodle\current();
                $inner[] = thrown(fn() => \Vmoodle\resolve('one.example.org'))['getReason'] ?? null;
                $inner[] = \Vmoodle\boot(cfg())['key'];
            }
        });
        return ['inner' => $inner, 'outer' => \Vmoodle\boot($cfg)['key'], 'inner after' => $inner,
            'current' => \Vmoodle\current()['key'], 'resolve' => \Vmoodle\resolve('one.example.org')['outcome']];
    },
    'a destructor' => function () {
        $said = [];
        $cfg = cfg();
        $cfg->dbhost = new class ($said) {
            public function __construct(private array &$said) {
            }
            public function __destruct() {
                $this->said[] = \Vmoodle\boot(cfg())['key'];
            }
        };
        return ['outer' => \Vmoodle\boot($cfg)['key'], 'said' => $said, 'dbhost' => $cfg->dbhost];
    },
    'an exception from a write' => fn() => outcome(magic(function ($name) {
        throw new DomainException("not $name");
    })),
]);
