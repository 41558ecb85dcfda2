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
 * Keeps the page of a running job up to date.
 *
 * @module     local_vmoodle/job
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
import Ajax from 'core/ajax';
import Notification from 'core/notification';

const EVERY = 2000;

/**
 * Asks how far the job is, until it has ended; then the page is loaded anew for its report and buttons.
 *
 * @param {HTMLElement} region
 */
const ask = async(region) => {
    try {
        const job = await Ajax.call([{methodname: 'local_vmoodle_get_job', args: {id: Number(region.dataset.job)}}])[0];
        if (job.finished) {
            window.location.reload();
            return;
        }
        region.querySelector('[data-region="badge"]').innerHTML = job.badge;
        region.querySelector('[data-region="counts"]').innerHTML = job.counts;
        const bar = region.querySelector('[data-region="bar"]');
        bar.setAttribute('aria-valuenow', job.percent);
        bar.firstElementChild.style.width = `${job.percent}%`;
        window.setTimeout(ask, EVERY, region);
    } catch (error) {
        Notification.exception(error);
    }
};

/**
 * Watches the job.
 */
export const watch = () => {
    window.setTimeout(ask, EVERY, document.querySelector('[data-region="local_vmoodle-job"]'));
};
