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
 * Asks Moodle what admin/cli/upgrade.php asks before it begins: the script cli/upgrade_check.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class upgrade_check {
    /**
     * The script.
     *
     * @param cli $cli option hash
     * @return int exit code, FAILED where Moodle would not upgrade
     */
    public static function main(cli $cli): int {
        if ($cli->option('hash')) {
            cli::line(\core_component::get_all_versions_hash());
            return cli::DONE;
        }
        if ($cli->option('answers')) {
            cli::line((string)self::answer());
            return cli::DONE;
        }
        $problems = self::problems();
        foreach ($problems as $problem) {
            cli::line($problem);
        }
        return $problems ? cli::FAILED : cli::DONE;
    }

    /**
     * Asks for the site's login page as a browser would, by Moodle's own client with its proxy.
     *
     * @return int the HTTP status; 0 where nobody answers
     */
    private static function answer(): int {
        global $CFG;
        require_once($CFG->libdir . '/filelib.php');
        // The address is the site's own, not one that somebody typed: it may lie in a network that curl is kept out of.
        $curl = new \curl(['ignoresecurity' => true]);
        $options = ['CURLOPT_CONNECTTIMEOUT' => 10, 'CURLOPT_TIMEOUT' => 60, 'CURLOPT_FOLLOWLOCATION' => 0];
        $curl->get($CFG->wwwroot . '/login/index.php', [], $options);
        return (int)($curl->get_info()['http_code'] ?? 0);
    }

    /**
     * What stands in the way of an upgrade.
     *
     * @return string[] sentences in the site's language
     */
    private static function problems(): array {
        global $CFG;
        require_once($CFG->libdir . '/adminlib.php');
        require_once($CFG->libdir . '/upgradelib.php');
        require_once($CFG->libdir . '/environmentlib.php');
        $version = $release = null;
        require($CFG->dirroot . '/version.php');
        if ($version < $CFG->version) {
            return [get_string('downgradedcore', 'error')];
        }
        $problems = [];
        [$fits, $results] = check_moodle_environment(normalize_version($release), ENV_SELECT_RELEASE);
        foreach ($fits ? [] : environment_get_errors($results) as [$info, $report]) {
            $problems[] = $info . ': ' . trim(html_to_text($report, 0, false));
        }
        if (upgrade_stale_php_files_present()) {
            $problems[] = get_string('upgradestalefiles', 'admin');
        }
        $failed = [];
        if (!\core_plugin_manager::instance()->all_plugins_ok($version, $failed, $CFG->branch)) {
            $list = ['pluginslist' => implode(', ', array_unique($failed))];
            $problems[] = get_string('pluginscheckfailed', 'admin', $list);
        }
        return $problems;
    }
}
