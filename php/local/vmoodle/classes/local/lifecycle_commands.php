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
 * A tenant's life from the command line: the scripts cli/restore.php, retire.php, destroy.php and devirtualise.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class lifecycle_commands {
    /**
     * Puts a snapshot in the place of a tenant.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function restore(cli $cli): int {
        $parameters = ['snapshot' => self::required($cli, 'snapshot')];
        return self::perform($cli, 'restore_tenant', $parameters, [self::required($cli, 'tenant')]);
    }

    /**
     * Retires tenants, switches them off or on.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function retire(cli $cli): int {
        if ($cli->option('enable') && $cli->option('disable')) {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        $operation = 'retire_tenant';
        if ($cli->option('enable') || $cli->option('disable')) {
            $operation = $cli->option('enable') ? 'enable_tenant' : 'disable_tenant';
        }
        return self::perform($cli, $operation, [], self::targets($cli));
    }

    /**
     * Moves retired tenants to the trash; with --purge, removes for good what is over age there.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function destroy(cli $cli): int {
        if ($cli->option('purge')) {
            return self::perform($cli, 'purge_trash', [], $cli->targets() ?: ['any']);
        }
        $parameters = ['hosts' => self::required($cli, 'confirm')];
        $days = $cli->option('days');
        if ($days !== null) {
            $parameters['days'] = $days;
        }
        $until = userdate(time() + ($days ?? 30) * DAYSECS, '%Y-%m-%d %H:%M');
        // Who names the host of each has confirmed.
        return self::perform($cli, 'destroy_tenant', $parameters, self::targets($cli), true, static function (int $job) use ($until) {
            cli::line(get_string('clidestroyed', 'local_vmoodle', ['job' => $job, 'until' => $until]));
        });
    }

    /**
     * Writes tenants out as plain Moodles.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function devirtualise(cli $cli): int {
        $folder = self::required($cli, 'folder');
        return self::perform($cli, 'devirtualise_tenant', ['folder' => $folder], self::targets($cli));
    }

    /**
     * Plans an operation, or submits and runs it.
     *
     * @param cli $cli option plan, and those of job_commands::submit()
     * @param string $operation its name
     * @param array $parameters its parameters
     * @param string[] $targets selectors
     * @param bool $confirmed whether it is confirmed without --yes
     * @param callable|null $after hears the number of the job once it has run without a failure
     * @return int exit code
     */
    private static function perform(
        cli $cli,
        string $operation,
        array $parameters,
        array $targets,
        bool $confirmed = false,
        ?callable $after = null
    ): int {
        return $cli->option('plan')
            ? job_commands::plan($cli, bridge::plan($operation, $parameters, $targets))
            : job_commands::submit($cli, $operation, $parameters, $targets, $confirmed, $after);
    }

    /**
     * The tenants that are meant.
     *
     * @param cli $cli option targets
     * @return string[] selectors, at least one
     */
    private static function targets(cli $cli): array {
        $targets = $cli->targets();
        if (!$targets) {
            throw new \moodle_exception('clineeds', 'local_vmoodle', '', 'targets');
        }
        return $targets;
    }

    /**
     * The value of an option that must be given.
     *
     * @param cli $cli its options
     * @param string $name the option
     * @return string not empty
     */
    private static function required(cli $cli, string $name): string {
        $value = (string)$cli->option($name);
        if ($value === '') {
            throw new \moodle_exception('clineeds', 'local_vmoodle', '', $name);
        }
        return $value;
    }
}
