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

defined('MOODLE_INTERNAL') || die();

require_once($CFG->libdir . '/formslib.php');

/**
 * A policy: settings that chosen tenants have as if they stood in config.php. Custom data: policy (row, or null).
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class policy_form extends \moodleform {
    #[\Override]
    protected function definition() {
        $form = $this->_form;
        $form->addElement('hidden', 'policy', $this->_customdata['policy']->name ?? '');
        $form->setType('policy', PARAM_RAW);
        $form->addElement('text', 'name', get_string('name'), ['size' => 40]);
        $form->setType('name', PARAM_RAW_TRIMMED);
        $form->addRule('name', null, 'required', null, 'client');
        $form->addElement('textarea', 'targets', get_string('targets', 'local_vmoodle'), ['rows' => 3, 'cols' => 60]);
        $form->setType('targets', PARAM_RAW_TRIMMED);
        $form->addHelpButton('targets', 'targets', 'local_vmoodle');
        $form->addRule('targets', null, 'required', null, 'client');
        $form->addElement('textarea', 'settings', get_string('policysettings', 'local_vmoodle'), ['rows' => 6, 'cols' => 60]);
        $form->setType('settings', PARAM_RAW_TRIMMED);
        $form->addHelpButton('settings', 'policysettings', 'local_vmoodle');
        $form->addRule('settings', null, 'required', null, 'client');
        $form->addElement('advcheckbox', 'enabled', get_string('enabled', 'local_vmoodle'));
        $form->setDefault('enabled', 1);
        $form->addElement('text', 'sortorder', get_string('policyorder', 'local_vmoodle'), ['size' => 6]);
        $form->setType('sortorder', PARAM_INT);
        $form->setDefault('sortorder', 0);
        $this->add_action_buttons();
    }

    #[\Override]
    public function validation($data, $files) {
        $errors = parent::validation($data, $files);
        if (!is_array(json_decode($data['settings'], true))) {
            $errors['settings'] = get_string('clibadjson', 'local_vmoodle');
        }
        return $errors;
    }
}
