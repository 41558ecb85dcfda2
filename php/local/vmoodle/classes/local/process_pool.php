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
 * Runs commands side by side: never more than so many, none longer than so long, without a shell.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class process_pool {
    /** @var int bytes of a command's output that are kept: the last ones, where the error stands. */
    private const OUTPUT = 65536;

    /** @var int seconds between asking a process to end and killing it. */
    private const GRACE = 10;

    /** @var array what runs, by key: process, pipe, output, started, asked (when it was asked to end), outcome. */
    private array $running = [];

    /** @var int how many signals asked for the end: after the first nothing new is started, the second ends what runs. */
    private int $signals = 0;

    /**
     * Sets the limits.
     *
     * @param int $concurrency how many commands at once, at least 1
     * @param int $timelimit seconds that one command may take
     */
    public function __construct(
        /** @var int how many commands at once. */
        private readonly int $concurrency,
        /** @var int seconds that one command may take. */
        private readonly int $timelimit
    ) {
    }

    /**
     * Runs all commands, whatever becomes of each.
     *
     * @param array $commands argv (list) and env (text by name), by key
     * @param callable $finished takes the key and outcome (done, failed, timeout, stopped), exit, seconds, output
     */
    public function run(array $commands, callable $finished): void {
        $this->catch_signals();
        while ($commands || $this->running) {
            while ($commands && $this->signals === 0 && count($this->running) < max(1, $this->concurrency)) {
                $key = array_key_first($commands);
                $this->start($key, $commands[$key]);
                unset($commands[$key]);
            }
            $this->read();
            foreach (array_keys($this->running) as $key) {
                $result = $this->collect($key);
                if ($result !== null) {
                    $finished($key, $result);
                }
            }
            if ($this->signals > 0) {
                foreach (array_keys($commands) as $key) {
                    $finished($key, ['outcome' => 'stopped', 'exit' => null, 'seconds' => 0.0, 'output' => '']);
                }
                $commands = [];
            }
        }
    }

    /**
     * Starts one command; its output and its errors come through one pipe, in their order.
     *
     * @param string $key whose command it is
     * @param array $command argv and env
     */
    private function start(string $key, array $command): void {
        $descriptors = [0 => ['file', '/dev/null', 'r'], 1 => ['pipe', 'w'], 2 => ['redirect', 1]];
        $process = proc_open($command['argv'], $descriptors, $pipes, null, $command['env']);
        if ($process === false) {
            throw new \moodle_exception('cannotstart', 'local_vmoodle', '', $command['argv'][0]);
        }
        stream_set_blocking($pipes[1], false);
        $this->running[$key] = ['process' => $process, 'pipe' => $pipes[1], 'output' => '', 'started' => microtime(true),
            'asked' => null, 'outcome' => null];
    }

    /**
     * Waits at most a fifth of a second for output, and keeps it.
     */
    private function read(): void {
        $ready = array_filter(array_column($this->running, 'pipe'), static fn($pipe) => !feof($pipe));
        $none = null;
        if (!$ready) {
            usleep(20000);
        } else {
            @stream_select($ready, $none, $none, 0, 200000);
        }
        foreach ($this->running as $key => $entry) {
            $text = (string)stream_get_contents($entry['pipe']);
            $this->running[$key]['output'] = substr($entry['output'] . $text, -self::OUTPUT);
        }
    }

    /**
     * Ends a command that is too late, and takes the result of one that has ended.
     *
     * @param string $key whose command it is
     * @return array|null outcome, exit, seconds, output; null while it runs
     */
    private function collect(string $key): ?array {
        $entry = $this->running[$key];
        $now = microtime(true);
        $status = proc_get_status($entry['process']);
        if ($status['running']) {
            $late = $now - $entry['started'] > $this->timelimit;
            if ($entry['asked'] === null && ($late || $this->signals > 1)) {
                proc_terminate($entry['process'], 15);
                $this->running[$key]['asked'] = $now;
                $this->running[$key]['outcome'] = $late ? 'timeout' : 'stopped';
            } else if ($entry['asked'] !== null && $now - $entry['asked'] > self::GRACE) {
                proc_terminate($entry['process'], 9);
            }
            return null;
        }
        $output = substr($entry['output'] . stream_get_contents($entry['pipe']), -self::OUTPUT);
        fclose($entry['pipe']);
        proc_close($entry['process']);
        unset($this->running[$key]);
        $exit = $status['signaled'] ? null : $status['exitcode'];
        return [
            'outcome' => $entry['outcome'] ?? ($exit === 0 ? 'done' : 'failed'),
            'exit' => $exit,
            'seconds' => round($now - $entry['started'], 1),
            'output' => $output,
        ];
    }

    /**
     * Counts SIGTERM and SIGINT instead of dying of them: no command goes on without its parent, or is cut off by the first.
     */
    private function catch_signals(): void {
        if (!function_exists('pcntl_async_signals')) {
            return;
        }
        pcntl_async_signals(true);
        foreach ([SIGTERM, SIGINT] as $signal) {
            pcntl_signal($signal, function (): void {
                $this->signals++;
                cli::note(get_string($this->signals === 1 ? 'stopping' : 'stoppingnow', 'local_vmoodle'));
            });
        }
    }
}
