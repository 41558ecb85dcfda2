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
 * The farm's snapshots, the newest first; one with a name is a template.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class snapshot_list implements named_templatable, \renderable {
    /**
     * Takes what is to be shown.
     *
     * @param array[] $snapshots as bridge::snapshots() gives them
     */
    public function __construct(
        /** @var array[] as bridge::snapshots() gives them. */
        private readonly array $snapshots
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/snapshot_list';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $mayrun = has_capability('local/vmoodle:execute', \context_system::instance());
        $sound = array_filter($this->snapshots, static fn(array $snapshot): bool => $snapshot['problem'] === null);
        $run = static fn(string $operation, string $name, string $value): string => (new \moodle_url('/local/vmoodle/run.php', [
            'operation' => $operation,
            'p_' . $name => $value,
        ]))->out(false);
        return [
            'problems' => array_values(array_filter(array_column($this->snapshots, 'problem'))),
            'hassnapshots' => (bool)$sound,
            'mayrun' => $mayrun,
            'take' => (new \moodle_url('/local/vmoodle/run.php', ['operation' => 'snapshot_tenant']))->out(false),
            'snapshots' => array_map(static fn(array $snapshot): array => [
                'id' => $snapshot['id'],
                'name' => (string)$snapshot['name'],
                'wwwroot' => $snapshot['wwwroot'],
                'release' => $snapshot['moodle']['release'],
                'engine' => $snapshot['engine'],
                'size' => display_size($snapshot['octets'] + $snapshot['database']['octets']),
                'time' => userdate($snapshot['made_at'], get_string('strftimedatetimeshort', 'core_langconfig')),
                'create' => $mayrun ? $run('create_tenant', 'template', $snapshot['name'] ?: $snapshot['id']) : '',
                'restore' => $mayrun ? $run('restore_tenant', 'snapshot', $snapshot['id']) : '',
                'delete' => (new \moodle_url('/local/vmoodle/snapshots.php', ['delete' => $snapshot['id']]))->out(false),
            ], array_reverse(array_values($sound))),
        ];
    }
}
