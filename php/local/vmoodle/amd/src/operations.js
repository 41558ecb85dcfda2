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
 * Finds operations by what is typed.
 *
 * @module     local_vmoodle/operations
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

/**
 * Follows the search field.
 */
export const follow = () => {
    const region = document.querySelector('[data-region="local_vmoodle-operations"]');
    const field = region.querySelector('input[type="search"]');
    field.addEventListener('input', () => {
        const words = field.value.toLowerCase().split(/\s+/).filter(word => word !== '');
        region.querySelectorAll('section').forEach(group => {
            const items = Array.from(group.querySelectorAll('li'));
            items.forEach(item => {
                const text = item.textContent.toLowerCase();
                item.hidden = !words.every(word => text.includes(word));
            });
            group.hidden = items.every(item => item.hidden);
        });
    });
};
