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
 * Tests of the extension's errors as Moodle knows errors.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \local_vmoodle\native_exception
 */
final class native_exception_test extends \basic_testcase {
    /**
     * A code that has a text is said with it, another one as an internal error; the code stays known.
     */
    public function test_texts(): void {
        $retry = native_exception::RETRYABLE;
        $known = new native_exception('tenant_not_found', '`a` is no tenant', 'see the list', 'https://a', $retry);
        $this->assertSame('error_tenant_not_found', $known->errorcode);
        $this->assertStringContainsString('`a` is no tenant', $known->getMessage());
        $this->assertSame(['see the list', 'https://a', 'retryable'], [$known->hint, $known->tenant, $known->retry]);
        $unknown = new native_exception('of_another_version', 'something new');
        $this->assertSame('of_another_version', $unknown->reason);
        $this->assertSame('error_internal', $unknown->errorcode);
        $this->assertStringContainsString('something new', $unknown->getMessage());
        $this->assertStringNotContainsString('[[', $unknown->getMessage());
    }

    /**
     * The errors that PHP itself finds.
     */
    public function test_errors_of_php(): void {
        $this->assertSame('extension_missing', native_exception::missing()->reason);
        $this->assertStringContainsString(PHP_SAPI, native_exception::missing()->getMessage());
        $this->assertSame('not_control_site', native_exception::not_control_site()->reason);
        $this->assertStringContainsString(
            get_string('controlsiteonly', 'local_vmoodle'),
            native_exception::not_control_site()->getMessage()
        );
    }

    /**
     * Every code of the extension has a text of its own.
     */
    public function test_every_code_has_its_text(): void {
        $codes = array_keys(bridge::error_codes());
        $this->assertGreaterThan(50, count($codes));
        foreach ($codes as $code) {
            $this->assertSame("error_{$code}", (new native_exception($code, 'x'))->errorcode);
        }
    }
}
