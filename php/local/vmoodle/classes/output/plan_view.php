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
use local_vmoodle\local\danger;

/**
 * What a run would change; tenants that are alike stand together.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class plan_view implements named_templatable, \renderable {
    /**
     * Takes what is to be shown.
     *
     * @param array $operation its description
     * @param array $parameters by name
     * @param string[] $selectors targets
     * @param array $options of the job: waves, delay, spread, on_error
     * @param array[] $plans as bridge::plan() gives them
     */
    public function __construct(
        /** @var array its description. */
        private readonly array $operation,
        /** @var array by name. */
        private readonly array $parameters,
        /** @var string[] targets. */
        private readonly array $selectors,
        /** @var array of the job: waves, delay, spread, on_error. */
        private readonly array $options,
        /** @var array[] as bridge::plan() gives them. */
        private readonly array $plans
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/plan_view';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $alike = [];
        foreach ($this->plans as $plan) {
            $html = isset($plan['error']) ? '' : changes::html($plan['changes']);
            $error = isset($plan['error']) ? words::error((string)$plan['errorcode'], $plan['error']) : '';
            $key = $error . "\0" . $html;
            $alike[$key] ??= ['error' => $error, 'changes' => $html, 'sites' => []];
            $alike[$key]['sites'][] = $plan['tenant'];
        }
        $groups = array_map(static fn(array $group): array => [
            'error' => $group['error'],
            'changes' => $group['changes'],
            'nothing' => $group['error'] === '' && $group['changes'] === '',
            'count' => count($group['sites']),
            'sites' => $group['sites'],
        ], array_values($alike));
        $changed = array_filter($this->plans, static fn(array $plan): bool => !isset($plan['error']) && $plan['changes']);
        return [
            'total' => count($this->plans),
            'changed' => count($changed),
            'failing' => count(array_filter($this->plans, static fn(array $plan): bool => isset($plan['error']))),
            'groups' => $groups,
            'command' => $this->command(),
        ];
    }

    /**
     * The same on the command line, without its secrets.
     *
     * @return string
     */
    private function command(): string {
        $words = ['php local/vmoodle/cli/run.php', '--operation=' . $this->operation['name']];
        $secrets = array_column(array_filter(
            $this->operation['parameters'],
            static fn(array $parameter): bool => $parameter['kind'] === 'secret'
        ), 'name');
        foreach ($this->parameters as $name => $value) {
            if (in_array($name, $secrets)) {
                $words[] = '--set-stdin';
                continue;
            }
            $text = is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
            $words[] = '--set=' . escapeshellarg("{$name}={$text}");
        }
        foreach ($this->selectors as $selector) {
            $words[] = '--targets=' . escapeshellarg($selector);
        }
        foreach ($this->options as $name => $value) {
            $words[] = '--' . str_replace('_', '-', $name) . '=' . escapeshellarg((string)$value);
        }
        return implode(' ', array_unique($words)) . (danger::of($this->operation, $this->parameters) ? ' --yes' : '');
    }
}
