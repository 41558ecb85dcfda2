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
        $key = 'error_' . $code;
        $known = $code !== '' && get_string_manager()->string_exists($key, 'local_vmoodle');
        return $known ? get_string($key, 'local_vmoodle', s($message)) : s($message);
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
