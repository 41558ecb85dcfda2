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

namespace local_vmoodle\local\comparison;

use local_vmoodle\bridge;

/**
 * The plugins of many tenants side by side: whether they are there, switched on, and as new as the code.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class plugins extends comparison {
    /** @var string[] Bootstrap colour by state; what is behind has its own. */
    private const COLOURS = ['enabled' => 'success', 'available' => 'info', 'disabled' => 'light', 'not_installed' => 'danger'];

    /** @var string[] Bootstrap colour by value, as far as values were met. */
    private array $colours = [];

    #[\Override]
    protected function ask(array $selectors, array $asked): void {
        $compared = bridge::plugin_compare($selectors, array_filter(['types' => array_filter([$asked['type']], 'strlen')]));
        $this->hear($compared['tenants']);
        foreach ($compared['plugins'] as $line) {
            $this->lines[] = [
                'id' => $line['plugin'],
                'group' => explode('_', $line['plugin'], 2)[0],
                'name' => $line['plugin'],
                'note' => '',
                'title' => '',
                'value' => $this->value($line['value']),
                'odd' => array_map([$this, 'value'], $line['odd']),
            ];
        }
    }

    /**
     * A cell as one text, and its colour kept for later.
     *
     * @param array $cell state, version, behind
     * @return string
     */
    private function value(array $cell): string {
        $text = self::text($cell);
        $this->colours[$text] = $cell['behind'] ? 'warning' : self::COLOURS[$cell['state']] ?? '';
        return $text;
    }

    /**
     * A cell as people read it.
     *
     * @param array $cell state, version, behind
     * @return string
     */
    public static function text(array $cell): string {
        $words = array_map(static fn(string $than): string => get_string("comparebehind_$than", 'local_vmoodle'), $cell['behind']);
        $state = get_string("comparestate_{$cell['state']}", 'local_vmoodle');
        return implode(', ', array_merge([trim("$state {$cell['version']}")], $words));
    }

    #[\Override]
    public function word(?string $value): string {
        return (string)$value;
    }

    #[\Override]
    public function colour(?string $value): string {
        return $this->colours[$value] ?? '';
    }

    #[\Override]
    public static function spread(string $id, string $source): array {
        return ['operation' => 'plugin_sync', 'p_source' => $source, 'p_plugins' => $id];
    }

    #[\Override]
    public function matrix(): array {
        return $this->table([$this, 'word']);
    }
}
