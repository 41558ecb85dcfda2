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

/**
 * Hands the ticked tenants to the menu of bulk operations.
 *
 * @module     local_vmoodle/bulk
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

const TICKED = 'input[data-togglegroup="report-select-all"][data-toggle="slave"]:checked';

/**
 * Follows the boxes of the report.
 */
export const follow = () => {
    const form = document.querySelector('[data-region="local_vmoodle-bulk"]');
    const select = form.querySelector('select');
    const button = form.querySelector('button');
    const update = () => {
        const ids = Array.from(document.querySelectorAll(TICKED)).map(box => box.value);
        form.querySelector('input[name="ids"]').value = ids.join(',');
        select.disabled = ids.length === 0;
        button.disabled = ids.length === 0 || select.value === '';
    };
    // The boxes of the report are changed by its own script, after the event that a person causes.
    document.addEventListener('change', () => window.setTimeout(update));
    document.addEventListener('click', () => window.setTimeout(update));
    update();
};
