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
 * Publishes the registry to the index, once or for ever.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class publisher {
    /** @var bool whether a signal asked the loop to end. */
    private static bool $stopped = false;

    /**
     * The script cli/publish.php.
     *
     * @param cli $cli its options
     * @return int exit code
     */
    public static function main(cli $cli): int {
        farm_folder::of_index()->require_writer();
        $components = $cli->option('no-components') ? null : component_cache::build();
        if ($cli->option('follow')) {
            return self::follow($cli);
        }
        $result = ['components' => $components] + bridge::publish();
        $cli->result($result, static fn(array $result) => self::print($result));
        return cli::DONE;
    }

    /**
     * Builds the component cache, then publishes.
     *
     * @return array as bridge::publish(), and components
     */
    public static function publish_all(): array {
        return ['components' => component_cache::build()] + bridge::publish();
    }

    /**
     * What is wrong with this node's index, if anything.
     *
     * @return string|null unreadable, behind or components; null when all is well
     */
    public static function fault(): ?string {
        $status = bridge::index_status();
        if ($status['state'] !== 'good') {
            return 'unreadable';
        }
        if ((int)$status['generation'] !== self::registry_generation()) {
            return 'behind';
        }
        return component_cache::is_current() ? null : 'components';
    }

    /**
     * The generation of the registry, as the control database has it.
     *
     * @return int 0 when nothing was ever published
     */
    public static function registry_generation(): int {
        global $DB;
        return (int)$DB->get_field_sql('SELECT MAX(generation) FROM {local_vmoodle_generation}');
    }

    /**
     * Keeps this node's index up to date until a signal asks it to end; a dead control database is waited for.
     *
     * @param cli $cli the script's options
     * @return int exit code
     */
    private static function follow(cli $cli): int {
        global $DB;
        // The loop asks the native core only; an idle connection of Moodle's would be closed by the server sooner or later.
        $DB->dispose();
        self::catch_signals();
        $interval = max(1, $cli->option('interval') ?? 2);
        $trouble = null;
        while (!self::$stopped) {
            try {
                $result = bridge::index_refresh();
                if ($trouble !== null) {
                    cli::note(get_string('followback', 'local_vmoodle', userdate(time(), '%F %T')));
                }
                $trouble = null;
                if ($result['changed']) {
                    $cli->result($result, static fn(array $result) => self::print($result));
                }
            } catch (\moodle_exception $exception) {
                // A trouble that lasts is said once.
                if ($trouble !== $exception->getMessage()) {
                    cli::problem($exception, $cli->option('json'));
                }
                $trouble = $exception->getMessage();
            }
            self::wait($interval);
        }
        return cli::DONE;
    }

    /**
     * Sleeps, and wakes up for a signal.
     *
     * @param int $seconds how long
     */
    private static function wait(int $seconds): void {
        $end = microtime(true) + $seconds;
        while (!self::$stopped && ($left = $end - microtime(true)) > 0) {
            usleep((int)min(200000, $left * 1000000));
        }
    }

    /**
     * Makes SIGTERM and SIGINT end the loop cleanly.
     */
    private static function catch_signals(): void {
        if (!function_exists('pcntl_async_signals')) {
            return;
        }
        pcntl_async_signals(true);
        foreach ([SIGTERM, SIGINT] as $signal) {
            pcntl_signal($signal, static function (): void {
                self::$stopped = true;
            });
        }
    }

    /**
     * Prints what was published.
     *
     * @param array $result as bridge::publish()
     */
    private static function print(array $result): void {
        cli::line(get_string('published', 'local_vmoodle', [
            'generation' => $result['generation'],
            'tenants' => $result['tenants'],
            'aliases' => $result['aliases'],
            'bytes' => $result['bytes'],
            'path' => $result['path'],
        ]));
        foreach ($result['warnings'] ?? [] as $warning) {
            cli::note(get_string('cliwarning', 'local_vmoodle', is_array($warning) ? cli::json($warning) : $warning));
        }
    }
}
