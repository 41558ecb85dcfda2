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
 * Snapshots from the command line: the script cli/snapshot.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class snapshot_commands {
    /** @var string[] columns of the list. */
    private const COLUMNS = ['id', 'name', 'wwwroot', 'release', 'octets'];

    /**
     * Takes snapshots of the chosen tenants, or does what else is asked for.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        if ($cli->option('verify') !== null) {
            return self::verify($cli);
        }
        if ($cli->option('import') !== null) {
            return self::import($cli);
        }
        if ((string)$cli->option('snapshot') !== '' && $cli->option('name') !== null) {
            $snapshot = bridge::snapshot_name($cli->option('snapshot'), $cli->option('name'));
            return self::say($cli, 'snapshotnamed', $snapshot);
        }
        if ($cli->option('delete') !== null) {
            $snapshot = bridge::snapshot_delete($cli->option('delete'));
            return self::say($cli, 'snapshotdeleted', $snapshot);
        }
        $targets = $cli->targets();
        if ($cli->option('list') || (!$targets && !self::is_taking($cli))) {
            return self::list($cli);
        }
        if (!$targets) {
            throw new \moodle_exception('clineeds', 'local_vmoodle', '', 'targets');
        }
        $parameters = array_filter(['name' => (string)$cli->option('name'), 'keep' => $cli->option('keep')],
            static fn($value): bool => $value !== null && $value !== '');
        return job_commands::submit($cli, 'snapshot_tenant', $parameters, $targets);
    }

    /**
     * Whether something is said of a snapshot that is to be taken, also that of no tenant: a list would pass for a backup.
     *
     * @param cli $cli options targets, name, keep, concurrency, submit-only
     * @return bool
     */
    private static function is_taking(cli $cli): bool {
        foreach (['targets', 'name', 'keep', 'concurrency', 'submit-only'] as $name) {
            if (!in_array($cli->option($name), [null, false, []], true)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Checks a snapshot; with --trial its database is read in, too.
     *
     * @param cli $cli options verify, trial, server
     * @return int exit code
     */
    private static function verify(cli $cli): int {
        if (!$cli->option('trial')) {
            return self::say($cli, 'snapshotsound', bridge::snapshot_verify($cli->option('verify')));
        }
        $snapshot = bridge::snapshot_trial($cli->option('verify'), (string)$cli->option('server'));
        $cli->result($snapshot, static fn() => cli::line(get_string('snapshottried', 'local_vmoodle', $snapshot)));
        return cli::DONE;
    }

    /**
     * Brings a template of the original in, or lists those that are there.
     *
     * @param cli $cli options import, server
     * @return int exit code
     */
    private static function import(cli $cli): int {
        if ($cli->option('import') === '') {
            $cli->result(bridge::snapshot_originals(), static fn(array $keys) => array_map([cli::class, 'line'], $keys));
            return cli::DONE;
        }
        return self::say($cli, 'snapshotimported', bridge::snapshot_import($cli->option('import'), (string)$cli->option('server')));
    }

    /**
     * Lists the snapshots.
     *
     * @param cli $cli option json
     * @return int exit code, PARTLY where one cannot be read
     */
    private static function list(cli $cli): int {
        $snapshots = bridge::snapshots();
        $cli->result($snapshots, static function (array $snapshots): void {
            $headings = [];
            foreach (self::COLUMNS as $column) {
                $headings[$column] = get_string('snapshotcolumn_' . $column, 'local_vmoodle');
            }
            $sound = array_filter($snapshots, static fn(array $snapshot): bool => $snapshot['problem'] === null);
            cli::table($headings, array_map(static function (array $snapshot): array {
                $snapshot['release'] = $snapshot['moodle']['release'];
                $snapshot['octets'] = display_size($snapshot['octets'] + $snapshot['database']['octets']);
                return $snapshot;
            }, $sound));
            foreach (array_filter(array_column($snapshots, 'problem')) as $problem) {
                cli::note(get_string('cliwarning', 'local_vmoodle', $problem));
            }
        });
        return array_filter(array_column($snapshots, 'problem')) ? cli::PARTLY : cli::DONE;
    }

    /**
     * Prints that something was done.
     *
     * @param cli $cli option json
     * @param string $string key of the sentence
     * @param array $snapshot what it was done to
     * @return int exit code
     */
    private static function say(cli $cli, string $string, array $snapshot): int {
        $cli->result($snapshot, static fn() => cli::line(get_string($string, 'local_vmoodle', $snapshot['id'])));
        return cli::DONE;
    }
}
