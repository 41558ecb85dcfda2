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
use local_vmoodle\output\operation_list;
use local_vmoodle\output\plan_view;
use local_vmoodle\output\words;
use local_vmoodle\task\run_job;

/**
 * The page run.php: an operation is chosen, its plan is shown, and a job of it is submitted. The job runs in a task.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class run_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/run.php';

    /**
     * Lets only those in who may, and only on the control site.
     */
    public static function require_access(): void {
        require_capability('local/vmoodle:execute', \context_system::instance());
        bridge::require_control_site();
        \navigation_node::override_active_url(new \moodle_url(self::URL));
        admin_externalpage_setup('local_vmoodle_run');
    }

    /**
     * What the page shows; a run leads to the job's page.
     *
     * @param string $name of the operation, empty for the list
     * @param int[] $ids tenants that were ticked
     * @return string HTML
     */
    public static function content(string $name, array $ids): string {
        global $OUTPUT;
        $operations = array_column(bridge::operations(), null, 'name');
        $targets = $ids ? self::addresses($ids) : optional_param('targets', '', PARAM_RAW);
        if (!isset($operations[$name])) {
            return $OUTPUT->render(new operation_list(array_values($operations), $ids, $targets));
        }
        $data = ['operation' => $operations[$name], 'targets' => $targets];
        $url = new \moodle_url(self::URL, ['operation' => $name]);
        $data['values'] = self::values($operations[$name]);
        $form = new operation_form($url, $data + ['planned' => optional_param('planned', '', PARAM_ALPHANUM)]);
        $view = '';
        if ($given = $form->get_data()) {
            [$parameters, $selectors] = [$form->parameters($given), operation_form::targets($given)];
            $options = self::options($given);
            try {
                if (isset($given->run)) {
                    // What is not dangerous with these parameters has no field for it.
                    $options['confirm'] = ($given->confirmation ?? '') === $name;
                    self::submit($name, $parameters, $selectors, $options);
                }
                $plans = bridge::plan($name, $parameters, $selectors);
                $view = $OUTPUT->render(new plan_view($operations[$name], $parameters, $selectors, $options, $plans));
                $form = new operation_form($url, $data + ['planned' => operation_form::mark((array)$given)]);
            } catch (\moodle_exception $exception) {
                $view = words::problem($exception);
            }
        }
        $lead = $OUTPUT->heading(s($name), 3) . \html_writer::tag('p', words::operation($name));
        return $lead . $view . $form->render();
    }

    /**
     * Submits the job and goes to its page.
     *
     * @param string $operation its name
     * @param array $parameters by name
     * @param string[] $selectors targets
     * @param array $options of the job
     */
    private static function submit(string $operation, array $parameters, array $selectors, array $options): void {
        $job = bridge::job_submit($operation, $parameters, $selectors, $options);
        run_job::queue($job);
        redirect(new \moodle_url(job_page::URL, ['id' => $job]));
    }

    /**
     * How the job is to go about its tenants.
     *
     * @param \stdClass $given the form's values
     * @return array options that were chosen
     */
    private static function options(\stdClass $given): array {
        return array_filter([
            'waves' => (string)($given->waves ?? ''),
            'delay' => (int)($given->delay ?? 0),
            'spread' => (int)($given->spread ?? 0),
            'on_error' => (string)($given->on_error ?? ''),
        ]);
    }

    /**
     * Values that a link to this page brings, such as the template that a new tenant is made from.
     *
     * @param array $operation its description
     * @return array text by parameter; secrets never come by a link
     */
    private static function values(array $operation): array {
        $values = [];
        // What was sent by the form is the form's.
        if (($_SERVER['REQUEST_METHOD'] ?? '') === 'POST') {
            return $values;
        }
        foreach ($operation['parameters'] as $parameter) {
            if ($parameter['kind'] !== 'secret') {
                $values[$parameter['name']] = optional_param('p_' . $parameter['name'], '', PARAM_RAW);
            }
        }
        return array_filter($values, static fn(string $value): bool => $value !== '');
    }

    /**
     * The addresses of ticked tenants.
     *
     * @param int[] $ids of rows of the registry
     * @return string one selector a line
     */
    private static function addresses(array $ids): string {
        global $DB;
        $rows = $DB->get_records_list('local_vmoodle', 'id', $ids, 'vhostname', 'id, vhostname');
        return implode("\n", array_column($rows, 'vhostname'));
    }
}
