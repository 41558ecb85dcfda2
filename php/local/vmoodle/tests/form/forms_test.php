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

/**
 * Tests of the forms of a policy and of a comparison, and of what may be chosen from.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\form\choices
 * @covers     \local_vmoodle\form\compare_form
 * @covers     \local_vmoodle\form\policy_form
 */
final class forms_test extends \advanced_testcase {
    /**
     * The settings of a policy are a JSON object; what is required is required.
     */
    public function test_policy(): void {
        $this->resetAfterTest();
        $this->setAdminUser();
        $send = static function (array $sent): ?\stdClass {
            $given = ['name' => 'mail off', 'targets' => 'tag:test', 'settings' => '{"noemailever": true}', 'enabled' => 1];
            policy_form::mock_submit($sent + $given + ['submitbutton' => 'x']);
            return (new policy_form(null, ['policy' => null]))->get_data();
        };
        $data = $send([]);
        $this->assertSame(['mail off', 'tag:test', 1], [$data->name, $data->targets, (int)$data->enabled]);
        $this->assertNull($send(['settings' => 'noemailever = true']));
        $this->assertNull($send(['settings' => '"text"']));
        $this->assertNull($send(['name' => '']));
        $this->assertNull($send(['targets' => ' ']));
        $this->assertSame(0, (int)$send(['enabled' => 0])->enabled);
    }

    /**
     * A policy that is there keeps its name on the form as what it is called.
     */
    public function test_policy_that_is_there(): void {
        $this->resetAfterTest();
        $this->setAdminUser();
        $form = new policy_form(null, ['policy' => (object)['name' => 'mail <off>']]);
        $this->assertStringContainsString('value="mail &lt;off&gt;"', $form->render());
        $this->assertNull($form->get_data(), 'it was not sent');
    }

    /**
     * A comparison goes by an address that can be kept: no session key stands in it.
     */
    public function test_compare(): void {
        global $PAGE;
        $this->resetAfterTest();
        $this->setAdminUser();
        $PAGE->set_url('/local/vmoodle/compare.php');
        $fields = ['roles' => 'name="component"', 'plugins' => 'name="type"', 'config' => 'name="names"'];
        foreach ($fields as $what => $field) {
            $html = (new compare_form(new \moodle_url('/local/vmoodle/compare.php'), ['what' => $what], 'get'))->render();
            $this->assertStringNotContainsString('sesskey', $html);
            $this->assertStringContainsString($field, $html);
            $this->assertStringContainsString("value=\"{$what}\"", $html);
            foreach (array_diff($fields, [$field]) as $other) {
                $this->assertStringNotContainsString($other, $html);
            }
        }
    }

    /**
     * What there is on this site may be chosen from; a number, a secret or a free text is typed.
     */
    public function test_choices(): void {
        global $DB;
        $this->resetAfterTest();
        $of = static fn(string $operation, string $name, string $kind = 'text'): ?array
            => choices::of($operation, ['name' => $name, 'kind' => $kind]);
        $this->assertArrayHasKey('student', $of('role_sync', 'role'));
        $this->assertArrayHasKey('mod/forum:replypost', $of('capability_sync', 'capability'));
        $this->assertArrayHasKey('local_vmoodle', $of('plugin_state', 'plugin', 'words'));
        $this->assertArrayHasKey('mod', $of('plugin_sync', 'types', 'words'));
        $this->assertArrayHasKey('manual', $of('create_tenant', 'auth'));
        $this->assertArrayHasKey('siteidentifier', $of('set_config', 'name'));
        $this->assertNull($of('snapshot_tenant', 'name'), 'a name of something else');
        $this->assertNull($of('role_sync', 'role', 'secret'));
        $this->assertNull($of('set_config', 'value'));
        $DB->insert_record('local_vmoodle_policy', ['name' => 'p', 'targets' => '["all"]', 'settings' => '{}']);
        $DB->insert_record('local_vmoodle_sheet', ['name' => 's', 'role' => 'student', 'contents' => '{}']);
        $this->assertSame(['p' => 'p'], $of('enforce_config', 'policy'));
        $this->assertSame(['s' => 's'], $of('role_sync', 'sheet'));
        $this->assertContains('core', choices::components());
        $this->assertNotContains('moodle', choices::components());
    }

    /**
     * Which parameters take several values.
     */
    public function test_multiple_choices(): void {
        $this->assertTrue(choices::is_multiple(['name' => 'plugin', 'kind' => 'words']));
        $this->assertTrue(choices::is_multiple(['name' => 'roles', 'kind' => 'text']));
        $this->assertFalse(choices::is_multiple(['name' => 'role', 'kind' => 'text']));
    }
}
