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
 * Changes of a plan or of a journal, as HTML.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class changes {
    /** @var int characters of a value that are shown. */
    private const SHOWN = 300;

    /**
     * Changes as a list.
     *
     * @param array $changes list of what, before, after
     * @return string HTML, empty where there is none
     */
    public static function html(array $changes): string {
        $value = static fn(array $change, string $side): string => \html_writer::span(
            s(words::changed((string)$change['what'], self::text($change[$side]))),
            'text-monospace font-monospace'
        );
        $lines = array_map(static fn(array $change): string => \html_writer::tag('strong', s(words::change((string)$change['what'])))
            . ': ' . $value($change, 'before') . ' → ' . $value($change, 'after'), $changes);
        return $lines ? \html_writer::alist($lines, ['class' => 'list-unstyled mb-0']) : '';
    }

    /**
     * The changes that an item's image holds.
     *
     * @param string|null $image JSON
     * @return string HTML
     */
    public static function of_image(?string $image): string {
        $changes = json_decode((string)$image, true);
        return self::html(is_array($changes) ? array_filter($changes, 'is_array') : []);
    }

    /**
     * What an item says: its error and its warnings.
     *
     * @param \stdClass $row error, errorcode, warnings
     * @return string HTML
     */
    public static function messages(\stdClass $row): string {
        $lines = [];
        if ((string)$row->errorcode !== '') {
            $lines[] = words::error($row->errorcode, (string)$row->error);
        }
        foreach (json_decode((string)$row->warnings, true) ?: [] as $warning) {
            $lines[] = words::warning($warning);
        }
        return implode(\html_writer::empty_tag('br'), $lines);
    }

    /**
     * A value on one line; a sealed secret or a packed image is a line.
     *
     * @param mixed $value any JSON value
     * @return string
     */
    private static function text($value): string {
        $text = is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        return preg_match('~\b(enc|zst):v1:~', $text) ? '_' : \core_text::substr($text, 0, self::SHOWN);
    }
}
