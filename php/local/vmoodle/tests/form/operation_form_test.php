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

namespace local_vmoodle\form;

use local_vmoodle\bridge;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of the form that is made from an operation's description.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\form\operation_form
 */
final class operation_form_test extends farm_testcase {
    /**
     * A control site and its administrator.
     */
    protected function setUp(): void {
        global $PAGE;
        parent::setUp();
        $this->become_control_site();
        $this->setAdminUser();
        $PAGE->set_url('/local/vmoodle/run.php');
    }

    /**
     * The form of an operation.
     *
     * @param string $name of the operation
     * @param array $sent what the browser sends, none for a form that is only shown
     * @param string $planned the mark of what was planned
     * @return operation_form
     */
    private static function form(string $name, array $sent = [], string $planned = ''): operation_form {
        $_POST = [];
        if ($sent) {
            operation_form::mock_submit($sent + ['operation' => $name]);
        }
        return new operation_form(null, [
            'operation' => array_column(bridge::operations(), null, 'name')[$name],
            'targets' => 'all',
            'values' => [],
            'planned' => $planned,
        ]);
    }

    /**
     * What is copied from a tenant is chosen from what that tenant has, once its button was pressed; the control site stands in.
     */
    public function test_choices_of_a_source(): void {
        $this->add_site('site.example.org');
        $this->install_in_site('mod_ofsource');
        $sent = ['p_source' => 'https://site.example.org', 'listsource' => 'List'];
        $form = self::form('copy_plugin_config', $sent);
        $this->assertNull($form->get_data(), 'nothing is planned by it');
        $html = $form->render();
        $this->assertStringContainsString('<option value="mod_ofsource"', $html);
        $this->assertStringNotContainsString('mod_ofsource', self::form('copy_plugin_config')->render());
        $this->assertStringContainsString('name="listsource"', self::form('role_sync')->render());
        $this->assertStringNotContainsString('name="listsource"', self::form('clone_tenant')->render());
        $nowhere = self::form('copy_plugin_config', ['p_source' => 'https://nowhere.example.org'] + $sent)->render();
        $this->assertStringContainsString('<option value="mod_forum"', $nowhere);
    }

    /**
     * Every operation has a form with a labelled field for each of its parameters.
     */
    public function test_every_operation(): void {
        foreach (bridge::operations() as $operation) {
            $html = self::form($operation['name'])->render();
            $this->assertStringNotContainsString('[[', $html, $operation['name']);
            foreach ($operation['parameters'] as $parameter) {
                $this->assertMatchesRegularExpression("/name=\"p_{$parameter['name']}(\[\])?\"/", $html, $operation['name']);
            }
            $this->assertSame(!$operation['makes'], str_contains($html, 'name="targets"'), $operation['name']);
            $this->assertStringNotContainsString('name="run"', $html, 'it was not planned yet');
        }
    }

    /**
     * What was given is handed on by name; what was left empty is the operation's to choose.
     */
    public function test_parameters(): void {
        $sent = ['targets' => 'all', 'p_name' => 'theme', 'p_value' => 'classic', 'p_plugin' => '', 'plan' => 'x'];
        $form = self::form('set_config', $sent);
        $data = $form->get_data();
        $this->assertNotNull($data);
        $given = $form->parameters($data);
        $this->assertSame(['theme', 'classic'], [$given['name'], $given['value']]);
        $this->assertArrayNotHasKey('plugin', $given);
    }

