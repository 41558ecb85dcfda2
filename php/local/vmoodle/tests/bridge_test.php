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

use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the way to the native extension.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\bridge
 */
final class bridge_test extends farm_testcase {
    /**
     * Runs a call that must fail natively.
     *
     * @param callable $call
     * @return native_exception what it threw
     */
    private function refused(callable $call): native_exception {
        try {
            $call();
        } catch (native_exception $exception) {
            return $exception;
        }
        $this->fail('It was not refused.');
    }

    /**
     * A test run is no part of a farm, whatever config.php asks for.
     */
    public function test_phpunit_is_no_farm(): void {
        $this->assertTrue(bridge::is_available());
        $this->assertNotEmpty(bridge::version());
        $this->assertFalse(bridge::is_booted());
        $this->assertFalse(bridge::is_control_site());
        $this->assertFalse(bridge::is_tenant());
        $exception = $this->refused(static fn() => bridge::require_control_site());
        $this->assertSame('not_booted', $exception->reason);
        $this->assertSame('not_booted', $this->refused(static fn() => bridge::tenants())->reason);
    }

    /**
     * The control site may ask for everything.
     */
    public function test_control_site(): void {
        $this->become_control_site();
        $this->assertTrue(bridge::is_booted());
        $this->assertTrue(bridge::is_control_site());
        $this->assertFalse(bridge::is_tenant());
        $this->assertNull(bridge::current());
        bridge::require_control_site();
        $this->assertSame([], bridge::tenants());
        $this->assertSame('good', bridge::index_status()['state']);
    }

    /**
     * A tenant pilots nothing.
     */
    public function test_tenant(): void {
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $this->become_tenant('https://a.example.org');
        $this->assertTrue(bridge::is_tenant());
        $this->assertFalse(bridge::is_control_site());
        $this->assertSame('https://a.example.org', bridge::current()['wwwroot']);
        $this->assertArrayNotHasKey('vdbpass', bridge::current());
        foreach (['require_control_site', 'tenants', 'operations', 'publish', 'jobs'] as $name) {
            $this->assertSame('not_control_site', $this->refused(static fn() => bridge::$name())->reason, $name);
        }
    }

    /**
     * What a form or a command line gives is text; the core takes numbers and yes or no.
     */
    public function test_texts_get_their_types(): void {
        global $DB;
        $this->become_control_site();
        $row = $this->add_tenant('a.example.org', ['mnet' => '2', 'vdbpersist' => 'yes', 'vdbport' => '3307']);
        $stored = $DB->get_record('local_vmoodle', ['id' => $row['id']]);
        $this->assertEquals([2, 1, 3307], [$stored->mnet, $stored->vdbpersist, $stored->vdbport]);
        bridge::tenant_update('a.example.org', ['mnet' => '-1', 'vdbport' => '', 'tags' => [], 'settings' => []]);
        $stored = $DB->get_record('local_vmoodle', ['id' => $row['id']]);
        $this->assertEquals(-1, $stored->mnet);
        $this->assertNull($stored->vdbport);
        $this->assertSame('bad_parameter', $this->refused(static fn() => bridge::tenants(['limit' => 'many']))->reason);
        $this->assertCount(1, bridge::tenants(['limit' => '1', 'offset' => '0']));
    }

    /**
     * No function gives a password away.
     */
    public function test_passwords_stay_inside(): void {
        global $DB;
        $this->become_control_site();
        $row = $this->add_tenant('a.example.org', ['vdbpass' => 'secret-of-a']);
        $this->assertTrue($row['haspassword']);
        $this->assertSame('secret-of-a', $DB->get_field('local_vmoodle', 'vdbpass', ['id' => $row['id']]));
        $told = json_encode([$row, bridge::tenants(), bridge::tenant('a.example.org'), bridge::tenant_check($row)]);
        $this->assertStringNotContainsString('secret-of-a', $told);
    }

    /**
     * What the core refuses is said in the reader's language, with the core's own words and its code.
     */
    public function test_native_errors(): void {
        $this->become_control_site();
        $exception = $this->refused(static fn() => bridge::tenant('nobody.example.org'));
        $this->assertSame('tenant_not_found', $exception->reason);
        $this->assertSame('error_tenant_not_found', $exception->errorcode);
        $this->assertStringContainsString('nobody.example.org', $exception->native);
        $this->assertSame(native_exception::FINAL, $exception->retry);
        $this->add_tenant('a.example.org');
        $taken = $this->refused(fn() => $this->add_tenant('a.example.org'));
        $this->assertSame('host_taken', $taken->reason);
        $this->assertCount(1, bridge::tenants());
    }

    /**
     * A job is of whoever asked for it.
     */
    public function test_jobs_know_who_asked(): void {
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $user = $this->set_user_with('local/vmoodle:execute');
        $job = bridge::job_submit('maintenance', ['mode' => 'on'], ['all']);
        $this->assertEquals($user->id, bridge::job($job)['userid']);
        $this->assertSame('queued', bridge::job($job)['status']);
    }

    /**
     * An alias leads to its tenant's address, and whom nobody knows gets nothing.
     */
    public function test_resolve(): void {
        $this->become_control_site();
        $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org', ['state' => 'disabled']);
        bridge::alias_add('www.a.example.org', 'a.example.org');
        $this->assertSame('tenant', bridge::resolve('A.example.org.')['outcome']);
        $alias = bridge::resolve('www.a.example.org', ['REQUEST_URI' => '/my/']);
        $this->assertSame(['redirect', 'https://a.example.org/my/'], [$alias['outcome'], $alias['location']]);
        $this->assertSame(503, bridge::resolve('b.example.org')['status']);
        $this->assertSame(404, bridge::resolve("x' OR 1=1 --")['status']);
        $this->assertSame('control', bridge::resolve('control.example.org')['outcome']);
        bridge::alias_remove('www.a.example.org');
        $this->assertSame(404, bridge::resolve('www.a.example.org')['status']);
    }
}
