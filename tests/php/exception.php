<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * The exceptions: how they are thrown, caught, extended and made.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/cases.php');

const CHILDREN = ['Refused', 'Invalid', 'NotFound', 'Conflict', 'Tenant', 'Control', 'Internal'];

class Own extends \Vmoodle\RefusedException {
    public function __construct(string $message) {
        parent::__construct($message, 418);
        $this->reason = 'own';
        $this->location = 'https://own.example.org';
        $this->retryafter = 5;
    }
}

/** The message, class and place of an exception. */
function place(\Throwable $thrown): array {
    return ['file' => basename($thrown->getFile()), 'line' => $thrown->getLine(), 'trace' => $thrown->getTrace()[0]['function']];
}

answer([
    'tree' => function () {
        $parents = [];
        foreach (CHILDREN as $child) {
            $parents[$child] = array_values(class_parents("Vmoodle\\{$child}Exception"));
        }
        return $parents + ['implements' => array_values(class_implements('Vmoodle\Exception'))];
    },
    'place' => function () {
        try {
            $line = __LINE__ + 1;
            \Vmoodle\current() ?? \Vmoodle\boot(cfg());
        } catch (\Vmoodle\Exception $thrown) {
            return place($thrown) + ['expected' => $line, 'string' => (string) $thrown];
        }
    },
    'caught as' => function () {
        $caught = [];
        foreach (['Vmoodle\RefusedException', 'Vmoodle\Exception', 'Exception', 'Throwable', 'Vmoodle\ControlException'] as $name) {
            try {
                \Vmoodle\boot(cfg());
            } catch (\Throwable $thrown) {
                $caught[$name] = $thrown instanceof $name;
            }
        }
        return $caught;
    },
    'made' => function () {
        $cause = new \LogicException('the cause');
        $made = [];
        foreach (['', ...CHILDREN] as $child) {
            $class = "Vmoodle\\{$child}Exception";
            $one = new $class('made', 7, $cause);
            $made[] = told($one) + place($one) + ['previous' => $one->getPrevious() === $cause];
        }
        return $made;
    },
    'extended' => function () {
        try {
            throw new Own('mine');
        } catch (\Vmoodle\RefusedException $thrown) {
            return told($thrown) + ['previous' => $thrown->getPrevious()];
        }
    },
    'previous' => function () {
        try {
            try {
                \Vmoodle\boot(cfg());
            } catch (\Vmoodle\Exception $thrown) {
                throw new \RuntimeException('around', 1, $thrown);
            }
        } catch (\RuntimeException $around) {
            return told($around->getPrevious());
        }
    },
    'finally' => function () {
        $order = [];
        try {
            try {
                \Vmoodle\boot(cfg());
            } finally {
                $order[] = 'finally';
            }
        } catch (\Exception) {
            $order[] = 'catch';
        }
        return $order;
    },
    'copied' => function () {
        $thrown = null;
        try {
            \Vmoodle\boot(cfg());
        } catch (\Vmoodle\Exception $thrown) {
        }
        $said = [];
        foreach (['clone' => fn() => clone $thrown, 'getter with arguments' => fn() => $thrown->getReason(1)] as $name => $call) {
            $said[$name] = thrown($call)['class'] ?? null;
        }
        return $said;
    },
    'shadowed' => function () {
        // A child that makes the properties something else must not crash the getters.
        $own = new class extends \Vmoodle\RefusedException {
            protected $reason = ['not', 'a', 'text'];
            public $location = 5;
            public function forget(): static {
                unset($this->tenant, $this->hint);
                return $this;
            }
        };
        return [is_string($own->getLocation()) || true, $own->forget()->getTenant(), $own->getHint()];
    },
    'codes' => fn() => \Vmoodle\error_codes(),
]);
