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
use local_vmoodle\local\role_commands;
use local_vmoodle\output\words;

/**
 * The roles of many tenants side by side: what each may do at the system context.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class roles extends comparison {
    /** @var string what a tenant without the role says. */
    private const NOROLE = 'norole';

    /** @var string what a tenant says of a capability that it does not know. */
    private const UNKNOWN = 'missing';

    /** @var string[] Bootstrap colour by value. */
    private const COLOURS = ['allow' => 'success', 'prevent' => 'warning', 'prohibit' => 'danger', 'inherit' => 'light'];

    /** @var string[] letter by context level, as the original's matrix has them. */
    private const LETTERS = [
        CONTEXT_SYSTEM => 'S', CONTEXT_USER => 'U', CONTEXT_COURSECAT => 'CC', CONTEXT_COURSE => 'C', CONTEXT_MODULE => 'M',
        CONTEXT_BLOCK => 'B',
    ];

    /** @var string[] the part of role_sync by the part of a line; assign, override, switch and view are "allows". */
    private const PARTS = ['contextlevel' => 'contextlevels', 'name' => 'names', 'description' => 'names', 'archetype' => 'names'];

    /** @var array what the extension gave. */
    private array $found = [];

    #[\Override]
    protected function ask(array $selectors, array $asked): void {
        global $DB;
        $this->found = bridge::role_compare($selectors, array_filter([
            'role' => $asked['role'],
            'component' => $asked['component'],
            'differences' => (bool)$asked['differences'],
        ]));
        $this->tenants = $this->found['tenants'];
        foreach ($this->found['failed'] as $failed) {
            $this->failures[$failed['tenant']] = words::error($failed['errorcode'], $failed['error']);
        }
        $levels = $DB->get_records_menu('capabilities', null, '', 'name, contextlevel');
        foreach ($this->found['roles'] as $role) {
            $missing = array_fill_keys($role['missing'], self::NOROLE);
            foreach ($role['rows'] as $row) {
                $level = $row['part'] === 'capability' ? (int)($levels[$row['name']] ?? 0) : 0;
                $this->lines[] = [
                    'id' => "{$role['role']}|{$row['part']}|{$row['name']}",
                    'group' => $role['role'],
                    'name' => $row['part'] === 'capability' ? $row['name'] : self::part($row['part'], $row['name']),
                    'note' => self::LETTERS[$level] ?? '',
                    'title' => isset(self::LETTERS[$level]) ? \context_helper::get_level_name($level) : '',
                    'value' => $row['majority'],
                    'odd' => $missing + $row['odd'],
                ];
            }
            if ($missing && !$role['rows']) {
                $this->lines[] = ['id' => "{$role['role']}||", 'group' => $role['role'], 'name' => $role['role'], 'note' => '',
                    'title' => '', 'value' => '', 'odd' => $missing];
            }
        }
    }

    /**
     * What a line that is no capability is about.
     *
     * @param string $part of a role
     * @param string $name the level or the other role
     * @return string in the reader's language
     */
    private static function part(string $part, string $name): string {
        if ($part === 'contextlevel' && isset(self::LETTERS[$name])) {
            $name = \context_helper::get_level_name((int)$name);
        }
        return trim(get_string('rolepart_' . $part, 'local_vmoodle') . " $name");
    }

    #[\Override]
    public function word(?string $value): string {
        return match ($value) {
            self::NOROLE => get_string('rolemissing', 'local_vmoodle'),
            self::UNKNOWN => get_string('capabilitymissing', 'local_vmoodle'),
            'yes', 'no' => get_string($value),
            default => isset(self::COLOURS[$value]) ? words::choice($value) : (string)$value,
        };
    }

    #[\Override]
    public function colour(?string $value): string {
        return self::COLOURS[$value] ?? '';
    }

    #[\Override]
    public function legend(): array {
        $legend = array_map(fn(string $value): array => [
            'text' => $this->word($value), 'colour' => $this->colour($value),
            'word' => get_string('legend_' . $value, 'local_vmoodle'),
        ], array_keys(self::COLOURS));
        foreach (self::LETTERS as $level => $letter) {
            $legend[] = ['letter' => $letter, 'word' => \context_helper::get_level_name($level)];
        }
        return $legend;
    }

    #[\Override]
    public function may_spread(array $line, ?string $value): bool {
        return !in_array($value, [self::NOROLE, self::UNKNOWN, ''], true);
    }

    #[\Override]
    public static function spread(string $id, string $source): array {
        [$role, $part, $name] = explode('|', $id, 3) + ['', '', ''];
        if ($part === 'capability') {
            return ['operation' => 'capability_sync', 'p_capability' => $name, 'p_roles' => $role, 'p_source' => $source];
        }
        return ['operation' => 'role_sync', 'p_role' => $role, 'p_source' => $source, 'p_parts' => self::PARTS[$part] ?? 'allows'];
    }

    #[\Override]
    public function matrix(): array {
        return role_commands::matrix($this->found);
    }
}
