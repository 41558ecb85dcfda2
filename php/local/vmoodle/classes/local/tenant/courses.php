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

namespace local_vmoodle\local\tenant;

/**
 * Courses, changed as planned: one that is gone or so already is left.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class courses {
    /**
     * Deletes courses.
     *
     * @param array $given changes; each one's before: id, shortname
     * @return array numbers of the courses that were deleted
     */
    public static function delete(array $given): array {
        $deleted = [];
        foreach (array_column($given['changes'], 'before') as $planned) {
            if ($course = self::planned($planned)) {
                self::remove($course);
                $deleted[] = (int)$course->id;
            }
        }
        fix_course_sortorder();
        return ['courses' => $deleted];
    }

    /**
     * Shows or hides courses.
     *
     * @param array $given changes; each one's before: id, shortname; after: visible
     * @return array numbers of the courses
     */
    public static function show(array $given): array {
        global $CFG;
        require_once($CFG->dirroot . '/course/lib.php');
        $shown = [];
        foreach ($given['changes'] as $change) {
            if ($course = self::planned($change['before'])) {
                course_change_visibility($course->id, $change['after']['visible']);
                $shown[] = (int)$course->id;
            }
        }
        return ['courses' => $shown];
    }

    /**
     * Deletes a course.
     *
     * @param \stdClass $course its row
     */
    public static function remove(\stdClass $course): void {
        if (!delete_course($course, false)) {
            throw new refused('script_failed', "the course `{$course->shortname}` could not be deleted");
        }
    }

    /**
     * The course that was planned for.
     *
     * @param array $planned id, shortname
     * @return \stdClass|null its row; null where it is gone; where it has another name by now it is refused
     */
    private static function planned(array $planned): ?\stdClass {
        global $DB;
        $course = $DB->get_record('course', ['id' => $planned['id']]) ?: null;
        if ($course && $course->shortname !== $planned['shortname']) {
            $message = "the course `{$planned['shortname']}` is called `{$course->shortname}` by now";
            throw new refused('state_refused', $message, 'plan again');
        }
        return $course;
    }
}
