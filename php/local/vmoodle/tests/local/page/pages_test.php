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

namespace local_vmoodle\local\page;

use local_vmoodle\bridge;
use local_vmoodle\form\operation_form;
use local_vmoodle\form\policy_form;
use local_vmoodle\form\tenant_form;
use local_vmoodle\native_exception;
use local_vmoodle\task\run_job;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the pages: who gets in, what buttons do, and what does not without a session key.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\page\compare_page
 * @covers     \local_vmoodle\local\page\edit_page
 * @covers     \local_vmoodle\local\page\farm_page
 * @covers     \local_vmoodle\local\page\job_page
 * @covers     \local_vmoodle\local\page\policies_page
 * @covers     \local_vmoodle\local\page\run_page
 * @covers     \local_vmoodle\local\page\snapshots_page
 * @covers     \local_vmoodle\local\page\tenant_page
 * @covers     \local_vmoodle\local\page\tenants_page
 */
final class pages_test extends farm_testcase {
    /**
     * Pages, what each asks for, and what it takes.
     *
     * @return array[] class, capability, arguments of require_access()
     */
    public static function pages(): array {
        return [
            'compare' => [compare_page::class, 'local/vmoodle:managevmoodles', ['roles']],
            'edit' => [edit_page::class, 'local/vmoodle:managevmoodles', [1]],
            'edit a new one' => [edit_page::class, 'local/vmoodle:execute', [0], ['local/vmoodle:managevmoodles']],
            'farm' => [farm_page::class, 'local/vmoodle:managevmoodles', []],
            'job' => [job_page::class, 'local/vmoodle:execute', [1]],
            'policies' => [policies_page::class, 'local/vmoodle:managevmoodles', []],
            'run' => [run_page::class, 'local/vmoodle:execute', []],
            'snapshots' => [snapshots_page::class, 'local/vmoodle:managevmoodles', []],
            'tenant' => [tenant_page::class, 'local/vmoodle:managevmoodles', [1]],
            'tenants' => [tenants_page::class, 'local/vmoodle:managevmoodles', []],
        ];
    }

    /**
     * Makes this request one that was sent by a form or a button.
     *
     * @param array $values sent
     */
    private static function send(array $values = []): void {
        $_SERVER['REQUEST_METHOD'] = 'POST';
        $_POST = $values + ['sesskey' => sesskey()];
    }

    /**
     * Runs what must lead to another page.
     *
     * @param callable $page
     */
    private function assert_redirects(callable $page): void {
        try {
            $page();
        } catch (\moodle_exception $exception) {
            $this->assertSame('redirecterrordetected', $exception->errorcode, $exception->getMessage());
            return;
        } finally {
            unset($_SERVER['REQUEST_METHOD']);
            $_POST = [];
        }
        $this->fail('It leads nowhere.');
    }

    /**
     * A farm, its administrator, and a page.
     */
    private function open(): void {
        global $PAGE;
        $this->become_control_site();
        $this->setAdminUser();
        $PAGE->set_url('/local/vmoodle/index.php');
    }

    /**
     * Nobody gets in without the capability of the page.
     *
     * @dataProvider pages
     * @param string $class of the page
     * @param string $capability that it asks for
     * @param array $arguments of require_access()
     * @param string[] $held capabilities that do not suffice
     */
    public function test_capability(string $class, string $capability, array $arguments, array $held = []): void {
        $this->become_control_site();
        $others = array_diff(['local/vmoodle:execute', 'local/vmoodle:managevmoodles'], [$capability]);
        $this->set_user_with(...($held ?: $others));
        $this->expectException(\required_capability_exception::class);
        $this->expectExceptionMessage(get_capability_string($capability));
        $class::require_access(...$arguments);
    }

    /**
     * Off the control site nobody gets in.
     *
     * @dataProvider pages
     * @param string $class of the page
     * @param string $capability that it asks for
     * @param array $arguments of require_access()
     */
    public function test_off_the_control_site(string $class, string $capability, array $arguments): void {
        $this->resetAfterTest();
        $this->setAdminUser();
        $this->expectException(native_exception::class);
        $this->expectExceptionMessage(get_string('hookmissing', 'local_vmoodle'));
        $class::require_access(...$arguments);
    }

    /**
     * The index is published by the button, never by a link, and never without a session key.
     */
    public function test_publish(): void {
        $this->open();
        $generation = bridge::index_status()['generation'];
        tenants_page::process('publish');
        $this->assertSame($generation, bridge::index_status()['generation']);
        self::send(['sesskey' => 'of somebody else']);
        try {
            tenants_page::process('publish');
            $this->fail('It was not refused.');
        } catch (\moodle_exception $exception) {
            $this->assertSame('invalidsesskey', $exception->errorcode);
        }
        $this->assertSame($generation, bridge::index_status()['generation']);
        self::send();
        $this->assert_redirects(static fn() => tenants_page::process('publish'));
        $this->assertGreaterThan($generation, bridge::index_status()['generation']);
    }

