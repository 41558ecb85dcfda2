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

namespace local_vmoodle\output;

use local_vmoodle\bridge;
use local_vmoodle\local\page\farm_page;
use local_vmoodle\local\page\tenants_page;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of what pages show, on a control site with tenants and jobs.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\output\farm_view
 * @covers     \local_vmoodle\output\job_view
 * @covers     \local_vmoodle\output\operation_list
 * @covers     \local_vmoodle\output\plan_view
 * @covers     \local_vmoodle\output\policy_list
 * @covers     \local_vmoodle\output\snapshot_list
 * @covers     \local_vmoodle\output\tenant_list
 * @covers     \local_vmoodle\output\tenant_view
 * @covers     \local_vmoodle\local\page\farm_page
 * @covers     \local_vmoodle\local\page\tenants_page
 */
final class views_test extends farm_testcase {
    /**
     * A farm, seen by its administrator.
     */
    protected function setUp(): void {
        global $PAGE;
        parent::setUp();
        $this->become_control_site();
        $this->setAdminUser();
        $PAGE->set_url('/local/vmoodle/index.php');
    }

    /**
     * The descriptions of all operations.
     *
     * @param string|null $name of one
     * @return array by name, or the one
     */
    private static function operations(?string $name = null): array {
        $operations = array_column(bridge::operations(), null, 'name');
        return $name === null ? $operations : $operations[$name];
    }

    /**
     * Renders, and looks whether the view gives all that its template's example has.
     *
     * @param \renderable $view
     * @return string HTML
     */
    private function html(\renderable $view): string {
        global $OUTPUT, $PAGE;
        $context = (array)$view->export_for_template($PAGE->get_renderer('core'));
        $name = basename($view->get_template_name($PAGE->get_renderer('core')));
        $text = file_get_contents(dirname(__DIR__, 2) . "/templates/{$name}.mustache");
        preg_match('/Example context \(json\):\s*(\{.*?\n    \})\s*\n\}\}/s', $text, $found);
        $this->assertSame([], array_values(array_diff(array_keys(json_decode($found[1], true)), array_keys($context))), $name);
        $html = $OUTPUT->render($view);
        $this->assertStringNotContainsString('[[', $html);
        return $html;
    }

    /**
     * The farm at a glance: empty, and with tenants and a job.
     */
    public function test_farm(): void {
        global $DB;
        $this->assertStringContainsString('/local/vmoodle/run.php', $this->html(farm_page::content()));
        $row = $this->add_tenant('a.example.org');
        $this->add_tenant('b.example.org', ['state' => 'disabled']);
        $DB->set_field('local_vmoodle', 'lastcron', time() - WEEKSECS, ['id' => $row['id']]);
        $DB->insert_record('local_vmoodle_status', ['tenantid' => $row['id'], 'fact' => 'release', 'value' => '4.5.6']);
        $job = bridge::job_submit('purge_caches', [], ['all']);
        $view = farm_page::content();
        $context = $view->export_for_template($this->renderer());
        $this->assertSame([2, 1, 1], [$context['total'], $context['open'], $context['late']]);
        $this->assertEquals($job, $context['jobs'][0]['id']);
        $this->assertCount(6, $context['checks']);
        $ranks = array_column($context['checks'], 'rank');
        $sorted = $ranks;
        sort($sorted);
        $this->assertSame($sorted, $ranks, 'the worst comes first');
        $this->assertNotSame('', $context['releases']);
        $this->assertSame(3, substr_count($this->html($view), 'class="chart-area"'));
    }

    /**
     * A renderer.
     *
     * @return \renderer_base
     */
    private function renderer(): \renderer_base {
        global $PAGE;
        return $PAGE->get_renderer('core');
    }

    /**
     * The tenants page: who may run operations has boxes and a menu, who may only look has not.
     */
    public function test_tenants(): void {
        $this->add_tenant('a.example.org', ['name' => 'Alpha & <Omega>']);
        $html = $this->html(tenants_page::content());
        $this->assertStringContainsString('Alpha &amp; &lt;Omega&gt;', $html);
        $this->assertStringContainsString('purge_caches', $html);
        $this->assertStringNotContainsString('value="create_tenant"', $html);
        $this->assertStringContainsString('data-togglegroup', $html);
        $this->set_user_with('local/vmoodle:managevmoodles');
        $html = $this->html(tenants_page::content());
        $this->assertStringContainsString('a.example.org', $html);
        $this->assertStringNotContainsString('purge_caches', $html);
        $this->assertStringNotContainsString('data-togglegroup="report-select-all', $html);
    }

