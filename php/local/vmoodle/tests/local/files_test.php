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

namespace local_vmoodle\local;

use local_vmoodle\bridge;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of what is written beside the index: by whom, whole, and in how many copies.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\component_cache
 * @covers     \local_vmoodle\local\farm_folder
 * @covers     \local_vmoodle\local\publisher
 */
final class files_test extends farm_testcase {
    /**
     * A file gets there whole, for the farm's user alone, in folders that are made for it.
     */
    public function test_write(): void {
        $folder = new farm_folder(make_request_directory() . '/farm');
        $path = $folder->write('one/two.txt', 'first');
        $this->assertSame('first', file_get_contents($path));
        $folder->write('one/two.txt', 'second');
        $this->assertSame('second', file_get_contents($path));
        $this->assertSame('0600', substr(sprintf('%o', fileperms($path)), -4));
        $this->assertSame('0700', substr(sprintf('%o', fileperms(dirname($path))), -4));
        $this->assertSame(['two.txt'], array_values(array_diff(scandir(dirname($path)), ['.', '..'])), 'nothing temporary stays');
    }

    /**
     * The owner of a folder that is not there yet is that of the one in which it will be made.
     */
    public function test_owner(): void {
        $there = make_request_directory();
        $owner = (new farm_folder("{$there}/not/yet"))->owner();
        $this->assertSame([fileowner($there), filegroup($there)], [$owner['uid'], $owner['gid']]);
        $this->assertSame(posix_getpwuid($owner['uid'])['name'] ?? (string)$owner['uid'], $owner['name']);
        $this->assertSame(posix_geteuid(), (new farm_folder($there))->process_uid());
        (new farm_folder($there))->require_writer();
    }

    /**
     * What cannot be written is an error that names the file, and leaves nothing behind.
     */
    public function test_what_cannot_be_written(): void {
        $path = make_request_directory() . '/file';
        file_put_contents($path, 'in the way');
        try {
            (new farm_folder($path))->write('index', 'x');
            $this->fail('It was not refused.');
        } catch (\moodle_exception $exception) {
            $this->assertSame('cannotwritefile', $exception->errorcode);
        }
        $this->assertSame('in the way', file_get_contents($path));
    }

    /**
     * The component cache lists what is on disk, is built once for one content, and does not change what this process knows.
     */
    public function test_component_cache(): void {
        global $CFG;
        $this->become_control_site();
        $this->assertNull(component_cache::descriptor());
        $this->assertFalse(component_cache::is_current());
        $known = \core_component::get_plugin_list('local');
        $built = component_cache::build();
        $this->assertTrue($built['changed']);
        $this->assertStringStartsWith(dirname($this->index()) . '/components/', $built['path']);
        $this->assertTrue(component_cache::is_current());
        $this->assertSame($known, \core_component::get_plugin_list('local'));
        $read = (static function (string $path): array {
            $cache = [];
            require($path);
            return $cache;
        })($built['path']);
        $this->assertArrayHasKey('vmoodle', $read['plugins']['local']);
        $this->assertEquals(filesize($CFG->dirroot . '/version.php'), component_cache::descriptor()['versionsize']);
        $again = component_cache::build();
        $this->assertSame([$built['path'], false], [$again['path'], $again['changed']]);
    }

    /**
     * Of older caches only a few stay, and the one in use always does.
     */
    public function test_old_component_caches_go(): void {
        $this->become_control_site();
        $current = component_cache::build()['path'];
        foreach (range(1, 5) as $age) {
            $old = dirname($current) . "/core_component-{$age}.php";
            file_put_contents($old, '<?php');
            touch($old, time() - $age * HOURSECS);
        }
        touch($current, time() - DAYSECS);
        component_cache::build();
        $left = array_map('basename', glob(dirname($current) . '/*.php'));
        $this->assertEqualsCanonicalizing([basename($current), 'core_component-1.php', 'core_component-2.php'], $left);
    }

    /**
     * What is wrong with this node's index, the worst first.
     */
    public function test_faults(): void {
        global $DB;
        $this->become_control_site();
        $this->assertSame('components', publisher::fault());
        $published = publisher::publish_all();
        $this->assertNull(publisher::fault());
        $this->assertSame((int)$published['generation'], publisher::registry_generation());
        $this->assertSame(dirname($this->index()), farm_folder::of_index()->path);
        $DB->set_field_select('local_vmoodle_generation', 'generation', publisher::registry_generation() + 1, '');
        $this->assertSame('behind', publisher::fault());
        bridge::index_refresh();
        $this->assertNull(publisher::fault());
    }
}
