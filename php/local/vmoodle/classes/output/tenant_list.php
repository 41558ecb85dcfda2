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
use core\output\notification;

/**
 * The report of tenants, between a notice about the index and the menu of bulk operations.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class tenant_list implements named_templatable, \renderable {
    /**
     * Takes what is to be shown.
     *
     * @param string $report HTML
     * @param array $index the index status
     * @param int $generation the registry's generation
     * @param array[] $operations descriptions of those that may be run
     */
    public function __construct(
        /** @var string HTML. */
        private readonly string $report,
        /** @var array the index status. */
        private readonly array $index,
        /** @var int the registry's generation. */
        private readonly int $generation,
        /** @var array[] descriptions of those that may be run. */
        private readonly array $operations
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/tenant_list';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $operations = array_values(array_filter($this->operations, static fn(array $operation): bool => !$operation['makes']));
        $button = new \single_button(
            new \moodle_url('/local/vmoodle/index.php', ['action' => 'publish']),
            get_string('publish', 'local_vmoodle'),
            'post',
            \single_button::BUTTON_PRIMARY
        );
        return [
            'notice' => $output->render($this->notice()),
            'publish' => $button->export_for_template($output),
            'create' => $operations ? (new \moodle_url('/local/vmoodle/edit.php'))->out(false) : '',
            'report' => $this->report,
            'run' => (new \moodle_url('/local/vmoodle/run.php'))->out(false),
            'operations' => $operations,
            'hasoperations' => (bool)$operations,
        ];
    }

    /**
     * How the index is, as a notice.
     *
     * @return notification an alarm when requests are not answered from the newest index
     */
    private function notice(): notification {
        $state = $this->index['state'];
        $a = [
            'index' => (int)$this->index['generation'],
            'registry' => $this->generation,
            'tenants' => (int)$this->index['tenants'],
        ];
        if ($state !== 'good') {
            $text = get_string('index_' . $state, 'local_vmoodle') . ' ' . s((string)$this->index['message']);
            $type = notification::NOTIFY_ERROR;
        } else if ($a['index'] !== $a['registry']) {
            $text = get_string('checkindexbehind', 'local_vmoodle', $a);
            $type = notification::NOTIFY_WARNING;
        } else {
            $text = get_string('checkindexok', 'local_vmoodle', $a);
            $type = notification::NOTIFY_INFO;
        }
        return (new notification($text, $type))->set_show_closebutton(false);
    }
}
