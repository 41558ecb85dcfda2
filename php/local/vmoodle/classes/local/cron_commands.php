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
 * The farm cron on the command line: the script cli/cron.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class cron_commands {
    /** @var string[] outcomes that make a run less than done. */
    private const UNDONE = ['failed', 'timeout', 'unreachable'];

    /** @var int how many signals asked for the end. */
    private int $signals = 0;

    /** @var bool whether another code base has come while the service ran. */
    private bool $replaced = false;

    /** @var string the code base's versions when the service began. */
    private readonly string $codehash;

    /**
     * Takes the options down.
     *
     * @param cli $cli options of the script
     */
    private function __construct(
        /** @var cli options of the script. */
        private readonly cli $cli
    ) {
        $this->codehash = \core_component::get_all_versions_hash();
    }

    /**
     * The script cli/cron.php.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        $modes = array_filter(['once', 'daemon', 'plan'], [$cli, 'option']);
        if (count($modes) > 1) {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        return (new self($cli))->run();
    }

    /**
     * Runs a round, or rounds without end.
     *
     * @return int exit code
     */
    private function run(): int {
        $options = [
            'targets' => $this->cli->targets(), 'control' => $this->cli->option('with-control'),
            'plan' => $this->cli->option('plan'), 'daemon' => $this->cli->option('daemon'), 'codehash' => $this->codehash,
        ];
        foreach (['interval', 'concurrency', 'per-server', 'time-limit', 'grace'] as $name) {
            if ($this->cli->option($name) !== null) {
                $options[strtr($name, '-', '_')] = $this->cli->option($name);
            }
        }
        $this->catch_signals();
        $report = bridge::cron($options, [$this, 'hear']);
        if ($this->replaced) {
            cli::note(get_string('croncodechanged', 'local_vmoodle'));
        }
        $this->cli->result($report, [self::class, 'show']);
        return array_intersect_key($report, array_flip(self::UNDONE)) ? cli::PARTLY : cli::DONE;
    }

    /**
     * Hears what happens, and says whether to go on.
     *
     * @param array $event what happens
     * @return bool false to end
     */
    public function hear(array $event): bool {
        $kind = $event['event'];
        if ($kind === 'round' && $this->cli->option('daemon') && \core_component::get_all_versions_hash() !== $this->codehash) {
            // What runs here is the old code, down to the native extension.
            $this->replaced = true;
        }
        if ($kind !== 'tick' && $this->cli->option('json')) {
            if ($this->cli->option('daemon')) {
                cli::line(cli::json($event));
            }
        } else if (isset($event['tenant']) && $kind !== 'due') {
            cli::note(self::line($event));
        } else if ($kind === 'probed') {
            cli::note(userdate(time(), '%Y-%m-%d %H:%M:%S') . '  ' . self::counts($event));
        } else if ($kind === 'error') {
            cli::note(get_string('clierror', 'local_vmoodle', $event['error']));
        }
        return $this->signals === 0 && !$this->replaced;
    }

    /**
     * Prints the result for a person.
     *
     * @param array $report as bridge::cron() gives it
     */
    public static function show(array $report): void {
        foreach ($report['items'] ?? [] as $item) {
            cli::line(self::line($item));
        }
        cli::line(self::counts($report));
        cli::line(get_string('cronlateness', 'local_vmoodle', $report['lateness']));
    }

    /**
     * A tenant as one line.
     *
     * @param array $item an event or item with a tenant
     * @return string without line end
     */
    private static function line(array $item): string {
        $late = isset($item['lateness']) ? get_string('cronlate', 'local_vmoodle', $item['lateness']) : '';
        $said = $item['error'] ?? ($item['outcome'] === 'done' ? '' : $item['said'] ?? '');
        return rtrim(sprintf('  %-11s %s  %s  %s', $item['outcome'], $item['tenant'], $late, $said));
    }

    /**
     * Counts as one text.
     *
     * @param array $report counts by kind, among other things
     * @return string such as "tenants 12, idle 10, due 2"
     */
    private static function counts(array $report): string {
        $counts = array_filter($report, 'is_int');
        return implode(', ', array_map(static fn($kind, $count) => "$kind $count", array_keys($counts), $counts));
    }

    /**
     * Counts SIGTERM and SIGINT instead of dying of them, so that no tenant's cron is cut off.
     */
    private function catch_signals(): void {
        if (!function_exists('pcntl_async_signals')) {
            return;
        }
        pcntl_async_signals(true);
        foreach ([SIGTERM, SIGINT] as $signal) {
            pcntl_signal($signal, function (): void {
                $this->signals++;
            });
        }
    }
}
