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

/**
 * Upgrades the plugin.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

/**
 * Upgrades from an older version, the original VMoodle included.
 *
 * @param int $oldversion the version that the site has
 * @return bool true
 */
function xmldb_local_vmoodle_upgrade($oldversion) {
    global $CFG, $DB;
    require_once($CFG->dirroot . '/local/vmoodle/db/upgradelib.php');

    // Before the first publication, which writes only where every table is there.
    if ($oldversion < 2026112410) {
        $dbman = $DB->get_manager();
        $tables = ['cron', 'item', 'job', 'sheet', 'status', 'trash'];
        foreach (array_map(static fn(string $name): string => "local_vmoodle_$name", $tables) as $table) {
            if (!$dbman->table_exists($table)) {
                $dbman->install_one_table_from_xmldb_file(__DIR__ . '/install.xml', $table);
            }
        }
        $table = new xmldb_table('local_vmoodle_item');
        $field = new xmldb_field('output', XMLDB_TYPE_TEXT, null, null, null, null, null, 'afterimage');
        if (!$dbman->field_exists($table, $field)) {
            $dbman->add_field($table, $field);
        }
    }

    if ($oldversion < 2026112200) {
        local_vmoodle_widen_registry();
        local_vmoodle_create_tables();
        local_vmoodle_remove_original_leftovers();
        if (\local_vmoodle\bridge::is_tenant()) {
            local_vmoodle_empty_tenant_copy();
        }
        local_vmoodle_publish_first_index();
        upgrade_plugin_savepoint(true, 2026112200, 'local', 'vmoodle');
    }

    if ($oldversion < 2026112301) {
        upgrade_plugin_savepoint(true, 2026112301, 'local', 'vmoodle');
    }

    if ($oldversion < 2026112410) {
        upgrade_plugin_savepoint(true, 2026112410, 'local', 'vmoodle');
    }

    return true;
}
