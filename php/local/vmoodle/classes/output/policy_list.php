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
 * The policies, in the order in which they are laid over one another.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class policy_list implements named_templatable, \renderable {
    /**
     * Takes what is to be shown.
     *
     * @param \stdClass[] $rows of local_vmoodle_policy
     */
    public function __construct(
        /** @var \stdClass[] rows of local_vmoodle_policy. */
        private readonly array $rows
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/policy_list';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $url = static fn(array $parameters): string => (new \moodle_url('/local/vmoodle/policies.php', $parameters))->out(false);
        return [
            'add' => $url(['edit' => '*']),
            'haspolicies' => (bool)$this->rows,
            'policies' => array_map(static fn(\stdClass $row): array => [
                'name' => $row->name,
                'targets' => implode(', ', json_decode($row->targets, true) ?: [$row->targets]),
                'settings' => $row->settings,
                'enabled' => (bool)$row->enabled,
                'edit' => $url(['edit' => $row->name]),
                'remove' => $url(['remove' => $row->name]),
            ], array_values($this->rows)),
        ];
    }
}
