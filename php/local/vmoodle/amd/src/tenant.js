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
 * The form of a tenant: fills fields by pattern, and tries whether the tenant could serve.
 *
 * @module     local_vmoodle/tenant
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
import Ajax from 'core/ajax';
import Notification from 'core/notification';
import Templates from 'core/templates';

const COLUMNS = ['id', 'vhostname', 'vdbhost', 'vdbport', 'vdbname', 'vdblogin', 'vdbpass', 'vdbprefix', 'vdatapath', 'server'];

/**
 * The field of a column.
 *
 * @param {String} name
 * @returns {HTMLElement|null}
 */
const field = name => document.querySelector(`form.mform [name="${name}"]`);

/**
 * Fills what nobody has typed in from the short name, as the original's form did.
 *
 * @param {Object} patterns by column
 */
const fill = (patterns) => {
    const typed = new Set();
    Object.keys(patterns).forEach(name => field(name).addEventListener('input', () => typed.add(name)));
    field('shortname').addEventListener('input', () => {
        const instance = field('shortname').value.trim().toLowerCase().replace(/[ -]/g, '_');
        Object.keys(patterns).filter(name => !typed.has(name)).forEach(name => {
            field(name).value = patterns[name].split('<%%INSTANCE%%>').join(instance);
        });
    });
};

/**
 * Asks the server for the checks, and shows them.
 */
const check = async() => {
    const row = {};
    COLUMNS.forEach(name => {
        row[name] = field(name) ? field(name).value : '';
    });
    try {
        const call = {methodname: 'local_vmoodle_check_tenant', args: {row: JSON.stringify(row)}};
        const checks = await Ajax.call([call])[0];
        const {html, js} = await Templates.renderForPromise('local_vmoodle/tenant_checks', {checks});
        Templates.replaceNodeContents('[data-region="local_vmoodle-checks"]', html, js);
    } catch (error) {
        Notification.exception(error);
    }
};

/**
 * Follows the form.
 *
 * @param {Object} patterns by column; an empty list where there are none
 */
export const follow = (patterns) => {
    if (!Array.isArray(patterns)) {
        fill(patterns);
    }
    field('check').addEventListener('click', check);
};
