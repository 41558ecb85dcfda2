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
namespace local_vmoodle\output;

use local_vmoodle\native_exception;

/**
 * Tests of what people are told of errors, warnings and changes, in their language.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\output\words
 */
final class words_test extends \advanced_testcase {
    /**
     * Makes French the reader's language: of Moodle's own pack only its name is there.
     */
    private function read_french(): void {
        global $CFG;
        $this->resetAfterTest();
        make_writable_directory("{$CFG->langotherroot}/fr");
        file_put_contents("{$CFG->langotherroot}/fr/langconfig.php", "<?php \$string['thislanguage'] = 'Français';");
        get_string_manager(true);
        force_current_language('fr');
        $this->assertSame('Site créé', get_string('eventtenantcreated', 'local_vmoodle'));
    }

    /**
     * What is folded away is not there before somebody asks for it.
     *
     * @param string $html
     * @return string what is there
     */
    private static function shown(string $html): string {
        return trim(strip_tags(preg_replace('~(<details>.*?</summary>).*?</details>~s', '$1</details>', $html)));
    }

    /**
     * In English an error is what the extension said, after what its code means.
     */
    public function test_error(): void {
        $html = words::error('tenant_unreachable', '<the database> does not answer');
        $this->assertSame(get_string('error_tenant_unreachable', 'local_vmoodle', '&lt;the database&gt; does not answer'), $html);
        $this->assertSame('&lt;x&gt;', words::error('of_a_later_version', '<x>'));
        $problem = new native_exception('snapshot_damaged', 'the file is short', 'delete it');
        $this->assertStringContainsString('the file is short: delete it', words::problem($problem));
        $this->assertStringContainsString('the file is short', $problem->getMessage());
    }

    /**
     * In another language an error is what its code means; what the extension said can be unfolded, and is marked as English.
     */
    public function test_error_in_french(): void {
        $this->read_french();
        $html = words::error('tenant_unreachable', '<the database> does not answer');
        $this->assertSame('La base de données du site ne répond pas. Détail technique (en anglais)', self::shown($html));
        $this->assertStringContainsString('<span lang="en">&lt;the database&gt; does not answer</span>', $html);
        $problem = new native_exception('snapshot_damaged', 'the file is short', 'delete it');
        $this->assertSame('L’instantané est endommagé.', $problem->getMessage());
        $this->assertSame('L’instantané est endommagé. Détail technique (en anglais)', self::shown(words::problem($problem)));
        $this->assertStringContainsString('the file is short: delete it', words::problem($problem));
        $this->assertSame('Détail technique (en anglais)', self::shown(words::error('of_a_later_version', 'what is new')));
    }

    /**
     * A warning is told by its code too; journals of before have none.
     */
    public function test_warning(): void {
        $warning = ['code' => 'left_out', 'message' => 'not known here: <x>'];
        $this->assertSame('Warning: not known here: &lt;x&gt;', words::warning($warning));
        $this->assertSame('Warning: &lt;old&gt;', words::warning('<old>'));
        $this->assertSame(['not known here: <x>', '<old>'], array_map([words::class, 'warning_message'], [$warning, '<old>']));
        $this->read_french();
        $html = words::warning($warning);
        $this->assertSame(
            'Attention : Ce que le site ne connaît pas a été omis. Détail technique (en anglais)',
            self::shown($html)
        );
        $this->assertStringContainsString('&lt;x&gt;', $html);
        $this->assertStringContainsString('old', words::warning('old'));
    }

    /**
     * Words of the extension are said in the reader's language; names and values of Moodle's stay as they are.
     */
    public function test_change(): void {
        $this->read_french();
        $this->assertSame('instantané', words::change('snapshot'));
        $this->assertSame('ancien instantané', words::change('old snapshot'));
        $this->assertSame('catégorie Sciences/Physics', words::change('category Sciences/Physics'));
        $this->assertSame('enablewebservices', words::change('enablewebservices'));
        $this->assertSame('Retiré', words::changed('state', 'retired'));
        $this->assertSame('vidé', words::changed('theme', 'purged'));
        $this->assertSame('un nouveau', words::changed('password', 'a new one'));
        $this->assertSame('done', words::changed('supportname', 'done'), 'a value of Moodle');
    }

    /**
     * An error that a tenant gave is told in the reader's language on its page.
     */
    public function test_fact(): void {
        $this->assertSame('no route', fact::value('error', 'no route'));
        $this->read_french();
        $this->assertSame('La base de données du site ne répond pas.', fact::value('error', 'no route'));
    }
}
