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
 * A job's progress on a terminal; silent where nobody looks.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class progress_bar {
    /** @var int how wide the bar is. */
    private const WIDTH = 40;

    /** @var bool whether a bar stands on the terminal's line. */
    private bool $shown = false;

    /**
     * Draws how far a job is.
     *
     * @param int[] $counts number of items by state
     */
    public function show(array $counts): void {
        $counts = array_filter($counts, 'is_int');
        $total = array_sum($counts);
        if ($total === 0 || !stream_isatty(STDERR)) {
            return;
        }
        $ended = $total - ($counts['queued'] ?? 0) - ($counts['running'] ?? 0);
        $full = intdiv(self::WIDTH * $ended, $total);
        $states = implode(' ', array_map(static fn($state, $count) => "$state:$count", array_keys($counts), $counts));
        fwrite(STDERR, sprintf("\r\e[K[%s%s] %d/%d %s", str_repeat('#', $full), str_repeat('.', self::WIDTH - $full), $ended, $total, $states));
        $this->shown = true;
    }

    /**
     * Leaves the bar's line.
     */
    public function end(): void {
        if ($this->shown) {
            fwrite(STDERR, PHP_EOL);
            $this->shown = false;
        }
    }
}
