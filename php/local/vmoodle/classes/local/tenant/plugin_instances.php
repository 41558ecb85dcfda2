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

namespace local_vmoodle\local\tenant;

/**
 * Turns repositories and portfolios on and off: their rows come and go with instances, which Moodle makes and deletes.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class plugin_instances {
    /**
     * Changes one plugin, unless somebody else did since it was planned.
     *
     * @param array $given plugin (repository_url), from and to: enabled, available, disabled, null for no row
     * @return array changed
     */
    public static function change(array $given): array {
        [$type, $name] = explode('_', $given['plugin'], 2);
        [$from, $to] = [$given['from'] ?? null, $given['to'] ?? null];
        $current = self::state($type, $name);
        if ($current === $to) {
            return ['changed' => false];
        }
        if ($current !== $from) {
            $message = sprintf('`%s` is %s now, not %s', $given['plugin'], $current ?? 'off', $from ?? 'off');
            throw new refused('state_refused', $message, 'somebody changed it since: plan again');
        }
        if ($type === 'portfolio' && $to === null) {
            self::delete_portfolio($name);
        } else {
            if ($type === 'repository' && $to === null) {
                self::require_unused($name);
            }
            $numbers = ['enabled' => 1, 'available' => 0, 'disabled' => 0];
            $class = \core_plugin_manager::resolve_plugininfo_class($type);
            $class::enable_plugin($name, $to === null ? \core\plugininfo\repository::REPOSITORY_DISABLED : $numbers[$to]);
        }
        if (self::state($type, $name) !== $to) {
            throw new refused('script_failed', "Moodle has left `{$given['plugin']}` as " . (self::state($type, $name) ?? 'off'));
        }
        return ['changed' => true];
    }

    /**
     * A plugin's state, as the core reads it from rows.
     *
     * @param string $type repository or portfolio
     * @param string $name the plugin's name
     * @return string|null null where it has no row
     */
    private static function state(string $type, string $name): ?string {
        global $DB;
        [$table, $column, $off] = $type === 'repository'
            ? ['repository', 'type', 'available'] : ['portfolio_instance', 'plugin', 'disabled'];
        $visible = $DB->get_fieldset($table, 'visible', [$column => $name]);
        return $visible ? (max($visible) == 1 ? 'enabled' : $off) : null;
    }

    /**
     * Refuses to delete what people have made or use.
     *
     * @param string $name a repository
     */
    private static function require_unused(string $name): void {
        global $DB;
        $own = 'FROM {repository_instances} i JOIN {repository} r ON r.id = i.typeid WHERE r.type = :name';
        $system = \context_system::instance()->id;
        $made = $DB->count_records_sql("SELECT COUNT(*) $own AND i.contextid <> :system", ['name' => $name, 'system' => $system]);
        $references = $DB->count_records_sql(
            "SELECT COUNT(*) FROM {files_reference} f WHERE f.repositoryid IN (SELECT i.id $own)",
            ['name' => $name]
        );
        if ($made || $references) {
            $message = "`repository_$name` is in use: $made instances of courses or people, $references files that refer to it";
            throw new refused('state_refused', $message, 'hide it instead: give it the state `available`');
        }
    }

    /**
     * Deletes what turning a portfolio on has made.
     *
     * @param string $name a portfolio
     */
    private static function delete_portfolio(string $name): void {
        global $CFG, $DB;
        require_once($CFG->libdir . '/portfoliolib.php');
        foreach ($DB->get_fieldset('portfolio_instance', 'id', ['plugin' => $name]) as $id) {
            portfolio_instance($id)->delete();
        }
        add_to_config_log('portfolio_visibility', 1, '', $name);
        \core_plugin_manager::reset_caches();
    }
}
