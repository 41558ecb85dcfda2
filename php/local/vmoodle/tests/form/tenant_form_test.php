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
 * Tests of the form of a tenant.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\form\tenant_form
 */
final class tenant_form_test extends \advanced_testcase {
    /**
     * A form that was sent.
     *
     * @param array $sent values
     * @param array|null $row of a tenant that is there
     * @return tenant_form
     */
    private function sent(array $sent, ?array $row = null): tenant_form {
        $this->resetAfterTest();
        $this->setAdminUser();
        tenant_form::mock_submit($sent + ['mnet' => '-1', 'settings' => '', 'template' => '', 'source' => '', 'server' => '',
            'admin' => '', 'submitbutton' => 'x']);
        return new tenant_form(null, [
            'row' => $row, 'templates' => ['basic' => 'basic (4.5.6)'], 'servers' => ['db2'], 'networks' => [1],
        ]);
    }

    /**
     * Sends a new tenant, and gives what was told at each field that is wrong.
     *
     * @param array $sent values
     * @return string[] message by field
     */
    private function errors(array $sent): array {
        $form = $this->sent($sent);
        $this->assertNull($form->get_data());
        $quickform = (new \ReflectionProperty(\moodleform::class, '_form'))->getValue($form);
        $errors = [];
        foreach (['vhostname', 'settings', 'source', 'template', 'server', 'mnet'] as $name) {
            $errors[$name] = $quickform->getElementError($name);
        }
        return array_filter($errors);
    }

    /**
     * What a new tenant needs, and what does not go together.
     */
    public function test_validation(): void {
        $address = ['vhostname' => 'https://a.example.org'];
        $this->assertSame(['vhostname'], array_keys($this->errors(['vhostname' => ' '])));
        $nojson = ['settings' => get_string('clibadjson', 'local_vmoodle')];
        $this->assertSame($nojson, $this->errors($address + ['settings' => '{"theme": boost}']));
        $this->assertSame($nojson, $this->errors($address + ['settings' => '7']));
        $both = $address + ['template' => 'basic', 'source' => 'b.example.org'];
        $this->assertSame(['source' => get_string('originone', 'local_vmoodle')], $this->errors($both));
    }

    /**
     * Of a new tenant only what was given is handed on: the rest is vmoodle's to choose.
     */
    public function test_columns_of_a_new_tenant(): void {
        $data = $this->sent(['vhostname' => ' https://a.example.org ', 'name' => 'A', 'tags' => '', 'vdbname' => '',
            'settings' => '{"noemailever": true}', 'mnet' => '1', 'vdbpass' => '', 'template' => 'basic'])->get_data();
        $this->assertEquals([
            'vhostname' => 'https://a.example.org', 'name' => 'A', 'settings' => ['noemailever' => true], 'mnet' => 1,
        ], tenant_form::columns($data));
        $this->assertSame('basic', $data->template);
        $data = $this->sent(['vhostname' => 'https://a.example.org', 'mnet' => 'NEW'])->get_data();
        $this->assertArrayNotHasKey('mnet', tenant_form::columns($data));
        $this->assertArrayNotHasKey('settings', tenant_form::columns($data));
    }

    /**
     * Of a tenant that is there a field that was emptied is empty; its address stays, and so does a password that was not typed.
     */
    public function test_columns_of_a_tenant(): void {
        $row = ['id' => 7, 'vhostname' => 'https://a.example.org', 'name' => 'A'];
        $sent = ['id' => 7, 'vhostname' => 'https://evil.example.org', 'name' => '', 'shortname' => '', 'tags' => 'pilot, big',
            'description' => '', 'vdbhost' => 'db', 'vdbport' => '', 'vdbname' => 'a', 'vdblogin' => 'a', 'vdbprefix' => 'mdl_',
            'vdatapath' => '/a'];
        $columns = tenant_form::columns($this->sent($sent, $row)->get_data());
        $this->assertSame('', $columns['name']);
        $this->assertNull($columns['vdbport']);
        $this->assertSame([], $columns['settings']);
        $this->assertSame('pilot, big', $columns['tags']);
        $this->assertArrayNotHasKey('vhostname', $columns);
        $this->assertArrayNotHasKey('vdbpass', $columns);
        $columns = tenant_form::columns($this->sent(['vdbpass' => 'new one'] + $sent, $row)->get_data());
        $this->assertSame('new one', $columns['vdbpass']);
    }

    /**
     * A network, a server or a template that is not offered any more is not passed over in silence.
     */
    public function test_choices_that_are_gone(): void {
        $address = ['vhostname' => 'https://a.example.org'];
        foreach (['mnet' => '99', 'template' => 'deleted', 'server' => 'db9'] as $name => $value) {
            $this->assertSame([$name], array_keys($this->errors($address + [$name => $value])));
        }
        $data = $this->sent($address + ['mnet' => '1', 'template' => 'basic', 'server' => 'db2'])->get_data();
        $this->assertSame(1, tenant_form::columns($data)['mnet']);
        $this->assertSame(['basic', 'db2'], [$data->template, $data->server]);
    }
}
