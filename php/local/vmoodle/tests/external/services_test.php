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

namespace local_vmoodle\external;

use core_external\external_api;
use core_external\external_function_parameters;
use local_vmoodle\native_exception;

/**
 * Tests of what all web services of the plugin share.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\external\check_tenant
 * @covers     \local_vmoodle\external\get_job
 * @covers     \local_vmoodle\external\list_tenants
 * @covers     \local_vmoodle\external\match_tenants
 * @covers     \local_vmoodle\external\resolve_host
 * @covers     \local_vmoodle\external\start_job
 * @covers     \local_vmoodle\external\stop_job
 */
final class services_test extends \advanced_testcase {
    /**
     * The web services, with arguments that each would take.
     *
     * @return array[] name, arguments
     */
    public static function services(): array {
        return [
            'check_tenant' => ['check_tenant', ['{"vhostname":"https://a.example.org"}']],
            'get_job' => ['get_job', [1]],
            'list_tenants' => ['list_tenants', []],
            'match_tenants' => ['match_tenants', ['all']],
            'resolve_host' => ['resolve_host', ['a.example.org']],
            'start_job' => ['start_job', ['purge_caches', '{}', ['all']]],
            'stop_job' => ['stop_job', [1]],
        ];
    }

    /**
     * What db/services.php says.
     *
     * @return array[] description by name
     */
    private static function declared(): array {
        global $CFG;
        $functions = [];
        require($CFG->dirroot . '/local/vmoodle/db/services.php');
        return $functions;
    }

    /**
     * Every class is a declared service and tested here, and Moodle finds each.
     */
    public function test_declarations(): void {
        $classes = array_keys(\core_component::get_component_classes_in_namespace('local_vmoodle', 'external'));
        $this->assertEqualsCanonicalizing($classes, array_column(self::declared(), 'classname'));
        $this->assertCount(count(self::services()), $classes);
        foreach (self::declared() as $name => $function) {
            $info = external_api::external_function_info($name);
            $this->assertSame('local_vmoodle', $info->component);
            $this->assertInstanceOf(external_function_parameters::class, $info->parameters_desc);
            $this->assertNotNull($info->returns_desc);
            $this->assertNotNull(get_capability_info($function['capabilities']), $name);
            $this->assertContains($function['type'], ['read', 'write']);
        }
    }

    /**
     * Nobody without the capability that the declaration names.
     *
     * @dataProvider services
     * @param string $name of the service
     * @param array $arguments it takes
     */
    public function test_capability_is_required(string $name, array $arguments): void {
        $this->resetAfterTest();
        $declared = self::declared()["local_vmoodle_{$name}"]['capabilities'];
        $generator = $this->getDataGenerator();
        $user = $generator->create_user();
        $role = $generator->create_role();
        // All that the plugin has, but for the one.
        foreach (array_diff(['local/vmoodle:execute', 'local/vmoodle:managevmoodles'], [$declared]) as $capability) {
            assign_capability($capability, CAP_ALLOW, $role, \context_system::instance()->id);
        }
        role_assign($role, $user->id, \context_system::instance()->id);
        $this->setUser($user);
        $this->expectException(\required_capability_exception::class);
        $this->expectExceptionMessage(get_capability_string($declared));
        call_user_func_array(["\\local_vmoodle\\external\\{$name}", 'execute'], $arguments);
    }

    /**
     * Nobody who is not logged in.
     *
     * @dataProvider services
     * @param string $name of the service
     * @param array $arguments it takes
     */
    public function test_login_is_required(string $name, array $arguments): void {
        $this->resetAfterTest();
        $this->setUser(0);
        $this->expectException(\moodle_exception::class);
        call_user_func_array(["\\local_vmoodle\\external\\{$name}", 'execute'], $arguments);
    }

    /**
     * Even an administrator is refused on a site that is not the control site.
     *
     * @dataProvider services
     * @param string $name of the service
     * @param array $arguments it takes
     */
    public function test_refused_off_the_control_site(string $name, array $arguments): void {
        global $DB;
        $this->resetAfterTest();
        $this->setAdminUser();
        try {
            call_user_func_array(["\\local_vmoodle\\external\\{$name}", 'execute'], $arguments);
            $this->fail('It was not refused.');
        } catch (native_exception $exception) {
            $this->assertSame('not_booted', $exception->reason);
        }
        $this->assertSame(0, $DB->count_records('local_vmoodle_job'));
        $this->assertSame(0, $DB->count_records('task_adhoc', ['component' => 'local_vmoodle']));
    }
}
