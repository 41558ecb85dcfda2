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

namespace local_vmoodle\local\comparison;

use local_vmoodle\output\words;

/**
 * Many tenants side by side: what most of them have, and who has something else.
 *
 * A line has: id (what a cell's button sends back), group, name, note (a letter) and its title, value (of most tenants), and odd
 * (the value of each other tenant, by address).
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
abstract class comparison {
    /** @var string[] class by what is compared. */
    public const KINDS = ['roles' => roles::class, 'plugins' => plugins::class, 'config' => settings::class];

    /** @var string[] addresses of the tenants that were read. */
    protected array $tenants = [];

    /** @var string[] why tenants could not be read, by address; HTML. */
    protected array $failures = [];

    /** @var array[] lines. */
    protected array $lines = [];

    /** @var int when the tenants were asked. */
    private int $time = 0;

    /**
     * Reads the tenants.
     *
     * @param string $what a key of KINDS
     * @param string[] $selectors targets
     * @param string[] $asked role, component, type, names, search, differences
     * @return self
     */
    public static function read(string $what, array $selectors, array $asked): self {
        $class = self::KINDS[$what];
        $comparison = new $class();
        $comparison->ask($selectors, $asked);
        $search = \core_text::strtolower($asked['search']);
        $comparison->lines = array_values(array_filter(
            $comparison->lines,
            static fn(array $line): bool => ($line['odd'] || !$asked['differences'])
                && ($search === '' || str_contains(\core_text::strtolower("{$line['group']} {$line['name']}"), $search))
        ));
        return $comparison;
    }

    /**
     * Keeps it for whoever asked, for a while.
     *
     * @param string $what a key of KINDS
     * @param string[] $asked as read() took it, and targets
     */
    public function keep(string $what, array $asked): void {
        $this->time = time();
        \cache::make('local_vmoodle', 'comparisons')->set(self::key($what, $asked), serialize($this));
    }

    /**
     * What was kept, unless a job has ended since.
     *
     * @param string $what a key of KINDS
     * @param string[] $asked as keep() took it
     * @return self|null
     */
    public static function kept(string $what, array $asked): ?self {
        global $DB;
        $kept = \cache::make('local_vmoodle', 'comparisons')->get(self::key($what, $asked));
        $comparison = $kept ? unserialize($kept, ['allowed_classes' => self::KINDS]) : null;
        return $comparison && $DB->get_field('local_vmoodle_job', 'MAX(timefinished)', []) < $comparison->time ? $comparison : null;
    }

    /**
     * The name that it is kept under: it is its reader's, and in their language.
     *
     * @param string $what a key of KINDS
     * @param string[] $asked as keep() took it
     * @return string
     */
    private static function key(string $what, array $asked): string {
        global $USER;
        ksort($asked);
        return sha1(json_encode([(int)$USER->id, current_language(), $what, $asked], JSON_INVALID_UTF8_SUBSTITUTE));
    }

    /**
     * When the tenants were asked.
     *
     * @return int epoch
     */
    public function time(): int {
        return $this->time;
    }

    /**
     * Asks the tenants, and keeps what they say.
     *
     * @param string[] $selectors targets
     * @param string[] $asked as read() takes it
     */
    abstract protected function ask(array $selectors, array $asked): void;

    /**
     * Keeps which tenants were read, and why others were not.
     *
     * @param array[] $tenants wwwroot, errorcode, error
     */
    protected function hear(array $tenants): void {
        foreach ($tenants as $tenant) {
            if ($tenant['error'] === null) {
                $this->tenants[] = $tenant['wwwroot'];
            } else {
                $this->failures[$tenant['wwwroot']] = words::error($tenant['errorcode'], $tenant['error']);
            }
        }
    }

    /**
     * A value as people read it.
     *
     * @param string|null $value of a line
     * @return string
     */
    abstract public function word(?string $value): string;

    /**
     * The Bootstrap colour of a value's badge.
     *
     * @param string|null $value of a line
     * @return string empty for plain text
     */
    public function colour(?string $value): string {
        return '';
    }

    /**
     * What badges and letters mean.
     *
     * @return array[] text, colour and word; or letter and word
     */
    public function legend(): array {
        return [];
    }

    /**
     * Whether a value can be given to other tenants.
     *
     * @param array $line the line
     * @param string|null $value of a tenant
     * @return bool
     */
    public function may_spread(array $line, ?string $value): bool {
        return $value !== null;
    }

    /**
     * The operation that makes other tenants as one is.
     *
     * @param string $id of the line
     * @param string $source address of the tenant whose cell was chosen
     * @return string[] operation, and its parameters with p_ before their names
     */
    abstract public static function spread(string $id, string $source): array;

    /**
     * The matrix for a spreadsheet: a column for each tenant.
     *
     * @return array[] lists of texts, the first one the headings
     */
    abstract public function matrix(): array;

    /**
     * The tenants that were read.
     *
     * @return string[] addresses
     */
    public function tenants(): array {
        return $this->tenants;
    }

    /**
     * The tenants that have something else than most in a line that is shown.
     *
     * @return string[] addresses
     */
    public function odd(): array {
        $odd = array_merge([], ...array_column($this->lines, 'odd'));
        return array_values(array_filter($this->tenants, static fn(string $tenant): bool => array_key_exists($tenant, $odd)));
    }

    /**
     * Why tenants could not be read.
     *
     * @return string[] HTML by address
     */
    public function failures(): array {
        return $this->failures;
    }

    /**
     * The lines.
     *
     * @return array[] id, group, name, note, title, value, odd
     */
    public function lines(): array {
        return $this->lines;
    }

    /**
     * Everything, for a program.
     *
     * @return array tenants, failures, lines
     */
    public function data(): array {
        $shown = array_flip(['group', 'name', 'value', 'odd']);
        $lines = array_map(static fn(array $line): array => array_intersect_key($line, $shown), $this->lines);
        return ['tenants' => $this->tenants, 'failures' => (object)$this->failures, 'lines' => $lines];
    }

    /**
     * A matrix with a line's name and a column for each tenant.
     *
     * @param callable $text takes a value, gives its text
     * @return array[] lists of texts
     */
    protected function table(callable $text): array {
        $table = [array_merge([get_string('comparecolumn_name', 'local_vmoodle')], $this->tenants)];
        foreach ($this->lines as $line) {
            $cells = array_map(static fn(string $tenant): string => $text(
                array_key_exists($tenant, $line['odd']) ? $line['odd'][$tenant] : $line['value']
            ), $this->tenants);
            $table[] = array_merge([$line['name']], $cells);
        }
        return $table;
    }
}
