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

namespace local_vmoodle\local\tenant;

/**
 * What a command does not do, as the core understands it: a stable code, a sentence, a way out.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class refused extends \Exception {
    /**
     * Says why.
     *
     * @param string $reason a code of the core's errors
     * @param string $message a sentence in English, as all of the journal: lower case, no final dot
     * @param string $hint the way out, empty for none
     */
    public function __construct(
        /** @var string a code of the core's errors. */
        public readonly string $reason,
        string $message,
        /** @var string the way out, empty for none. */
        public readonly string $hint = ''
    ) {
        parent::__construct($message);
    }
}
