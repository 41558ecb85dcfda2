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

/**
 * The config.php of a farm: copy it to the root of the code base and fill it in. Nothing reads it here.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

// phpcs:ignoreFile -- A sample of config.php.

unset($CFG);
global $CFG;
$CFG = new stdClass();

// The control site: an ordinary Moodle, from which the farm is administered. Its database holds the registry.
$CFG->dbtype = 'mariadb';
$CFG->dblibrary = 'native';
$CFG->dbhost = 'localhost';
$CFG->dbname = 'moodle';
$CFG->dbuser = 'moodle';
$CFG->dbpass = '';
$CFG->prefix = 'mdl_';
$CFG->dboptions = ['dbport' => '', 'dbsocket' => '', 'dbcollation' => 'utf8mb4_unicode_ci'];
$CFG->wwwroot = 'https://farm.example.org';
$CFG->dataroot = '/srv/moodle/control';
$CFG->dirroot = __DIR__;
$CFG->admin = 'admin';
$CFG->directorypermissions = 02770;

// The farm's own settings; all may be left out.
$CFG->vmoodle = [
    // The compiled registry that every request reads. On several web nodes: a local disk of each, never NFS.
    // 'index' => '/srv/moodle/control/vmoodle/index',

    // Let a path choose the tenant too: https://farm.example.org/school1.
    // 'subpaths' => true,

    // Reverse proxies whose X-Forwarded-Host counts. Nobody else's does.
    // 'trusted_proxies' => ['10.0.0.0/8'],

    // One database account for all tenants, so that the registry holds no passwords.
    // 'dbuser' => 'tenants',
    // 'dbpass' => '',

    // The key that encrypts the passwords in the registry; outside every dataroot, readable by PHP's user alone.
    // 'keyfile' => '/etc/vmoodle.key',

    // Serve or refuse the control site's own host on the web.
    // 'control' => 'serve',
];

// From here on $CFG is that of the site whose host was asked for.
require(__DIR__ . '/local/vmoodle/boot.php');

require_once(__DIR__ . '/lib/setup.php');
