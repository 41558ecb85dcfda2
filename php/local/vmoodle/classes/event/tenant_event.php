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
namespace local_vmoodle\event;

/**
 * Something has become of a tenant.
 *
 * @property-read array $other {
 *      - string wwwroot: the tenant's address
 *      - string operation: what was done
 *      - string mode: run, or undo where it was taken back
 *      - int job: number of the job
 * }
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
abstract class tenant_event extends \core\event\base {
    /** @var string[] events of the operations that make, end or move a tenant: when they run, and when they are taken back. */
    private const OF = [
        'create_tenant' => [tenant_created::class, tenant_deleted::class],
        'clone_tenant' => [tenant_created::class, tenant_deleted::class],
        'adopt_site' => [tenant_created::class, tenant_deleted::class],
        'destroy_tenant' => [tenant_deleted::class, tenant_updated::class],
        'enable_tenant' => [tenant_updated::class, tenant_updated::class],
        'disable_tenant' => [tenant_updated::class, tenant_updated::class],
        'retire_tenant' => [tenant_updated::class, tenant_updated::class],
        'rename_tenant' => [tenant_updated::class, tenant_updated::class],
        'restore_tenant' => [tenant_updated::class, tenant_updated::class],
    ];

    /**
     * Whether an operation has an event for each of its tenants: it does not leave them where they stand.
     *
     * @param string $operation its name
     * @return bool
     */
    public static function concerns(string $operation): bool {
        return isset(self::OF[$operation]);
    }

    /**
     * The event of what an item of such a job has done.
     *
     * @param array $job as bridge::job_summary() gives it
     * @param \stdClass $item tenantid, wwwroot
     * @return self not yet triggered
     */
    public static function of(array $job, \stdClass $item): self {
        $class = self::OF[$job['operation']][$job['mode'] === 'undo' ? 1 : 0];
        return $class::create([
            'context' => \context_system::instance(),
            'objectid' => $item->tenantid,
            'userid' => $job['userid'],
            'other' => ['wwwroot' => $item->wwwroot, 'operation' => $job['operation'], 'mode' => $job['mode'], 'job' => $job['id']],
        ]);
    }

    #[\Override]
    protected function init() {
        $this->data['edulevel'] = self::LEVEL_OTHER;
        $this->data['objecttable'] = 'local_vmoodle';
    }

    #[\Override]
    public function get_description() {
        $done = $this->other['mode'] === 'undo' ? 'taken back' : 'done';
        return "The operation '{$this->other['operation']}' was {$done} on the tenant with id '$this->objectid' "
            . "({$this->other['wwwroot']}) by the job with id '{$this->other['job']}'.";
    }

    #[\Override]
    public function get_url() {
        return new \moodle_url('/local/vmoodle/job.php', ['id' => $this->other['job']]);
    }

    #[\Override]
    public static function get_objectid_mapping() {
        return \core\event\base::NOT_MAPPED;
    }

    #[\Override]
    public static function get_other_mapping() {
        return false;
    }
}
