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
 * Which scripts may be run on tenants from the web: the command line may run all of the code base.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class webscripts {
    /** @var string[] those of Moodle that a person may want for a tenant and that take nothing away. */
    public const USUAL = [
        'admin/cli/adhoc_task.php',
        'admin/cli/build_theme_css.php',
        'admin/cli/checks.php',
        'admin/cli/cron.php',
        'admin/cli/fix_course_sequence.php',
        'admin/cli/fix_orphaned_calendar_events.php',
        'admin/cli/fix_orphaned_question_categories.php',
        'admin/cli/maintenance.php',
        'admin/cli/purge_caches.php',
        'admin/cli/scheduled_task.php',
    ];

    /**
     * The scripts of the list.
     *
     * @return string[] paths below Moodle's folder
     */
    public static function list(): array {
        $set = get_config('local_vmoodle', 'webscripts');
        return $set === false ? self::USUAL : preg_split('/\s+/', $set, -1, PREG_SPLIT_NO_EMPTY);
    }

    /**
     * Refuses a script that is not on the list, where it is asked for from the web.
     *
     * @param string $operation the operation that is asked for
     * @param array $parameters its parameters
     */
    public static function require_listed(string $operation, array $parameters): void {
        $script = (string)($parameters['script'] ?? '');
        if ($operation === 'run_script' && !(defined('CLI_SCRIPT') && CLI_SCRIPT) && !in_array($script, self::list(), true)) {
            throw new \moodle_exception('webscriptrefused', 'local_vmoodle', '', s($script));
        }
    }

    /**
     * The same for a job that is asked for again.
     *
     * @param int $job its number
     */
    public static function require_listed_job(int $job): void {
        if (!(defined('CLI_SCRIPT') && CLI_SCRIPT)) {
            $asked = bridge::job_summary($job);
            self::require_listed($asked['operation'], $asked['parameters'] ?: []);
        }
    }
}