    /**
     * One tenant, without its password, and with what may be done by whoever looks.
     */
    public function test_tenant(): void {
        $row = $this->add_tenant('a.example.org', ['vdbpass' => 'secret-of-a', 'description' => '<b>bold</b>']);
        $facts = [(object)['fact' => 'users', 'value' => '12', 'collected' => time()]];
        $jobs = [(object)['jobid' => 7, 'status' => 'done', 'timefinished' => 1, 'operation' => 'set_config', 'mode' => 'undo']];
        $view = new tenant_view($row, $facts, ['www.a.example.org'], $jobs, [], bridge::operations());
        $html = $this->html($view);
        foreach (['www.a.example.org', 'job.php?id=7', get_string('isundo', 'local_vmoodle'), '&lt;b&gt;bold'] as $shown) {
            $this->assertStringContainsString($shown, $html);
        }
        $this->assertStringNotContainsString('secret-of-a', $html);
        $this->assertStringContainsString('operation=retire_tenant', $html);
        $this->set_user_with('local/vmoodle:managevmoodles');
        $this->assertStringNotContainsString('operation=retire_tenant', $this->html($view));
    }

    /**
     * What is set for a tenant in config.php is shown, but for secrets, however deep they stand.
     */
    public function test_overrides(): void {
        $settings = ['noemailever' => true, 'smtppass' => 'hidden-1', 'lang' => 'fr', 'forced_plugin_settings' => [
            'auth_ldap' => ['bind_pw' => 'hidden-2', 'host_url' => 'ldap://dc'], 'local_x' => ['apitoken' => 'hidden-3'],
        ]];
        $row = $this->add_tenant('a.example.org', ['settings' => $settings]);
        $view = new tenant_view($row, [], [], [], [], []);
        $shown = array_column($view->export_for_template($this->renderer())['overrides'], 'value', 'label');
        $this->assertSame(['true', 'fr', '_'], [$shown['noemailever'], $shown['lang'], $shown['smtppass']]);
        $this->assertStringContainsString('ldap://dc', $shown['forced_plugin_settings']);
        $this->assertStringNotContainsString('hidden', $this->html($view));
    }

    /**
     * A job: what may be done with it depends on where it is, and on whose it is.
     */
    public function test_job(): void {
        global $USER;
        $this->add_tenant('a.example.org');
        $job = bridge::job(bridge::job_submit('set_config', ['name' => 'theme', 'value' => '<classic>'], ['all']));
        $labels = fn(array $job, string $operation): array => array_column(
            (new job_view($job, self::operations($operation), false))->export_for_template($this->renderer())['buttons'],
            'label'
        );
        $word = static fn(string $action): string => get_string("job{$action}", 'local_vmoodle');
        $this->assertSame([$word('cancel')], $labels($job, 'set_config'));
        $html = $this->html(new job_view($job, self::operations('set_config'), false));
        $this->assertStringContainsString(fullname($USER), $html);
        $this->assertStringContainsString('&lt;classic&gt;', $html);
        $done = ['timefinished' => 1, 'status' => 'done', 'counts' => ['done' => 2]] + $job;
        $this->assertSame([$word('undo')], $labels($done, 'set_config'));
        $this->assertSame([], $labels(['mode' => 'undo'] + $done, 'set_config'), 'an undo is not undone');
        $failed = ['counts' => ['done' => 1, 'failed' => 1], 'status' => 'failed'] + $done;
        $this->assertSame([$word('retry'), $word('undo')], $labels($failed, 'set_config'));
        $this->assertSame([$word('passwords')], $labels(['untold' => 1] + $done, 'purge_caches'));
        $this->assertSame([], $labels(['untold' => 1, 'userid' => $USER->id + 1] + $done, 'purge_caches'));
    }

    /**
     * From a job one goes on to the same on other tenants, but not with a secret or a script of a whole page.
     */
    public function test_job_links(): void {
        $this->add_tenant('a.example.org');
        $job = bridge::job(bridge::job_submit('set_config', ['values' => ['theme' => 'classic']], ['all', '!net:2']));
        $links = fn(array $change, bool $hasrows = false): array
            => (new job_view($change + $job, self::operations('set_config'), $hasrows))->export_for_template($this->renderer());
        $this->assertStringContainsString('operation=set_config', $links([])['again']);
        $this->assertStringContainsString('targets=' . urlencode("all\n!net:2"), $links([])['others']);
        $this->assertSame('', $links(['parameters' => ['values' => ['smtppass' => 'enc:v1:AAAA']]])['again']);
        $this->assertSame('', $links(['parameters' => ['sql' => str_repeat('x', 3000)]])['again']);
        $this->assertSame('', $links(['mode' => 'undo'])['again']);
        $this->assertSame('', $links([])['rows']);
        $this->assertStringContainsString('action=rows', $links([], true)['rows']);
    }

    /**
     * How far a job is, in hundredths that are never rounded up to an end that is not there.
     */
    public function test_progress(): void {
        $progress = static fn(array $counts, int $finished = 0): array
            => job_view::progress(['counts' => $counts, 'timefinished' => $finished, 'status' => 'running']);
        $this->assertSame(99, $progress(['done' => 999, 'queued' => 1])['percent']);
        $this->assertSame(75, $progress(['done' => 1, 'skipped' => 1, 'failed' => 1, 'running' => 1])['percent']);
        $this->assertSame([100, true], [$progress(['unknown' => 2], 5)['percent'], $progress(['unknown' => 2], 5)['finished']]);
        $this->assertSame(100, $progress([])['percent']);
        $this->assertSame(50, $progress(['done' => 1, 'queued' => 1, 'passwords' => ['https://a' => 'x']])['percent']);
    }

