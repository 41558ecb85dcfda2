<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * What the tests of a tenant's life ask a real Moodle, through its own API: on the web by ?do=, on the command line by an argument.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

if (PHP_SAPI === 'cli') {
    define('CLI_SCRIPT', true);
}
require(__DIR__ . '/config.php');
require_once($CFG->dirroot . '/course/lib.php');
require_once($CFG->dirroot . '/mnet/lib.php');

$argument = static fn(int $number, string $name): string =>
    PHP_SAPI === 'cli' ? ($argv[$number] ?? '') : optional_param($name, '', PARAM_RAW);
$value = $argument(2, 'value');
$files = get_file_storage();

switch ($argument(1, 'do')) {
    case 'seed':
        // A course with a file, a link to itself, and keys of its own.
        set_config('mnet_dispatcher_mode', 'strict');
        set_config('calendar_exportsalt', random_string(60));
        \core\session\manager::set_user(get_admin());
        $link = "<a href=\"$CFG->wwwroot/course/index.php\">all</a> <img src=\"@@PLUGINFILE@@/note.txt\" alt=\"\">";
        $course = create_course((object)['fullname' => 'L’été 🌞 & "l\'école"', 'shortname' => 'seeded', 'category' => 1,
            'summary' => $link, 'summaryformat' => FORMAT_HTML]);
        $files->create_file_from_string(['contextid' => context_course::instance($course->id)->id, 'component' => 'course',
            'filearea' => 'summary', 'itemid' => 0, 'filepath' => '/', 'filename' => 'note.txt'], $value);
        break;
    case 'change':
        $DB->set_field('course', 'fullname', $value, ['shortname' => 'seeded']);
        $course = $DB->get_record('course', ['shortname' => 'seeded']);
        $context = context_course::instance($course->id);
        $files->delete_area_files($context->id, 'course', 'summary');
        set_config('lifetest', $value);
        rebuild_course_cache(0, true);
        break;
    case 'write':
        \core_cache\cache::make('core', 'calendar_subscriptions')->set('life', $value);
        \core_cache\cache::make('core', 'userselections')->set('life', $value);
        $SESSION->lifetest = $value;
        foreach ([make_cache_directory('life'), make_temp_directory('life'), make_localcache_directory('life'), $CFG->dataroot] as $folder) {
            file_put_contents("$folder/life.txt", $value);
        }
        break;
    case 'purge':
        purge_all_caches();
        break;
    case 'destroy':
        \core\session\manager::destroy_all();
        break;
    case 'files':
        \core_cache\config_writer::create_default_configuration(true);
        break;
    case 'redis':
        // All caches of the site, and with $CFG->session_handler_class its sessions, in one Redis, as an administrator sets it.
        $writer = \core_cache\config_writer::instance();
        $writer->add_store_instance('shared', 'redis', ['server' => $value, 'prefix' => 'farm_', 'password' => '', 'serializer' => 1,
            'compressor' => 0]);
        $writer->set_mode_mappings([\core_cache\store::MODE_APPLICATION => ['shared'], \core_cache\store::MODE_SESSION => ['shared'],
            \core_cache\store::MODE_REQUEST => ['default_request']]);
        break;
}

$course = $DB->get_record('course', ['shortname' => 'seeded']);
$context = $course ? context_course::instance($course->id) : null;
$file = $course ? $files->get_file_by_hash($files->get_pathname_hash($context->id, 'course', 'summary', 0, '/', 'note.txt')) : null;
$mail = $argument(1, 'do') === 'mail' ? email_to_user(get_admin(), get_admin(), 'subject', 'text') : null;
$read = static fn(string $folder): ?string => @file_get_contents("$folder/life.txt") ?: null;
$cached = static fn(string $area) => \core_cache\cache::make('core', $area)->get('life') ?: null;

if (PHP_SAPI !== 'cli') {
    header('Content-Type: application/json');
}
echo json_encode([
    'name' => $SITE->fullname, 'shortname' => $SITE->shortname, 'wwwroot' => $CFG->wwwroot, 'user' => $USER->username ?? null,
    'identity' => [
        'identifier' => get_site_identifier(), 'cookie' => $CFG->sessioncookie, 'prefix' => $CFG->session_redis_prefix,
        'salt' => $CFG->calendar_exportsalt ?? null, 'mnet' => get_mnet_environment()->public_key ?? null,
        'database' => $CFG->dbname, 'account' => $CFG->dbuser, 'dbpass' => $CFG->dbpass, 'dataroot' => $CFG->dataroot,
    ],
    'mailoff' => !empty($CFG->noemailever), 'mail' => $mail, 'supportname' => $CFG->supportname ?? null,
    'attachments' => get_config('mod_forum', 'maxattachments'),
    'course' => $course ? ['id' => $course->id, 'name' => $course->fullname, 'summary' => $course->summary,
        'context' => $context->id, 'file' => $file ? $file->get_content() : null] : null,
    'lifetest' => $CFG->lifetest ?? null,
    'kept' => [
        'application' => $cached('calendar_subscriptions'), 'session' => $cached('userselections'),
        'user' => $SESSION->lifetest ?? null, 'cachedir' => $read($CFG->cachedir . '/life'), 'tempdir' => $read($CFG->tempdir . '/life'),
        'localcachedir' => $read($CFG->localcachedir . '/life'), 'dataroot' => $read($CFG->dataroot),
    ],
    'store' => get_class(\core_cache\factory::instance()->create_config_instance()) . ': ' . implode(' ',
        array_keys(\core_cache\config::instance()->get_all_stores())),
]) . "\n";
