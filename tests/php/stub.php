<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * Every function, class, method and property by reflection: of the extension, or of the file named as argument.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

function described(ReflectionFunctionAbstract $function): array {
    $parameters = [];
    foreach ($function->getParameters() as $parameter) {
        $parameters[] = [
            'name' => $parameter->getName(),
            'type' => (string) $parameter->getType(),
            'optional' => $parameter->isOptional(),
            'default' => $parameter->isDefaultValueAvailable() ? json_encode($parameter->getDefaultValue()) : null,
            'reference' => $parameter->isPassedByReference(),
            'variadic' => $parameter->isVariadic(),
        ];
    }
    return [
        'parameters' => $parameters,
        'returns' => (string) $function->getReturnType(),
        'docblock' => $function->getDocComment() !== false,
    ];
}

$file = $argv[1] ?? null;
$known = get_declared_classes();
if ($file === null) {
    $functions = array_keys((new ReflectionExtension('vmoodle'))->getFunctions());
    $classes = array_keys((new ReflectionExtension('vmoodle'))->getClasses());
} else {
    require($file);
    $functions = get_defined_functions()['user'];
    $functions = array_filter($functions, fn($name) => str_starts_with($name, 'vmoodle\\'));
    $classes = array_diff(get_declared_classes(), $known);
}

$said = ['functions' => [], 'classes' => []];
foreach ($functions as $name) {
    $function = new ReflectionFunction($name);
    $said['functions'][$function->getName()] = described($function);
}
foreach ($classes as $name) {
    $class = new ReflectionClass($name);
    $own = fn($member) => $member->getDeclaringClass()->getName() === $class->getName();
    $methods = $properties = [];
    foreach (array_filter($class->getMethods(), $own) as $method) {
        $modifiers = implode(' ', Reflection::getModifierNames($method->getModifiers()));
        $methods[$method->getName()] = described($method) + ['modifiers' => $modifiers];
    }
    foreach (array_filter($class->getProperties(), $own) as $property) {
        $properties[$property->getName()] = [
            'modifiers' => implode(' ', Reflection::getModifierNames($property->getModifiers())),
            'type' => (string) $property->getType(),
            'default' => json_encode($property->getDefaultValue()),
        ];
    }
    ksort($methods);
    ksort($properties);
    $said['classes'][$class->getName()] = [
        'parent' => $class->getParentClass() ? $class->getParentClass()->getName() : null,
        'modifiers' => implode(' ', Reflection::getModifierNames($class->getModifiers())),
        'methods' => (object) $methods,
        'properties' => (object) $properties,
        'docblock' => $class->getDocComment() !== false,
    ];
}
$said['ini'] = $file === null ? array_keys((new ReflectionExtension('vmoodle'))->getINIEntries()) : [];
ksort($said['functions']);
ksort($said['classes']);
echo json_encode($said, JSON_THROW_ON_ERROR);
