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

use local_vmoodle\bridge;
use local_vmoodle\local\danger;
use local_vmoodle\output\words;

/**
 * What an operation is to do, made from the operation's own description; first its plan, then the run.
 *
 * Custom data: operation (its description), targets (text), values (text by parameter), planned (the mark of what was
 * planned, or empty).
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class operation_form extends \moodleform {
    /** @var string[] parameters that take several lines. */
    private const LONG = ['sql', 'preset', 'message'];

    #[\Override]
    protected function definition() {
        $form = $this->_form;
        $operation = $this->_customdata['operation'];
        $form->addElement('hidden', 'operation', $operation['name']);
        $form->setType('operation', PARAM_ALPHANUMEXT);
        $form->addElement('hidden', 'planned');
        $form->setType('planned', PARAM_ALPHANUM);
        $form->setConstant('planned', (string)$this->_customdata['planned']);
        if (!$operation['makes']) {
            $form->addElement('textarea', 'targets', get_string('targets', 'local_vmoodle'), ['rows' => 3, 'cols' => 60]);
            $form->setType('targets', PARAM_RAW_TRIMMED);
            $form->addHelpButton('targets', 'targets', 'local_vmoodle');
            $form->setDefault('targets', $this->_customdata['targets']);
            $form->addRule('targets', null, 'required', null, 'client');
            $this->add_matches();
        }
        foreach ($operation['parameters'] as $parameter) {
            $this->add_parameter($parameter);
        }
        $form->addElement('select', 'on_error', get_string('onerror', 'local_vmoodle'), [
            '' => get_string('onerrorusual', 'local_vmoodle'),
            'continue' => get_string('onerrorcontinue', 'local_vmoodle'),
            '1' => get_string('onerrorfirst', 'local_vmoodle'),
        ]);
        $form->addElement('text', 'waves', get_string('waves', 'local_vmoodle'), ['size' => 20]);
        $form->setType('waves', PARAM_RAW_TRIMMED);
        $form->addHelpButton('waves', 'waves', 'local_vmoodle');
        foreach (['delay', 'spread'] as $name) {
            $form->addElement('text', $name, get_string('job' . $name, 'local_vmoodle'), ['size' => 8]);
            $form->setType($name, PARAM_INT);
        }
        $buttons = [$form->createElement('submit', 'plan', get_string('showplan', 'local_vmoodle'))];
        if ($this->_customdata['planned'] !== '') {
            if (danger::of($operation, $this->asked())) {
                $label = get_string('typetoconfirm', 'local_vmoodle', $operation['name']);
                $form->addElement('text', 'confirmation', $label, ['autocomplete' => 'off']);
                $form->setType('confirmation', PARAM_RAW_TRIMMED);
            }
            $buttons[] = $form->createElement('submit', 'run', get_string('runoperation', 'local_vmoodle'));
        }
        $form->addGroup($buttons, 'buttons', '', [' '], false);
    }

    /**
     * What the request brings for the parameters that decide whether the operation is dangerous.
     *
     * @return string[] by name
     */
    private function asked(): array {
        $name = $this->_customdata['operation']['harmless']['parameter'] ?? '';
        $value = $name === '' ? null : optional_param('p_' . $name, null, PARAM_RAW_TRIMMED);
        return $value === null ? [] : [$name => $value];
    }

    /**
     * The tenant that is copied from, as it was chosen so far.
     *
     * @return string its address, or empty
     */
    private function source(): string {
        return optional_param('p_source', $this->_customdata['values']['source'] ?? '', PARAM_RAW_TRIMMED);
    }

    /**
     * Adds the field of the tenant that is copied from, with a button that lists what it has in place of what the control site has.
     *
     * @param string $name of the field
     * @param string $label its label
     */
    private function add_source(string $name, string $label): void {
        $form = $this->_form;
        $form->addElement('autocomplete', $name, $label, ['' => ''], ['ajax' => 'local_vmoodle/tenant_selector'] + self::typing());
        $operation = $this->_customdata['operation'];
        foreach ($operation['parameters'] as $parameter) {
            if (choices::has_source($operation['name'], $parameter)) {
                $form->registerNoSubmitButton('listsource');
                $form->addElement('submit', 'listsource', get_string('listsource', 'local_vmoodle'));
                return;
            }
        }
    }

    /**
     * Adds what follows the targets as they are typed: how many tenants are meant, and those where a setting has a value.
     */
    private function add_matches(): void {
        global $PAGE;
        $form = $this->_form;
        $region = \html_writer::div('', '', ['data-region' => 'local_vmoodle-matches', 'aria-live' => 'polite']);
        $form->addElement('static', 'matches', '', $region);
        $where = [];
        foreach (['wherename', 'wherevalue'] as $name) {
            $label = get_string($name, 'local_vmoodle');
            $where[] = $form->createElement('text', $name, $label, ['size' => 25, 'placeholder' => $label]);
            $form->setType($name, PARAM_RAW_TRIMMED);
        }
        $where[] = $form->createElement('button', 'where', get_string('wherekeep', 'local_vmoodle'));
        $form->addGroup($where, 'wheregroup', get_string('where', 'local_vmoodle'), [' '], false);
        $form->addHelpButton('wheregroup', 'where', 'local_vmoodle');
        $PAGE->requires->js_call_amd('local_vmoodle/targets', 'follow');
    }

    /**
     * Adds the field of a parameter.
     *
     * @param array $parameter name, kind, required, default, choices
     */
    private function add_parameter(array $parameter): void {
        $form = $this->_form;
        $name = 'p_' . $parameter['name'];
        $label = words::parameter($parameter['name'], $this->_customdata['operation']['name']);
        switch ($parameter['kind']) {
            case 'flag':
                if ($parameter['default'] === null) {
                    // What is not said is left to the operation, which is neither yes nor no.
                    $form->addElement('select', $name, $label, ['' => '', '1' => get_string('yes'), '0' => get_string('no')]);
                } else {
                    $form->addElement('advcheckbox', $name, $label);
                }
                break;
            case 'choice':
                $choices = array_combine($parameter['choices'], array_map([words::class, 'choice'], $parameter['choices']));
                $form->addElement('select', $name, $label, ($parameter['required'] ? [] : ['' => '']) + $choices);
                break;
            case 'json':
                $form->addElement('textarea', $name, $label, ['rows' => 5, 'cols' => 60]);
                $form->setType($name, PARAM_RAW);
                break;
            case 'secret':
                $form->addElement('passwordunmask', $name, $label);
                break;
            default:
                $this->add_typed($name, $label, $parameter);
        }
        $value = $this->_customdata['values'][$parameter['name']] ?? $parameter['default'];
        if ($form->getElement($name)->getAttribute('multiple')) {
            $value = array_filter(array_map('trim', explode(',', (string)$value)), 'strlen');
        }
        $form->setDefault($name, $value);
        if ($parameter['required'] && $parameter['kind'] !== 'flag') {
            $form->addRule($name, null, 'required', null, 'client');
        }
        if ($parameter['name'] === 'nodes') {
            $form->addHelpButton($name, 'nodes', 'local_vmoodle');
        }
    }

    /**
     * Adds the field of a parameter that is typed, or chosen from what there is.
     *
     * @param string $name of the field
     * @param string $label its label
     * @param array $parameter name, kind, default
     */
    private function add_typed(string $name, string $label, array $parameter): void {
        $form = $this->_form;
        $list = choices::of($this->_customdata['operation']['name'], $parameter, $this->source());
        if (in_array($parameter['name'], self::LONG, true)) {
            $form->addElement('textarea', $name, $label, ['rows' => 5, 'cols' => 60]);
        } else if ($parameter['name'] === 'source') {
            $this->add_source($name, $label);
        } else if ($list !== null) {
            $multiple = choices::is_multiple($parameter);
            $options = ($multiple ? [] : ['' => '']) + $list;
            $form->addElement('autocomplete', $name, $label, $options, ['multiple' => $multiple] + self::typing());
        } else {
            $form->addElement('text', $name, $label, ['size' => $parameter['kind'] === 'int' ? 8 : 60]);
        }
        $form->setType($name, $parameter['name'] === 'sql' ? PARAM_RAW : PARAM_RAW_TRIMMED);
    }

    /**
     * What a list has whose values may be typed too.
     *
     * @return array attributes of an autocomplete
     */
    private static function typing(): array {
        return ['tags' => true, 'noselectionstring' => get_string('choosedots')];
    }

    #[\Override]
    public function validation($data, $files) {
        $errors = parent::validation($data, $files);
        if ($faults = $this->faults($data)) {
            $errors['p_nodes'] = implode(' ', $faults);
        }
        if (empty($data['run'])) {
            return $errors;
        }
        if (!hash_equals(self::mark($data), (string)$data['planned'])) {
            $errors['buttons'] = get_string('changedsinceplan', 'local_vmoodle');
        }
        $operation = $this->_customdata['operation'];
        if (danger::of($operation, $this->asked()) && $data['confirmation'] !== $operation['name']) {
            $errors['confirmation'] = get_string('typetoconfirm', 'local_vmoodle', $operation['name']);
        }
        return $errors;
    }

    /**
     * What is wrong in a file of nodes that was typed or pasted.
     *
     * @param array $data submitted values
     * @return string[] sentences
     */
    private function faults(array $data): array {
        $text = trim($data['p_nodes'] ?? '');
        if ($text === '' || json_decode($text) !== null) {
            return [];
        }
        return array_map(static fn(array $fault): string => get_string('clifault', 'local_vmoodle', [
            'line' => $fault['line'],
            'message' => trim($fault['column'] . ' ' . $fault['message']),
        ]), bridge::nodes($text)['faults']);
    }

    /**
     * The mark of what was asked for: a run must be of what was planned.
     *
     * @param array $data submitted values
     * @return string
     */
    public static function mark(array $data): string {
        $asked = array_filter($data, static fn($name) => $name === 'targets' || str_starts_with($name, 'p_'), ARRAY_FILTER_USE_KEY);
        ksort($asked);
        return hash('sha256', sesskey() . json_encode(array_map([self::class, 'text'], $asked)));
    }

    /**
     * A submitted value as one text; several are a list with commas.
     *
     * @param mixed $value text, or list of texts
     * @return string
     */
    private static function text($value): string {
        return is_array($value) ? implode(',', $value) : (string)$value;
    }

    /**
     * The parameters that were given, as the operation takes them.
     *
     * @param \stdClass $data of get_data()
     * @return array by name
     */
    public function parameters(\stdClass $data): array {
        $parameters = [];
        foreach ($this->_customdata['operation']['parameters'] as $parameter) {
            $value = self::text($data->{'p_' . $parameter['name']} ?? '');
            if ($parameter['name'] === 'nodes' && json_decode($value) === null) {
                $value = bridge::nodes($value)['nodes'];
            }
            if ($value !== '') {
                $parameters[$parameter['name']] = $value;
            }
        }
        return $parameters;
    }

    /**
     * The tenants that were chosen.
     *
     * @param \stdClass $data of get_data()
     * @return string[] selectors
     */
    public static function targets(\stdClass $data): array {
        $selectors = [];
        foreach (preg_split('/\R/', $data->targets ?? '') as $line) {
            // A regular expression stands alone, because it may hold commas itself.
            $parts = str_starts_with(ltrim(trim($line), '!'), '/') ? [$line] : explode(',', $line);
            array_push($selectors, ...array_filter(array_map('trim', $parts), 'strlen'));
        }
        return $selectors;
    }
}
