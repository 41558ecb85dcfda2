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
 * A tenant: one to be made, or the row of one that is there.
 *
 * Custom data: row (as bridge::tenant() gives it, or null), templates (label by name), servers (names), networks (numbers).
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class tenant_form extends \moodleform {
    /** @var string[] columns of the registry that are texts on this form. */
    public const TEXTS = ['vhostname', 'name', 'shortname', 'tags'];

    /** @var string[] columns that say where database and files are. */
    public const PLACES = ['vdbhost', 'vdbport', 'vdbname', 'vdblogin', 'vdbprefix', 'vdatapath'];

    /** @var string[] columns that a pattern of the settings page may fill. */
    public const PATTERNS = ['vhostname', 'name', 'vdbname', 'vdblogin', 'vdatapath'];

    #[\Override]
    protected function definition() {
        $form = $this->_form;
        $new = $this->_customdata['row'] === null;
        $form->addElement('hidden', 'id', $this->_customdata['row']['id'] ?? 0);
        $form->setType('id', PARAM_INT);
        $form->addElement('header', 'general', get_string('general'));
        foreach ($new ? self::TEXTS : array_diff(self::TEXTS, ['vhostname']) as $name) {
            $this->add_text($name, 50);
        }
        if ($new) {
            $form->addRule('vhostname', null, 'required', null, 'client');
        }
        $form->addElement('textarea', 'description', get_string('column_description', 'local_vmoodle'), ['rows' => 3, 'cols' => 60]);
        $form->setType('description', PARAM_RAW);
        $networks = [-1 => get_string('networknone', 'local_vmoodle'), 0 => get_string('networkcontrol', 'local_vmoodle')];
        foreach ($this->_customdata['networks'] as $number) {
            $networks[$number] = $number;
        }
        if ($new) {
            $networks['NEW'] = get_string('networknew', 'local_vmoodle');
        }
        $form->addElement('select', 'mnet', get_string('column_mnet', 'local_vmoodle'), $networks);
        if ($new) {
            $this->add_source();
        }
        $form->addElement('header', 'place', get_string('place', 'local_vmoodle'));
        if ($new) {
            $form->setExpanded('place', false);
            $form->addElement('static', 'placehint', '', get_string('placehint', 'local_vmoodle'));
            $servers = ['' => get_string('servercontrol', 'local_vmoodle')]
                + array_combine($this->_customdata['servers'], $this->_customdata['servers']);
            $form->addElement('select', 'server', get_string('column_vdbhost', 'local_vmoodle'), $servers);
        }
        foreach ($new ? array_diff(self::PLACES, ['vdbhost', 'vdbport']) : self::PLACES as $name) {
            $this->add_text($name, 50);
        }
        $form->addElement('passwordunmask', 'vdbpass', get_string('databasepassword', 'local_vmoodle'));
        $form->addElement('header', 'overrides', get_string('overrides', 'local_vmoodle'));
        $form->setExpanded('overrides', false);
        $form->addElement('textarea', 'settings', get_string('policysettings', 'local_vmoodle'), ['rows' => 5, 'cols' => 60]);
        $form->setType('settings', PARAM_RAW_TRIMMED);
        $form->addHelpButton('settings', 'policysettings', 'local_vmoodle');
        $form->closeHeaderBefore('buttonar');
        $check = $form->createElement('button', 'check', get_string('checktenant', 'local_vmoodle'));
        $submit = $form->createElement('submit', 'submitbutton', get_string($new ? 'createtenant' : 'savechanges', $new
            ? 'local_vmoodle' : 'core'));
        $form->addGroup([$submit, $check, $form->createElement('cancel')], 'buttonar', '', [' '], false);
        $form->addElement('html', \html_writer::div('', '', ['data-region' => 'local_vmoodle-checks', 'aria-live' => 'polite']));
    }

    /**
     * What a new tenant is made of, and its administrator.
     */
    private function add_source(): void {
        $form = $this->_form;
        $form->addElement('header', 'origin', get_string('origin', 'local_vmoodle'));
        $form->setExpanded('origin');
        $templates = ['' => get_string('originfresh', 'local_vmoodle')] + $this->_customdata['templates'];
        $form->addElement('select', 'template', get_string('parameter_template', 'local_vmoodle'), $templates);
        $form->addElement('text', 'source', get_string('parameter_source', 'local_vmoodle'), ['size' => 50]);
        $form->setType('source', PARAM_RAW_TRIMMED);
        $form->addHelpButton('source', 'origin', 'local_vmoodle');
        $admins = [];
        foreach (['', 'keep', 'generate'] as $word) {
            $admins[$word] = $word === '' ? '' : \local_vmoodle\output\words::choice($word);
        }
        $form->addElement('select', 'admin', get_string('parameter_admin', 'local_vmoodle'), $admins);
    }

    /**
     * Adds a field of a column of the registry.
     *
     * @param string $name of the column
     * @param int $size in characters
     */
    private function add_text(string $name, int $size): void {
        $this->_form->addElement('text', $name, get_string('column_' . $name, 'local_vmoodle'), ['size' => $size]);
        $this->_form->setType($name, PARAM_RAW_TRIMMED);
    }

    #[\Override]
    public function validation($data, $files) {
        $errors = parent::validation($data, $files);
        if ($data['settings'] !== '' && !is_array(json_decode($data['settings'], true))) {
            $errors['settings'] = get_string('clibadjson', 'local_vmoodle');
        }
        foreach (['mnet', 'template', 'server', 'admin'] as $name) {
            // What is not offered any more, such as a template that was deleted meanwhile, is not among the values.
            if ($this->_form->elementExists($name) && !isset($data[$name])) {
                $errors[$name] = get_string('err_required', 'form');
            }
        }
        if (($data['template'] ?? '') !== '' && ($data['source'] ?? '') !== '') {
            $errors['source'] = get_string('originone', 'local_vmoodle');
        }
        return $errors;
    }

    /**
     * The columns of the registry that were given; on a new tenant what is empty is left to vmoodle.
     *
     * @param \stdClass $data of get_data()
     * @return array by name
     */
    public static function columns(\stdClass $data): array {
        $columns = [];
        foreach ([...self::TEXTS, ...self::PLACES, 'description'] as $name) {
            if (isset($data->$name) && ($data->id || (string)$data->$name !== '')) {
                $columns[$name] = (string)$data->$name;
            }
        }
        if ((string)($data->vdbpass ?? '') !== '') {
            $columns['vdbpass'] = $data->vdbpass;
        }
        if (($columns['vdbport'] ?? null) === '') {
            $columns['vdbport'] = null;
        }
        if ($data->settings !== '' || $data->id) {
            $columns['settings'] = json_decode($data->settings ?: '{}', true);
        }
        if ($data->mnet !== 'NEW') {
            $columns['mnet'] = (int)$data->mnet;
        }
        return $columns;
    }
}
