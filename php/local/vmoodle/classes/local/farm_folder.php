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

/**
 * The folder of the index: whose it is, who may write there, and how files get there whole.
 *
 * One OS user runs PHP for the whole farm. Files of another user, or of root, could not be read by it.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class farm_folder {
    /**
     * Names a folder that may not exist yet.
     *
     * @param string $path absolute
     */
    public function __construct(
        /** @var string absolute path. */
        public readonly string $path
    ) {
    }

    /**
     * The folder in which this node's index lies.
     *
     * @return self the folder named by the index status
     */
    public static function of_index(): self {
        $path = (string)(\local_vmoodle\bridge::index_status()['path'] ?? '');
        if (!str_starts_with($path, '/')) {
            throw new \coding_exception('The extension does not say where the index is.');
        }
        return new self(dirname($path));
    }

    /**
     * The OS user of the farm: whoever owns the folder, or the one in which it will be made.
     *
     * @return array{uid: int, gid: int, name: string} numbers and name of the user
     */
    public function owner(): array {
        clearstatcache();
        $path = $this->path;
        while (!is_dir($path) && $path !== dirname($path)) {
            $path = dirname($path);
        }
        $uid = (int)fileowner($path);
        $entry = function_exists('posix_getpwuid') ? posix_getpwuid($uid) : false;
        return ['uid' => $uid, 'gid' => (int)filegroup($path), 'name' => $entry ? $entry['name'] : (string)$uid];
    }

    /**
     * Who runs this process.
     *
     * @return int the effective user id; that of the owner where PHP cannot tell
     */
    public function process_uid(): int {
        return function_exists('posix_geteuid') ? posix_geteuid() : $this->owner()['uid'];
    }

    /**
     * Stops a process that would leave files which the farm cannot read: only the owner and root may write.
     *
     * @throws \moodle_exception for any other OS user
     */
    public function require_writer(): void {
        $owner = $this->owner();
        if (!in_array($this->process_uid(), [0, $owner['uid']], true)) {
            throw new \moodle_exception('wrongosuser', 'local_vmoodle', '', ['folder' => $this->path, 'user' => $owner['name']]);
        }
    }

    /**
     * Writes a file so that no reader ever sees a part of it.
     *
     * @param string $name relative to the folder
     * @param string $content all of it
     * @return string the file's absolute path
     */
    public function write(string $name, string $content): string {
        $this->require_writer();
        $path = $this->path . '/' . $name;
        $this->make(dirname($path));
        $temporary = $path . '.' . getmypid() . '.tmp';
        $old = umask(0077);
        $handle = @fopen($temporary, 'wb');
        umask($old);
        $done = $handle !== false
            && fwrite($handle, $content) === strlen($content)
            && fflush($handle) && fsync($handle) && fclose($handle)
            && $this->give_to_owner($temporary)
            && rename($temporary, $path);
        if (!$done) {
            @unlink($temporary);
            throw new \moodle_exception('cannotwritefile', 'local_vmoodle', '', $path);
        }
        return $path;
    }

    /**
     * Makes a folder that the farm's OS user alone may enter.
     *
     * @param string $path absolute, at or under this folder
     */
    private function make(string $path): void {
        if (is_dir($path)) {
            return;
        }
        $this->make(dirname($path));
        if (!@mkdir($path, 0700) && !is_dir($path)) {
            throw new \moodle_exception('cannotwritefile', 'local_vmoodle', '', $path);
        }
        $this->give_to_owner($path);
    }

    /**
     * Gives what root has made to the farm's OS user.
     *
     * @param string $path a file or folder
     * @return bool false when it cannot be given
     */
    private function give_to_owner(string $path): bool {
        if ($this->process_uid() !== 0) {
            return true;
        }
        $owner = (new self(dirname($path)))->owner();
        return chown($path, $owner['uid']) && chgrp($path, $owner['gid']);
    }
}
