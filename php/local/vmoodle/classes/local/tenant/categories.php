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

use core_course_category;

/**
 * Categories of courses, changed as planned: a change is one that rows were found for, and whatever is so already is left.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class categories {
    /**
     * Makes categories.
     *
     * @param array $given changes; each one's after: path (names from the top), idnumber, visible
     * @return array numbers of the categories that were made
     */
    public static function create(array $given): array {
        $made = [];
        foreach (array_column($given['changes'], 'after') as $wanted) {
            $names = $wanted['path'];
            $name = array_pop($names);
            $parent = 0;
            foreach ($names as $above) {
                $parent = self::child($parent, $above)
                    ?? throw new refused('state_refused', "the category `$above` is not there any more", 'plan again');
            }
            if (self::child($parent, $name) === null) {
                $made[] = (int)core_course_category::create([
                    'name' => $name,
                    'parent' => $parent,
                    'idnumber' => $wanted['idnumber'],
                    'visible' => (int)$wanted['visible'],
                ])->id;
            }
        }
        return ['categories' => $made];
    }

    /**
     * Deletes categories, with what is in them or after it was moved.
     *
     * @param array $given changes; each one's before: id, path; after: null, or the id that all moves to
     * @return array numbers of the categories that were deleted
     */
    public static function delete(array $given): array {
        $deleted = [];
        foreach ($given['changes'] as $change) {
            if (!$category = self::planned($change['before'])) {
                continue;
            }
            if (!$change['after']) {
                $category->delete_full(false);
            } else if (!$category->delete_move((int)$change['after']['id'])) {
                throw new refused('script_failed', "what is in `{$change['before']['path']}` could not be moved");
            }
            $deleted[] = (int)$change['before']['id'];
        }
        return ['categories' => $deleted];
    }

    /**
     * Deletes what is in categories.
     *
     * @param array $given changes; each one's before: id, path
     * @return array how many categories and courses were deleted
     */
    public static function clear(array $given): array {
        global $DB;
        $courses = $categories = 0;
        foreach ($given['changes'] as $change) {
            $category = self::planned($change['before'])
                ?? throw new refused('category_not_found', "the category `{$change['before']['path']}` is not there any more");
            foreach ($DB->get_fieldset('course_categories', 'id', ['parent' => $category->id]) as $below) {
                $courses += count(core_course_category::get($below, MUST_EXIST, true)->delete_full(false));
                $categories++;
            }
            foreach ($DB->get_records('course', ['category' => $category->id], 'sortorder') as $course) {
                courses::remove($course);
                $courses++;
            }
            fix_course_sortorder();
        }
        return ['categories' => $categories, 'courses' => $courses];
    }

    /**
     * Shows or hides categories.
     *
     * @param array $given changes; each one's before: id, path; after: visible
     * @return array numbers of the categories
     */
    public static function show(array $given): array {
        $shown = [];
        foreach ($given['changes'] as $change) {
            $category = self::planned($change['before'])
                ?? throw new refused('category_not_found', "the category `{$change['before']['path']}` is not there any more");
            $change['after']['visible'] ? $category->show() : $category->hide();
            $shown[] = (int)$category->id;
        }
        return ['categories' => $shown];
    }

    /**
     * The category that was planned for.
     *
     * @param array $planned id, path
     * @return core_course_category|null null where it is gone; where it has another place or name by now it is refused
     */
    private static function planned(array $planned): ?core_course_category {
        $category = core_course_category::get($planned['id'], IGNORE_MISSING, true);
        if (!$category) {
            return null;
        }
        $names = array_map(
            static fn($id): string => core_course_category::get($id, MUST_EXIST, true)->name,
            [...$category->get_parents(), $category->id]
        );
        if (implode('/', $names) !== $planned['path']) {
            throw new refused('state_refused', "the category `{$planned['path']}` has another name or place by now", 'plan again');
        }
        return $category;
    }

    /**
     * The category of a name in another one.
     *
     * @param int $parent the other one, 0 for the top
     * @param string $name exactly
     * @return int|null null where there is none
     */
    private static function child(int $parent, string $name): ?int {
        global $DB;
        // The engines differ in which letters they take for the same.
        $id = array_search($name, $DB->get_records_menu('course_categories', ['parent' => $parent], 'sortorder', 'id, name'), true);
        return $id === false ? null : $id;
    }
}
