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

use local_vmoodle\bridge;
use local_vmoodle\native_exception;
use local_vmoodle\output\snapshot_list;
use local_vmoodle\output\words;

/**
 * The page snapshots.php: snapshots and templates, and what can be made of them.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class snapshots_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/snapshots.php';

    /**
     * Lets only those in who may, and only on the control site.
     */
    public static function require_access(): void {
        require_capability('local/vmoodle:managevmoodles', \context_system::instance());
        bridge::require_control_site();
        admin_externalpage_setup('local_vmoodle_snapshots');
    }

    /**
     * Deletes a snapshot when that was asked for and confirmed, and comes back to the page.
     *
     * @param string $delete its number, or nothing
     * @param bool $confirmed whether the question was answered
     * @return string HTML of the question, or of what kept it from being done; empty where nothing was asked
     */
    public static function process(string $delete, bool $confirmed): string {
        global $OUTPUT;
        if ($delete === '') {
            return '';
        }
        if (!$confirmed || ($_SERVER['REQUEST_METHOD'] ?? '') !== 'POST') {
            $yes = new \moodle_url(self::URL, ['delete' => $delete, 'confirmed' => 1]);
            $question = get_string('snapshotdelete', 'local_vmoodle', s($delete));
            return $OUTPUT->confirm($question, new \single_button($yes, get_string('delete'), 'post'), new \moodle_url(self::URL));
        }
        require_sesskey();
        try {
            $snapshot = bridge::snapshot_delete($delete);
        } catch (native_exception $exception) {
            return words::problem($exception) . $OUTPUT->render(self::content());
        }
        $message = get_string('snapshotdeleted', 'local_vmoodle', $snapshot['id']);
        redirect(new \moodle_url(self::URL), s($message), null, \core\output\notification::NOTIFY_SUCCESS);
    }

    /**
     * Reads what the page shows.
     *
     * @return snapshot_list to be rendered
     */
    public static function content(): snapshot_list {
        return new snapshot_list(bridge::snapshots());
    }
}
