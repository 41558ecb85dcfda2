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
use local_vmoodle\output\words;
use local_vmoodle\task\run_job;

/**
 * Operations and jobs on the command line: the scripts cli/run.php and cli/job.php.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class job_commands {
    /** @var string[] states of items that make a run less than done. */
    private const UNDONE = ['failed', 'cancelled', 'unknown'];

    /** @var string[] what cli/job.php is asked to do with a job. */
    private const ACTIONS = ['show', 'run', 'cancel', 'retry', 'undo', 'passwords', 'forget'];

    /**
     * The script cli/run.php.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function run(cli $cli): int {
        $name = (string)$cli->option('operation');
        if ($name === '' || $cli->option('operations')) {
            return self::operations($cli);
        }
        $parameters = self::given($cli, $name);
        if ($cli->option('plan')) {
            return self::plan($cli, bridge::plan($name, $parameters, $cli->targets()));
        }
        return self::submit($cli, $name, $parameters, $cli->targets());
    }

    /**
     * Submits a job and runs it to its end.
     *
     * @param cli $cli options yes, waves, concurrency, on-error, submit-only, json
     * @param string $operation its name
     * @param array $parameters its parameters
     * @param string[] $targets selectors
     * @param bool $confirmed whether it is confirmed without --yes
     * @param callable|null $after hears the number of the job once it has run without a failure, where people read along
     * @param int|null $concurrency how many tenants at once where the options do not say
     * @return int exit code
     */
    public static function submit(
        cli $cli,
        string $operation,
        array $parameters,
        array $targets,
        bool $confirmed = false,
        ?callable $after = null,
        ?int $concurrency = null
    ): int {
        $names = ['concurrency', 'delay', 'spread', 'waves'];
        $options = array_filter(array_combine($names, array_map([$cli, 'option'], $names)));
        $options += array_filter(['concurrency' => $concurrency]);
        $onerror = $cli->option('on-error');
        if ($onerror !== null) {
            $options['on_error'] = $onerror;
        }
        $options['confirm'] = $confirmed || $cli->option('yes');
        $job = bridge::job_submit($operation, $parameters, $targets, $options);
        if ($cli->option('submit-only')) {
            run_job::queue($job);
            $cli->result(['job' => $job], static fn() => cli::line(get_string('clisubmitted', 'local_vmoodle', $job)));
            return cli::DONE;
        }
        $code = self::finish($cli, $job);
        if ($after !== null && $code === cli::DONE && !$cli->option('json')) {
            $after($job);
        }
        return $code;
    }

    /**
     * The script cli/job.php.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        $asked = array_filter(self::ACTIONS, static fn(string $action): bool => $cli->option($action) !== null);
        if (count($asked) + (int)$cli->option('list') + (int)$cli->option('daemon') > 1) {
            throw new \moodle_exception('clioneaction', 'local_vmoodle');
        }
        if ($cli->option('daemon')) {
            self::serve($cli);
        }
        if (!$asked) {
            return self::list($cli);
        }
        $action = reset($asked);
        $number = $cli->option($action);
        if (!preg_match('/^\d{1,18}$/', $number)) {
            throw new \moodle_exception('clibadvalue', 'local_vmoodle', '', "--$action=$number");
        }
        $job = (int)$number;
        return match ($action) {
            'run' => self::finish($cli, $job),
            'retry' => self::finish($cli, bridge::job_retry($job)),
            'undo' => self::finish($cli, bridge::job_undo($job)),
            'cancel' => self::show($cli, bridge::job_cancel($job)),
            'show' => self::show($cli, bridge::job($job)),
            'passwords' => self::passwords($cli, $job),
            'forget' => self::forget($cli, $job),
        };
    }

    /**
     * Removes old jobs from the journal.
     *
     * @param cli $cli option json
     * @param int $days how long ago they ended
     * @return int exit code
     */
    private static function forget(cli $cli, int $days): int {
        $gone = bridge::jobs_purge($days * DAYSECS);
        $cli->result(['forgotten' => $gone], static fn() => cli::line(get_string('clipurgedjobs', 'local_vmoodle', $gone)));
        return cli::DONE;
    }

    /**
     * Lists the operations with their parameters.
     *
     * @param cli $cli option json
     * @return int exit code
     */
    private static function operations(cli $cli): int {
        $cli->result(bridge::operations(), static function (array $operations): void {
            foreach ($operations as $operation) {
                cli::line($operation['name'] . ': ' . get_string('operation_' . $operation['name'], 'local_vmoodle'));
                foreach ($operation['parameters'] as $parameter) {
                    $kind = $parameter['choices'] ? implode('|', $parameter['choices']) : $parameter['kind'];
                    $need = $parameter['required'] ? '*' : ($parameter['default'] === null ? '' : '=' . $parameter['default']);
                    cli::line(sprintf('    %s (%s)%s', $parameter['name'], $kind, $need));
                }
            }
        });
        return cli::DONE;
    }

    /**
     * Prints what a run would change.
     *
     * @param cli $cli option json
     * @param array $plans as bridge::plan() gives them
     * @return int exit code, PARTLY where a tenant would fail
     */
    public static function plan(cli $cli, array $plans): int {
        $cli->result($plans, static function (array $plans): void {
            foreach ($plans as $plan) {
                $error = isset($plan['error']) ? get_string('clierror', 'local_vmoodle', $plan['error']) : '';
                cli::line(trim($plan['tenant'] . '  ' . ($error ?: ($plan['changes'] ? '' : '='))));
                foreach ($plan['changes'] as $change) {
                    cli::line('    ' . self::change($change));
                }
            }
        });
        return array_filter($plans, static fn(array $plan): bool => isset($plan['error'])) ? cli::PARTLY : cli::DONE;
    }

    /**
     * Lists jobs.
     *
     * @param cli $cli options operation, state, limit
     * @return int exit code
     */
    private static function list(cli $cli): int {
        $filter = ['operation' => $cli->option('operation'), 'status' => $cli->option('state'), 'limit' => $cli->option('limit')];
        $jobs = bridge::jobs(array_filter($filter, static fn($value) => $value !== null));
        $cli->result($jobs, static function (array $jobs): void {
            $headings = [];
            foreach (['id', 'operation', 'status', 'timecreated', 'counts'] as $column) {
                $headings[$column] = get_string('jobcolumn_' . $column, 'local_vmoodle');
            }
            cli::table($headings, array_map(static function (array $job): array {
                $job['timecreated'] = userdate($job['timecreated'], '%Y-%m-%d %H:%M:%S');
                $job['counts'] = self::counts($job['counts']);
                return $job;
            }, $jobs));
        });
        return cli::DONE;
    }

    /**
     * Prints a job.
     *
     * @param cli $cli option json
     * @param array $job the job
     * @return int exit code
     */
    private static function show(cli $cli, array $job): int {
        if ($cli->option('csv')) {
            sql_commands::csv($job);
            return self::code($job['counts']);
        }
        if ($cli->is_of('exec')) {
            script_commands::show($cli, $job);
            return self::code($job['counts']);
        }
        $cli->result($job, static function (array $job): void {
            cli::line(sprintf('%d  %s  %s  %s', $job['id'], $job['operation'], $job['status'], self::counts($job['counts'])));
            foreach ($job['items'] as $item) {
                cli::line(sprintf('  %-10s %s', $item['status'], $item['wwwroot']));
                if ((string)$item['error'] !== '') {
                    cli::line('             ' . $item['error']);
                }
                sql_commands::output($item['output'] ?: []);
                script_commands::output($item['output'] ?: []);
                foreach ($item['warnings'] ?: [] as $warning) {
                    cli::line('             ' . get_string('cliwarning', 'local_vmoodle', words::warning_message($warning)));
                }
            }
            if ($job['untold']) {
                cli::note(get_string('cliuntold', 'local_vmoodle', ['count' => $job['untold'], 'job' => $job['id']]));
            }
        });
        return self::code($job['counts']);
    }

    /**
     * Runs a job until nothing of it is queued, and prints it.
     *
     * @param cli $cli option json
     * @param int $job its number
     * @return int exit code
     */
    public static function finish(cli $cli, int $job): int {
        $counts = self::work($job);
        // Where the farm has no key file they stand nowhere else.
        $passwords = $counts['passwords'] ?? [];
        if (!bridge::job($job)['userid']) {
            // Whoever asks for a job on a page is told there.
            $passwords += bridge::job_passwords($job);
        }
        $read = bridge::job($job);
        if ($passwords) {
            $read['passwords'] = $passwords;
        }
        $code = self::show($cli, $read);
        self::tell($cli->option('json') ? [] : $passwords);
        return $code;
    }

    /**
     * Tells the new passwords of a job, once.
     *
     * @param cli $cli option json
     * @param int $job its number
     * @return int exit code
     */
    private static function passwords(cli $cli, int $job): int {
        $cli->result(bridge::job_passwords($job), static function (array $passwords): void {
            self::tell($passwords);
            if (!$passwords) {
                cli::note(get_string('clinopasswords', 'local_vmoodle'));
            }
        });
        return cli::DONE;
    }

    /**
     * Prints new passwords.
     *
     * @param string[] $passwords by the address of the site
     */
    private static function tell(array $passwords): void {
        foreach ($passwords as $wwwroot => $password) {
            cli::line(get_string('clipassword', 'local_vmoodle', ['wwwroot' => $wwwroot, 'password' => $password]));
        }
    }

    /**
     * Runs a job until nothing of it is queued, with a progress bar.
     *
     * @param int $job its number
     * @return array number of items by state, and passwords
     */
    public static function work(int $job): array {
        $bar = new progress_bar();
        $began = time();
        do {
            $counts = bridge::job_run($job, [$bar, 'show']);
            if (!empty($counts['queued'])) {
                sleep(min(60, max(0, run_job::next_begin($job) - time())));
            }
        } while (!empty($counts['queued']));
        $bar->end();
        job_end::announce($job, $began);
        return $counts;
    }

    /**
     * Runs what is queued, for ever.
     *
     * @param cli $cli option interval
     */
    private static function serve(cli $cli): void {
        while (true) {
            foreach (['running', 'queued'] as $status) {
                foreach (array_reverse(bridge::jobs(['status' => $status])) as $job) {
                    try {
                        $began = time();
                        bridge::job_run($job['id']);
                        job_end::announce($job['id'], $began);
                    } catch (\moodle_exception $exception) {
                        cli::problem($exception, $cli->option('json'));
                    }
                }
            }
            sleep(max(1, $cli->option('interval') ?? 2));
        }
    }

    /**
     * The parameters that --set gives, and those from standard input, where they are no secret from other users of the machine.
     *
     * @param cli $cli options set, set-stdin
     * @param string $operation its name
     * @return array parameters by name
     */
    public static function given(cli $cli, string $operation): array {
        $given = $cli->assignments();
        foreach (self::parameters($operation) as $parameter) {
            if ($parameter['kind'] === 'secret' && isset($given[$parameter['name']])) {
                throw new \moodle_exception('clisecretset', 'local_vmoodle', '', $parameter['name']);
            }
        }
        if (!$cli->option('set-stdin')) {
            return $given;
        }
        $further = json_decode(stream_get_contents(STDIN), true);
        if (!is_array($further)) {
            throw new \moodle_exception('clibadjson', 'local_vmoodle');
        }
        return $further + $given;
    }

    /**
     * The parameters of an operation.
     *
     * @param string $name the operation
     * @return array[] descriptions, none where there is no such operation
     */
    public static function parameters(string $name): array {
        return array_column(bridge::operations(), 'parameters', 'name')[$name] ?? [];
    }

    /**
     * The exit code of a run.
     *
     * @param array $counts number of items by state
     * @return int DONE or PARTLY
     */
    public static function code(array $counts): int {
        return array_intersect_key($counts, array_flip(self::UNDONE)) ? cli::PARTLY : cli::DONE;
    }

    /**
     * Counts as one text.
     *
     * @param array $counts number of items by state
     * @return string such as "done 3, failed 1"
     */
    public static function counts(array $counts): string {
        return implode(', ', array_map(static fn($state, $count) => "$state $count", array_keys($counts), $counts));
    }

    /**
     * A change of a plan as text.
     *
     * @param array $change what, before, after
     * @return string on one line
     */
    public static function change(array $change): string {
        return sprintf('%s: %s -> %s', $change['what'], self::text($change['before']), self::text($change['after']));
    }

    /**
     * A value of a plan as text.
     *
     * @param mixed $value any JSON value
     * @return string on one line
     */
    private static function text($value): string {
        return is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }
}