    /**
     * The code is looked at again by the button, and what that finds is noted.
     */
    public function test_look_again(): void {
        $this->open();
        \local_vmoodle\local\publisher::publish_all();
        $noted = dirname($this->index()) . '/components-looked.json';
        unlink($noted);
        farm_page::process('look');
        $this->assertFileDoesNotExist($noted, 'a link does nothing');
        self::send();
        $this->assert_redirects(static fn() => farm_page::process('look'));
        $this->assertFileExists($noted);
    }

    /**
     * From the list to the plan to the job: the plan changes nothing, and the run is left to cron.
     */
    public function test_run(): void {
        $this->open();
        $this->add_site('site.example.org');
        $before = $this->site_setting('theme');
        $this->assertStringContainsString('operation=set_config', run_page::content('', []));
        $this->assertStringContainsString('operation=set_config', run_page::content('no_such_operation', []));
        $sent = ['operation' => 'set_config', 'targets' => 'all', 'p_name' => 'theme', 'p_value' => 'of_a_test',
            'on_error' => '1', 'waves' => '1,rest'];
        operation_form::mock_submit($sent + ['plan' => 'x']);
        $_SERVER['REQUEST_METHOD'] = 'POST';
        $html = run_page::content('set_config', []);
        $this->assertStringContainsString('of_a_test', $html);
        $this->assertStringContainsString('https://site.example.org', $html);
        $this->assertStringContainsString('name="run"', $html);
        $this->assertSame([], bridge::jobs());
        preg_match('/name="planned"[^>]*value="(\w{64})"/', $html, $planned);
        operation_form::mock_submit($sent + ['run' => 'x', 'planned' => $planned[1]]);
        // The page takes the redirection, which is an error on the command line, for one of its own.
        $html = run_page::content('set_config', []);
        unset($_SERVER['REQUEST_METHOD']);
        $this->assertStringContainsString(get_string('redirecterrordetected', 'error'), $html);
        $job = bridge::job(bridge::jobs()[0]['id']);
        $this->assertSame('set_config', $job['operation']);
        $this->assertEquals(1, $job['options']['on_error']);
        $this->assertCount(1, \core\task\manager::get_adhoc_tasks(run_job::class));
        $this->assertSame($before, $this->site_setting('theme'));
    }

    /**
     * A plan that cannot be made is said on the page.
     */
    public function test_run_of_what_is_wrong(): void {
        $this->open();
        $sent = ['targets' => 'all', 'p_name' => 'dbname', 'p_value' => 'x', 'on_error' => '', 'plan' => 'x'];
        operation_form::mock_submit(['operation' => 'set_config'] + $sent);
        $_SERVER['REQUEST_METHOD'] = 'POST';
        $html = run_page::content('set_config', []);
        $this->assertStringContainsString('dbname', $html);
        $this->assertStringNotContainsString('name="run"', $html);
        unset($_SERVER['REQUEST_METHOD']);
    }

    /**
     * Ticked tenants become targets, and a link brings values but no secret.
     */
    public function test_run_by_a_link(): void {
        $this->open();
        $row = $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org');
        $_GET = ['p_value' => 'o<neill', 'p_password' => 'by-a-link'];
        $html = run_page::content('set_config', [$row['id']]);
        $this->assertStringContainsString('https://a.example.org', $html);
        $this->assertStringNotContainsString('https://b.example.org', $html);
        $this->assertStringContainsString('o&lt;neill', $html);
        $this->assertStringNotContainsString('by-a-link', run_page::content('reset_admin', [$row['id']]));
    }

    /**
     * A job is stopped and tried again by its buttons only; new passwords are told to whoever asked for them.
     */
    public function test_job(): void {
        $this->open();
        $this->add_tenant('a.example.org');
        $job = bridge::job_submit('purge_caches', [], ['all']);
        $this->assertSame([], job_page::process($job, 'cancel'));
        $this->assertSame('queued', bridge::job($job)['status'], 'a link does nothing');
        self::send();
        $this->assert_redirects(static fn() => job_page::process($job, 'cancel'));
        $this->assertSame('cancelled', bridge::job($job)['status']);
        $this->assertStringContainsString('a.example.org', job_page::content($job));
        self::send();
        $this->assert_redirects(static fn() => job_page::process($job, 'retry'));
        $again = bridge::jobs()[0];
        $this->assertEquals($job, $again['retries']);
        $this->assertCount(1, \core\task\manager::get_adhoc_tasks(run_job::class));
        $this->set_user_with('local/vmoodle:execute');
        self::send();
        $this->assertSame([], job_page::process($job, 'passwords'), 'somebody else asked for it');
        unset($_SERVER['REQUEST_METHOD']);
    }

