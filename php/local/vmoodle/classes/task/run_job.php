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

namespace local_vmoodle\task;

use local_vmoodle\bridge;
use local_vmoodle\local\job_end;
use local_vmoodle\native_exception;

/**
 * Runs one job; where its time does not suffice it queues itself again, and tells the submitter once the job has ended.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class run_job extends \core\task\adhoc_task {
    use \core\task\stored_progress_task_trait;

    /**
     * Leaves a job to the next cron, unless that is asked for already.
     *
     * @param int $job its number
     */
    public static function queue(int $job): void {
        \core\task\manager::queue_adhoc_task(self::of($job), true);
    }

    #[\Override]
    public function get_name() {
        return get_string('taskrunjob', 'local_vmoodle');
    }

    #[\Override]
    public function execute() {
        if (!bridge::is_control_site()) {
            return;
        }
        $job = (int)($this->get_custom_data()->job ?? 0);
        $began = time();
        try {
            if (bridge::job_summary($job)['timefinished']) {
                return;
            }
            $this->start_stored_progress();
            $counts = bridge::job_run($job, [$this, 'show']);
        } catch (native_exception $exception) {
            if ($exception->reason !== 'job_not_found') {
                throw $exception;
            }
            // Its journal is gone; to try again would not help.
            mtrace($exception->getMessage());
            return;
        }
        // New passwords are not for a log: the job's page shows them to whoever asked for them.
        $counts = array_filter($counts, 'is_int');
        $shown = array_map(static fn($state, $count) => "$state $count", array_keys($counts), $counts);
        mtrace(get_string('taskjobran', 'local_vmoodle', ['job' => $job, 'counts' => implode(', ', $shown)]));
        if (!empty($counts['queued'])) {
            // This task still stands in the queue, so that one like it would pass for queued already.
            $again = self::of($job);
            $again->set_next_run_time(max(time(), self::next_begin($job)));
            \core\task\manager::queue_adhoc_task($again);
        }
        if ($ended = job_end::announce($job, $began)) {
            self::tell($ended);
        }
    }

    /**
     * Stores how far the job is, for Moodle's own list of running tasks; a whole percent at a time.
     *
     * @param array $counts number of items by state
     */
    public function show(array $counts): void {
        $counts = array_filter($counts, 'is_int');
        $total = array_sum($counts);
        $ended = $total - ($counts['queued'] ?? 0) - ($counts['running'] ?? 0);
        $percent = $total ? intdiv(100 * $ended, $total) : 100;
        if ($percent > (int)$this->progress->get_percent()) {
            $this->progress->update_full($percent, "{$ended} / {$total}");
        }
    }

    /**
     * When the next item of a job may begin: the beginnings of a job may be spread over hours.
     *
     * @param int $job its number
     * @return int epoch, 0 for at once
     */
    public static function next_begin(int $job): int {
        global $DB;
        return (int)$DB->get_field('local_vmoodle_item', 'MIN(notbefore)', ['jobid' => $job, 'status' => 'queued']);
    }

    /**
     * The task of a job.
     *
     * @param int $job its number
     * @return self not queued yet
     */
    private static function of(int $job): self {
        $task = new self();
        $task->set_component('local_vmoodle');
        $task->set_custom_data(['job' => $job]);
        return $task;
    }

    /**
     * Sends the submitter a notification.
     *
     * @param array $job as bridge::job_summary() gives it
     */
    private static function tell(array $job): void {
        $user = $job['userid'] ? \core_user::get_user($job['userid']) : false;
        if (!$user || $user->deleted) {
            return;
        }
        $manager = get_string_manager();
        $state = $manager->get_string('state_' . $job['status'], 'local_vmoodle', null, $user->lang);
        $a = ['id' => $job['id'], 'operation' => $job['operation'], 'state' => $state];
        $message = new \core\message\message();
        $message->component = 'local_vmoodle';
        $message->name = 'jobfinished';
        $message->userfrom = \core_user::get_noreply_user();
        $message->userto = $user;
        $message->subject = $manager->get_string('jobfinishedsubject', 'local_vmoodle', $a, $user->lang);
        $message->fullmessage = $message->subject;
        $message->fullmessageformat = FORMAT_PLAIN;
        $message->fullmessagehtml = '';
        $message->smallmessage = $message->subject;
        $message->notification = 1;
        $message->contexturl = (new \moodle_url('/local/vmoodle/job.php', ['id' => $job['id']]))->out(false);
        $message->contexturlname = $manager->get_string('jobnumber', 'local_vmoodle', $job['id'], $user->lang);
        message_send($message);
    }
}
