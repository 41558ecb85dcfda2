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
 * One core_component.php for all tenants of the code base, instead of one of 730 KB in each dataroot.
 *
 * Moodle never validates a file named by $CFG->alternative_component_cache, and dies on a stale one on upgrade pages. So each
 * content has a file name of its own, which no opcache can hold an older version of; components.json beside the index names the
 * newest, and the native publish copies its words into the index. Boot leaves the file out as soon as version.php is another.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class component_cache {
    /** @var string the file that the native publish reads. */
    private const DESCRIPTOR = 'components.json';

    /** @var string what the last look at the code has found. */
    private const LOOKED = 'components-looked.json';

    /** @var int seconds for which a look is believed where nobody looks again. */
    private const BELIEVED = HOURSECS;

    /** @var string[] the lists that core_component keeps; with plugintypes empty it reads the disk again. */
    private const LISTS = ['componentsource', 'plugintypes', 'plugins', 'subsystems', 'parents', 'subplugins', 'apis', 'classmap',
        'classmaprenames', 'filemap', 'version'];

    /** @var int how many older files stay, for an index that still names one. */
    private const KEEP = 2;

    /**
     * Builds the file from the code on disk.
     *
     * @return array{path: string, bytes: int, changed: bool} changed is false when the file was there already
     */
    public static function build(): array {
        $folder = farm_folder::of_index();
        $folder->require_writer();
        $fingerprint = self::fingerprint();
        $content = self::fresh_content();
        $name = 'components/core_component-' . sha1($content) . '.php';
        $path = $folder->path . '/' . $name;
        $before = self::descriptor();

        if (is_file($path) && sha1_file($path) === sha1($content)) {
            // It may be an older one that holds again: the newest files are those that stay.
            touch($path);
        } else {
            $folder->write($name, $content);
        }
        // The words are taken before the content, so a version.php that changes meanwhile makes boot leave the file out.
        $descriptor = ['path' => $path] + $fingerprint;
        if ($before !== $descriptor) {
            $folder->write(self::DESCRIPTOR, json_encode($descriptor, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR) . "\n");
        }
        self::remove_old(dirname($path), $path);
        self::note($descriptor, $fingerprint, true);
        return ['path' => $path, 'bytes' => strlen($content), 'changed' => $before !== $descriptor];
    }

    /**
     * Whether the file that is in use has the plugins and classes of the code on disk. It reads all folders of plugins, which
     * takes longer than most pages do; what it finds is noted for {@see self::last_look()}.
     *
     * @return bool false too when there is no file yet
     */
    public static function is_current(): bool {
        $descriptor = self::descriptor();
        $fingerprint = self::fingerprint();
        $current = $descriptor !== null && is_file($descriptor['path'])
            && array_intersect_key($descriptor, $fingerprint) == $fingerprint
            && basename($descriptor['path']) === 'core_component-' . sha1(self::fresh_content()) . '.php';
        self::note($descriptor, $fingerprint, $current);
        return $current;
    }

    /**
     * What the last look at this file and this version of the code has found; where there was none in the last hour, of a new one.
     *
     * @return array{current: bool, time: int} when it was
     */
    public static function last_look(): array {
        $text = @file_get_contents(farm_folder::of_index()->path . '/' . self::LOOKED);
        $noted = $text === false ? null : json_decode($text, true);
        $descriptor = self::descriptor();
        $of = self::mark($descriptor, self::fingerprint());
        // Whether the file is there costs nothing to see.
        $there = $descriptor !== null && is_file($descriptor['path']);
        if ($there && is_array($noted) && ($noted['of'] ?? '') === $of && abs(time() - (int)$noted['time']) < self::BELIEVED) {
            return ['current' => (bool)$noted['current'], 'time' => (int)$noted['time']];
        }
        return ['current' => self::is_current(), 'time' => time()];
    }

    /**
     * Notes what a look has found, beside the index: each node has a file and code of its own.
     *
     * @param array|null $descriptor of the file that is in use
     * @param array $fingerprint facts of version.php
     * @param bool $current whether they belong together
     */
    private static function note(?array $descriptor, array $fingerprint, bool $current): void {
        $noted = ['of' => self::mark($descriptor, $fingerprint), 'current' => $current, 'time' => time()];
        try {
            farm_folder::of_index()->write(self::LOOKED, json_encode($noted) . "\n");
        } catch (\moodle_exception) {
            // Another OS user may look too, and has to look again.
            return;
        }
    }

    /**
     * What a look was at.
     *
     * @param array|null $descriptor of the file that is in use
     * @param array $fingerprint facts of version.php
     * @return string
     */
    private static function mark(?array $descriptor, array $fingerprint): string {
        return sha1(json_encode([$descriptor, $fingerprint]));
    }

    /**
     * What the native publish was told last.
     *
     * @return array|null path, dirroot, versionmtime, versionsize; null when there is none that can be read
     */
    public static function descriptor(): ?array {
        $text = @file_get_contents(farm_folder::of_index()->path . '/' . self::DESCRIPTOR);
        $descriptor = $text === false ? null : json_decode($text, true);
        return is_array($descriptor) && is_string($descriptor['path'] ?? null) ? $descriptor : null;
    }

    /**
     * What tells boot that the code base is another.
     *
     * @return array{dirroot: string, versionmtime: int, versionsize: int} facts of version.php
     */
    private static function fingerprint(): array {
        global $CFG;
        $file = $CFG->dirroot . '/version.php';
        clearstatcache(true, $file);
        return ['dirroot' => $CFG->dirroot, 'versionmtime' => (int)filemtime($file), 'versionsize' => (int)filesize($file)];
    }

    /**
     * The content as it is on disk now, whatever this process has loaded.
     *
     * core_component reads the disk only when its lists are empty, so they are emptied for the call and put back: a page that
     * runs a check must not go on with plugins that are not installed yet.
     *
     * @return string PHP source
     */
    private static function fresh_content(): string {
        $class = new \ReflectionClass(\core_component::class);
        $saved = [];
        foreach (self::LISTS as $name) {
            $saved[$name] = $class->getStaticPropertyValue($name);
            $class->setStaticPropertyValue($name, null);
        }
        try {
            return \core_component::get_cache_content();
        } finally {
            foreach ($saved as $name => $value) {
                $class->setStaticPropertyValue($name, $value);
            }
        }
    }

    /**
     * Deletes all but the newest files.
     *
     * @param string $folder where they lie
     * @param string $current the one in use, which stays whatever its age
     */
    private static function remove_old(string $folder, string $current): void {
        $files = [];
        foreach (glob($folder . '/core_component-*.php') ?: [] as $file) {
            if ($file !== $current) {
                $files[$file] = (int)filemtime($file);
            }
        }
        arsort($files);
        foreach (array_keys(array_slice($files, self::KEEP)) as $file) {
            @unlink($file);
        }
    }
}
