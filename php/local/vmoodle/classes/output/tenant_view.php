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
     * @param array[] $snapshots of the tenant, as bridge::snapshots() gives them
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
        /** @var array[] of the tenant, as bridge::snapshots() gives them. */
        private readonly array $snapshots,
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
        $told = array_filter($this->facts, static fn(\stdClass $fact): bool => (string)$fact->value !== '');
        $facts = array_map(static fn(\stdClass $fact): array => [
            'label' => fact::label($fact->fact),
            'value' => fact::value($fact->fact, $fact->value),
            'age' => get_string('statusago', 'local_vmoodle', format_time(max(1, time() - $fact->collected))),
        ], array_values($told));
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
            'overrides' => $this->overrides(),
            'snapshots' => array_map(static fn(array $snapshot): array => [
                'label' => trim($snapshot['id'] . ' ' . $snapshot['name']),
                'size' => display_size($snapshot['octets'] + $snapshot['database']['octets']),
                'time' => userdate($snapshot['made_at'], get_string('strftimedatetimeshort', 'core_langconfig')),
            ], array_values($this->snapshots)),
            'snapshotsurl' => (new \moodle_url('/local/vmoodle/snapshots.php'))->out(false),
            'jobs' => $jobs,
            'actions' => $actions ? self::select($actions)->export_for_template($output) : false,
        ];
    }

    /**
     * Settings that the tenant has as if they stood in config.php.
     *
     * @return array[] label and value; a value that may be a secret is not shown
     */
    private function overrides(): array {
        $settings = $this->row['settings'] ?: [];
        $settings = is_string($settings) ? (json_decode($settings, true) ?: []) : $settings;
        return array_map(static function (string $name, $value): array {
            $value = self::masked($name, $value);
            $text = is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
            return ['label' => $name, 'value' => $text];
        }, array_map('strval', array_keys($settings)), $settings);
    }

    /**
     * A setting without what may be a secret, those of plugins included.
     *
     * @param string $name of the setting
     * @param mixed $value any JSON value
     * @return mixed
     */
    private static function masked(string $name, $value) {
        if (preg_match('/pass|secret|key|token|salt|(^|_)pw/i', $name)) {
            return '_';
        }
        if (is_array($value)) {
            foreach ($value as $inner => $one) {
                $value[$inner] = self::masked((string)$inner, $one);
            }
        }
        return $value;
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
}
