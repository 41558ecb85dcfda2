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
 * Lines of text for a spreadsheet.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class spreadsheet {
    /**
     * A line that a spreadsheet takes as text: it would run what another site's administrator wrote as a formula.
     *
     * @param string[] $line texts
     * @return string[]
     */
    public static function safe(array $line): array {
        return preg_replace('/^(?=[=+\-@\t\r])(?!-?\d+(\.\d+)?$)/', "'", $line);
    }

    /**
     * Sends lines as CSV, and ends the request.
     *
     * @param string $name of the file
     * @param iterable $lines lists of texts
     */
    public static function download(string $name, iterable $lines): void {
        global $CFG;
        require_once($CFG->libdir . '/csvlib.class.php');
        $writer = new \csv_export_writer();
        $writer->set_filename($name);
        foreach ($lines as $line) {
            $writer->add_data(self::safe($line));
        }
        $writer->download_file();
    }
}
