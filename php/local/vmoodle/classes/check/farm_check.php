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

namespace local_vmoodle\check;

use core\check\check;
use core\check\result;
use local_vmoodle\bridge;

/**
 * What the checks of the farm have in common: not applicable on a tenant, and an error where the extension gives one.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
abstract class farm_check extends check {
    /**
     * The tenants page, where the index can be published.
     *
     * @return \action_link|null null where there is no such page
     */
    public function get_action_link(): ?\action_link {
        if (!bridge::is_control_site()) {
            return null;
        }
        return new \action_link(new \moodle_url('/local/vmoodle/index.php'), get_string('tenants', 'local_vmoodle'));
    }

    /**
     * The result, on any site.
     *
     * @return result not applicable where the check is none of this site's business
     */
    final public function get_result(): result {
        if (bridge::is_tenant()) {
            return new result(result::NA, get_string('controlsiteonly', 'local_vmoodle'));
        }
        if ($this->needs_control_site() && !bridge::is_control_site()) {
            return new result(result::UNKNOWN, get_string('checknotbooted', 'local_vmoodle'));
        }
        try {
            return $this->judge();
        } catch (\moodle_exception $exception) {
            return new result(result::ERROR, s($exception->getMessage()), s($exception->hint ?? ''));
        }
    }

    /**
     * Whether the check asks the native extension about the farm.
     *
     * @return bool false for a check that works without it
     */
    protected function needs_control_site(): bool {
        return true;
    }

    /**
     * The result on the control site.
     *
     * @return result
     */
    abstract protected function judge(): result;
}
