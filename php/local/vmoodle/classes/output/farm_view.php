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

use core\check\result;
use core\output\named_templatable;

/**
 * The farm at a glance: tenants by state, Moodle releases, running jobs, last cron, failing checks.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class farm_view implements named_templatable, \renderable {
    /** @var string[] results of checks, the worst first. */
    private const WORST = [result::CRITICAL, result::ERROR, result::WARNING, result::UNKNOWN, result::INFO, result::NA, result::OK];

    /**
     * Takes what is to be shown.
     *
     * @param int[] $states number of tenants by state
     * @param int[] $releases number of tenants by Moodle release
     * @param int[] $crons number of enabled tenants by the age of their last cron
     * @param int $open number of jobs that are queued or running
     * @param \stdClass[] $jobs the newest of them: id, operation, status
     * @param \core\check\check[] $checks of the farm
     */
    public function __construct(
        /** @var int[] number of tenants by state. */
        private readonly array $states,
        /** @var int[] number of tenants by Moodle release. */
        private readonly array $releases,
        /** @var int[] number of enabled tenants by the age of their last cron. */
        private readonly array $crons,
        /** @var int number of jobs that are queued or running. */
        private readonly int $open,
        /** @var \stdClass[] the newest of them: id, operation, status. */
        private readonly array $jobs,
        /** @var \core\check\check[] of the farm. */
        private readonly array $checks
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/farm_view';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $url = static fn(string $page): string => (new \moodle_url("/local/vmoodle/{$page}.php"))->out(false);
        $checks = array_map(static function (\core\check\check $check) use ($output): array {
            // To ask a check is to run it.
            $result = $check->get_result();
            return [
                'name' => $check->get_name(),
                'rank' => array_search($result->get_status(), self::WORST),
                'status' => $output->check_result($result),
                'summary' => $result->get_summary(),
            ];
        }, $this->checks);
        \core_collator::asort_array_of_arrays_by_key($checks, 'rank', \core_collator::SORT_NUMERIC);
        $look = new \single_button(
            new \moodle_url('/local/vmoodle/farm.php', ['action' => 'look']),
            get_string('lookagain', 'local_vmoodle'),
            'post'
        );
        $late = $this->crons['cronolder'] + $this->crons['cronnever'];
        return [
            'total' => array_sum($this->states),
            'open' => $this->open,
            'jobs' => array_map(static fn(\stdClass $job): array => [
                'id' => $job->id,
                'url' => (new \moodle_url('/local/vmoodle/job.php', ['id' => $job->id]))->out(false),
                'operation' => $job->operation,
                'badge' => state::badge($job->status),
            ], array_values($this->jobs)),
            'late' => $late,
            'tenantsurl' => $url('index'),
            'jobsurl' => $url('jobs'),
            'operationsurl' => $url('run'),
            'compareurl' => $url('compare'),
            'states' => $this->chart($output, new \core\chart_pie(), array_combine(
                array_map([state::class, 'word'], array_keys($this->states)),
                $this->states
            )),
            'releases' => $this->chart($output, new \core\chart_bar(), $this->releases),
            'crons' => $this->chart($output, new \core\chart_bar(), array_combine(
                array_map(static fn(string $age): string => get_string($age, 'local_vmoodle'), array_keys($this->crons)),
                $this->crons
            )),
            'checks' => array_values($checks),
            'look' => $look->export_for_template($output),
        ];
    }

    /**
     * A chart, with its table for those who do not see it.
     *
     * @param \renderer_base $output
     * @param \core\chart_base $chart
     * @param int[] $counts number by label
     * @return string HTML, empty where nothing is counted
     */
    private function chart(\renderer_base $output, \core\chart_base $chart, array $counts): string {
        if (!array_sum($counts)) {
            return '';
        }
        $chart->add_series(new \core\chart_series(get_string('tenants', 'local_vmoodle'), array_values($counts)));
        $chart->set_labels(array_map('strval', array_keys($counts)));
        return $output->render($chart);
    }
}
