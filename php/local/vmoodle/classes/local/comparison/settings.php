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
 * Settings of many tenants side by side, secrets masked.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class settings extends comparison {
    /** @var string what is compared where nothing is said: what administrators look for first. */
    public const USUAL = 'lang, timezone, theme, auth, enrol_plugins_enabled, maintenance_enabled, noemailever, smtphosts, debug';

    /** @var string what a masked value begins with. */
    private const MASK = '********';

    #[\Override]
    protected function ask(array $selectors, array $asked): void {
        $names = array_values(array_filter(array_map('trim', explode(',', $asked['names'])), 'strlen'));
        $compared = bridge::config_compare($selectors, $names);
        $this->hear($compared['tenants']);
        foreach ($compared['settings'] as $line) {
            $this->lines[] = [
                'id' => $line['name'],
                'group' => str_contains($line['name'], '/') ? explode('/', $line['name'], 2)[0] : 'core',
                'name' => $line['name'],
                'note' => '',
                'title' => '',
                'value' => $line['value'],
                'odd' => $line['odd'],
            ];
        }
    }

    #[\Override]
    public function word(?string $value): string {
        return match ($value) {
            null => get_string('settingmissing', 'local_vmoodle'),
            '' => get_string('settingempty', 'local_vmoodle'),
            default => $value,
        };
    }

    #[\Override]
    public function may_spread(array $line, ?string $value): bool {
        // A secret goes from plugin to plugin unseen; one of Moodle itself would have to be shown.
        return $value !== null && (str_contains($line['id'], '/') || !str_starts_with($value, self::MASK));
    }

    #[\Override]
    public static function spread(string $id, string $source): array {
        if (str_contains($id, '/')) {
            [$plugin, $name] = explode('/', $id, 2);
            return ['operation' => 'copy_plugin_config', 'p_source' => $source, 'p_plugin' => $plugin, 'p_names' => $name];
        }
        $value = (string)bridge::config_compare([$source], [$id])['settings'][0]['value'];
        // What is left empty on the form is not given at all.
        return ['operation' => 'set_config']
            + ($value === '' ? ['p_values' => json_encode([$id => ''])] : ['p_name' => $id, 'p_value' => $value]);
    }

    #[\Override]
    public function matrix(): array {
        return $this->table(static fn(?string $value): string => str_replace(["\r", "\n"], ' ', (string)$value));
    }
}
