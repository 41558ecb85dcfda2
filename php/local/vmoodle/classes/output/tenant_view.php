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

/**
 * One tenant: row, facts with their age, aliases, last jobs, and the operations that can be run on it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class tenant_view implements named_templatable, \renderable {
    /** @var string[] columns of the registry that are shown; none holds a secret. */
    private const COLUMNS = ['shortname', 'description', 'vdbtype', 'vdbhost', 'vdbport', 'vdbname', 'vdbprefix', 'vdblogin',
        'vdatapath', 'mnet'];

    /**
     * Takes what is to be shown.
     *
     * @param array $row as bridge::tenant() gives it
     * @param \stdClass[] $facts fact, value, collected
     * @param string[] $aliases hosts
     * @param \stdClass[] $jobs jobid, status, timefinished, operation, mode
     * @param array[] $operations descriptions
     */
    public function __construct(
        /** @var array as bridge::tenant() gives it. */
        private readonly array $row,
        /** @var \stdClass[] fact, value, collected. */
        private readonly array $facts,
        /** @var string[] hosts. */
        private readonly array $aliases,
        /** @var \stdClass[] jobid, status, timefinished, operation, mode. */
        private readonly array $jobs,
        /** @var array[] descriptions. */
        private readonly array $operations
    ) {
    }

    #[\Override]
    public function get_template_name(\renderer_base $renderer): string {
        return 'local_vmoodle/tenant_view';
    }

    #[\Override]
    public function export_for_template(\renderer_base $output) {
        $row = $this->row;
        $columns = array_filter(self::COLUMNS, static fn(string $name): bool => (string)($row[$name] ?? '') !== '');
        $facts = array_map(static fn(\stdClass $fact): array => [
            'label' => self::fact($fact->fact),
            'value' => $fact->value,
            'age' => get_string('ago', 'message', format_time(max(1, time() - $fact->collected))),
        ], array_values($this->facts));
        $jobs = array_map(static fn(\stdClass $job): array => [
            'id' => $job->jobid,
            'url' => (new \moodle_url('/local/vmoodle/job.php', ['id' => $job->jobid]))->out(false),
            'operation' => $job->operation,
            'isundo' => $job->mode === 'undo',
            'badge' => state::badge($job->status),
            'time' => $job->timefinished ? userdate($job->timefinished) : '',
        ], array_values($this->jobs));
        $actions = [];
        foreach (has_capability('local/vmoodle:execute', \context_system::instance()) ? $this->operations : [] as $operation) {
            if (!$operation['makes']) {
                $url = new \moodle_url('/local/vmoodle/run.php', ['operation' => $operation['name'], 'ids' => $row['id']]);
                $actions[$url->out(false)] = $operation['name'];
            }
        }
        return [
            'name' => (string)$row['name'] !== '' ? $row['name'] : $row['vhostname'],
            'url' => $row['vhostname'],
            'serving' => $row['state'] === 'enabled',
            'badge' => state::badge($row['state']),
            'edit' => (new \moodle_url('/local/vmoodle/edit.php', ['id' => $row['id']]))->out(false),
            'copy' => $actions ? (new \moodle_url('/local/vmoodle/edit.php', ['source' => $row['vhostname']]))->out(false) : '',
            'columns' => array_map(static fn(string $name): array => [
                'label' => get_string('column_' . $name, 'local_vmoodle'),
                'value' => $row[$name],
            ], array_values($columns)),
            'facts' => $facts,
            'aliases' => $this->aliases,
            'jobs' => $jobs,
            'actions' => $actions ? self::select($actions)->export_for_template($output) : false,
        ];
    }

    /**
     * The menu of operations.
     *
     * @param string[] $actions name by address
     * @return \url_select
     */
    private static function select(array $actions): \url_select {
        $label = get_string('chooseoperation', 'local_vmoodle');
        $select = new \url_select($actions, '', ['' => $label]);
        $select->set_label($label, ['class' => 'visually-hidden sr-only']);
        return $select;
    }

    /**
     * The name of a fact.
     *
     * @param string $name of the fact
     * @return string in the reader's language
     */
    private static function fact(string $name): string {
        $known = get_string_manager()->string_exists('column_' . $name, 'local_vmoodle');
        return $known ? get_string('column_' . $name, 'local_vmoodle') : $name;
    }
}
