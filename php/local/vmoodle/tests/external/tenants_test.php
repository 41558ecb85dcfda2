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
use local_vmoodle\bridge;
use local_vmoodle\native_exception;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the web services about tenants, on a control site.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\external\check_tenant
 * @covers     \local_vmoodle\external\list_tenants
 * @covers     \local_vmoodle\external\match_tenants
 * @covers     \local_vmoodle\external\resolve_host
 */
final class tenants_test extends farm_testcase {
    /**
     * A farm of three tenants, seen by its administrator.
     */
    protected function setUp(): void {
        parent::setUp();
        $this->become_control_site();
        $this->setAdminUser();
        $this->add_tenant('a.example.org', ['name' => 'Alpha', 'tags' => ['pilot']]);
        $this->add_tenant('b.example.org', ['name' => 'Beta']);
        $this->add_tenant('c.example.org', ['name' => 'Gamma', 'state' => 'disabled']);
    }

    /**
     * Tenants by selectors, by a part of their names, in pages.
     */
    public function test_list_tenants(): void {
        $list = static fn(...$arguments): array => external_api::clean_returnvalue(
            list_tenants::execute_returns(),
            list_tenants::execute(...$arguments)
        );
        $all = $list();
        $this->assertSame(['Alpha', 'Beta', 'Gamma'], array_column($all, 'name'));
        $this->assertSame(['enabled', 'enabled', 'disabled'], array_column($all, 'state'));
        $this->assertSame('https://a.example.org', $all[0]['wwwroot']);
        $this->assertEqualsCanonicalizing(['id', 'name', 'wwwroot', 'state'], array_keys($all[0]));
        $this->assertSame(['Beta'], array_column($list([], 1, 1), 'name'));
        $this->assertSame(['Beta'], array_column($list(['all', '!tag:pilot']), 'name'));
        $this->assertSame(['Gamma'], array_column($list([], 100, 0, 'amm'), 'name'));
        $this->assertSame([], $list(['nobody.*']));
    }

    /**
     * What is no list of selectors is refused before the core is asked.
     */
    public function test_list_tenants_validates(): void {
        $this->expectException(\invalid_parameter_exception::class);
        list_tenants::execute([['all']]);
    }

    /**
     * How many tenants words mean; a regular expression may hold commas.
     */
    public function test_match_tenants(): void {
        $match = static fn(...$arguments): array => external_api::clean_returnvalue(
            match_tenants::execute_returns(),
            match_tenants::execute(...$arguments)
        );
        $this->assertSame(['count' => 0, 'tenants' => [], 'more' => 0], $match(" \n"));
        $this->assertSame(2, $match('all')['count']);
        $this->assertSame(3, $match('any')['count']);
        $this->assertSame(['https://b.example.org'], $match("all, !tag:pilot")['tenants']);
        $this->assertSame(['https://a.example.org', 'https://c.example.org'], $match("/^[a,c][.]/")['tenants']);
        for ($number = 1; $number <= 20; $number++) {
            $this->add_tenant("d{$number}.example.org");
        }
        $many = $match('any');
        $this->assertSame([23, 20, 3], [$many['count'], count($many['tenants']), $many['more']]);
    }

    /**
     * Words that mean nothing at all are an error that names them.
     */
    public function test_match_tenants_of_bad_words(): void {
        $this->expectException(native_exception::class);
        $this->expectExceptionMessage('(unclosed');
        match_tenants::execute('/(unclosed/');
    }

    /**
     * The tenants where a setting has a value; who cannot be read is none of them.
     */
    public function test_match_tenants_where(): void {
        $this->add_site('site.example.org');
        $where = static fn(string $name, string $value): array => external_api::clean_returnvalue(
            match_tenants::execute_returns(),
            match_tenants::execute('any', $name, $value)
        )['tenants'];
        $theme = $this->site_setting('theme');
        $this->assertSame(['https://site.example.org'], $where('theme', $theme));
        $this->assertSame([], $where('theme', "{$theme}x"));
        $this->assertSame(['https://site.example.org'], $where('there_is_no_such_setting', ''));
    }

    /**
     * What a request for a host is answered with.
     */
    public function test_resolve_host(): void {
        bridge::alias_add('www.a.example.org', 'a.example.org');
        $resolve = static fn(string $host): array => external_api::clean_returnvalue(
            resolve_host::execute_returns(),
            resolve_host::execute($host)
        );
        $tenant = ['outcome' => 'tenant', 'status' => 200, 'wwwroot' => 'https://a.example.org', 'location' => ''];
        $this->assertEquals($tenant, $resolve('A.EXAMPLE.ORG'));
        $this->assertSame('https://a.example.org', rtrim($resolve('www.a.example.org')['location'], '/'));
        $this->assertSame('unavailable', $resolve('c.example.org')['outcome']);
        $this->assertSame(['unknown', 404], array_values(array_slice($resolve("'; DROP TABLE mdl_user --"), 0, 2)));
    }

    /**
     * A row that is typed is tried as one that is stored; what the browser does not send is taken from the registry.
     */
    public function test_check_tenant(): void {
        global $DB;
        $check = static fn(array $row): array => external_api::clean_returnvalue(
            check_tenant::execute_returns(),
            check_tenant::execute(json_encode($row))
        );
        $id = $DB->get_field('local_vmoodle', 'id', ['vhostname' => 'https://a.example.org']);
        $known = array_column($check(['id' => $id]), null, 'name');
        $this->assertSame('success', $known[get_string('check_database_reachable', 'local_vmoodle')]['colour']);
        $exists = $known[get_string('check_database_exists', 'local_vmoodle')];
        $this->assertNotSame(get_string('check_status_ok', 'local_vmoodle'), $exists['status']);
        $taken = $check(['vhostname' => 'https://b.example.org', 'vdbname' => 'x', 'vdblogin' => 'x', 'vdatapath' => '/x']);
        $unique = array_column($taken, null, 'name')[get_string('check_host_unique', 'local_vmoodle')];
        $this->assertSame('danger', $unique['colour']);
        $this->assertStringContainsString('b.example.org', $unique['detail']);
        foreach ($taken as $line) {
            $this->assertStringNotContainsString('[[', $line['name'] . $line['status']);
        }
    }

    /**
     * A row that is no JSON is refused.
     */
    public function test_check_tenant_validates(): void {
        $this->expectException(\invalid_parameter_exception::class);
        check_tenant::execute('vhostname=https://a.example.org');
    }
}
