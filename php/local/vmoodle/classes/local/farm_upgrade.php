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
 * Brings the control site and the tenants up to the code on disk: the script cli/upgrade.php.
 *
 * The control site first, by Moodle's own script; then the index; then the tenants, by a job of the operation `upgrade`.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class farm_upgrade {
    /** @var int exit code of upgrade.php --is-pending when there is something to do. */
    private const PENDING = 2;

    /** @var int how many tenants at once where nobody says: an upgrade is hard work for a database server. */
    private const CONCURRENCY = 2;

    /**
     * Keeps the options.
     *
     * @param cli $cli the script's options
     */
    private function __construct(
        /** @var cli the script's options. */
        private readonly cli $cli
    ) {
    }

    /**
     * The script.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        if ($cli->option('status')) {
            return version_status::show($cli);
        }
        return (new self($cli))->run();
    }

    /**
     * The control site first, then the index, then the tenants.
     *
     * @return int exit code
     */
    private function run(): int {
        $plan = $this->cli->option('plan');
        $outcome = $this->cli->option('skip-control') ? null : $this->control();
        if ($plan) {
            $plans = match ($outcome) {
                null, 'current' => [],
                'pending' => [self::control_plan()],
                default => [self::control_unknown($outcome)],
            };
            $targets = $this->targets();
            array_push($plans, ...($targets ? bridge::plan('upgrade', $this->parameters(), $targets) : []));
            return job_commands::plan($this->cli, $plans);
        }
        if ($outcome !== null && $outcome !== 'done') {
            throw new \moodle_exception('upgradecontrolfailed', 'local_vmoodle');
        }
        // From here on tenants find the new plugins, and a first index if there was none.
        publisher::publish_all();
        $targets = $this->targets();
        if (!$targets) {
            $this->cli->result(['items' => [], 'counts' => []], static fn() => null);
            return cli::DONE;
        }
        return job_commands::submit($this->cli, 'upgrade', $this->parameters(), $targets, true, null, self::CONCURRENCY);
    }

    /**
     * The parameters of the operation.
     *
     * @return array by name
     */
    private function parameters(): array {
        return array_filter([
            'snapshot_first' => $this->cli->option('snapshot-first'),
            'allow_unstable' => $this->cli->option('allow-unstable'),
            'time_limit' => $this->cli->option('time-limit'),
        ]) + ['checks' => !$this->cli->option('no-checks')];
    }

    /**
     * The tenants to do: where nobody names any, those that serve, and those that may serve tomorrow.
     *
     * @return string[] selectors, none where there is no tenant
     */
    private function targets(): array {
        $targets = $this->cli->targets();
        if ($targets) {
            return $targets;
        }
        $disabled = array_column(bridge::tenants(['state' => 'disabled']), 'vhostname');
        return bridge::tenants(['state' => 'enabled', 'limit' => 1]) ? ['all', ...$disabled] : $disabled;
    }

    /**
     * Upgrades the control site, or with --plan asks it whether there is something to do.
     *
     * @return string done, or with --plan current or pending; how it failed
     */
    private function control(): string {
        global $CFG;
        $plan = $this->cli->option('plan');
        $environment = getenv();
        unset($environment['VMOODLE_HOST']);
        $command = ['argv' => $this->argv(), 'env' => $environment];
        $pool = new process_pool(1, $this->cli->option('time-limit') ?? 1800);
        $result = [];
        $pool->run([$CFG->wwwroot => $command], static function (string $site, array $ended) use (&$result): void {
            $result = $ended;
        });
        $outcome = $result['outcome'];
        if ($plan && $outcome !== 'stopped') {
            $outcome = [0 => 'current', self::PENDING => 'pending'][$result['exit'] ?? -1] ?? $outcome;
        }
        $good = in_array($outcome, ['done', 'current', 'pending'], true);
        if (!$good || !$this->cli->option('json') || stream_isatty(STDERR)) {
            cli::note(get_string('upgradecontrol', 'local_vmoodle', [
                'site' => $CFG->wwwroot,
                'outcome' => get_string('outcome_' . $outcome, 'local_vmoodle'),
                'seconds' => $result['seconds'],
            ]));
        }
        if (!$good) {
            cli::note(preg_replace('/^/m', '    ', rtrim($result['output'])));
        }
        return $outcome;
    }

    /**
     * That the control site could not be asked, as bridge::plan() tells it of a tenant.
     *
     * @param string $outcome how it failed
     * @return array tenant, changes and error
     */
    private static function control_unknown(string $outcome): array {
        global $CFG;
        $error = get_string('outcome_' . $outcome, 'local_vmoodle');
        return ['tenant' => $CFG->wwwroot, 'changes' => [], 'errorcode' => 'script_failed', 'error' => $error];
    }

    /**
     * What the upgrade of the control site would change, as bridge::plan() tells it of a tenant.
     *
     * @return array tenant and changes
     */
    private static function control_plan(): array {
        global $CFG;
        $version = $release = null;
        require($CFG->dirroot . '/version.php');
        $change = ['what' => 'version', 'before' => "$CFG->version $CFG->release", 'after' => "$version $release"];
        return ['tenant' => $CFG->wwwroot, 'changes' => [$change]];
    }

    /**
     * The command line of the control site's upgrade.
     *
     * @return string[] program and arguments
     */
    private function argv(): array {
        global $CFG;
        $php = empty($CFG->pathtophp) ? PHP_BINDIR . '/php' : $CFG->pathtophp;
        if (!is_executable($php)) {
            throw new \moodle_exception('nophp', 'local_vmoodle', '', $php);
        }
        $argv = [$php, '-d', 'max_input_vars=5000', "$CFG->dirroot/$CFG->admin/cli/upgrade.php"];
        $argv[] = $this->cli->option('plan') ? '--is-pending' : '--non-interactive';
        if ($this->cli->option('allow-unstable')) {
            $argv[] = '--allow-unstable';
        }

        // Files that root leaves in a dataroot cannot be written by the farm's OS user afterwards.
        $dataroot = new farm_folder($CFG->dataroot);
        $dataroot->require_writer();
        $owner = $dataroot->owner();
        if ($dataroot->process_uid() === 0 && $owner['uid'] !== 0) {
            array_unshift($argv, 'setpriv', '--reuid=' . $owner['uid'], '--regid=' . $owner['gid'], '--clear-groups');
        }
        return $argv;
    }
}
