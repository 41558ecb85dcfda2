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

use local_vmoodle\output\words;

/**
 * An error of the native extension, as Moodle knows errors: its text is the string error_ and the stable code.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class native_exception extends \moodle_exception {
    /** @var string the same call may succeed later without anybody acting. */
    public const RETRYABLE = 'retryable';

    /** @var string the same call will fail again until somebody acts. */
    public const FINAL = 'final';

    /**
     * Builds the exception.
     *
     * @param string $reason the stable code
     * @param string $native the extension's own message
     * @param string|null $hint the way out, if there is one
     * @param string|null $tenant the tenant that it is about
     * @param string $retry RETRYABLE or FINAL
     */
    public function __construct(
        /** @var string the stable code. */
        public readonly string $reason,
        /** @var string the extension's own message. */
        public readonly string $native,
        /** @var string|null the way out, if there is one. */
        public readonly ?string $hint = null,
        /** @var string|null the tenant that it is about. */
        public readonly ?string $tenant = null,
        /** @var string RETRYABLE or FINAL. */
        public readonly string $retry = self::FINAL
    ) {
        $known = get_string_manager()->string_exists('error_' . $reason, 'local_vmoodle');
        $key = 'error_' . ($known ? $reason : 'internal');
        parent::__construct($key, 'local_vmoodle', '', $native);
        if (!words::reads_english()) {
            $this->message = words::sentence($key);
            $this->debuginfo = $native;
        }
    }

    /**
     * What the extension said, and the way out.
     *
     * @return string in English
     */
    public function with_hint(): string {
        return (string)$this->hint === '' || str_contains($this->native, $this->hint)
            ? $this->native : "{$this->native}: {$this->hint}";
    }

    /**
     * The error that there is no extension to call.
     *
     * @return self not yet thrown
     */
    public static function missing(): self {
        return new self('extension_missing', PHP_SAPI);
    }

    /**
     * The error that this process does not serve the control site.
     *
     * @return self not yet thrown
     */
    public static function not_control_site(): self {
        return new self('not_control_site', get_string('controlsiteonly', 'local_vmoodle'));
    }
}
