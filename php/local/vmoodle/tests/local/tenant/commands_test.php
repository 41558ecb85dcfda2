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
 * Tests of what is done inside a tenant by Moodle's own code: categories, courses, repositories, caches.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\tenant\caches
 * @covers     \local_vmoodle\local\tenant\categories
 * @covers     \local_vmoodle\local\tenant\courses
 * @covers     \local_vmoodle\local\tenant\door
 * @covers     \local_vmoodle\local\tenant\plugin_instances
 * @covers     \local_vmoodle\local\tenant\refused
 */
final class commands_test extends \advanced_testcase {
    /**
     * Runs a command as cli/in_tenant.php does.
     *
     * @param string $command its name
     * @param array|string $given what it takes
     * @return array exit code, and what it answered
     */
    private function run_command(string $command, $given): array {
        ob_start();
        $code = door::main($command, is_string($given) ? $given : json_encode($given));
        $lines = preg_split('/\R/', trim(ob_get_clean()));
        return [$code, json_decode(end($lines), true)];
    }

    /**
     * A command that is not known, and an input that is no JSON.
     */
    public function test_bad_commands(): void {
        $this->resetAfterTest();
        foreach ([['make_coffee', '{}'], ['delete_course', 'no JSON'], ['delete_course', '7']] as [$command, $input]) {
            [$code, $answer] = $this->run_command($command, $input);
            $this->assertSame([1, 'bad_parameter'], [$code, $answer['refused']['code']], $command);
        }
    }

    /**
     * Categories are made by their path, once.
     */
    public function test_create_category(): void {
        global $DB;
        $this->resetAfterTest();
        $after = static fn(array $path, string $idnumber = '', bool $visible = true): array
            => ['after' => ['path' => $path, 'idnumber' => $idnumber, 'visible' => $visible]];
        $changes = ['changes' => [$after(['Faculty']), $after(['Faculty', 'Physics'], 'phy', false)]];
        [$code, $answer] = $this->run_command('create_category', $changes);
        $this->assertSame(0, $code);
        $made = $answer['answer']['categories'];
        $this->assertCount(2, $made);
        $physics = $DB->get_record('course_categories', ['idnumber' => 'phy'], '*', MUST_EXIST);
        $this->assertEquals([$made[0], 0, 2], [$physics->parent, $physics->visible, $physics->depth]);
        $again = $this->run_command('create_category', $changes)[1]['answer']['categories'];
        $this->assertSame([], $again, 'the second time nothing');
        [$code, $answer] = $this->run_command('create_category', ['changes' => [$after(['Gone', 'Physics'])]]);
        $this->assertSame([1, 'state_refused'], [$code, $answer['refused']['code']]);
    }

    /**
     * Categories are hidden, emptied and deleted as planned; one that has another name by now is left.
     */
    public function test_change_category(): void {
        global $DB;
        $this->resetAfterTest();
        $generator = $this->getDataGenerator();
        $top = $generator->create_category(['name' => 'Old']);
        $below = $generator->create_category(['name' => 'Older', 'parent' => $top->id]);
        $generator->create_course(['category' => $top->id]);
        $generator->create_course(['category' => $below->id]);
        $before = ['before' => ['id' => (int)$top->id, 'path' => 'Old']];
        [$code, $answer] = $this->run_command('category_visibility', ['changes' => [$before + ['after' => ['visible' => false]]]]);
        $this->assertSame([0, [(int)$top->id]], [$code, $answer['answer']['categories']]);
        $this->assertEquals(0, $DB->get_field('course_categories', 'visible', ['id' => $top->id]));
        $other = ['before' => ['id' => (int)$below->id, 'path' => 'Older'], 'after' => null];
        [$code, $answer] = $this->run_command('delete_category', ['changes' => [$other]]);
        $this->assertSame([1, 'state_refused'], [$code, $answer['refused']['code']], 'its path is another');
        [$code, $answer] = $this->run_command('empty_category', ['changes' => [$before]]);
        $this->assertEquals([0, ['categories' => 1, 'courses' => 2]], [$code, $answer['answer']]);
        $this->assertSame(0, $DB->count_records_select('course', 'id <> ?', [SITEID]));
        [$code, $answer] = $this->run_command('delete_category', ['changes' => [$before + ['after' => null]]]);
        $this->assertSame([(int)$top->id], $answer['answer']['categories']);
        $this->assertFalse($DB->record_exists('course_categories', ['id' => $top->id]));
        [$code, $answer] = $this->run_command('delete_category', ['changes' => [$before + ['after' => null]]]);
        $this->assertSame([], $answer['answer']['categories'], 'the second time nothing');
        [$code, $answer] = $this->run_command('empty_category', ['changes' => [$before]]);
        $this->assertSame([1, 'category_not_found'], [$code, $answer['refused']['code']]);
    }

