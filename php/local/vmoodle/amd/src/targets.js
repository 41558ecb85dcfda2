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
 * Says which tenants the targets mean while they are typed, and keeps those where a setting has a value.
 *
 * @module     local_vmoodle/targets
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
import Ajax from 'core/ajax';
import Templates from 'core/templates';
import {debounce} from 'core/utils';

const DELAY = 400;

let turn = 0;

/**
 * Asks the server which tenants are meant.
 *
 * @param {Object} args targets; name and value of a setting
 * @returns {Promise<Object>} count, tenants, more; or error
 */
const ask = async(args) => {
    try {
        return await Ajax.call([{methodname: 'local_vmoodle_match_tenants', args}])[0];
    } catch (error) {
        return {error: error.message};
    }
};

/**
 * Shows an answer, unless a later question has been asked meanwhile.
 *
 * @param {Object} args as ask() takes them
 * @returns {Promise<Object>} the answer
 */
const show = async(args) => {
    const asked = ++turn;
    const answer = await ask(args);
    if (asked === turn) {
        const {html, js} = await Templates.renderForPromise('local_vmoodle/target_matches', answer);
        Templates.replaceNodeContents('[data-region="local_vmoodle-matches"]', html, js);
    }
    return answer;
};

/**
 * Follows the form.
 */
export const follow = () => {
    const field = document.getElementById('id_targets');
    const form = field.form;
    const typed = debounce(() => show({targets: field.value}), DELAY);
    field.addEventListener('input', typed);
    form.elements.where.addEventListener('click', async() => {
        const name = form.elements.wherename.value.trim();
        if (name === '') {
            form.elements.wherename.focus();
            return;
        }
        const answer = await show({targets: field.value, name, value: form.elements.wherevalue.value});
        if (!answer.error) {
            field.value = answer.tenants.join('\n');
        }
    });
    if (field.value !== '') {
        show({targets: field.value});
    }
};
