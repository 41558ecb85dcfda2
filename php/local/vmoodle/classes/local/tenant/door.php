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
 * The script cli/in_tenant.php: finds the command, and says what came of it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class door {
    /** @var callable[] what does a command, by its name: that of the operation that asks for it, if there is one. */
    private const COMMANDS = [
        'category_visibility' => [categories::class, 'show'],
        'course_visibility' => [courses::class, 'show'],
        'create_category' => [categories::class, 'create'],
        'delete_category' => [categories::class, 'delete'],
        'delete_course' => [courses::class, 'delete'],
        'drop_caches' => [caches::class, 'drop'],
        'empty_category' => [categories::class, 'clear'],
        'plugin_instances' => [plugin_instances::class, 'change'],
        'restore_course' => [restoration::class, 'restore'],
    ];

    /** @var string[] commands that run on half-upgraded sites too, and as nobody. */
    private const PLAIN = ['drop_caches', 'plugin_instances'];

    /**
     * Runs a command.
     *
     * @param string $command its name
     * @param string $input JSON
     * @return int exit code
     */
    public static function main(string $command, string $input): int {
        $given = json_decode($input, true);
        try {
            if (!isset(self::COMMANDS[$command]) || !is_array($given)) {
                throw new refused('bad_parameter', 'a command and JSON on standard input are wanted');
            }
            if (!in_array($command, self::PLAIN, true)) {
                if (moodle_needs_upgrading()) {
                    throw new refused('state_refused', 'an upgrade of the site is pending', 'upgrade it first');
                }
                \core\session\manager::set_user(get_admin());
            }
            self::say(['answer' => (object)call_user_func(self::COMMANDS[$command], $given)]);
            return 0;
        } catch (refused $refused) {
            self::say(['refused' => [
                'code' => $refused->reason,
                'message' => $refused->getMessage(),
                'hint' => $refused->hint,
            ]]);
            return 1;
        }
    }

    /**
     * Prints the answer, on a line of its own whatever was printed before.
     *
     * @param array $answer the answer
     */
    private static function say(array $answer): void {
        echo PHP_EOL . json_encode($answer, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE)
            . PHP_EOL;
    }
}
