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
 * Takes plain Moodles into the farm from the command line: the script cli/adopt.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class adopt_commands {
    /**
     * Adopts the sites of config.php files, of a folder of them, of a file of nodes, or one that --set describes.
     *
     * @param cli $cli its options
     * @return int exit code, PARTLY where a line of the file is wrong or a site was not adopted
     */
    public static function main(cli $cli): int {
        [$nodes, $faults] = self::wanted($cli);
        create_commands::complain_all($cli, $faults);
        if (!$nodes || ($faults && $cli->option('all-or-nothing'))) {
            throw new \moodle_exception('clinothingmade', 'local_vmoodle', '', count($faults));
        }
        $parameters = ['nodes' => $nodes, 'all_or_nothing' => $cli->option('all-or-nothing')];
        if ($cli->option('disable')) {
            $parameters['state'] = 'disabled';
        }
        $code = $cli->option('plan')
            ? job_commands::plan($cli, bridge::plan('adopt_site', $parameters, []))
            : job_commands::submit($cli, 'adopt_site', $parameters, []);
        return $faults && $code === cli::DONE ? cli::PARTLY : $code;
    }

    /**
     * The sites that are asked for, and what is wrong in their file.
     *
     * @param cli $cli options config, configdir, nodes, set
     * @return array nodes, faults
     */
    private static function wanted(cli $cli): array {
        $given = $cli->assignments();
        $password = $cli->password();
        if ($password !== null) {
            $given['vdbpass'] = $password;
        }
        $files = $cli->option('config');
        if ((string)$cli->option('configdir') !== '') {
            $found = glob(rtrim($cli->option('configdir'), '/') . '/*.php');
            array_push($files, ...($found ?: []));
        }
        if ($files) {
            return [array_map(static fn(string $file): array => $given + ['configphp' => self::path($file)], $files), []];
        }
        if ((string)$cli->option('nodes') !== '') {
            // A site that is there joins no network by being there.
            return create_commands::nodes($cli, $given + ['mnet' => '-1']);
        }
        if (!$given) {
            throw new \moodle_exception('clinosites', 'local_vmoodle');
        }
        return [[$given], []];
    }

    /**
     * The whole path of a file.
     *
     * @param string $file as it was given
     * @return string absolute
     */
    private static function path(string $file): string {
        $path = realpath($file);
        if ($path === false) {
            throw new \moodle_exception('clinofile', 'local_vmoodle', '', $file);
        }
        return $path;
    }
}
