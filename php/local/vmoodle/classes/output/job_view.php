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

use core\output\named_templatable;

/**
 * A job at a glance: who asked for what, how far it is, and what can be done with it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class job_view implements named_templatable, \renderable {
    /** @var int the longest address that every server and browser takes, in characters. */
    private const LONGEST = 2000;

    /** @var string[] states of items that have ended. */
    private const ENDED = ['done', 'skipped', 'failed', 'cancelled', 'unknown'];

    /**
     * Takes what is to be shown.
     *
     * @param array $job as bridge::job_summary() gives it
     * @param array $operation its description
     * @param bool $hasrows whether a script gave rows
     * @param string[] $passwords new passwords that are shown this once, by the address of the site
     */
    public function __construct(
        /** @var array as bridge::job_summary() gives it. */
        private readonly array $job,
        /** @var array its description. */
        private readonly array $operation,
        /** @var bool whether a script gave rows. */
        private readonly bool $hasrows,
        /** @var string[] new passwords that are shown this once, by the address of the site. */
        private readonly array $passwords = []
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/job_view';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $job = $this->job;
        $user = $job['userid'] ? \core_user::get_user($job['userid']) : false;
        $time = static fn(int $epoch): string => $epoch ? userdate($epoch) : '';
        $parameters = array_map(static fn(string $name, $value): array => [
            'label' => words::parameter($name, $job['operation']),
            'value' => is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE),
        ], array_keys($job['parameters'] ?: []), $job['parameters'] ?: []);
        return self::progress($job) + [
            'id' => $job['id'],
            'operation' => $job['operation'],
            'sentence' => words::operation($job['operation']),
            'isundo' => $job['mode'] === 'undo',
            'user' => $user ? fullname($user) : '',
            'timecreated' => $time((int)$job['timecreated']),
            'timefinished' => $time((int)$job['timefinished']),
            'targets' => implode(', ', $job['targets'] ?: []),
            'parameters' => $parameters,
            'undoes' => (int)$job['undoes'],
            'retries' => (int)$job['retries'],
            'passwords' => array_map(static fn(string $wwwroot, string $password): string => get_string('clipassword',
                'local_vmoodle', ['wwwroot' => $wwwroot, 'password' => $password]), array_keys($this->passwords), $this->passwords),
            'buttons' => $this->buttons($output),
        ] + $this->links();
    }

    /**
     * Where one goes on from here: to the rows that came, the same on other targets, something else on the same ones.
     *
     * @return array addresses by name, empty where there is nothing to go to
     */
    private function links(): array {
        $job = $this->job;
        $run = static fn(array $parameters): string => (new \moodle_url('/local/vmoodle/run.php', $parameters))->out(false);
        $asked = ['operation' => $job['operation']];
        foreach ($job['parameters'] ?: [] as $name => $value) {
            $asked["p_{$name}"] = is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        }
        $again = $run($asked);
        // A sealed secret is no value to be given again, and a long script no address.
        $possible = $job['mode'] === 'run' && strlen($again) < self::LONGEST && !str_contains($again, rawurlencode('enc:v1:'));
        return [
            'rows' => $this->hasrows ? (new \moodle_url('/local/vmoodle/job.php', ['id' => $job['id'], 'action' => 'rows']))->out(false) : '',
            'again' => $possible ? $again : '',
            'others' => $job['targets'] ? $run(['targets' => implode("\n", $job['targets'])]) : '',
        ];
    }

    /**
     * How far a job is.
     *
     * @param array $job as bridge::job_summary() gives it
     * @return array finished, percent, badge, counts (HTML)
     */
    public static function progress(array $job): array {
        $counts = array_filter($job['counts'], 'is_int');
        $total = array_sum($counts);
        $ended = array_sum(array_intersect_key($counts, array_flip(self::ENDED)));
        $words = array_map(static fn(string $state, int $count): string => state::badge($state) . " {$count}",
            array_keys($counts), $counts);
        return [
            'finished' => (int)$job['timefinished'] > 0,
            'percent' => $total ? (int)floor(100 * $ended / $total) : 100,
            'badge' => state::badge($job['status']),
            'counts' => implode(' ', $words),
        ];
    }

    /**
     * What can be done with the job now.
     *
     * @param \renderer_base $output
     * @return array contexts of core/single_button
     */
    private function buttons(\renderer_base $output): array {
        global $USER;
        $counts = $this->job['counts'];
        $finished = (int)$this->job['timefinished'] > 0;
        $actions = [
            'cancel' => !$finished,
            'retry' => $finished && array_intersect_key($counts, array_flip(['failed', 'cancelled', 'unknown'])),
            // Whoever asked for the passwords is told them, and nobody else.
            'passwords' => $this->job['untold'] && (int)$this->job['userid'] === (int)$USER->id,
            'undo' => $finished && !empty($this->operation['undoable']) && $this->job['mode'] === 'run' && !empty($counts['done']),
        ];
        $buttons = [];
        foreach (array_keys(array_filter($actions)) as $action) {
            $url = new \moodle_url('/local/vmoodle/job.php', ['id' => $this->job['id'], 'action' => $action]);
            $buttons[] = (new \single_button($url, get_string('job' . $action, 'local_vmoodle'), 'post'))
                ->export_for_template($output);
        }
        return $buttons;
    }
}
