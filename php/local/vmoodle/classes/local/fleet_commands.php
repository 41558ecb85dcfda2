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
 * The description of a fleet on the command line: the script cli/apply.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class fleet_commands {
    /** @var int exit code of --plan where tenants are not as described, or could not be asked. */
    private const DRIFT = 2;

    /**
     * Shows what differs from the description, and without --plan makes it so.
     *
     * @param cli $cli its options
     * @return int exit code: of --plan 0 without and DRIFT with differences, else DONE or PARTLY
     */
    public static function main(cli $cli): int {
        $file = (string)$cli->option('file');
        if ($file === '') {
            throw new \moodle_exception('climissing', 'local_vmoodle', '', '--file');
        }
        [$contents, $folder] = [$cli->contents('file'), $file === '-' ? getcwd() : dirname($file)];
        if ($cli->option('plan')) {
            $plan = bridge::fleet_plan($contents, $folder);
            $cli->result($plan, self::show(...));
            return $plan['drift'] + $plan['failed'] > 0 ? self::DRIFT : cli::DONE;
        }
        $given = $cli->option('as-shown');
        $plan = $given === null ? bridge::fleet_plan($contents, $folder) : self::saved($given);
        if ($given === null && !$cli->option('json')) {
            self::show($plan);
        }
        $applied = bridge::fleet_apply($contents, $folder, array_filter([
            'concurrency' => $cli->option('concurrency'),
        ]) + ['shown' => array_column($plan['tenants'], 'digest', 'tenant')]);
        $failed = self::run($cli, $applied);
        $cli->result($applied, static fn() => null);
        return $failed || $applied['refused'] || $applied['failed'] > 0 ? cli::PARTLY : cli::DONE;
    }

    /**
     * Runs the jobs one after the other, and tells of what was not done.
     *
     * @param cli $cli options submit-only, json
     * @param array $applied as bridge::fleet_apply() gives it; each job gets its counts
     * @return bool whether something was not done
     */
    private static function run(cli $cli, array &$applied): bool {
        $failed = false;
        $say = static fn(string $line) => $cli->option('json') ? null : cli::line($line);
        foreach ($applied['refused'] as $refused) {
            $say($refused['tenant'] . '  ' . get_string('clierror', 'local_vmoodle', $refused['error']));
        }
        foreach ($applied['jobs'] as &$job) {
            if ($cli->option('submit-only')) {
                \local_vmoodle\task\run_job::queue($job['job']);
                $say(get_string('clisubmitted', 'local_vmoodle', $job['job']));
                continue;
            }
            $job['counts'] = job_commands::work($job['job']);
            $say(sprintf('%d  %s  %s', $job['job'], $job['operation'], job_commands::counts($job['counts'])));
            if (job_commands::code($job['counts']) === cli::DONE) {
                continue;
            }
            $failed = true;
            foreach (bridge::job($job['job'])['items'] as $item) {
                if ((string)$item['error'] !== '') {
                    $say('    ' . $item['wwwroot'] . '  ' . get_string('clierror', 'local_vmoodle', $item['error']));
                }
            }
        }
        return $failed;
    }

    /**
     * Prints a plan for a person: the differences alone.
     *
     * @param array $plan as bridge::fleet_plan() gives it
     */
    private static function show(array $plan): void {
        foreach ($plan['idle'] as $block) {
            cli::note(get_string('cliwarning', 'local_vmoodle', get_string('fleetidle', 'local_vmoodle', $block)));
        }
        foreach ($plan['overlaps'] as $overlap) {
            cli::line(get_string('fleetoverlap', 'local_vmoodle', $overlap));
        }
        foreach ($plan['tenants'] as $tenant) {
            cli::line($tenant['tenant']);
            foreach ($tenant['errors'] as $error) {
                cli::line("    {$error['operation']}: " . get_string('clierror', 'local_vmoodle', $error['error']));
            }
            foreach ($tenant['changes'] as $change) {
                cli::line("    {$change['operation']}: " . job_commands::change($change));
            }
        }
        cli::line(get_string('fleetsummary', 'local_vmoodle', array_intersect_key($plan, array_flip(['meant', 'drift', 'failed']))));
    }

    /**
     * A plan that --plan --json has printed.
     *
     * @param string $path the file
     * @return array the plan
     */
    private static function saved(string $path): array {
        $plan = is_readable($path) ? json_decode(file_get_contents($path), true) : null;
        if (!is_array($plan) || !is_array($plan['tenants'] ?? null)) {
            throw new \moodle_exception('clibadvalue', 'local_vmoodle', '', "--as-shown=$path");
        }
        return $plan;
    }
}
