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
use local_vmoodle\native_exception;
use local_vmoodle\output\words;

/**
 * What all scripts of the plugin share: one table of options, help, exit codes, output as text or JSON, errors.
 *
 * Moodle's own cli_get_params() keeps only the last of a repeated option, and --set and --targets may be repeated.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class cli {
    /** @var int everything was done. */
    public const DONE = 0;

    /** @var int it could not be run, or failed as a whole. */
    public const FAILED = 1;

    /** @var int some tenants were done and some were not. */
    public const PARTLY = 2;

    /** @var array every option: kind (flag, text, whole, list) and default; the string clioption_NAME explains it. */
    private const OPTIONS = [
        'add' => ['flag', false],
        'alias-add' => ['text', null],
        'alias-remove' => ['text', null],
        'aliases' => ['flag', false],
        'all-or-nothing' => ['flag', false],
        'allow' => ['text', ''],
        'allow-unstable' => ['flag', false],
        'answers' => ['flag', false],
        'as-shown' => ['text', null],
        'cancel' => ['text', null],
        'check' => ['text', null],
        'compare' => ['flag', false],
        'component' => ['text', null],
        'concurrency' => ['whole', null],
        'config' => ['list', []],
        'configdir' => ['text', null],
        'confirm' => ['text', null],
        'create' => ['text', null],
        'csv' => ['flag', false],
        'daemon' => ['flag', false],
        'days' => ['whole', null],
        'delay' => ['whole', null],
        'delete' => ['text', null],
        'differences' => ['flag', false],
        'disable' => ['flag', false],
        'enable' => ['flag', false],
        'export' => ['text', null],
        'file' => ['text', null],
        'filter' => ['text', null],
        'folder' => ['text', null],
        'follow' => ['flag', false],
        'forget' => ['text', null],
        'grace' => ['whole', null],
        'hash' => ['flag', false],
        'help' => ['flag', false],
        'idempotent' => ['flag', false],
        'import' => ['text', null],
        'interval' => ['whole', null],
        'json' => ['flag', false],
        'keep' => ['whole', null],
        'limit' => ['whole', null],
        'list' => ['flag', false],
        'name' => ['text', null],
        'no-checks' => ['flag', false],
        'no-components' => ['flag', false],
        'nodes' => ['text', null],
        'offset' => ['whole', null],
        'on-error' => ['text', null],
        'once' => ['flag', false],
        'operation' => ['text', null],
        'operations' => ['flag', false],
        'password-stdin' => ['flag', false],
        'passwords' => ['text', null],
        'per-server' => ['whole', null],
        'plan' => ['flag', false],
        'pool' => ['whole', null],
        'purge' => ['flag', false],
        'refresh' => ['flag', false],
        'remove' => ['text', null],
        'remove-sheet' => ['text', null],
        'renew' => ['flag', false],
        'retry' => ['text', null],
        'role' => ['text', null],
        'row-limit' => ['whole', null],
        'run' => ['text', null],
        'save' => ['text', null],
        'search' => ['text', null],
        'server' => ['text', null],
        'set' => ['list', []],
        'set-stdin' => ['flag', false],
        'sheets' => ['flag', false],
        'show' => ['text', null],
        'sizes' => ['flag', false],
        'skip-control' => ['flag', false],
        'snapshot' => ['text', null],
        'snapshot-first' => ['flag', false],
        'source' => ['text', null],
        'spare' => ['flag', false],
        'spread' => ['whole', null],
        'sql' => ['text', null],
        'state' => ['text', null],
        'statement-limit' => ['whole', 30],
        'status' => ['flag', false],
        'stdin' => ['flag', false],
        'submit-only' => ['flag', false],
        'targets' => ['list', []],
        'template' => ['text', null],
        'tenant' => ['text', null],
        'time-limit' => ['whole', null],
        'timeout' => ['whole', null],
        'trial' => ['flag', false],
        'undo' => ['text', null],
        'update' => ['text', null],
        'values' => ['text', '{}'],
        'verify' => ['text', null],
        'waves' => ['text', null],
        'what' => ['text', null],
        'with-control' => ['flag', false],
        'write' => ['flag', false],
        'yes' => ['flag', false],
    ];

    /** @var array the options of each script, in the order of its help. */
    private const SCRIPTS = [
        'adopt' => ['config', 'configdir', 'nodes', 'set', 'password-stdin', 'disable', 'all-or-nothing', 'plan', 'concurrency',
            'on-error', 'submit-only', 'json', 'help'],
        'apply' => ['file', 'plan', 'as-shown', 'concurrency', 'submit-only', 'json', 'help'],
        'clone' => ['source', 'nodes', 'set', 'set-stdin', 'server', 'all-or-nothing', 'plan', 'concurrency', 'on-error',
            'submit-only', 'json', 'help'],
        'compare' => ['what', 'targets', 'filter', 'component', 'differences', 'csv', 'json', 'help'],
        'create' => ['nodes', 'set', 'template', 'source', 'server', 'spare', 'pool', 'all-or-nothing', 'plan', 'concurrency',
            'on-error', 'submit-only', 'set-stdin', 'json', 'help'],
        'cron' => ['once', 'daemon', 'interval', 'targets', 'with-control', 'plan', 'concurrency', 'per-server', 'time-limit',
            'grace', 'json', 'help'],
        'destroy' => ['targets', 'confirm', 'days', 'purge', 'plan', 'yes', 'concurrency', 'on-error', 'submit-only', 'json',
            'help'],
        'devirtualise' => ['targets', 'folder', 'plan', 'concurrency', 'on-error', 'submit-only', 'json', 'help'],
        'exec' => ['targets', 'timeout', 'idempotent', 'stdin', 'plan', 'concurrency', 'on-error', 'delay', 'spread',
            'submit-only', 'json', 'help'],
        'job' => ['list', 'operation', 'state', 'limit', 'show', 'run', 'cancel', 'retry', 'undo', 'passwords', 'forget', 'daemon',
            'interval', 'json', 'help'],
        'key' => ['create', 'renew', 'json', 'help'],
        'publish' => ['follow', 'interval', 'no-components', 'json', 'help'],
        'query' => ['sql', 'file', 'values', 'targets', 'allow', 'row-limit', 'statement-limit', 'csv', 'json', 'help'],
        'restore' => ['tenant', 'snapshot', 'plan', 'yes', 'submit-only', 'json', 'help'],
        'retire' => ['targets', 'disable', 'enable', 'plan', 'yes', 'concurrency', 'on-error', 'submit-only', 'json', 'help'],
        'roles' => ['compare', 'targets', 'role', 'component', 'differences', 'csv', 'concurrency', 'sheets', 'save', 'tenant',
            'import', 'export', 'remove-sheet', 'json', 'help'],
        'run' => ['operations', 'operation', 'set', 'set-stdin', 'targets', 'plan', 'yes', 'concurrency', 'on-error', 'delay',
            'spread', 'submit-only', 'waves', 'json', 'help'],
        'snapshot' => ['list', 'targets', 'name', 'keep', 'snapshot', 'verify', 'trial', 'server', 'delete', 'import',
            'concurrency', 'submit-only', 'json', 'help'],
        'sql' => ['file', 'values', 'targets', 'write', 'allow', 'row-limit', 'statement-limit', 'plan', 'yes', 'concurrency',
            'on-error', 'submit-only', 'csv', 'json', 'help'],
        'status' => ['targets', 'refresh', 'sizes', 'json', 'help'],
        'tenants' => ['list', 'targets', 'state', 'search', 'limit', 'offset', 'add', 'update', 'set', 'password-stdin', 'remove',
            'check', 'aliases', 'alias-add', 'tenant', 'alias-remove', 'json', 'help'],
        'upgrade' => ['plan', 'status', 'refresh', 'targets', 'skip-control', 'waves', 'on-error', 'concurrency', 'time-limit',
            'snapshot-first', 'no-checks', 'allow-unstable', 'submit-only', 'json', 'help'],
        'upgrade_check' => ['answers', 'hash', 'help'],
    ];

    /** @var string scripts whose command line goes on after -- with that of another one. */
    private const GOES_ON = 'exec';

    /** @var array value by option name. */
    private array $options = [];

    /** @var string[] what stands after --. */
    private array $rest = [];

    /**
     * Reads the command line.
     *
     * @param string $script a key of SCRIPTS
     * @param string[] $arguments the command line without the script's name
     */
    public function __construct(
        /** @var string a key of SCRIPTS. */
        private readonly string $script,
        array $arguments
    ) {
        foreach (self::SCRIPTS[$script] as $name) {
            $this->options[$name] = self::OPTIONS[$name][1];
        }
        $end = $script === self::GOES_ON ? array_search('--', $arguments, true) : false;
        if ($end !== false) {
            $this->rest = array_slice($arguments, $end + 1);
            $arguments = array_slice($arguments, 0, $end);
        }
        foreach ($arguments as $argument) {
            $this->read($argument === '-h' ? '--help' : $argument);
        }
    }

    /**
     * Runs a script.
     *
     * @param string $script a key of SCRIPTS
     * @param callable $action takes the options, returns the exit code
     * @param bool $ontenants whether it runs on tenants too
     * @return int the exit code
     */
    public static function main(string $script, callable $action, bool $ontenants = false): int {
        $arguments = array_slice($_SERVER['argv'], 1);
        $asjson = in_array('--json', $arguments, true);
        try {
            $cli = new self($script, $arguments);
            if ($cli->option('help')) {
                self::line($cli->help());
                return self::DONE;
            }
            if (!$ontenants) {
                bridge::require_control_site();
            }
            return $action($cli);
        } catch (\moodle_exception $exception) {
            self::problem($exception, $asjson);
            return self::FAILED;
        }
    }

    /**
     * The value of an option.
     *
     * @param string $name an option
     * @return mixed bool, ?string, ?int or list of strings, by the option's kind; its default where the script has none such
     */
    public function option(string $name) {
        return $this->options[$name] ?? self::OPTIONS[$name][1];
    }

    /**
     * What stands after --.
     *
     * @return string[] empty where nothing does
     */
    public function rest(): array {
        return $this->rest;
    }

    /**
     * Whether it is the command line of a script.
     *
     * @param string $script a key of SCRIPTS
     * @return bool
     */
    public function is_of(string $script): bool {
        return $this->script === $script;
    }

    /**
     * The chosen tenants: --targets may be repeated, and hold several selectors with commas between.
     *
     * A regular expression stands alone, because it may hold commas itself.
     *
     * @return string[] selectors, none when nothing was chosen
     */
    public function targets(): array {
        $selectors = [];
        foreach ($this->options['targets'] as $value) {
            $parts = str_starts_with(ltrim($value, '!'), '/') ? [$value] : explode(',', $value);
            array_push($selectors, ...array_filter(array_map('trim', $parts), 'strlen'));
        }
        return $selectors;
    }

    /**
     * The values given with --set=column=value.
     *
     * @return array text by column; secrets are refused, because every user of the machine can read a command line
     */
    public function assignments(): array {
        $values = [];
        foreach ($this->options['set'] as $assignment) {
            $parts = explode('=', $assignment, 2);
            if (count($parts) < 2 || $parts[0] === '') {
                throw new \moodle_exception('clibadset', 'local_vmoodle', '', $assignment);
            }
            if ($parts[0] === 'vdbpass') {
                throw new \moodle_exception('clinopassword', 'local_vmoodle');
            }
            $values[$parts[0]] = $parts[1];
        }
        return $values;
    }

    /**
     * The database password of a tenant, from the environment or from standard input.
     *
     * @return string|null null when none was given
     */
    public function password(): ?string {
        if ($this->option('password-stdin')) {
            return rtrim((string)fgets(STDIN), "\r\n");
        }
        $password = getenv('VMOODLE_DBPASS');
        return $password === false ? null : $password;
    }

    /**
     * What the file says that an option names.
     *
     * @param string $name an option; its value is a path, - for standard input
     * @return string the file's contents
     */
    public function contents(string $name): string {
        $path = (string)$this->option($name);
        $contents = $path === '-' ? stream_get_contents(STDIN) : (is_readable($path) ? file_get_contents($path) : false);
        if ($contents === false) {
            throw new \moodle_exception('clibadvalue', 'local_vmoodle', '', "--$name=$path");
        }
        return $contents;
    }

    /**
     * Prints a result: JSON with --json, else by a function.
     *
     * @param array $data the result
     * @param callable $print takes the result and prints it for a person
     */
    public function result(array $data, callable $print): void {
        if ($this->options['json']) {
            self::line(self::json($data));
        } else {
            $print($data);
        }
    }

    /**
     * Prints rows in columns.
     *
     * @param string[] $headings heading by key
     * @param array[] $rows values by key
     */
    public static function table(array $headings, array $rows): void {
        array_unshift($rows, $headings);
        $widths = array_fill_keys(array_keys($headings), 0);
        foreach ($rows as $row) {
            foreach ($widths as $key => $width) {
                $widths[$key] = max($width, mb_strwidth((string)($row[$key] ?? '')));
            }
        }
        foreach ($rows as $row) {
            $text = '';
            foreach ($widths as $key => $width) {
                $cell = (string)($row[$key] ?? '');
                $text .= $cell . str_repeat(' ', $width - mb_strwidth($cell) + 2);
            }
            self::line(rtrim($text));
        }
    }

    /**
     * Prints a line.
     *
     * @param string $text without line end
     */
    public static function line(string $text): void {
        fwrite(STDOUT, $text . PHP_EOL);
    }

    /**
     * Prints a line that is not part of the result: progress, warnings.
     *
     * @param string $text without line end
     */
    public static function note(string $text): void {
        fwrite(STDERR, $text . PHP_EOL);
    }

    /**
     * Prints an error, and the way out where one is known.
     *
     * @param \moodle_exception $exception the error
     * @param bool $asjson as one JSON object
     */
    public static function problem(\moodle_exception $exception, bool $asjson): void {
        $native = $exception instanceof native_exception;
        $message = $exception->getMessage() . ($native && !words::reads_english() ? " {$exception->native}" : '');
        if ($asjson) {
            self::note(self::json(['error' => [
                'code' => $native ? $exception->reason : $exception->errorcode,
                'message' => $message,
                'hint' => $native ? $exception->hint : null,
                'tenant' => $native ? $exception->tenant : null,
                'retryable' => $native && $exception->retry === native_exception::RETRYABLE,
            ]]));
            return;
        }
        self::note(get_string('clierror', 'local_vmoodle', $message));
        if ($native && (string)$exception->hint !== '' && !str_contains($exception->native, $exception->hint)) {
            self::note(get_string('clihint', 'local_vmoodle', $exception->hint));
        }
    }

    /**
     * A value as one line of JSON.
     *
     * @param array $data the value
     * @return string without line end
     */
    public static function json(array $data): string {
        return json_encode($data, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
    }

    /**
     * Reads one argument.
     *
     * @param string $argument as typed
     */
    private function read(string $argument): void {
        [$name, $value] = array_pad(explode('=', $argument, 2), 2, null);
        $name = str_starts_with($name, '--') ? substr($name, 2) : '';
        if (!in_array($name, self::SCRIPTS[$this->script], true)) {
            throw new \moodle_exception('cliunknown', 'local_vmoodle', '', $argument);
        }
        $kind = self::OPTIONS[$name][0];
        if (($kind === 'flag') !== ($value === null) && !in_array($name, ['check', 'import', 'name'], true)) {
            throw new \moodle_exception('clibadvalue', 'local_vmoodle', '', $argument);
        }
        if ($kind === 'whole') {
            if (!preg_match('/^\d{1,9}$/', $value)) {
                throw new \moodle_exception('clibadvalue', 'local_vmoodle', '', $argument);
            }
            $value = (int)$value;
        }
        if ($kind === 'list') {
            $this->options[$name][] = $value;
        } else {
            $this->options[$name] = $kind === 'flag' ? true : $value ?? '';
        }
    }

    /**
     * The script's help.
     *
     * @return string several lines
     */
    private function help(): string {
        $lines = [get_string('cli_' . $this->script, 'local_vmoodle'), '', get_string('clioptions', 'local_vmoodle')];
        foreach (self::SCRIPTS[$this->script] as $name) {
            $value = ['flag' => '', 'text' => '=...', 'whole' => '=N', 'list' => '=...'][self::OPTIONS[$name][0]];
            $text = get_string('clioption_' . str_replace('-', '', $name), 'local_vmoodle');
            $lines[] = sprintf('  --%-20s %s', $name . $value, $text);
        }
        return implode(PHP_EOL, $lines);
    }
}
