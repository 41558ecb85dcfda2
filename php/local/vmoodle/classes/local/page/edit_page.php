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
use local_vmoodle\form\choices;
use local_vmoodle\form\tenant_form;
use local_vmoodle\native_exception;
use local_vmoodle\output\words;
use local_vmoodle\task\run_job;

/**
 * The page edit.php: makes a tenant, or changes its row.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class edit_page {
    /** @var string where the page is. */
    public const URL = '/local/vmoodle/edit.php';

    /**
     * Lets only those in who may, and only on the control site.
     *
     * @param int $id of the tenant's row, 0 for a new one
     */
    public static function require_access(int $id): void {
        $context = \context_system::instance();
        require_capability('local/vmoodle:managevmoodles', $context);
        if (!$id) {
            require_capability('local/vmoodle:execute', $context);
        }
        bridge::require_control_site();
        \navigation_node::override_active_url(new \moodle_url('/local/vmoodle/index.php'));
        admin_externalpage_setup('local_vmoodle_tenants', '', null, new \moodle_url(self::URL, ['id' => $id]));
    }

    /**
     * What the page shows; when the form was sent, it leads on.
     *
     * @param int $id of the tenant's row, 0 for a new one
     * @return string HTML
     */
    public static function content(int $id): string {
        global $DB, $PAGE;
        $row = $id ? bridge::tenant("#{$id}") : null;
        $form = new tenant_form(new \moodle_url(self::URL, ['id' => $id]), [
            'row' => $row,
            'templates' => choices::templates(),
            'servers' => $DB->get_fieldset_select('local_vmoodle_server', 'name', '1 = 1 ORDER BY name'),
            'networks' => $DB->get_fieldset_sql('SELECT DISTINCT mnet FROM {local_vmoodle} WHERE mnet > 0 ORDER BY mnet'),
        ]);
        if ($form->is_cancelled()) {
            redirect(self::back($id));
        }
        if ($row) {
            $tags = is_array($row['tags']) ? implode(', ', $row['tags']) : $row['tags'];
            $settings = $row['settings'] ? json_encode($row['settings'], JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE) : '';
            $form->set_data(['tags' => $tags, 'settings' => is_string($row['settings']) ? $row['settings'] : $settings] + $row);
        }
        if (!$row) {
            $form->set_data(['source' => optional_param('source', '', PARAM_RAW_TRIMMED)]);
        }
        $notice = '';
        if ($given = $form->get_data()) {
            try {
                $id ? self::update($id, $given) : self::create($given);
            } catch (native_exception $exception) {
                $notice = words::problem($exception);
            }
        }
        $PAGE->requires->js_call_amd('local_vmoodle/tenant', 'follow', [$id ? [] : self::patterns()]);
        return $notice . $form->render();
    }

    /**
     * Submits the job that makes a tenant, and goes to its page.
     *
     * @param \stdClass $given the form's values
     */
    private static function create(\stdClass $given): void {
        $node = tenant_form::columns($given);
        if ($given->mnet === 'NEW') {
            $node['new_network'] = true;
        }
        $parameters = ['nodes' => [$node]];
        foreach (['template', 'source', 'server', 'admin'] as $name) {
            if ((string)$given->$name !== '') {
                $parameters[$name] = $given->$name;
            }
        }
        $job = bridge::job_submit('create_tenant', $parameters, []);
        run_job::queue($job);
        redirect(new \moodle_url(job_page::URL, ['id' => $job]));
    }

    /**
     * Changes the row, and goes to the tenant's page.
     *
     * @param int $id of the tenant's row
     * @param \stdClass $given the form's values
     */
    private static function update(int $id, \stdClass $given): void {
        bridge::tenant_update("#{$id}", tenant_form::columns($given));
        redirect(self::back($id), get_string('changessaved'), null, \core\output\notification::NOTIFY_SUCCESS);
    }

    /**
     * Where one comes from.
     *
     * @param int $id of the tenant's row, 0 for a new one
     * @return \moodle_url
     */
    private static function back(int $id): \moodle_url {
        return $id ? new \moodle_url(tenant_page::URL, ['id' => $id]) : new \moodle_url('/local/vmoodle/index.php');
    }

    /**
     * The patterns of the settings page, which the short name fills.
     *
     * @return string[] pattern by column, with <%%INSTANCE%%> for the short name
     */
    private static function patterns(): array {
        $patterns = [];
        foreach (tenant_form::PATTERNS as $name) {
            $patterns[$name] = (string)get_config('local_vmoodle', 'pattern_' . $name);
        }
        return array_filter($patterns, 'strlen');
    }
}
