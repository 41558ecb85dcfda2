<?php
// This file is part of vmoodle.
//
// vmoodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * Times one way to switch $CFG, in nanoseconds a switch: ours, plain, array, select or select_indexed.
 *
 * @copyright 2026 the vmoodle authors
 * @license   http://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

function control_cfg(int $tenants): stdClass {
    $cfg = new stdClass();
    $cfg->dbtype = 'mariadb';
    $cfg->dblibrary = 'native';
    $cfg->dbhost = 'localhost';
    $cfg->dbname = 'control';
    $cfg->dbuser = 'control';
    $cfg->dbpass = 'secret';
    $cfg->prefix = 'mdl_';
    $cfg->dboptions = ['dbpersist' => false, 'dbport' => 3306];
    $cfg->wwwroot = 'https://farm.example.org';
    $cfg->dataroot = '/var/moodledata/control';
    $cfg->dirroot = '/var/www/moodle';
    $cfg->admin = 'admin';
    $cfg->directorypermissions = 02777;
    $cfg->vmoodle = ['index' => __DIR__ . "/$tenants/index"];
    return $cfg;
}

/** The assignments that boot makes, with the tenant's values as literals or from a row. */
function assign(stdClass $cfg, string $host, array $row): void {
    [$cfg->dbtype, $cfg->dbhost, $cfg->dbname, $cfg->dbuser, $cfg->dbpass, $cfg->dataroot] = $row;
    $cfg->dblibrary = 'native';
    $cfg->prefix = 'mdl_';
    $cfg->dboptions = ['dbpersist' => false, 'dbport' => 3306];
    $cfg->wwwroot = "https://$host";
    $cfg->session_redis_prefix = $cfg->session_memcached_prefix = 'vm12345678_5_';
    $cfg->sessioncookie = 'vm12345678_5';
    $cfg->preventexecpath = true;
    $cfg->disableupdateautodeploy = true;
    $cfg->uninstallclionly = true;
    $cfg->mainwwwroot = 'https://farm.example.org';
    $cfg->vmoodleroot = $cfg->wwwroot;
    $cfg->vmoodlename = $host;
    unset($cfg->vmoodle);
}

function select(stdClass $cfg, string $host, string $database): void {
    $link = mysqli_connect(null, $_GET['user'], $_GET['password'], $database, 0, $_GET['socket']);
    $result = mysqli_query($link, "SELECT * FROM mdl_local_vmoodle WHERE vhostname = 'https://$host'");
    $row = mysqli_fetch_object($result);
    mysqli_close($link);
    assign($cfg, $host, [$row->vdbtype, $row->vdbhost, $row->vdbname, $row->vdblogin, $row->vdbpass, $row->vdatapath]);
}

$tenants = (int) $_GET['tenants'];
$loops = (int) $_GET['loops'];
$way = $_GET['way'];
$host = $_SERVER['HTTP_HOST'];
$number = intdiv($tenants, 2);
$row = ['mariadb', 'db.example.org', "moodle_$number", "moodle_$number", "secret-of-school-$number", "/var/moodledata/school$number"];

$total = 0;
for ($i = 0; $i < $loops; $i++) {
    $cfg = control_cfg($tenants);
    $start = hrtime(true);
    switch ($way) {
        case 'ours':
            \Vmoodle\boot($cfg);
            break;
        case 'plain':
            assign($cfg, $host, $row);
            break;
        case 'array':
            $hosts = include(__DIR__ . "/hosts-$tenants.php");
            assign($cfg, $host, $hosts[$host]);
            break;
        case 'select':
            select($cfg, $host, "registry_$tenants");
            break;
        case 'select_indexed':
            select($cfg, $host, "registry_{$tenants}_indexed");
            break;
    }
    $total += hrtime(true) - $start;
    if ($cfg->dbname !== "moodle_$number") {
        exit("wrong database $cfg->dbname");
    }
}
echo $total / max(1, $loops);
