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

/**
 * What a script gave on a tenant, as HTML: rows of SQL, words of PHP.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class rows {
    /** @var int rows of a statement that are shown; all of them can be downloaded. */
    private const SHOWN = 5;

    /** @var int how much of what a script said is shown, in characters: the last of it. */
    private const WORDS = 4000;

    /**
     * What an item's output holds.
     *
     * @param string|null $output JSON
     * @return string HTML, empty where there is nothing to show
     */
    public static function of_output(?string $output): string {
        $output = json_decode((string)$output, true) ?: [];
        $tables = [];
        foreach ($output['statements'] ?? [] as $statement) {
            if (empty($statement['rows'])) {
                continue;
            }
            $table = new \html_table();
            $table->attributes['class'] = 'table table-sm mb-0';
            $table->head = array_map('s', $statement['columns']);
            $table->data = array_map(
                static fn(array $row): array => array_map(static fn($cell): string => s(self::text($cell)), $row),
                array_slice($statement['rows'], 0, self::SHOWN)
            );
            $more = count($statement['rows']) - self::SHOWN;
            $tables[] = \html_writer::table($table)
                . ($more > 0 ? \html_writer::tag('small', get_string('rowsmore', 'local_vmoodle', $more)) : '');
        }
        return implode('', $tables) . self::said($output);
    }

    /**
     * What a script of PHP said, folded.
     *
     * @param array $output stdout and stderr
     * @return string HTML
     */
    private static function said(array $output): string {
        $words = trim(($output['stdout'] ?? '') . "\n" . ($output['stderr'] ?? ''));
        if ($words === '') {
            return '';
        }
        $summary = \html_writer::tag('summary', get_string('scriptsaid', 'local_vmoodle'));
        $text = \html_writer::tag('pre', s(\core_text::substr($words, -self::WORDS)), ['class' => 'small mb-0']);
        return \html_writer::tag('details', $summary . $text);
    }

    /**
     * A cell as text.
     *
     * @param mixed $cell any JSON value
     * @return string
     */
    private static function text($cell): string {
        return shorten_text(is_scalar($cell) ? (string)$cell : ($cell === null ? '' : json_encode($cell)), 100, true);
    }
}
