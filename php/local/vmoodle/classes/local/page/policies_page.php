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
use local_vmoodle\native_exception;
use local_vmoodle\output\policy_list;
use local_vmoodle\output\words;

/**
 * The page policies.php: settings that stand in config.php for chosen tenants, at once and at no cost.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class policies_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/policies.php';

    /**
     * Lets only those in who may, and only on the control site.
     */
    public static function require_access(): void {
        require_capability('local/vmoodle:managevmoodles', \context_system::instance());
        bridge::require_control_site();
        \navigation_node::override_active_url(new \moodle_url(self::URL));
        admin_externalpage_setup('local_vmoodle_policies');
    }

    /**
     * What the page shows: the list, or the form of one policy.
     *
     * @param string $edit name of a policy, * for a new one, nothing for the list
     * @param string $remove name of a policy to be removed, or nothing
     * @return string HTML
     */
    public static function content(string $edit, string $remove): string {
        global $DB, $OUTPUT;
        if ($remove !== '') {
            return self::remove($remove);
        }
        if ($edit === '') {
            return $OUTPUT->render(new policy_list($DB->get_records('local_vmoodle_policy', null, 'sortorder, name')));
        }
        $row = $edit === '*' ? null : $DB->get_record('local_vmoodle_policy', ['name' => $edit], '*', MUST_EXIST);
        $form = new policy_form(new \moodle_url(self::URL, ['edit' => $edit]), ['policy' => $row]);
        if ($form->is_cancelled()) {
            redirect(new \moodle_url(self::URL));
        }
        if ($row) {
            $row->targets = implode("\n", json_decode($row->targets, true) ?: explode(',', $row->targets));
            $form->set_data($row);
        }
        $notice = '';
        if ($given = $form->get_data()) {
            try {
                self::save($row->name ?? '', $given);
                redirect(new \moodle_url(self::URL));
            } catch (native_exception $exception) {
                $notice = words::problem($exception);
            }
        }
        return $notice . $form->render();
    }

    /**
     * Writes a policy, and publishes.
     *
     * @param string $name as it is, nothing for a new one
     * @param \stdClass $given the form's values
     */
    private static function save(string $name, \stdClass $given): void {
        $values = [
            'name' => $given->name,
            'targets' => operation_form::targets($given),
            'settings' => json_decode($given->settings, true),
            'enabled' => $given->enabled,
            'sortorder' => $given->sortorder,
        ];
        $name === '' ? bridge::policy_add($values) : bridge::policy_update($name, $values);
    }

    /**
     * Asks whether a policy is to go, and removes it once that was answered.
     *
     * @param string $name of the policy
     * @return string HTML of the question
     */
    private static function remove(string $name): string {
        global $OUTPUT;
        if (($_SERVER['REQUEST_METHOD'] ?? '') === 'POST') {
            require_sesskey();
            bridge::policy_remove($name);
            redirect(new \moodle_url(self::URL));
        }
        $yes = new \single_button(new \moodle_url(self::URL, ['remove' => $name]), get_string('delete'), 'post');
        return $OUTPUT->confirm(get_string('policyremove', 'local_vmoodle', s($name)), $yes, new \moodle_url(self::URL));
    }
}
