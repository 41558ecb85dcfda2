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
 * A tenant was enabled, disabled, retired, renamed, restored or brought back.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class tenant_updated extends tenant_event {
    #[\Override]
    protected function init() {
        parent::init();
        $this->data['crud'] = 'u';
    }

    #[\Override]
    public static function get_name() {
        return get_string('eventtenantupdated', 'local_vmoodle');
    }
}
