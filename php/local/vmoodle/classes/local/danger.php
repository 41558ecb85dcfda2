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

namespace local_vmoodle\local;

/**
 * Whether an operation must be confirmed: the extension refuses a job of it otherwise, and the pages ask beforehand.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class danger {
    /**
     * Whether a job with these parameters must be confirmed.
     *
     * @param array $operation description of bridge::operations()
     * @param array $parameters text by name; what is not given has its default
     * @return bool
     */
    public static function of(array $operation, array $parameters): bool {
        if (!$operation['dangerous'] || $operation['harmless'] === null) {
            return $operation['dangerous'];
        }
        ['parameter' => $name, 'value' => $harmless] = $operation['harmless'];
        $value = $parameters[$name] ?? array_column($operation['parameters'], 'default', 'name')[$name];
        return $value !== $harmless;
    }
}
