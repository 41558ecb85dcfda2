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

namespace local_vmoodle\output;

use core\output\named_templatable;
use local_vmoodle\local\comparison\comparison;
use local_vmoodle\local\page\compare_page;

/**
 * A comparison as a matrix: a line for each thing, a column for each tenant, a button in each cell.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class matrix_view implements named_templatable, \renderable {
    /** @var int lines on a page. */
    private const LINES = 50;

    /** @var int tenants on a page. */
    private const TENANTS = 10;

    /** @var int characters of a value that are shown. */
    private const SHOWN = 60;

    /** @var int[] number of the tenant by address. */
    private readonly array $numbers;

    /**
     * Takes what is to be shown.
     *
     * @param string $what kind of comparison
     * @param comparison $comparison what was read
     * @param string[] $asked parameters of the page
     * @param int[] $pages page and tenantpage, from 0
     */
    public function __construct(
        /** @var string kind of comparison. */
        private readonly string $what,
        /** @var comparison what was read. */
        private readonly comparison $comparison,
        /** @var string[] parameters of the page. */
        private readonly array $asked,
        /** @var int[] page and tenantpage, from 0. */
        private readonly array $pages
    ) {
        global $DB;
        $rows = $DB->get_records_list('local_vmoodle', 'vhostname', $comparison->tenants(), '', 'vhostname, id');
        $this->numbers = array_map('intval', array_column($rows, 'id', 'vhostname'));
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/matrix_view';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $comparison = $this->comparison;
        $lines = $comparison->lines();
        // Where only differences are shown, who differs nowhere needs no column.
        $tenants = $this->asked['differences'] ? $comparison->odd() : $comparison->tenants();
        $columns = array_slice($tenants, $this->pages['tenantpage'] * self::TENANTS, self::TENANTS);
        $url = fn(array $more): \moodle_url => new \moodle_url(compare_page::URL, ['what' => $this->what] + $this->asked + $more);
        $bar = static fn(int $total, int $page, int $size, \moodle_url $base, string $name): string
            => $output->render(new \paging_bar($total, $page, $size, $base, $name));
        return [
            'summary' => get_string('comparesummary', 'local_vmoodle', [
                'tenants' => count($comparison->tenants()),
                'lines' => count($lines),
                'columns' => count($tenants),
            ]),
            'age' => get_string('compareage', 'local_vmoodle', format_time(max(1, time() - $comparison->time()))),
            'failures' => array_map(
                static fn(string $tenant, string $error): string => s($tenant) . ": {$error}",
                array_keys($comparison->failures()),
                $comparison->failures()
            ),
            'haslines' => (bool)$lines,
            'legend' => array_map(
                static fn(array $one): array => ['badge' => badge::classes($one['colour'] ?? '')] + $one,
                $comparison->legend()
            ),
            'hidden' => array_map(
                static fn(string $name, $value): array => ['name' => $name, 'value' => $value],
                array_keys(['what' => $this->what] + $this->asked),
                ['what' => $this->what] + $this->asked
            ),
            'columns' => array_map(fn(string $tenant): array => [
                'id' => $this->numbers[$tenant],
                'host' => preg_replace('#^https?://#', '', $tenant),
            ], $columns),
            'lines' => $this->lines(array_slice($lines, $this->pages['page'] * self::LINES, self::LINES), $columns),
            'pages' => $bar(count($lines), $this->pages['page'], self::LINES, $url(['tenantpage' => $this->pages['tenantpage']]), 'page'),
            'tenantpages' => $bar(count($tenants), $this->pages['tenantpage'], self::TENANTS, $url([]), 'tenantpage'),
            'csv' => $url(['download' => 'csv'])->out(false),
            'json' => $url(['download' => 'json'])->out(false),
            'mayspread' => $this->may_spread(),
        ];
    }

    /**
     * The lines of a page.
     *
     * @param array[] $lines of the comparison
     * @param string[] $columns addresses of the tenants that have a column
     * @return array[] contexts
     */
    private function lines(array $lines, array $columns): array {
        $group = null;
        $shown = [];
        foreach ($lines as $line) {
            $cells = [];
            foreach ($columns as $tenant) {
                $odd = array_key_exists($tenant, $line['odd']);
                $cells[] = ['odd' => $odd] + $this->cell($line, $odd ? $line['odd'][$tenant] : $line['value'], $tenant);
            }
            $alike = array_diff($this->comparison->tenants(), array_keys($line['odd']));
            $shown[] = [
                'group' => $line['group'] === $group ? '' : $line['group'],
                'span' => count($columns) + 2,
                'name' => $line['name'],
                'note' => $line['note'],
                'title' => $line['title'],
                'most' => $this->cell($line, $line['value'], reset($alike) ?: null),
                'alike' => count($alike),
                'cells' => $cells,
            ];
            $group = $line['group'];
        }
        return $shown;
    }

    /**
     * A cell: what it says, and what its button sends.
     *
     * @param array $line of the comparison
     * @param string|null $value what it says
     * @param string|null $tenant address of one that has it
     * @return array text, badge, label, cell
     */
    private function cell(array $line, ?string $value, ?string $tenant): array {
        $text = $this->comparison->word($value);
        $button = $tenant !== null && $this->may_spread() && $this->comparison->may_spread($line, $value);
        return [
            'text' => shorten_text($text, self::SHOWN, true),
            'badge' => badge::classes($this->comparison->colour($value)),
            'cell' => $button ? $this->numbers[$tenant] . ':' . $line['id'] : '',
            'label' => $button ? get_string('comparespread', 'local_vmoodle', ['value' => $text, 'name' => $line['name'],
                'tenant' => $tenant]) : '',
        ];
    }

    /**
     * Whether this person may run operations.
     *
     * @return bool
     */
    private function may_spread(): bool {
        return has_capability('local/vmoodle:execute', \context_system::instance());
    }
}
