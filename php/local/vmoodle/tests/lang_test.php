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

namespace local_vmoodle;

/**
 * Tests of the language packs.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @coversNothing
 */
final class lang_test extends \basic_testcase {
    /**
     * The strings of a language.
     *
     * @param string $language its code
     * @return string[] text by key, in the file's order
     */
    private static function strings(string $language): array {
        global $CFG;
        $string = [];
        require("{$CFG->dirroot}/local/vmoodle/lang/{$language}/local_vmoodle.php");
        return $string;
    }

    /**
     * The placeholders of a text.
     *
     * @param string $text of a string
     * @return string[] sorted, each once
     */
    private static function placeholders(string $text): array {
        preg_match_all('/\{\$a(->[a-z0-9_]+)?\}/i', $text, $found);
        $found = array_unique($found[0]);
        sort($found);
        return $found;
    }

    /**
     * Both languages have the same keys, in alphabetical order.
     */
    public function test_keys(): void {
        [$english, $french] = [self::strings('en'), self::strings('fr')];
        $this->assertSame(array_keys($english), array_keys($french));
        $sorted = array_keys($english);
        sort($sorted, SORT_STRING);
        $this->assertSame($sorted, array_keys($english));
        foreach ([$english, $french] as $strings) {
            $this->assertSame([], array_keys(array_filter($strings, static fn(string $text): bool => trim($text) === '')));
        }
    }

    /**
     * A translation says the same values as the English text.
     */
    public function test_placeholders(): void {
        $french = self::strings('fr');
        foreach (self::strings('en') as $key => $text) {
            $this->assertSame(self::placeholders($text), self::placeholders($french[$key]), $key);
            // Any other use of the letter is a placeholder that was misspelt.
            foreach ([$text, $french[$key]] as $one) {
                $this->assertDoesNotMatchRegularExpression('/\$a(?![}\-\w])|\{a[}>]|\$\{a/', $one, $key);
            }
        }
    }

    /**
     * Whoever reads a help text has its title.
     */
    public function test_help(): void {
        $english = self::strings('en');
        foreach (array_keys($english) as $key) {
            if (str_ends_with($key, '_help') && !str_starts_with($key, 'clioption_')) {
                $this->assertArrayHasKey(substr($key, 0, -5), $english);
            }
        }
    }

    /**
     * The texts that are shown before Moodle is there.
     */
    public function test_boot(): void {
        global $CFG;
        $english = require("{$CFG->dirroot}/local/vmoodle/lang/en/boot.php");
        $french = require("{$CFG->dirroot}/local/vmoodle/lang/fr/boot.php");
        $this->assertSame(array_keys($english), array_keys($french));
        foreach ($english as $key => $text) {
            $this->assertSame(self::placeholders($text), self::placeholders($french[$key]), $key);
            $this->assertNotSame($text, $french[$key], $key);
        }
    }
}
