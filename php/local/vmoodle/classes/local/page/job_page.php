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

namespace local_vmoodle\local\page;

use core_reportbuilder\system_report_factory;
use local_vmoodle\bridge;
use local_vmoodle\local\spreadsheet;
use local_vmoodle\local\sql_commands;
use local_vmoodle\native_exception;
use local_vmoodle\output\job_view;
use local_vmoodle\output\words;
use local_vmoodle\reportbuilder\local\systemreports\items;
use local_vmoodle\task\run_job;

/**
 * The page job.php: one job, live, with what it did on each tenant.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class job_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/job.php';

    /**
     * Lets only those in who may, and only on the control site.
     *
     * @param int $id the job
     */
    public static function require_access(int $id): void {
        global $PAGE;
        require_capability('local/vmoodle:execute', \context_system::instance());
        bridge::require_control_site();
        \navigation_node::override_active_url(new \moodle_url('/local/vmoodle/jobs.php'));
        admin_externalpage_setup('local_vmoodle_jobs', '', null, new \moodle_url(self::URL, ['id' => $id]));
        $PAGE->navbar->add(get_string('jobnumber', 'local_vmoodle', $id));
    }

    /**
     * Does what a button asks for, and goes to the job that comes of it; sends the rows that a script gave.
     *
     * @param int $id the job
     * @param string $action cancel, retry, undo, run, passwords, rows, or nothing
     * @return string[] the new passwords that were asked for, by the address of the site: this answer alone holds them
     * @throws native_exception when it cannot be done
     */
    public static function process(int $id, string $action): array {
        global $USER;
        if ($action === 'rows') {
            spreadsheet::download("job-{$id}", sql_commands::lines(bridge::job($id)));
        }
        if ($action === '' || ($_SERVER['REQUEST_METHOD'] ?? '') !== 'POST') {
            return [];
        }
        require_sesskey();
        if ($action === 'passwords') {
            return (int)bridge::job_summary($id)['userid'] === (int)$USER->id ? bridge::job_passwords($id) : [];
        }
        $next = match ($action) {
            'cancel' => (int)bridge::job_cancel($id)['id'],
            'retry' => bridge::job_retry($id),
            'undo' => bridge::job_undo($id),
            'run' => $id,
        };
        if ($action !== 'cancel') {
            run_job::queue($next);
        }
        redirect(new \moodle_url(self::URL, ['id' => $next]));
    }

    /**
     * Does what a button asks for; what the page shows.
     *
     * @param int $id the job
     * @param string $action as process() takes it
     * @return string HTML
     */
    public static function content(int $id, string $action = ''): string {
        global $DB, $OUTPUT;
        $notice = '';
        $passwords = [];
        try {
            $passwords = self::process($id, $action);
        } catch (native_exception $exception) {
            $notice = words::problem($exception);
        }
        $operations = array_column(bridge::operations(), null, 'name');
        $job = bridge::job_summary($id);
        $like = $DB->sql_like('output', ':rows');
        $hasrows = $DB->record_exists_select(
            'local_vmoodle_item',
            "jobid = :job AND {$like}",
            ['job' => $id, 'rows' => '%"statements":[{%']
        );
        $view = new job_view($job, $operations[$job['operation']] ?? [], $hasrows, $passwords);
        $report = system_report_factory::create(items::class, \context_system::instance(), '', '', 0, ['job' => $id]);
        return $notice . $OUTPUT->render($view) . $report->output();
    }
}
