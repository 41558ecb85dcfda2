<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

namespace local_vmoodle\form;

use local_vmoodle\bridge;
use local_vmoodle\native_exception;

/**
 * What a person may choose from, as it is on the control site; another tenant may have more, so that typing stays possible.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class choices {
    /** @var string[] the list by parameter of an operation, or by operation and parameter. */
    private const LISTS = [
        'role' => 'roles', 'roles' => 'roles', 'capability' => 'capabilities', 'plugin' => 'plugins', 'plugins' => 'plugins',
        'types' => 'plugin_types', 'sheet' => 'sheets', 'policy' => 'policies', 'parts' => 'parts', 'auth' => 'auths',
        'snapshot' => 'snapshots', 'template' => 'templates', 'set_config.name' => 'settings', 'unset_config.names' => 'settings',
    ];

    /** @var string[] the questions that a source tenant is asked for its own list. */
    private const OF_SOURCE = [
        'roles' => 'SELECT shortname AS name FROM {role} ORDER BY sortorder',
        'capabilities' => 'SELECT name FROM {capabilities} ORDER BY name',
        'plugins' => "SELECT plugin AS name FROM {config_plugins} WHERE name = 'version' ORDER BY plugin",
    ];

    /** @var string[] parameters of text that are lists with commas. */
    private const MULTIPLE = ['roles', 'capability', 'names', 'parts'];

    /** @var string[] parts of a role that role_sync knows. */
    private const PARTS = ['capabilities', 'contextlevels', 'allows', 'names'];

    /**
     * What a parameter's value may be chosen from.
     *
     * @param string $operation its name
     * @param array $parameter its description
     * @param string $source address of the tenant that it is copied from, empty where none is chosen: then the control site tells
     * @return string[]|null label by value; null where nothing is listed
     */
    public static function of(string $operation, array $parameter, string $source = ''): ?array {
        $list = self::name($operation, $parameter);
        if ($list === null) {
            return null;
        }
        return ($source !== '' && isset(self::OF_SOURCE[$list]) ? self::of_source($list, $source) : null) ?? self::$list();
    }

    /**
     * Whether a source tenant has a list of its own for a parameter.
     *
     * @param string $operation its name
     * @param array $parameter its description
     * @return bool
     */
    public static function has_source(string $operation, array $parameter): bool {
        return isset(self::OF_SOURCE[self::name($operation, $parameter) ?? '']);
    }

    /**
     * The name of a parameter's list.
     *
     * @param string $operation its name
     * @param array $parameter its description
     * @return string|null
     */
    private static function name(string $operation, array $parameter): ?string {
        if (!in_array($parameter['kind'], ['text', 'words'], true)) {
            return null;
        }
        return self::LISTS["{$operation}.{$parameter['name']}"] ?? self::LISTS[$parameter['name']] ?? null;
    }

    /**
     * What a source tenant has, asked once in a request: a page makes its form twice, and one that is down takes its time.
     *
     * @param string $list a key of OF_SOURCE
     * @param string $source its address
     * @return string[]|null label by value; null where it does not answer
     */
    private static function of_source(string $list, string $source): ?array {
        $cache = \cache::make_from_params(\cache_store::MODE_REQUEST, 'local_vmoodle', 'choices');
        $key = "{$list} {$source}";
        $names = $cache->get($key);
        if ($names === false) {
            try {
                // These questions only read, whatever the site's database user may do.
                $answer = bridge::query(self::OF_SOURCE[$list], [], [$source], ['allow' => ['administrator']]);
                $names = array_column($answer['rows'], 'name');
            } catch (native_exception $exception) {
                $names = [];
            }
            $cache->set($key, $names);
        }
        return $names ? array_combine($names, $names) : null;
    }

    /**
     * Whether a parameter takes several values.
     *
     * @param array $parameter its description
     * @return bool
     */
    public static function is_multiple(array $parameter): bool {
        return $parameter['kind'] === 'words' || in_array($parameter['name'], self::MULTIPLE, true);
    }

    /**
     * Roles.
     *
     * @return string[] label by short name
     */
    public static function roles(): array {
        global $DB;
        $names = $DB->get_fieldset_select('role', 'shortname', '1 = 1 ORDER BY sortorder');
        return array_combine($names, $names);
    }

    /**
     * Capabilities.
     *
     * @return string[] label by name
     */
    private static function capabilities(): array {
        global $DB;
        $names = $DB->get_fieldset_select('capabilities', 'name', '1 = 1 ORDER BY name');
        return array_combine($names, $names);
    }

    /**
     * Components that have capabilities.
     *
     * @return string[] label by name
     */
    public static function components(): array {
        global $DB;
        $names = $DB->get_fieldset_sql('SELECT DISTINCT component FROM {capabilities} ORDER BY component');
        $names = array_map(static fn(string $name): string => $name === 'moodle' ? 'core' : $name, $names);
        return array_combine($names, $names);
    }

    /**
     * Plugins of this code.
     *
     * @return string[] label by full name
     */
    private static function plugins(): array {
        $names = [];
        foreach (array_keys(\core_component::get_plugin_types()) as $type) {
            foreach (array_keys(\core_component::get_plugin_list($type)) as $name) {
                $names["{$type}_{$name}"] = "{$type}_{$name}";
            }
        }
        ksort($names);
        return $names;
    }

    /**
     * Types of plugins.
     *
     * @return string[] label by name
     */
    public static function plugin_types(): array {
        $types = array_keys(\core_component::get_plugin_types());
        sort($types);
        return array_combine($types, array_map(
            static fn(string $type): string => \core_plugin_manager::instance()->plugintype_name_plural($type) . " ({$type})",
            $types
        ));
    }

    /**
     * Role sheets that are kept.
     *
     * @return string[] label by name
     */
    private static function sheets(): array {
        return self::names_in('local_vmoodle_sheet');
    }

    /**
     * Sound snapshots, the newest first.
     *
     * @return string[] label by number
     */
    private static function snapshots(): array {
        $labels = [];
        foreach (array_reverse(bridge::snapshots()) as $snapshot) {
            if ($snapshot['problem'] === null) {
                $labels[$snapshot['id']] = "{$snapshot['wwwroot']} ({$snapshot['id']})";
            }
        }
        return $labels;
    }

    /**
     * Snapshots that a tenant can be made of; those with a name first.
     *
     * @return string[] label by name or number
     */
    public static function templates(): array {
        $named = [];
        $others = [];
        foreach (array_reverse(bridge::snapshots()) as $snapshot) {
            if ($snapshot['problem'] === null && (string)$snapshot['name'] !== '') {
                $named[$snapshot['name']] ??= "{$snapshot['name']} ({$snapshot['moodle']['release']})";
            } else if ($snapshot['problem'] === null) {
                $others[$snapshot['id']] = "{$snapshot['wwwroot']} ({$snapshot['id']})";
            }
        }
        return $named + $others;
    }

    /**
     * Policies.
     *
     * @return string[] label by name
     */
    private static function policies(): array {
        return self::names_in('local_vmoodle_policy');
    }

    /**
     * Parts of a role.
     *
     * @return string[] label by word
     */
    private static function parts(): array {
        return array_combine(self::PARTS, self::PARTS);
    }

    /**
     * Ways to log in.
     *
     * @return string[] label by name
     */
    private static function auths(): array {
        $names = array_keys(\core_component::get_plugin_list('auth'));
        return array_combine($names, $names);
    }

    /**
     * Names of Moodle's own settings.
     *
     * @return string[] label by name
     */
    private static function settings(): array {
        global $DB;
        $names = $DB->get_fieldset_select('config', 'name', '1 = 1 ORDER BY name');
        return array_combine($names, $names);
    }

    /**
     * The names in a table of the farm.
     *
     * @param string $table its name
     * @return string[] label by name
     */
    private static function names_in(string $table): array {
        global $DB;
        $names = $DB->get_fieldset_select($table, 'name', '1 = 1 ORDER BY name');
        return array_combine($names, $names);
    }
}
