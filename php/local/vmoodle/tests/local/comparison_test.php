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

use local_vmoodle\local\comparison\comparison;
use local_vmoodle\local\comparison\settings;
use local_vmoodle\output\matrix_view;
use local_vmoodle\tests\farm_testcase;

/**
 * Tests of tenants side by side: one that can be read and one that cannot.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\local\comparison\comparison
 * @covers     \local_vmoodle\local\comparison\settings
 * @covers     \local_vmoodle\output\matrix_view
 */
final class comparison_test extends farm_testcase {
    /** @var array what is asked for where a test says nothing. */
    private const ASKED = ['role' => '', 'component' => '', 'type' => '', 'names' => 'theme, lang', 'search' => '',
        'differences' => 0];

    /**
     * A farm whose tenant has tables of its own.
     */
    protected function setUp(): void {
        parent::setUp();
        $this->become_control_site();
        $this->setAdminUser();
        $this->add_site('site.example.org');
    }

    /**
     * What was read is a line; who did not answer is told by its address, with the reason.
     */
    public function test_read(): void {
        $this->add_tenant('broken.example.org');
        $comparison = comparison::read('config', ['any'], self::ASKED);
        $this->assertSame(['https://site.example.org'], $comparison->tenants());
        $this->assertSame(['https://broken.example.org'], array_keys($comparison->failures()));
        $this->assertEqualsCanonicalizing(['theme', 'lang'], array_column($comparison->lines(), 'name'));
        $lines = array_column($comparison->lines(), 'value', 'name');
        $this->assertSame($this->site_setting('theme'), $lines['theme']);
        $this->assertSame([], $comparison->odd());
        $matrix = $comparison->matrix();
        $this->assertSame('https://site.example.org', $matrix[0][1]);
        $this->assertCount(3, $matrix);
        $data = json_decode(json_encode($comparison->data()), true);
        $this->assertEqualsCanonicalizing(['tenants', 'failures', 'lines'], array_keys($data));
        $this->assertArrayNotHasKey('id', $data['lines'][0]);
    }

    /**
     * A search looks in groups and names; where all are alike there are no differences.
     */
    public function test_search_and_differences(): void {
        $read = static fn(array $asked): array
            => array_column(comparison::read('config', ['any'], $asked + self::ASKED)->lines(), 'name');
        $this->assertSame(['lang'], $read(['search' => 'LAN']));
        $this->assertSame([], $read(['search' => 'no such line']));
        $this->assertSame([], $read(['differences' => 1]));
    }

    /**
     * A setting that is empty is given on as an empty one.
     */
    public function test_spread_of_an_empty_setting(): void {
        $site = 'https://site.example.org';
        $theme = $this->site_setting('theme');
        $expected = ['operation' => 'set_config', 'p_name' => 'theme', 'p_value' => $theme];
        $this->assertSame($expected, settings::spread('theme', $site));
        $spread = settings::spread('maintenance_enabled', $site);
        $empty = (string)$this->site_setting('maintenance_enabled');
        $this->assertSame($empty === '' ? 'p_values' : 'p_name', array_keys($spread)[1]);
    }

    /**
     * The matrix: a column for each tenant, a button in each cell for those who may run operations.
     */
    public function test_matrix(): void {
        global $OUTPUT, $PAGE;
        $PAGE->set_url('/local/vmoodle/compare.php');
        $comparison = comparison::read('config', ['any'], self::ASKED);
        $asked = ['targets' => 'any'] + self::ASKED;
        $view = new matrix_view('config', $comparison, $asked, ['page' => 0, 'tenantpage' => 0]);
        $context = $view->export_for_template($PAGE->get_renderer('core'));
        $this->assertSame(['site.example.org'], array_column($context['columns'], 'host'));
        $this->assertCount(2, $context['lines']);
        $cell = $context['columns'][0]['id'] . ':' . $context['lines'][0]['name'];
        $this->assertSame($cell, $context['lines'][0]['cells'][0]['cell']);
        $this->assertTrue($context['mayspread']);
        $html = $OUTPUT->render($view);
        $this->assertStringNotContainsString('[[', $html);
        $this->assertStringContainsString('site.example.org', $html);
        $this->set_user_with('local/vmoodle:managevmoodles');
        $context = $view->export_for_template($PAGE->get_renderer('core'));
        $this->assertFalse($context['mayspread']);
        $this->assertSame('', $context['lines'][0]['cells'][0]['cell']);
    }
}
