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

use local_vmoodle\bridge;

/**
 * The script cli/key.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class key_commands {
    /**
     * Makes a key file, or puts a new key above those of the one that is set.
     *
     * @param cli $cli the script's options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        $path = $cli->option('create');
        if (($path === null) !== $cli->option('renew')) {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        if ($path === null) {
            farm_folder::of_index()->require_writer();
            $cli->result(bridge::key_renew(), static fn(array $result) => cli::line(get_string('keyrenewed', 'local_vmoodle')));
        } else {
            $cli->result(bridge::key_create($path), static fn(array $result) => cli::line(
                get_string('keycreated', 'local_vmoodle', $result['path'])
            ));
        }
        return cli::DONE;
    }
}
