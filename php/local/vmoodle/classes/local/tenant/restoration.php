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

defined('MOODLE_INTERNAL') || die();

require_once($CFG->dirroot . '/backup/util/includes/restore_includes.php');
require_once($CFG->dirroot . '/course/lib.php');

/**
 * Restores a course from a backup into a new course, as admin/cli/restore_backup.php does.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class restoration {
    /**
     * Restores a course.
     *
     * @param array $given parameters: file, shortname, fullname, idnumber, visible, enrol; the first change's after: category
     * @return array number and names of the course, and how many people were enrolled
     */
    public static function restore(array $given): array {
        global $DB;
        $asked = $given['parameters'];
        $category = (int)($given['changes'][0]['after']['category']['id'] ?? 0);
        if (!$DB->record_exists('course_categories', ['id' => $category])) {
            throw new refused('category_not_found', 'the category is not there any more', 'plan again');
        }
        $folder = \restore_controller::get_tempdir_name(SITEID, get_admin()->id);
        $path = make_backup_temp_directory($folder);
        $id = 0;
        try {
            if (!get_file_packer('application/vnd.moodle.backup')->extract_to_pathname($asked['file'], $path)) {
                throw new refused('files_failed', 'the backup cannot be unpacked');
            }
            $id = self::read($folder, $category);
            // Names that Moodle makes of those in the backup stay where none are given.
            $names = array_filter(array_intersect_key($asked, ['shortname' => 1, 'fullname' => 1, 'idnumber' => 1]), 'strlen');
            $visible = (int)!empty($asked['visible']);
            update_course((object)($names + ['id' => $id, 'visible' => $visible, 'visibleold' => $visible]));
        } catch (\Throwable $throwable) {
            if ($id && ($course = $DB->get_record('course', ['id' => $id]))) {
                delete_course($course, false);
            }
            throw $throwable instanceof \moodle_exception
                ? new refused('script_failed', 'the backup was not restored: ' . $throwable->getMessage()) : $throwable;
        } finally {
            fulldelete($path);
        }
        $course = get_course($id);
        $enrolled = self::enrol($course, $asked['enrol'] ?? 'none');
        return ['course' => $id, 'shortname' => $course->shortname, 'fullname' => $course->fullname, 'enrolled' => $enrolled];
    }

    /**
     * Reads an unpacked backup into a new course.
     *
     * @param string $folder below the folder of backups
     * @param int $category where the course will be
     * @return int number of the course
     */
    private static function read(string $folder, int $category): int {
        $admin = get_admin()->id;
        // The first controller only tells what kind of backup it is.
        $controller = new \restore_controller(
            $folder,
            SITEID,
            \backup::INTERACTIVE_NO,
            \backup::MODE_GENERAL,
            $admin,
            \backup::TARGET_EXISTING_ADDING
        );
        $type = $controller->get_type();
        $controller->destroy();
        if ($type !== \backup::TYPE_1COURSE) {
            throw new refused('bad_parameter', "the backup is of type `$type`, not of a course");
        }
        [$fullname, $shortname] = \restore_dbops::calculate_course_names(
            0,
            get_string('restoringcourse', 'backup'),
            get_string('restoringcourseshortname', 'backup')
        );
        $id = \restore_dbops::create_new_course($fullname, $shortname, $category);
        $controller = new \restore_controller(
            $folder,
            $id,
            \backup::INTERACTIVE_NO,
            \backup::MODE_GENERAL,
            $admin,
            \backup::TARGET_NEW_COURSE
        );
        try {
            if (!$controller->execute_precheck() && ($errors = $controller->get_precheck_results()['errors'] ?? [])) {
                throw new refused('bad_parameter', 'the backup does not fit this site: ' . implode('; ', $errors));
            }
            $controller->execute_plan();
        } catch (\Throwable $throwable) {
            delete_course($id, false);
            throw $throwable;
        } finally {
            $controller->destroy();
        }
        return $id;
    }

    /**
     * Enrols people who look after courses, with the role that Moodle gives to whoever makes a course.
     *
     * @param \stdClass $course its row
     * @param string $who none, managers, siteadmins, managers_and_siteadmins
     * @return int how many
     */
    private static function enrol(\stdClass $course, string $who): int {
        global $CFG, $DB;
        $people = str_contains($who, 'siteadmins') ? array_column(get_admins(), 'id') : [];
        if (str_contains($who, 'managers')) {
            $system = \context_system::instance();
            foreach (get_archetype_roles('manager') as $role) {
                $users = get_role_users($role->id, $system, false, 'u.id, u.lastname, u.firstname');
                array_push($people, ...array_column($users, 'id'));
            }
        }
        $people = array_unique($people);
        $manual = enrol_get_plugin('manual');
        if ($people && $manual && !$DB->record_exists('enrol', ['enrol' => 'manual', 'courseid' => $course->id])) {
            $manual->add_default_instance($course);
        }
        $enrols = static fn($id): bool => enrol_try_internal_enrol($course->id, $id, $CFG->creatornewroleid ?: null);
        return count(array_filter($people, $enrols));
    }
}
