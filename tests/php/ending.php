<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * Scripts that end in, before and after boot.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

/** Runs a callback at the first write after it is armed. */
class Armed {
    private array $values = [];
    public $armed = null;

    public function __get($name) {
        return $this->values[$name];
    }

    public function __isset($name) {
        return isset($this->values[$name]);
    }

    public function __set($name, $value) {
        if ($this->armed) {
            ($this->armed)();
        }
        $this->values[$name] = $value;
    }
}

function armed(callable $callback): Armed {
    $cfg = cfg([], new Armed());
    $cfg->armed = $callback;
    return $cfg;
}

/** Says at the very end what the process is. */
function last(): void {
    register_shutdown_function(function () {
        echo json_encode(\Vmoodle\current()['key'] ?? 'nobody');
    });
}

answer([
    'exit within boot' => function () {
        last();
        \Vmoodle\boot(armed(fn() => exit(7)));
        echo 'not reached';
    },
    'exit after boot' => function () {
        last();
        \Vmoodle\boot(cfg());
        exit(7);
    },
    'an exception nobody catches' => function () {
        last();
        putenv('VMOODLE_HOST=nobody.example.org');
        \Vmoodle\boot(cfg());
    },
    'boot at the end' => function () {
        register_shutdown_function(function () {
            \Vmoodle\boot(cfg());
            register_shutdown_function(function () {
                echo json_encode(\Vmoodle\current()['key']);
            });
        });
        exit(7);
    },
    'boot in the last destructor' => function () {
        $GLOBALS['last'] = new class {
            public function __destruct() {
                \Vmoodle\boot(cfg());
                echo json_encode(\Vmoodle\current()['key']);
            }
        };
        exit(7);
    },
    'memory runs out within boot' => function () {
        \Vmoodle\boot(armed(function () {
            ini_set('memory_limit', '8M');
            str_repeat('x', 1 << 26);
        }));
    },
    'fork' => function () {
        \Vmoodle\boot(cfg());
        $child = pcntl_fork();
        if ($child === 0) {
            $fresh = \Vmoodle\boot(cfg());
            $known = thrown(fn() => \Vmoodle\publish())['getReason'] ?? '';
            exit($fresh['key'] === 'one.example.org' && $known === 'not_control_site' ? 7 : 1);
        }
        pcntl_waitpid($child, $status);
        echo json_encode(\Vmoodle\boot(cfg())['key']);
        exit(pcntl_wexitstatus($status));
    },
]);
