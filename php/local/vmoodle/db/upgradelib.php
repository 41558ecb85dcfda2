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
 * The steps that turn a site of the original VMoodle into one of this plugin; each may run again without harm.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

/**
 * Gives the original's registry its new and wider columns; what the rows say is left to the native core.
 */
function local_vmoodle_widen_registry(): void {
    global $DB;
    $dbman = $DB->get_manager();
    $table = new xmldb_table('local_vmoodle');

    // The original added this column in 2017 only.
    $added = [new xmldb_field('metadata', XMLDB_TYPE_TEXT, null, null, null, null, null, 'croncount')];

    // A NOT NULL column cannot take over a NULL.
    $DB->set_field_select('local_vmoodle', 'vdblogin', '', 'vdblogin IS NULL');
    $widened = [
        new xmldb_field('vdbhost', XMLDB_TYPE_CHAR, '255', null, XMLDB_NOTNULL, null, 'localhost'),
        new xmldb_field('vdblogin', XMLDB_TYPE_CHAR, '128', null, XMLDB_NOTNULL),
    ];
    foreach ($widened as $field) {
        $dbman->change_field_precision($table, $field);
        $dbman->change_field_default($table, $field);
    }
    $columns = $DB->get_columns('local_vmoodle', false);
    if ($columns['vdbpass']->meta_type !== 'X') {
        $dbman->change_field_type($table, new xmldb_field('vdbpass', XMLDB_TYPE_TEXT));
    }

    array_push(
        $added,
        new xmldb_field('hostkey', XMLDB_TYPE_CHAR, '255', null, null, null, null, 'vhostname'),
        new xmldb_field('vdbport', XMLDB_TYPE_INTEGER, '5', null, null, null, null, 'vdbhost'),
        new xmldb_field('vdbsocket', XMLDB_TYPE_CHAR, '255', null, null, null, null, 'vdbport'),
        new xmldb_field('vdboptions', XMLDB_TYPE_TEXT, null, null, null, null, null, 'vdbpersist'),
        new xmldb_field('state', XMLDB_TYPE_CHAR, '16', null, XMLDB_NOTNULL, null, null, 'enabled'),
        new xmldb_field('settings', XMLDB_TYPE_TEXT, null, null, null, null, null, 'state'),
        new xmldb_field('tags', XMLDB_TYPE_CHAR, '255', null, null, null, null, 'settings'),
        new xmldb_field('timemodified', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0', 'timecreated'),
        new xmldb_field('lockitem', XMLDB_TYPE_INTEGER, '10', null, null, null, null, 'metadata'),
        new xmldb_field('lockuntil', XMLDB_TYPE_INTEGER, '10', null, null, null, null, 'lockitem'),
    );
    foreach ($added as $field) {
        if (!$dbman->field_exists($table, $field)) {
            $dbman->add_field($table, $field);
        }
    }

    // Every hostkey is NULL so far, so two rows for one host do not stop this; the native core tells them apart.
    $index = new xmldb_index('hostkey', XMLDB_INDEX_UNIQUE, ['hostkey']);
    if (!$dbman->index_exists($table, $index)) {
        $dbman->add_index($table, $index);
    }
}

/**
 * Makes the tables that the original did not have, as of version 2026112200.
 */
function local_vmoodle_create_tables(): void {
    global $DB;
    $dbman = $DB->get_manager();

    $alias = local_vmoodle_start_table('local_vmoodle_alias');
    $alias->add_field('host', XMLDB_TYPE_CHAR, '255', null, XMLDB_NOTNULL);
    $alias->add_field('tenantid', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL);
    $alias->add_field('timecreated', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');
    $alias->add_key('tenantid', XMLDB_KEY_FOREIGN, ['tenantid'], 'local_vmoodle', ['id']);
    $alias->add_index('host', XMLDB_INDEX_UNIQUE, ['host']);

    $policy = local_vmoodle_start_table('local_vmoodle_policy');
    $policy->add_field('name', XMLDB_TYPE_CHAR, '100', null, XMLDB_NOTNULL);
    $policy->add_field('targets', XMLDB_TYPE_TEXT, null, null, XMLDB_NOTNULL);
    $policy->add_field('settings', XMLDB_TYPE_TEXT, null, null, XMLDB_NOTNULL);
    $policy->add_field('enabled', XMLDB_TYPE_INTEGER, '1', null, XMLDB_NOTNULL, null, '1');
    $policy->add_field('sortorder', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');
    $policy->add_field('timecreated', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');
    $policy->add_field('timemodified', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');
    $policy->add_index('name', XMLDB_INDEX_UNIQUE, ['name']);

    $server = local_vmoodle_start_table('local_vmoodle_server');
    $server->add_field('name', XMLDB_TYPE_CHAR, '100', null, XMLDB_NOTNULL);
    $server->add_field('engine', XMLDB_TYPE_CHAR, '16', null, XMLDB_NOTNULL);
    $server->add_field('host', XMLDB_TYPE_CHAR, '255', null, XMLDB_NOTNULL);
    $server->add_field('port', XMLDB_TYPE_INTEGER, '5');
    $server->add_field('socket', XMLDB_TYPE_CHAR, '255');
    $server->add_field('login', XMLDB_TYPE_CHAR, '128', null, XMLDB_NOTNULL);
    $server->add_field('password', XMLDB_TYPE_TEXT);
    $server->add_field('passwordfile', XMLDB_TYPE_CHAR, '255');
    $server->add_field('accounthost', XMLDB_TYPE_CHAR, '255');
    $server->add_field('connections', XMLDB_TYPE_INTEGER, '4', null, XMLDB_NOTNULL, null, '0');
    $server->add_field('weight', XMLDB_TYPE_INTEGER, '4', null, XMLDB_NOTNULL, null, '1');
    $server->add_field('timecreated', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');
    $server->add_field('timemodified', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');
    $server->add_index('name', XMLDB_INDEX_UNIQUE, ['name']);

    $generation = local_vmoodle_start_table('local_vmoodle_generation');
    $generation->add_field('generation', XMLDB_TYPE_INTEGER, '18', null, XMLDB_NOTNULL, null, '0');
    $generation->add_field('timepublished', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, null, '0');

    foreach ([$alias, $policy, $server, $generation] as $table) {
        if (!$dbman->table_exists($table)) {
            $dbman->create_table($table);
        }
    }
}

/**
 * A table with the id column and the primary key that every table of Moodle has.
 *
 * @param string $name the table's name without prefix
 * @return xmldb_table not yet in the database
 */
function local_vmoodle_start_table(string $name): xmldb_table {
    $table = new xmldb_table($name);
    $table->add_field('id', XMLDB_TYPE_INTEGER, '10', null, XMLDB_NOTNULL, XMLDB_SEQUENCE);
    $table->add_key('primary', XMLDB_KEY_PRIMARY, ['id']);
    return $table;
}

/**
 * Removes what the original's sub-plugins left in this site: their code is gone.
 */
function local_vmoodle_remove_original_leftovers(): void {
    global $DB;

    $like = $DB->sql_like('plugin', ':plugin');
    $subplugins = $DB->get_fieldset_select('config_plugins', 'DISTINCT plugin', $like, ['plugin' => 'vmoodleadminset\_%']);
    foreach ($subplugins as $subplugin) {
        capabilities_cleanup($subplugin);
        $DB->delete_records('task_scheduled', ['component' => $subplugin]);
        unset_all_config_for_plugin($subplugin);
    }

    // Moodle drops the scheduled tasks and the MNET functions of the plugin itself, but no queued ad-hoc task.
    $like = $DB->sql_like('classname', ':classname');
    foreach (['\\\\local\_vmoodle\\\\%', '\\\\vmoodleadminset\_%'] as $classname) {
        $DB->delete_records_select('task_adhoc', $like, ['classname' => $classname]);
    }
    $DB->set_field('mnet_rpc', 'enabled', 0, ['plugintype' => 'vmoodleadminset']);
    unset_config('late_install', 'local_vmoodle');
}

/**
 * Empties the copy of the registry that the original's register sync left in a tenant, with the passwords of all others.
 */
function local_vmoodle_empty_tenant_copy(): void {
    global $DB;

    foreach (['local_vmoodle_alias', 'local_vmoodle_policy', 'local_vmoodle_server', 'local_vmoodle_generation'] as $table) {
        $DB->delete_records($table);
    }
    $DB->delete_records('local_vmoodle');
    foreach (['vdblogin', 'vdbpass'] as $name) {
        unset_config($name, 'local_vmoodle');
    }
}

/**
 * Publishes the registry for the first time, on the control site; the native core fills hostkey and state as it does so.
 *
 * A failure does not stop the upgrade: cli/publish.php or the task does it later, and a check says so until then.
 */
function local_vmoodle_publish_first_index(): void {
    if (!\local_vmoodle\bridge::is_control_site()) {
        return;
    }
    try {
        \local_vmoodle\bridge::publish();
    } catch (\moodle_exception $exception) {
        $message = get_string('publishlater', 'local_vmoodle', $exception->getMessage());
        if (CLI_SCRIPT) {
            mtrace($message);
        } else {
            global $OUTPUT;
            echo $OUTPUT->notification(s($message), \core\output\notification::NOTIFY_WARNING);
        }
    }
}
