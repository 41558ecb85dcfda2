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

namespace local_vmoodle;

/**
 * Tests of what the plugin declares in db/, and of Moodle's reading of it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @coversNothing
 */
final class definitions_test extends \advanced_testcase {
    /**
     * The capabilities: who has them, where, and how much they may harm.
     */
    public function test_capabilities(): void {
        global $CFG, $DB;
        $capabilities = [];
        require($CFG->dirroot . '/local/vmoodle/db/access.php');
        $this->assertSame(['local/vmoodle:managevmoodles', 'local/vmoodle:execute'], array_keys($capabilities));
        $manager = $DB->get_field('role', 'id', ['shortname' => 'manager'], MUST_EXIST);
        foreach (array_keys($capabilities) as $name) {
            $this->assertSame(['manager' => CAP_ALLOW], $capabilities[$name]['archetypes']);
            $info = get_capability_info($name);
            $this->assertSame('write', $info->captype);
            $this->assertEquals(CONTEXT_SYSTEM, $info->contextlevel);
            foreach ([RISK_CONFIG, RISK_DATALOSS, RISK_PERSONAL] as $risk) {
                $this->assertNotSame(0, (int)$info->riskbitmask & $risk, $name);
            }
            $allowed = $DB->get_fieldset('role_capabilities', 'roleid', ['capability' => $name]);
            $this->assertEquals([$manager], $allowed, $name);
            $this->assertStringNotContainsString('[[', get_capability_string($name));
        }
        // Texts may be put into other sites' pages.
        $this->assertNotSame(0, (int)get_capability_info('local/vmoodle:execute')->riskbitmask & RISK_XSS);
    }

    /**
     * A manager may, a teacher or a student may not.
     */
    public function test_who_may(): void {
        $this->resetAfterTest();
        $generator = $this->getDataGenerator();
        $system = \context_system::instance();
        [$manager, $teacher] = [$generator->create_user(), $generator->create_user()];
        $generator->role_assign('manager', $manager->id, $system);
        $generator->enrol_user($teacher->id, $generator->create_course()->id, 'editingteacher');
        foreach (['local/vmoodle:execute', 'local/vmoodle:managevmoodles'] as $capability) {
            $this->assertTrue(has_capability($capability, $system, $manager));
            $this->assertFalse(has_capability($capability, $system, $teacher));
            $this->assertFalse(has_capability($capability, $system, guest_user()));
        }
    }

    /**
     * The notification is offered to those who may run jobs.
     */
    public function test_message_provider(): void {
        global $DB;
        $this->resetAfterTest();
        $provider = $DB->get_record('message_providers', ['component' => 'local_vmoodle'], '*', MUST_EXIST);
        $this->assertSame(['jobfinished', 'local/vmoodle:execute'], [$provider->name, $provider->capability]);
        $this->assertTrue(get_string_manager()->string_exists('messageprovider:jobfinished', 'local_vmoodle'));
        $offered = static fn(int $userid): array => array_column(message_get_providers_for_user($userid), 'component');
        $this->assertContains('local_vmoodle', $offered(get_admin()->id));
        $this->assertNotContains('local_vmoodle', $offered($this->getDataGenerator()->create_user()->id));
    }

    /**
     * The tables in the database are those of install.xml, and every name fits all engines.
     */
    public function test_tables(): void {
        global $CFG, $DB;
        $file = new \xmldb_file($CFG->dirroot . '/local/vmoodle/db/install.xml');
        $this->assertTrue($file->loadXMLStructure());
        $structure = $file->getStructure();
        $this->assertSame([], array_filter((array)$structure->getAllErrors()));
        foreach ($structure->getTables() as $table) {
            $this->assertStringStartsWith('local_vmoodle', $table->getName());
            $fields = array_map(static fn($field): string => $field->getName(), $table->getFields());
            $this->assertEqualsCanonicalizing($fields, array_keys($DB->get_columns($table->getName())));
        }
        $ours = array_filter($DB->get_tables(false), static fn(string $name): bool => str_starts_with($name, 'local_vmoodle'));
        $this->assertCount(count($ours), $structure->getTables());
    }

    /**
     * An upgrade from the newest version changes nothing and says so.
     */
    public function test_upgrade_from_here(): void {
        global $CFG;
        $this->resetAfterTest();
        require_once($CFG->libdir . '/upgradelib.php');
        require_once($CFG->dirroot . '/local/vmoodle/db/upgrade.php');
        $version = get_config('local_vmoodle', 'version');
        $this->assertTrue(xmldb_local_vmoodle_upgrade((int)$version));
        $this->assertSame($version, get_config('local_vmoodle', 'version'));
        $this->assertGreaterThan(2025043003, (int)$version, 'the last version of the original');
    }

    /**
     * Where no farm is the administration menu has no farm, and the page of settings can be built.
     */
    public function test_settings_without_a_farm(): void {
        global $CFG;
        $this->resetAfterTest();
        $this->setAdminUser();
        require_once($CFG->libdir . '/adminlib.php');
        $this->assertNull(admin_get_root(true, false)->locate('local_vmoodle'));
    }
}
