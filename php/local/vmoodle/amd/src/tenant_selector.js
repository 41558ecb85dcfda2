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
 * Finds tenants for a field that completes what is typed.
 *
 * @module     local_vmoodle/tenant_selector
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
import Ajax from 'core/ajax';

const LIMIT = 50;

/**
 * Asks the server for tenants.
 *
 * @param {String} selector of the field
 * @param {String} search what was typed
 * @param {Function} success takes the tenants
 * @param {Function} failure takes the error
 */
export const transport = (selector, search, success, failure) => {
    Ajax.call([{methodname: 'local_vmoodle_list_tenants', args: {search, limit: LIMIT}}])[0].then(success).catch(failure);
};

/**
 * Makes choices of tenants.
 *
 * @param {String} selector of the field
 * @param {Object[]} tenants wwwroot and name
 * @returns {Object[]} value and label
 */
export const processResults = (selector, tenants) => tenants.map(({wwwroot, name}) => ({
    value: wwwroot,
    label: name === '' || name === wwwroot ? wwwroot : `${name} (${wwwroot})`,
}));