    /**
     * What is in a category may move to another one.
     */
    public function test_delete_category_and_move(): void {
        global $DB;
        $this->resetAfterTest();
        $generator = $this->getDataGenerator();
        [$old, $new] = [$generator->create_category(['name' => 'Old']), $generator->create_category(['name' => 'New'])];
        $course = $generator->create_course(['category' => $old->id]);
        $change = ['before' => ['id' => (int)$old->id, 'path' => 'Old'], 'after' => ['id' => (int)$new->id]];
        $this->assertSame(0, $this->run_command('delete_category', ['changes' => [$change]])[0]);
        $this->assertEquals($new->id, $DB->get_field('course', 'category', ['id' => $course->id]));
    }

    /**
     * Courses are hidden and deleted as planned; one that has another name by now, or is gone, is left.
     */
    public function test_courses(): void {
        global $DB;
        $this->resetAfterTest();
        $course = $this->getDataGenerator()->create_course(['shortname' => 'one']);
        $planned = ['before' => ['id' => (int)$course->id, 'shortname' => 'one']];
        $hide = ['changes' => [$planned + ['after' => ['visible' => false]]]];
        $this->assertSame([(int)$course->id], $this->run_command('course_visibility', $hide)[1]['answer']['courses']);
        $this->assertEquals(0, $DB->get_field('course', 'visible', ['id' => $course->id]));
        $other = ['changes' => [['before' => ['shortname' => 'two'] + $planned['before']]]];
        [$code, $answer] = $this->run_command('delete_course', $other);
        $this->assertSame([1, 'state_refused'], [$code, $answer['refused']['code']]);
        $this->assertNotSame('', $answer['refused']['hint']);
        $this->assertTrue($DB->record_exists('course', ['id' => $course->id]));
        $delete = fn(): array => $this->run_command('delete_course', ['changes' => [$planned]])[1]['answer']['courses'];
        $this->assertSame([(int)$course->id], $delete());
        $this->assertFalse($DB->record_exists('course', ['id' => $course->id]));
        $this->assertSame([], $delete());
    }

    /**
     * A repository is turned off and on as planned; one that somebody else has changed, or that people use, is left.
     */
    public function test_plugin_instances(): void {
        global $DB;
        $this->resetAfterTest();
        $change = fn(?string $from, ?string $to): array => $this->run_command(
            'plugin_instances',
            ['plugin' => 'repository_wikimedia', 'from' => $from, 'to' => $to]
        );
        $visible = static fn(): ?int => ($row = $DB->get_record('repository', ['type' => 'wikimedia'])) ? (int)$row->visible : null;
        $begin = ['enabled', 'available'][$visible() === 1 ? 0 : 1];
        if ($visible() === null) {
            $change(null, 'enabled');
            $begin = 'enabled';
        }
        $this->assertSame([0, ['changed' => true]], [$change($begin, null)[0], ['changed' => true]]);
        $this->assertNull($visible());
        $this->assertFalse($change(null, null)[1]['answer']['changed']);
        $this->assertTrue($change(null, 'enabled')[1]['answer']['changed']);
        $this->assertSame(1, $visible());
        [$code, $answer] = $change('available', null);
        $this->assertSame([1, 'state_refused'], [$code, $answer['refused']['code']]);
        $type = $DB->get_field('repository', 'id', ['type' => 'wikimedia']);
        $context = \context_course::instance(SITEID);
        $DB->insert_record('repository_instances', ['name' => 'x', 'typeid' => $type, 'userid' => 0, 'contextid' => $context->id]);
        [$code, $answer] = $change('enabled', null);
        $this->assertSame([1, 'state_refused'], [$code, $answer['refused']['code']], 'people use it');
        $this->assertSame(1, $visible());
    }

    /**
     * Caches are emptied by their definitions; one that is not known is told, and the others are emptied all the same.
     */
    public function test_caches(): void {
        $this->resetAfterTest();
        $fill = static fn(): bool => \cache::make('core', 'string')->set('of_a_test', 'stale');
        $read = static function () {
            // What other processes find: this one keeps values of its own.
            \core_cache\factory::instance()->reset_cache_instances();
            return \cache::make('core', 'string')->get('of_a_test');
        };
        $fill();
        $this->assertSame('stale', $read());
        [$code, $answer] = $this->run_command('drop_caches', ['definitions' => ['no_such/area', 'core/string']]);
        $this->assertSame([1, 'script_failed'], [$code, $answer['refused']['code']]);
        $this->assertStringContainsString('no_such/area', $answer['refused']['message']);
        $this->assertFalse($read());
        $fill();
        [$code, $answer] = $this->run_command('drop_caches', ['definitions' => ['core/string']]);
        $this->assertSame([0, ['core/string']], [$code, $answer['answer']['dropped']]);
        $this->assertFalse($read());
        $fill();
        [$code, $answer] = $this->run_command('drop_caches', ['definitions' => ['core/string', '*']]);
        $this->assertSame(['*'], $answer['answer']['dropped']);
        $this->assertFalse($read());
        $this->assertSame([], $this->run_command('drop_caches', [])[1]['answer']['dropped']);
    }
}
