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
 * The operations to choose from.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class operation_list implements named_templatable, \renderable {
    /** @var string[] operations by what they work on; the others stand under "settings". */
    private const GROUPS = [
        'life' => '/_tenant$|^adopt_|^purge_trash$/',
        'roles' => '/role|capabilit|^allow_/',
        'courses' => '/course|category/',
        'plugins' => '/^plugin_|_plugin$/',
        'data' => '/sql|script|copy_table|replace_text|upgrade/',
    ];

    /**
     * Takes what is to be shown.
     *
     * @param array[] $operations descriptions
     * @param int[] $ids tenants that were ticked
     * @param string $targets selectors where none were ticked
     */
    public function __construct(
        /** @var array[] descriptions. */
        private readonly array $operations,
        /** @var int[] tenants that were ticked. */
        private readonly array $ids,
        /** @var string selectors where none were ticked. */
        private readonly string $targets
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/operation_list';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $groups = [];
        foreach ($this->operations as $operation) {
            $group = 'settings';
            foreach (self::GROUPS as $name => $pattern) {
                if (preg_match($pattern, $operation['name'])) {
                    $group = $name;
                    break;
                }
            }
            $parameters = ['operation' => $operation['name']];
            if (!$operation['makes']) {
                $chosen = $this->ids ? ['ids' => implode(',', $this->ids)] : ['targets' => $this->targets];
                $parameters += array_filter($chosen, 'strlen');
            }
            $groups[$group][] = [
                'name' => $operation['name'],
                'url' => (new \moodle_url('/local/vmoodle/run.php', $parameters))->out(false),
                'sentence' => words::operation($operation['name']),
                'dangerous' => $operation['dangerous'],
                'undoable' => $operation['undoable'],
            ];
        }
        $order = array_flip(['life', 'settings', 'plugins', 'roles', 'courses', 'data']);
        uksort($groups, static fn(string $a, string $b): int => $order[$a] <=> $order[$b]);
        $shown = static fn(string $group, array $operations): array => [
            'title' => get_string('group_' . $group, 'local_vmoodle'),
            'operations' => $operations,
        ];
        return ['groups' => array_map($shown, array_keys($groups), $groups), 'tenants' => count($this->ids),
            'targets' => $this->ids ? '' : $this->targets];
    }
}
