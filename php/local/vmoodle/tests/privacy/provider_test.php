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

namespace local_vmoodle\privacy;

use core_privacy\local\metadata\collection;
use core_privacy\local\request\approved_userlist;
use core_privacy\local\request\userlist;
use core_privacy\local\request\writer;
use core_privacy\tests\provider_testcase;
use core_privacy\tests\request\approved_contextlist;

/**
 * Tests of what is told about persons, and of how they are forgotten.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\privacy\provider
 */
final class provider_test extends provider_testcase {
    /**
     * Writes a job down.
     *
     * @param int $userid who asked for it
     * @param string $operation what for
     * @param string $parameters with which values, as JSON
     * @return int its number
     */
    private function job(int $userid, string $operation = 'set_config', string $parameters = '{}'): int {
        global $DB;
        return $DB->insert_record('local_vmoodle_job', [
            'operation' => $operation,
            'parameters' => $parameters,
            'mode' => 'run',
            'status' => 'done',
            'userid' => $userid,
            'timecreated' => 1700000000,
        ]);
    }

    /**
     * The list of persons in the system context.
     *
     * @return int[] numbers of users
     */
    private function people(): array {
        $list = new userlist(\context_system::instance(), 'local_vmoodle');
        provider::get_users_in_context($list);
        $ids = array_map('intval', $list->get_userids());
        sort($ids);
        return $ids;
    }

    /**
     * The metadata names columns and texts that are there.
     */
    public function test_metadata(): void {
        global $DB;
        $items = provider::get_metadata(new collection('local_vmoodle'))->get_collection();
        $this->assertNotEmpty($items);
        foreach ($items as $item) {
            $columns = $DB->get_columns($item->get_name());
            $this->assertTrue(get_string_manager()->string_exists($item->get_summary(), 'local_vmoodle'), $item->get_summary());
            foreach ($item->get_privacy_fields() as $field => $string) {
                $this->assertArrayHasKey($field, $columns);
                $this->assertTrue(get_string_manager()->string_exists($string, 'local_vmoodle'), $string);
            }
        }
    }

    /**
     * Every table with a user's number is told of.
     */
    public function test_no_table_is_kept_quiet(): void {
        global $CFG;
        $told = array_map(
            static fn($item): string => $item->get_name(),
            provider::get_metadata(new collection('local_vmoodle'))->get_collection()
        );
        $file = new \xmldb_file($CFG->dirroot . '/local/vmoodle/db/install.xml');
        $file->loadXMLStructure();
        $with = [];
        foreach ($file->getStructure()->getTables() as $table) {
            if ($table->getField('userid') || $table->getField('usermodified')) {
                $with[] = $table->getName();
            }
        }
        $this->assertEqualsCanonicalizing($with, $told);
    }

    /**
     * Whoever asked for a job is known in the system context, and nobody else.
     */
    public function test_contexts_and_users(): void {
        $this->resetAfterTest();
        [$one, $two, $other] = [$this->getDataGenerator()->create_user(), $this->getDataGenerator()->create_user(),
            $this->getDataGenerator()->create_user()];
        $this->job($one->id);
        $this->job($one->id);
        $this->job($two->id);
        $this->job(0);
        $contexts = $this->get_contexts_for_userid($one->id, 'local_vmoodle')->get_contextids();
        $this->assertEquals([\context_system::instance()->id], $contexts);
        $this->assertCount(0, $this->get_contexts_for_userid($other->id, 'local_vmoodle'));
        $this->assertSame([(int)$one->id, (int)$two->id], $this->people());
        $list = new userlist(\context_user::instance($one->id), 'local_vmoodle');
        provider::get_users_in_context($list);
        $this->assertCount(0, $list);
    }

    /**
     * An export holds all that the metadata tells of, one's own jobs only, and no sealed secret.
     */
    public function test_export(): void {
        $this->resetAfterTest();
        [$one, $two] = [$this->getDataGenerator()->create_user(), $this->getDataGenerator()->create_user()];
        $job = $this->job($one->id, 'reset_admin', '{"user":"admin","password":"enc:v1:c2VjcmV0"}');
        $this->job($two->id, 'purge_caches');
        $this->export_context_data_for_user($one->id, \context_system::instance(), 'local_vmoodle');
        $exported = writer::with_context(\context_system::instance())->get_data([get_string('jobs', 'local_vmoodle')]);
        $this->assertCount(1, $exported->jobs);
        $this->assertEquals($job, $exported->jobs[0]['job']);
        $this->assertSame('reset_admin', $exported->jobs[0]['operation']);
        $this->assertStringContainsString('2023', $exported->jobs[0]['timecreated']);
        $this->assertStringContainsString('"user":"admin"', $exported->jobs[0]['parameters']);
        $this->assertStringNotContainsString('c2VjcmV0', json_encode($exported));
        foreach (provider::get_metadata(new collection('local_vmoodle'))->get_collection() as $item) {
            foreach (array_diff(array_keys($item->get_privacy_fields()), ['userid']) as $field) {
                $this->assertArrayHasKey($field, $exported->jobs[0]);
            }
        }
    }

    /**
     * Nothing is exported of another context.
     */
    public function test_export_of_another_context(): void {
        $this->resetAfterTest();
        $user = $this->getDataGenerator()->create_user();
        $this->job($user->id);
        $context = \context_user::instance($user->id);
        $this->export_context_data_for_user($user->id, $context, 'local_vmoodle');
        $this->assertFalse(writer::with_context($context)->has_any_data());
        $this->assertFalse(writer::with_context(\context_system::instance())->has_any_data());
    }

    /**
     * A person is taken off the jobs; the journal of what was done to sites stays.
     */
    public function test_deletion(): void {
        global $DB;
        $this->resetAfterTest();
        $users = array_map(fn() => $this->getDataGenerator()->create_user(), range(1, 4));
        foreach ($users as $user) {
            $this->job($user->id);
        }
        $system = \context_system::instance();
        $elsewhere = \context_user::instance($users[0]->id);
        provider::delete_data_for_user(new approved_contextlist($users[0], 'local_vmoodle', [$elsewhere->id]));
        $this->assertCount(4, $this->people());
        provider::delete_data_for_user(new approved_contextlist($users[0], 'local_vmoodle', [$system->id]));
        $this->assertCount(3, $this->people());
        provider::delete_data_for_users(new approved_userlist($system, 'local_vmoodle', [$users[1]->id, $users[2]->id]));
        $this->assertSame([(int)$users[3]->id], $this->people());
        provider::delete_data_for_users(new approved_userlist($system, 'local_vmoodle', []));
        provider::delete_data_for_all_users_in_context($elsewhere);
        $this->assertCount(1, $this->people());
        provider::delete_data_for_all_users_in_context($system);
        $this->assertSame([], $this->people());
        $this->assertSame(4, $DB->count_records('local_vmoodle_job'));
    }
}
