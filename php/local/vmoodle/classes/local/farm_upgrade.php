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
 * Brings the control site and every tenant up to the code on disk: the script cli/upgrade_all.php.
 *
 * Each site is upgraded by Moodle's own admin/cli/upgrade.php in a process of its own. One tenant's failure stops no other.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class farm_upgrade {
    /** @var string[] states whose tenants are taken where nobody names any: those that serve, and those that may serve tomorrow. */
    private const STATES = ['enabled', 'disabled'];

    /** @var int exit code of upgrade.php --is-pending when there is something to do. */
    private const PENDING = 2;

    /** @var array results by address. */
    private array $results = [];

    /** @var int how many sites there are to do. */
    private int $total = 0;

    /** @var process_pool runs the upgrades; once a signal has stopped it, it starts no more. */
    private readonly process_pool $pool;

    /**
     * Keeps the options.
     *
     * @param cli $cli the script's options
     */
    private function __construct(
        /** @var cli the script's options. */
        private readonly cli $cli
    ) {
        $this->pool = new process_pool($cli->option('concurrency') ?? 2, $cli->option('time-limit') ?? 1800);
    }

    /**
     * The script.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        return (new self($cli))->run();
    }

    /**
     * The control site first, then the index, then the tenants.
     *
     * @return int exit code
     */
    private function run(): int {
        global $CFG;
        $plan = $this->cli->option('plan');
        if (!$this->cli->option('skip-control')) {
            $this->total = 1;
            $this->upgrade([$CFG->wwwroot => null]);
            if ($this->results[$CFG->wwwroot]['outcome'] !== 'done' && !$plan) {
                $this->report();
                throw new \moodle_exception('upgradecontrolfailed', 'local_vmoodle');
            }
        }
        if (!$plan) {
            // From here on tenants find the new plugins, and a first index if there was none.
            publisher::publish_all();
        }
        $tenants = $this->tenants();
        $this->total = count($this->results) + count($tenants);
        $this->upgrade($tenants);
        return $this->report();
    }

    /**
     * The tenants to do.
     *
     * @return string[] what VMOODLE_HOST is set to, by address
     */
    private function tenants(): array {
        $targets = $this->cli->targets();
        $rows = [];
        if ($targets) {
            $rows = bridge::tenants(['targets' => $targets]);
        } else {
            foreach (self::STATES as $state) {
                array_push($rows, ...bridge::tenants(['state' => $state]));
            }
        }
        return array_column($rows, 'vhostname', 'vhostname');
    }

    /**
     * Upgrades sites, or with --plan asks each whether there is something to do.
     *
     * @param array $sites what VMOODLE_HOST is set to (null for the control site), by address
     */
    private function upgrade(array $sites): void {
        $environment = getenv();
        unset($environment['VMOODLE_HOST']);
        $argv = $this->argv();
        $commands = [];
        foreach ($sites as $address => $host) {
            $commands[$address] = [
                'argv' => $argv,
                'env' => $host === null ? $environment : $environment + ['VMOODLE_HOST' => $host],
            ];
        }
        $this->pool->run($commands, fn(string $address, array $result) => $this->finish($address, $result));
    }

    /**
     * The command line of one upgrade.
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

        // Files that root leaves in a dataroot cannot be written by the farm's OS user afterwards.
        $dataroot = new farm_folder($CFG->dataroot);
        $dataroot->require_writer();
        $owner = $dataroot->owner();
        if ($dataroot->process_uid() === 0 && $owner['uid'] !== 0) {
            array_unshift($argv, 'setpriv', '--reuid=' . $owner['uid'], '--regid=' . $owner['gid'], '--clear-groups');
        }
        return $argv;
    }

    /**
     * Keeps a result and says it.
     *
     * @param string $address the site
     * @param array $result of the process pool
     */
    private function finish(string $address, array $result): void {
        if ($this->cli->option('plan') && $result['outcome'] !== 'stopped') {
            $words = [0 => 'current', self::PENDING => 'pending'];
            $result['outcome'] = $words[$result['exit'] ?? -1] ?? $result['outcome'];
        }
        $this->results[$address] = $result;
        $good = in_array($result['outcome'], ['done', 'current', 'pending'], true);
        if ($this->cli->option('json') && !stream_isatty(STDERR)) {
            return;
        }
        cli::note(get_string('upgradeprogress', 'local_vmoodle', [
            'number' => count($this->results),
            'total' => $this->total,
            'site' => $address,
            'outcome' => get_string('outcome_' . $result['outcome'], 'local_vmoodle'),
            'seconds' => $result['seconds'],
        ]));
        if (!$good && trim($result['output']) !== '' && !$this->cli->option('json')) {
            cli::note(preg_replace('/^/m', '    ', rtrim($result['output'])));
        }
    }

    /**
     * Prints the sum.
     *
     * @return int exit code
     */
    private function report(): int {
        $counts = array_count_values(array_column($this->results, 'outcome'));
        $sites = [];
        foreach ($this->results as $address => $result) {
            $sites[] = ['site' => $address] + $result;
        }
        $this->cli->result(['sites' => $sites, 'counts' => $counts], static function () use ($counts): void {
            foreach ($counts as $outcome => $count) {
                cli::line(get_string('outcome_' . $outcome, 'local_vmoodle') . ': ' . $count);
            }
        });
        $bad = array_diff(array_keys($counts), ['done', 'current', 'pending']);
        return $bad ? cli::PARTLY : cli::DONE;
    }
}
