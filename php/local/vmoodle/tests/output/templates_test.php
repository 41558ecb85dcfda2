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

/**
 * Tests that every template can be rendered with the example that it documents.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @coversNothing
 */
final class templates_test extends \advanced_testcase {
    /**
     * The templates of the plugin.
     *
     * @return array[] name and its text
     */
    public static function templates(): array {
        $templates = [];
        foreach (glob(dirname(__DIR__, 2) . '/templates/*.mustache') as $file) {
            $name = basename($file, '.mustache');
            $templates[$name] = [$name, file_get_contents($file)];
        }
        return $templates;
    }

    /**
     * Renders the example.
     *
     * @dataProvider templates
     * @param string $name of the template
     * @param string $text of the template
     */
    public function test_example(string $name, string $text): void {
        global $PAGE;
        $PAGE->set_url('/local/vmoodle/index.php');
        $this->assertStringContainsString("@template local_vmoodle/{$name}", $text);
        $pattern = '/Example context \(json\):\s*(\{.*?\n    \}|\{[^\n]*\})\s*\n\}\}/s';
        $this->assertSame(1, preg_match($pattern, $text, $found), 'no example');
        $example = json_decode($found[1], true);
        $this->assertIsArray($example, json_last_error_msg());
        $html = $PAGE->get_renderer('core')->render_from_template("local_vmoodle/{$name}", $example);
        $this->assertNotSame('', trim($html));
        $this->assertStringNotContainsString('[[', $html, 'a string is missing');
        $this->assertStringNotContainsString('{{', $html);
        $document = new \DOMDocument();
        libxml_use_internal_errors(true);
        $document->loadHTML("<?xml encoding=\"utf-8\"?><body>{$html}</body>");
        // HTML 5's own elements are unknown to this parser.
        $errors = array_filter(libxml_get_errors(), static fn($error): bool => $error->code !== 801);
        libxml_clear_errors();
        libxml_use_internal_errors(false);
        $this->assertSame([], array_map(static fn($error): string => trim($error->message), array_values($errors)));
        $ids = array_map(static fn($node): string => $node->value, iterator_to_array((new \DOMXPath($document))->query('//@id')));
        $this->assertSame($ids, array_unique($ids), 'an id stands twice');
    }

    /**
     * Templates escape what tenants' administrators may have written.
     */
    public function test_values_are_escaped(): void {
        global $PAGE;
        $PAGE->set_url('/local/vmoodle/index.php');
        $evil = '<script>alert(1)</script>';
        $contexts = [
            'target_matches' => ['count' => 1, 'tenants' => [$evil], 'more' => 0],
            'tenant_checks' => ['checks' => [['name' => 'n', 'colour' => 'danger', 'detail' => $evil, 'hint' => $evil]]],
            'tenant_view' => ['name' => $evil, 'url' => $evil, 'aliases' => [$evil],
                'facts' => [['label' => 'l', 'value' => $evil]], 'columns' => [['label' => 'l', 'value' => $evil]]],
            'snapshot_list' => ['problems' => [$evil], 'hassnapshots' => true, 'snapshots' => [['id' => 1, 'name' => $evil]]],
            'policy_list' => ['add' => '#', 'haspolicies' => true, 'policies' => [
                ['name' => $evil, 'targets' => $evil, 'settings' => $evil, 'edit' => '#', 'remove' => '#'],
            ]],
            'job_view' => ['id' => 1, 'targets' => $evil, 'parameters' => [['label' => 'l', 'value' => $evil]],
                'passwords' => [$evil]],
        ];
        foreach ($contexts as $name => $context) {
            $html = $PAGE->get_renderer('core')->render_from_template("local_vmoodle/{$name}", $context);
            $this->assertStringNotContainsString($evil, $html, $name);
            $this->assertStringContainsString('&lt;script&gt;', $html, $name);
        }
    }
}