    /**
     * A run must be of what was planned, and a dangerous operation's name is typed.
     */
    public function test_a_run_is_of_what_was_planned(): void {
        $sent = ['targets' => 'all', 'p_sql' => 'UPDATE {config} SET value = 1', 'p_mode' => 'write'];
        $mark = self::planned($sent);
        $run = $sent + ['run' => 'x', 'planned' => $mark, 'confirmation' => 'run_sql'];
        $this->assertNotNull(self::form('run_sql', $run, $mark)->get_data());
        $this->assertNull(self::form('run_sql', ['confirmation' => 'yes'] + $run, $mark)->get_data());
        $this->assertNull(self::form('run_sql', ['targets' => 'any'] + $run, $mark)->get_data(), 'other targets');
        $this->assertNull(self::form('run_sql', ['p_sql' => 'DROP TABLE {config}'] + $run, $mark)->get_data(), 'another script');
        $other = self::form('run_sql', ['p_sql' => 'DROP TABLE {config}'] + $run, $mark);
        $other->get_data();
        $this->assertStringContainsString(get_string('changedsinceplan', 'local_vmoodle'), $other->render());
        // What only reads is not dangerous.
        $reading = ['p_mode' => 'read'] + $sent;
        $mark = self::planned($reading);
        $this->assertNotNull(self::form('run_sql', $reading + ['run' => 'x', 'planned' => $mark], $mark)->get_data());
    }

    /**
     * The mark of a plan of run_sql.
     *
     * @param array $sent what the browser sends
     * @return string
     */
    private static function planned(array $sent): string {
        return operation_form::mark((array)self::form('run_sql', $sent + ['plan' => 'x'])->get_data());
    }

    /**
     * A mark is of one session.
     */
    public function test_a_mark_is_of_one_session(): void {
        global $USER;
        $mark = operation_form::mark(['targets' => 'all', 'p_name' => 'theme', 'on_error' => '1']);
        $this->assertSame($mark, operation_form::mark(['p_name' => 'theme', 'targets' => 'all', 'on_error' => 'continue']));
        $this->assertNotSame($mark, operation_form::mark(['targets' => 'all', 'p_name' => 'lang']));
        $USER->sesskey = 'another';
        $this->assertNotSame($mark, operation_form::mark(['targets' => 'all', 'p_name' => 'theme']));
    }

    /**
     * Without targets nothing is planned.
     */
    public function test_targets_are_required(): void {
        $this->assertNull(self::form('purge_caches', ['targets' => " \n", 'plan' => 'x'])->get_data());
    }

    /**
     * Target words, by commas and lines; a regular expression stands alone on its line.
     *
     * @dataProvider targets_provider
     * @param string $typed text
     * @param string[] $words selectors
     */
    public function test_targets(string $typed, array $words): void {
        $this->assertSame($words, operation_form::targets((object)['targets' => $typed]));
    }

    /**
     * What is typed, and what it means.
     *
     * @return array[] text, selectors
     */
    public static function targets_provider(): array {
        return [
            'nothing' => [" ,\n ,", []],
            'commas and lines' => ["all, !net:2\r\n*.school.edu\n0", ['all', '!net:2', '*.school.edu', '0']],
            'a regular expression' => ["/^(a,b){1,2}/\n!/c,d/, e", ['/^(a,b){1,2}/', '!/c,d/, e']],
        ];
    }

    /**
     * A file of nodes that is pasted is read, and its faults are told by line.
     */
    public function test_nodes(): void {
        $csv = "vhostname;name;shortname;vdbname;vdatapath\n"
            . "https://a.example.org;Alpha;a;farm_a;/data/a\nhttps://b.example.org;Beta;b;farm_b;/data/b\n";
        $form = self::form('create_tenant', ['p_nodes' => $csv, 'plan' => 'x']);
        $data = $form->get_data();
        $this->assertNotNull($data, $form->render());
        $nodes = $form->parameters($data)['nodes'];
        $this->assertSame(['https://a.example.org', 'https://b.example.org'], array_column($nodes, 'vhostname'));
        $faulty = self::form('create_tenant', ['p_nodes' => "vhostname;name\nnot an address;Alpha\n", 'plan' => 'x']);
        $this->assertNull($faulty->get_data());
        $json = self::form('create_tenant', ['p_nodes' => '[{"vhostname":"https://c.example.org"}]', 'plan' => 'x']);
        $this->assertSame('[{"vhostname":"https://c.example.org"}]', $json->parameters($json->get_data())['nodes']);
    }
}