    /**
     * Policies are added, changed and removed.
     */
    public function test_policies(): void {
        global $DB;
        $this->open();
        $sent = ['name' => 'mail off', 'targets' => "tag:test\n!net:2", 'settings' => '{"noemailever": true}', 'enabled' => 1,
            'submitbutton' => 'x'];
        policy_form::mock_submit($sent);
        $this->assert_redirects(static fn() => policies_page::content('*', ''));
        $row = $DB->get_record('local_vmoodle_policy', ['name' => 'mail off'], '*', MUST_EXIST);
        $this->assertSame(['tag:test', '!net:2'], json_decode($row->targets, true));
        $this->assertStringContainsString('mail off', policies_page::content('', ''));
        $this->assertStringContainsString("tag:test\n!net:2", policies_page::content('mail off', ''));
        policy_form::mock_submit(['settings' => '{"dbname": "x"}'] + $sent);
        $html = policies_page::content('mail off', '');
        $this->assertStringContainsString('dbname', $html, 'a setting that no policy may have is told on the page');
        $_POST = [];
        $this->assertStringContainsString('mail off', policies_page::content('', 'mail off'), 'it is asked first');
        $this->assertTrue($DB->record_exists('local_vmoodle_policy', ['name' => 'mail off']));
        self::send();
        $this->assert_redirects(static fn() => policies_page::content('', 'mail off'));
        $this->assertFalse($DB->record_exists('local_vmoodle_policy', ['name' => 'mail off']));
    }

    /**
     * A new tenant is a job; the row of one that is there changes at once.
     */
    public function test_edit(): void {
        global $DB;
        $this->open();
        $form = ['mnet' => '-1', 'settings' => '', 'submitbutton' => 'x', 'name' => 'Alpha'];
        $new = ['vhostname' => 'https://new.example.org', 'mnet' => 'NEW', 'template' => '', 'source' => '', 'server' => '',
            'admin' => 'generate'];
        tenant_form::mock_submit($new + $form);
        $this->assert_redirects(static fn() => edit_page::content(0));
        $job = bridge::job(bridge::jobs()[0]['id']);
        $this->assertSame(['create_tenant', 'queued'], [$job['operation'], $job['status']]);
        $this->assertStringContainsString('https://new.example.org', json_encode($job, JSON_UNESCAPED_SLASHES));
        $this->assertCount(1, \core\task\manager::get_adhoc_tasks(run_job::class));
        $row = $this->add_tenant('a.example.org', ['tags' => ['pilot'], 'settings' => ['noemailever' => true]]);
        $html = edit_page::content($row['id']);
        $this->assertStringContainsString('value="pilot"', $html);
        $this->assertStringContainsString('noemailever', $html);
        $known = array_intersect_key($row, array_flip(tenant_form::PLACES));
        tenant_form::mock_submit(['id' => $row['id'], 'tags' => 'pilot, big'] + $form + $known);
        $this->assert_redirects(static fn() => edit_page::content($row['id']));
        $changed = bridge::tenant('a.example.org');
        $this->assertSame(['Alpha', ['pilot', 'big'], -1], [$changed['name'], $changed['tags'], $changed['mnet']]);
        $this->assertTrue($changed['haspassword'], 'a password that was not typed stays');
        $this->assertStringContainsString('a.example.org', tenant_page::content($row['id']));
    }

    /**
     * To open the comparison asks no tenant; a cell leads to the operation of its line.
     */
    public function test_compare(): void {
        $this->open();
        $row = $this->add_site('site.example.org');
        $this->assertStringNotContainsString('https://site.example.org', compare_page::content('config'));
        $_GET = ['targets' => 'any', 'names' => 'theme', 'differences' => 0];
        $html = compare_page::content('config');
        $this->assertStringContainsString('site.example.org', $html);
        // What the tenants said is kept until somebody asks again, or a job has ended.
        $this->change_site('theme', 'of_now');
        $this->assertStringNotContainsString('of_now', compare_page::content('config'));
        $_GET['submitbutton'] = 'Compare';
        $this->assert_redirects(static fn() => compare_page::content('config'));
        unset($_GET['submitbutton']);
        $this->assertStringContainsString('of_now', compare_page::content('config'));
        bridge::job_run(bridge::job_submit('set_config', ['name' => 'theme', 'value' => 'of_a_job'], ['any']));
        $this->assertStringContainsString('of_a_job', compare_page::content('config'));
        $_GET = ['targets' => '/(unclosed/'];
        $this->assertStringContainsString('(unclosed', compare_page::content('config'), 'said on the page');
        $_GET = ['targets' => 'any', 'cell' => "{$row['id']}:theme"];
        $this->assert_redirects(static fn() => compare_page::content('config'));
    }

    /**
     * A snapshot is deleted once the question was answered.
     */
    public function test_snapshots(): void {
        $this->open();
        $this->assertSame('', snapshots_page::process('', false));
        $question = snapshots_page::process('1-<b>', true);
        $this->assertStringContainsString('1-&lt;b&gt;', $question, 'a link does not answer it');
        self::send();
        $refused = snapshots_page::process('1-no-such', true);
        $this->assertStringContainsString('role="alert"', $refused, 'said on the page');
        unset($_SERVER['REQUEST_METHOD']);
    }
}
