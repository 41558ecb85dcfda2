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

namespace local_vmoodle\tests;

use local_vmoodle\bridge;

/**
 * PHPUnit's own site as the control site of a farm, or as a tenant of it.
 *
 * Moodle's tables under PHPUnit's prefix are the control database, so that the native core reads and writes what the test does.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
abstract class farm_testcase extends \advanced_testcase {
    /** @var string the address of the control site. */
    protected const CONTROL = 'https://control.example.org';

    /** @var string[] tables that the native core writes: Moodle does not know of it, and would leave the rows for the next test. */
    private const TABLES = ['local_vmoodle', 'local_vmoodle_alias', 'local_vmoodle_cron', 'local_vmoodle_generation',
        'local_vmoodle_item', 'local_vmoodle_job', 'local_vmoodle_policy', 'local_vmoodle_server', 'local_vmoodle_sheet',
        'local_vmoodle_status', 'local_vmoodle_trash'];

    /** @var string the prefix of a tenant whose tables stand beside PHPUnit's. */
    private const PREFIX = 'vmu_';

    /** @var string[] Moodle's tables that such a tenant has. */
    private const SITE = ['config', 'config_plugins', 'config_log', 'course', 'context', 'user'];

    /** @var string|null the folder of the farm of this test. */
    private ?string $folder = null;

    /** @var bool whether a tenant's tables stand beside PHPUnit's. */
    private bool $hassite = false;

    /**
     * Leaves the farm, and takes away what the native core has written.
     */
    protected function tearDown(): void {
        global $DB;
        if ($this->folder !== null) {
            self::boot(null);
            foreach (self::TABLES as $table) {
                if ($DB->record_exists($table, [])) {
                    $DB->delete_records($table);
                }
            }
            if ($this->hassite) {
                $this->drop_site();
            }
            $this->folder = null;
        }
        parent::tearDown();
    }

    /**
     * Makes this process one of the control site.
     */
    protected function become_control_site(): void {
        if (!bridge::is_available()) {
            $this->markTestSkipped('The extension vmoodle is not loaded.');
        }
        $this->resetAfterTest();
        // The native core has a connection of its own, which sees what is committed.
        $this->preventResetByRollback();
        $this->folder = make_request_directory();
        self::boot(['index' => $this->index()]);
        bridge::publish();
        // A worker that has found no index looks for one once a second; one whose settings are others looks at once.
        $this->boot_farm();
    }

    /**
     * Makes this process one of a tenant.
     *
     * @param string $wwwroot the tenant's address
     */
    protected function become_tenant(string $wwwroot): void {
        putenv("VMOODLE_HOST={$wwwroot}");
        $this->boot_farm();
        putenv('VMOODLE_HOST');
    }

    /**
     * Boots with the index of this test.
     */
    private function boot_farm(): void {
        self::boot(['index' => $this->index(), 'subpaths' => false]);
    }

    /**
     * Where the index is.
     *
     * @return string absolute path
     */
    protected function index(): string {
        return $this->folder . '/index/index';
    }

    /**
     * Registers a tenant that has no database yet.
     *
     * @param string $host of its address
     * @param array $columns further columns of the registry, or others
     * @return array its row
     */
    protected function add_tenant(string $host, array $columns = []): array {
        return bridge::tenant_add($columns + [
            'vhostname' => "https://{$host}",
            'name' => "Site {$host}",
            'vdbname' => 'vmoodle_no_such_' . str_replace(['.', '-'], '_', $host),
            'vdatapath' => "{$this->folder}/{$host}",
        ] + self::server());
    }

    /**
     * Registers a tenant with a few of Moodle's tables, beside PHPUnit's own under another prefix.
     *
     * @param string $host of its address
     * @return array its row
     */
    protected function add_site(string $host): array {
        global $CFG, $DB;
        // A run that was killed may have left them.
        $this->drop_site();
        $this->hassite = true;
        foreach (self::SITE as $table) {
            [$from, $to] = [$CFG->prefix . $table, self::PREFIX . $table];
            $like = $DB->get_dbfamily() === 'postgres' ? "(LIKE {$from} INCLUDING ALL)" : "LIKE {$from}";
            $DB->change_database_structure("CREATE TABLE {$to} {$like}");
            $DB->change_database_structure("INSERT INTO {$to} SELECT * FROM {$from}");
        }
        mkdir("{$this->folder}/{$host}");
        return $this->add_tenant($host, ['vdbname' => $CFG->dbname, 'vdbprefix' => self::PREFIX]);
    }

    /**
     * A setting of the tenant that add_site() has made.
     *
     * @param string $name of the setting
     * @return string|null null where it is not set
     */
    protected function site_setting(string $name): ?string {
        global $DB;
        $value = $DB->get_field_sql('SELECT value FROM ' . self::PREFIX . 'config WHERE name = ?', [$name]);
        return $value === false ? null : $value;
    }

    /**
     * Changes a setting of that tenant behind the farm's back.
     *
     * @param string $name of the setting
     * @param string $value its new value
     */
    protected function change_site(string $name, string $value): void {
        global $DB;
        $DB->execute('UPDATE ' . self::PREFIX . 'config SET value = ? WHERE name = ?', [$value, $name]);
    }

    /**
     * Notes a plugin as one that is installed in that tenant.
     *
     * @param string $plugin its full name
     */
    protected function install_in_site(string $plugin): void {
        global $DB;
        $sql = 'INSERT INTO ' . self::PREFIX . 'config_plugins (id, plugin, name, value) VALUES (?, ?, ?, ?)';
        $DB->execute($sql, [999999, $plugin, 'version', '1']);
    }

    /**
     * A user who may do what capabilities allow, and nothing else.
     *
     * @param string ...$capabilities names
     * @return \stdClass the user, who is logged in now
     */
    protected function set_user_with(string ...$capabilities): \stdClass {
        $generator = $this->getDataGenerator();
        $user = $generator->create_user();
        $role = $generator->create_role();
        foreach ($capabilities as $capability) {
            assign_capability($capability, CAP_ALLOW, $role, \context_system::instance()->id);
        }
        role_assign($role, $user->id, \context_system::instance()->id);
        $this->setUser($user);
        return $user;
    }

    /**
     * The columns of a tenant on PHPUnit's database server.
     *
     * @return array by name
     */
    private static function server(): array {
        global $CFG;
        return [
            'vdbtype' => $CFG->dbtype,
            'vdbhost' => $CFG->dbhost,
            'vdbport' => (string)($CFG->dboptions['dbport'] ?? ''),
            'vdbsocket' => is_string($CFG->dboptions['dbsocket'] ?? null) ? $CFG->dboptions['dbsocket'] : null,
            'vdblogin' => $CFG->dbuser,
            'vdbpass' => $CFG->dbpass,
        ];
    }

    /**
     * Drops what add_site() has made.
     */
    private function drop_site(): void {
        global $DB;
        foreach (self::SITE as $table) {
            $DB->change_database_structure('DROP TABLE IF EXISTS ' . self::PREFIX . $table);
        }
    }

    /**
     * Runs boot.php as config.php does, over a copy of $CFG: Moodle's own stays PHPUnit's.
     *
     * @param array|null $settings $CFG->vmoodle; null leaves the farm
     */
    private static function boot(?array $settings): void {
        $CFG = clone($GLOBALS['CFG']);
        $CFG->wwwroot = self::CONTROL;
        if ($settings !== null) {
            $CFG->vmoodle = $settings;
        }
        require($CFG->dirroot . '/local/vmoodle/boot.php');
    }
}
