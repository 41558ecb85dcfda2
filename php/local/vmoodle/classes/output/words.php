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

use local_vmoodle\native_exception;

/**
 * Operations, their parameters and choices as people know them.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class words {
    /**
     * What an operation does, in a sentence.
     *
     * @param string $name of the operation
     * @return string
     */
    public static function operation(string $name): string {
        return self::word('operation_' . $name, $name);
    }

    /**
     * A parameter's label.
     *
     * @param string $name of the parameter
     * @param string $operation whose parameter it is; it may have a word of its own for it
     * @return string
     */
    public static function parameter(string $name, string $operation): string {
        return self::word("parameter_{$operation}_{$name}", '') ?: self::word('parameter_' . $name, $name);
    }

    /**
     * A choice of a parameter.
     *
     * @param string $word of the choice
     * @return string
     */
    public static function choice(string $word): string {
        return self::word('choice_' . $word, $word);
    }

    /**
     * What went wrong, in a sentence.
     *
     * @param string $code of the error
     * @param string $message what the extension said
     * @return string HTML
     */
    public static function error(string $code, string $message): string {
        return self::told('error_' . $code, $message);
    }

    /**
     * What went wrong, as a notice on a page. Moodle's own notifications would unfold the extension's sentence.
     *
     * @param \moodle_exception $exception that was thrown
     * @return string HTML
     */
    public static function problem(\moodle_exception $exception): string {
        $told = $exception instanceof native_exception
            ? self::error($exception->reason, $exception->with_hint()) : s($exception->getMessage());
        return \html_writer::div($told, 'alert alert-danger', ['role' => 'alert']);
    }

    /**
     * What a person should know of work that was done all the same.
     *
     * @param array|string $warning code and message; a text alone in journals of before
     * @return string HTML
     */
    public static function warning($warning): string {
        $code = preg_replace('/[^a-z_]/', '', is_array($warning) ? (string)$warning['code'] : '');
        $message = self::warning_message($warning);
        return get_string('cliwarning', 'local_vmoodle', self::reads_english() ? s($message) : self::told("warning_{$code}", $message));
    }

    /**
     * What the extension said in a warning.
     *
     * @param array|string $warning as warning() takes it
     * @return string in English
     */
    public static function warning_message($warning): string {
        return (string)(is_array($warning) ? $warning['message'] : $warning);
    }

    /**
     * A sentence of the extension, for people. It speaks English: who reads something else is told in their own words, and can
     * unfold what it said.
     *
     * @param string $key of the sentence in the plugin's language file
     * @param string $message what the extension said
     * @return string HTML
     */
    private static function told(string $key, string $message): string {
        $known = get_string_manager()->string_exists($key, 'local_vmoodle');
        if (self::reads_english()) {
            return $known ? get_string($key, 'local_vmoodle', s($message)) : s($message);
        }
        return ($known ? s(self::sentence($key)) . ' ' : '') . self::folded($message);
    }

    /**
     * A sentence of the plugin's language file without what the extension said.
     *
     * @param string $key of the sentence
     * @return string
     */
    public static function sentence(string $key): string {
        return preg_replace('/ \(\)|[\s:.]+$/u', '', get_string($key, 'local_vmoodle', '')) . '.';
    }

    /**
     * Whether the reader's language is that of the extension.
     *
     * @return bool
     */
    public static function reads_english(): bool {
        return str_starts_with(current_language(), 'en');
    }

    /**
     * What the extension said, folded away.
     *
     * @param string $message in English
     * @return string HTML
     */
    private static function folded(string $message): string {
        if ($message === '') {
            return '';
        }
        $summary = \html_writer::tag('summary', get_string('technicaldetail', 'local_vmoodle'));
        return \html_writer::tag('details', $summary . \html_writer::span(s($message), '', ['lang' => 'en']));
    }

    /**
     * What a change is about: a word of the extension, or a name of Moodle's that stays as it is.
     *
     * @param string $what of a change
     * @return string
     */
    public static function change(string $what): string {
        [$word, $name] = str_starts_with($what, 'category ') ? ['category', substr($what, 8)] : [$what, ''];
        return self::word('change_' . str_replace(' ', '_', $word), $word) . $name;
    }

    /**
     * What a value becomes, or was: a word of the extension, or a value of Moodle's that stays as it is.
     *
     * @param string $what of the change
     * @param string $value its text
     * @return string
     */
    public static function changed(string $what, string $value): string {
        if ($what === 'state') {
            return self::word('state_' . $value, $value);
        }
        $known = $value === 'purged' || get_string_manager()->string_exists('change_' . str_replace(' ', '_', $what), 'local_vmoodle');
        return $known ? self::word('changed_' . str_replace(' ', '_', $value), $value) : $value;
    }

    /**
     * A check of a tenant, or its status.
     *
     * @param string $word of the check
     * @return string
     */
    public static function check(string $word): string {
        return self::word('check_' . $word, $word);
    }

    /**
     * A string, or the word itself where there is none.
     *
     * @param string $key of the plugin's language file
     * @param string $word what stands in for it
     * @return string
     */
    private static function word(string $key, string $word): string {
        return get_string_manager()->string_exists($key, 'local_vmoodle') ? get_string($key, 'local_vmoodle') : $word;
    }
}