    /**
     * A plan: tenants that are alike stand together, and the command line does the same without its secrets.
     */
    public function test_plan(): void {
        $change = ['what' => 'theme', 'before' => 'boost', 'after' => 'classic'];
        $plans = [
            ['tenant' => 'https://a', 'changes' => [$change]],
            ['tenant' => 'https://b', 'changes' => []],
            ['tenant' => 'https://c', 'changes' => [$change]],
            ['tenant' => 'https://d', 'changes' => [], 'errorcode' => 'tenant_unreachable', 'error' => '<no> answer'],
        ];
        $parameters = ['user' => "o'neill", 'password' => 'Hidden#1'];
        $operation = self::operations('reset_admin');
        $secret = array_column(array_filter($operation['parameters'], static fn($one): bool => $one['kind'] === 'secret'), 'name');
        $this->assertSame(['password'], $secret);
        $view = new plan_view($operation, $parameters, ['all', '!tag:pilot'], ['on_error' => 1, 'waves' => '1,rest'], $plans);
        $context = $view->export_for_template($this->renderer());
        $this->assertSame([4, 2, 1], [$context['total'], $context['changed'], $context['failing']]);
        $this->assertSame([['https://a', 'https://c'], ['https://b'], ['https://d']], array_column($context['groups'], 'sites'));
        $this->assertSame([false, true, false], array_column($context['groups'], 'nothing'));
        $this->assertStringContainsString('--set-stdin', $context['command']);
        $this->assertStringContainsString('--set=' . escapeshellarg("user=o'neill"), $context['command']);
        $this->assertStringContainsString("--targets='!tag:pilot'", $context['command']);
        $this->assertStringContainsString("--on-error='1' --waves='1,rest' --yes", $context['command']);
        $html = $this->html($view);
        $this->assertStringNotContainsString('Hidden#1', $html);
        $this->assertStringNotContainsString('<no>', $html);
    }

    /**
     * Every operation stands in a group, with what was chosen before.
     */
    public function test_operations(): void {
        $operations = bridge::operations();
        $context = (new operation_list($operations, [3, 5], 'all'))->export_for_template($this->renderer());
        $shown = array_merge(...array_column($context['groups'], 'operations'));
        $this->assertEqualsCanonicalizing(array_column($operations, 'name'), array_column($shown, 'name'));
        $urls = array_column($shown, 'url', 'name');
        $this->assertStringContainsString('ids=3%2C5', $urls['set_config']);
        $this->assertStringNotContainsString('ids=', $urls['create_tenant'], 'it makes its own tenants');
        $this->assertSame([2, ''], [$context['tenants'], $context['targets']]);
        $html = $this->html(new operation_list($operations, [], 'tag:pilot'));
        $this->assertStringContainsString('targets=tag%3Apilot', $html);
    }

    /**
     * Policies and snapshots, none and some.
     */
    public function test_lists(): void {
        global $DB;
        $this->assertStringContainsString(get_string('nopolicies', 'local_vmoodle'), $this->html(new policy_list([])));
        bridge::policy_add(['name' => 'mail off', 'targets' => ['tag:test', '!net:2'], 'settings' => ['noemailever' => true]]);
        $html = $this->html(new policy_list($DB->get_records('local_vmoodle_policy')));
        $this->assertStringContainsString('tag:test, !net:2', $html);
        $this->assertStringContainsString('noemailever', $html);
        $this->assertStringContainsString('remove=mail%20off', $html);
        $none = $this->html(new snapshot_list(bridge::snapshots()));
        $this->assertStringContainsString(get_string('nosnapshots', 'local_vmoodle'), $none);
        $snapshot = static fn(string $id, ?string $name): array => ['id' => $id, 'name' => $name, 'problem' => null,
            'wwwroot' => 'https://a', 'moodle' => ['release' => '4.5.6'], 'engine' => 'mariadb', 'octets' => 1000,
            'database' => ['octets' => 24], 'made_at' => 1700000000];
        $broken = ['id' => '2-b', 'problem' => 'no manifest'];
        $view = new snapshot_list([$snapshot('1-a', 'basic'), $broken, $snapshot('3-c', null)]);
        $context = $view->export_for_template($this->renderer());
        $this->assertSame(['3-c', '1-a'], array_column($context['snapshots'], 'id'), 'the newest first');
        $this->assertSame(['no manifest'], $context['problems']);
        $this->assertStringContainsString('p_template=basic', $context['snapshots'][1]['create']);
        $this->assertStringContainsString('p_template=3-c', $context['snapshots'][0]['create']);
        $this->set_user_with('local/vmoodle:managevmoodles');
        $this->assertSame(['', ''], array_column($view->export_for_template($this->renderer())['snapshots'], 'restore'));
    }
}
