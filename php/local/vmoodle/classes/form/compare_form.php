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
 * What is to be compared: it changes nothing, so it goes by GET and its address can be kept.
 *
 * Custom data: what (a kind of comparison).
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class compare_form extends \moodleform {
    #[\Override]
    protected function definition() {
        $form = $this->_form;
        $what = $this->_customdata['what'];
        $form->addElement('hidden', 'what', $what);
        $form->setType('what', PARAM_ALPHA);
        $this->add_text('targets', get_string('targets', 'local_vmoodle'));
        $form->addHelpButton('targets', 'targets', 'local_vmoodle');
        switch ($what) {
            case 'roles':
                $this->add_list('role', get_string('rolecolumn_role', 'local_vmoodle'), choices::roles());
                $this->add_list('component', get_string('component', 'local_vmoodle'), choices::components());
                break;
            case 'plugins':
                $this->add_list('type', get_string('parameter_types', 'local_vmoodle'), choices::plugin_types());
                break;
            case 'config':
                $this->add_text('names', get_string('parameter_names', 'local_vmoodle'));
                $form->addHelpButton('names', 'comparenames', 'local_vmoodle');
                break;
        }
        $this->add_text('search', get_string('comparesearch', 'local_vmoodle'));
        $form->addElement('advcheckbox', 'differences', '', get_string('comparedifferences', 'local_vmoodle'));
        $form->addElement('submit', 'submitbutton', get_string('compare', 'local_vmoodle'));
    }

    /**
     * Adds a field for text.
     *
     * @param string $name of the field
     * @param string $label its label
     */
    private function add_text(string $name, string $label): void {
        $this->_form->addElement('text', $name, $label, ['size' => 60]);
        $this->_form->setType($name, PARAM_RAW_TRIMMED);
    }

    /**
     * Adds a list to choose one of, or none.
     *
     * @param string $name of the field
     * @param string $label its label
     * @param string[] $options label by value
     */
    private function add_list(string $name, string $label, array $options): void {
        // A tenant may have what the control site has not.
        $typing = ['tags' => true, 'noselectionstring' => get_string('all')];
        $this->_form->addElement('autocomplete', $name, $label, ['' => ''] + $options, $typing);
        $this->_form->setType($name, PARAM_RAW_TRIMMED);
    }

    #[\Override]
    protected function after_definition() {
        parent::after_definition();
        // A session key has no place in an address.
        $this->_form->removeElement('sesskey');
        $this->_form->removeElement('_qf__' . $this->_formname);
    }
}
