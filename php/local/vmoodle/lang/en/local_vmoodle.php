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
 * English strings of the farm plugin.
 *
 * @package    local_vmoodle
 * @copyright  2026 The vmoodle authors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['aliasadded'] = 'Alias {$a} was added.';
$string['aliasremoved'] = 'Alias {$a} was removed.';
$string['cannotstart'] = 'The program {$a} cannot be started.';
$string['cannotwritefile'] = '{$a} cannot be written.';
$string['checkcodetree'] = 'Code shared by all tenants';
$string['checkcodetreeok'] = 'PHP cannot change the code that all tenants share.';
$string['checkcodetreeroot'] = 'This check must run as the web server’s user, not as root.';
$string['checkcodetreewritable'] = 'PHP can change the code that all tenants share: whoever administers one tenant could reach all of them.';
$string['checkcomponents'] = 'Shared component cache';
$string['checkcomponentsnone'] = 'There is no shared component cache: each tenant keeps its own copy. Run cli/publish.php to make one.';
$string['checkcomponentsok'] = 'The shared component cache lists the plugins that are on disk.';
$string['checkcomponentsstale'] = 'The plugins on disk changed since the shared component cache was made.';
$string['checkextension'] = 'Native extension';
$string['checkextensionok'] = 'The PHP extension vmoodle {$a} is loaded and config.php calls it.';
$string['checkindex'] = 'Index of tenants';
$string['checkindexbehind'] = 'This node’s index is at generation {$a->index}, the registry at {$a->registry}: requests are answered from an older registry.';
$string['checkindexok'] = 'The index is readable: generation {$a->index}, tenants: {$a->tenants}.';
$string['checknotbooted'] = 'This can only be checked where config.php calls the native extension.';
$string['checkregistry'] = 'Registry of tenants';
$string['checkregistrybroken'] = 'Tenants that are marked as broken and not served: {$a}.';
$string['checkregistryok'] = 'The registry can be read; no row is broken. Tenants: {$a}.';
$string['cli_create'] = 'Makes tenants: those of a file of nodes (the original’s CSV, or JSON), or one that --set describes. The same command again changes nothing. Exit code: 0 all done, 1 nothing was made, 2 some lines or tenants failed.';
$string['cli_job'] = 'Lists jobs; runs, stops or repeats one, or takes back what it changed. Exit code: 0 all done, 1 could not run, 2 some tenants failed.';
$string['cli_key'] = 'Makes the key that seals tenants’ database passwords in the registry and in the index, or renews it.';
$string['cli_publish'] = 'Publishes the registry: builds the shared component cache, then the index that every request reads.';
$string['cli_run'] = 'Plans or runs an operation on chosen tenants. Exit code: 0 all done, 1 could not run, 2 some tenants failed.';
$string['cli_snapshot'] = 'Takes a snapshot of each chosen tenant; lists, verifies and deletes snapshots.';
$string['cli_tenants'] = 'Lists, adds, changes, removes and checks tenants and aliases in the registry. A tenant’s database password is taken from the environment variable VMOODLE_DBPASS or from standard input, never from the command line.';
$string['cli_upgrade_all'] = 'Brings the control site, then every tenant, up to the code on disk. Exit code: 0 all done, 1 could not run, 2 some sites failed.';
$string['clialiastenant'] = 'Name the alias’s tenant with --tenant=WWWROOT.';
$string['clibadjson'] = 'Standard input holds no JSON object.';
$string['clibadset'] = '--set={$a} is not of the form --set=column=value.';
$string['clibadvalue'] = '{$a} has no value, or one that it cannot have.';
$string['clierror'] = 'Error: {$a}';
$string['clifault'] = 'Line {$a->line}: {$a->message}';
$string['clihint'] = 'Way out: {$a}';
$string['clinofile'] = 'The file {$a} cannot be read.';
$string['clinonodes'] = 'Name a file with --nodes=FILE, or describe one tenant: --set=vhostname=https://...';
$string['clinopassword'] = 'A password on the command line can be read by every user of this machine: use VMOODLE_DBPASS or --password-stdin.';
$string['clinothingmade'] = 'Nothing was made. Faults in the file: {$a}.';
$string['clioneaction'] = 'Ask for one action at a time.';
$string['clioption_add'] = 'add a tenant, described by --set';
$string['clioption_aliasadd'] = 'add an alias (a host, or *.domain) of the tenant named by --tenant';
$string['clioption_aliases'] = 'list aliases';
$string['clioption_aliasremove'] = 'remove this alias';
$string['clioption_allornothing'] = 'make nothing where one tenant cannot be made';
$string['clioption_cancel'] = 'stop this job: what is queued is cancelled, what runs ends at its next step';
$string['clioption_check'] = 'check this tenant; empty: the one described by --set';
$string['clioption_concurrency'] = 'how many tenants at once';
$string['clioption_create'] = 'make a key file at this absolute path, outside the code and every dataroot';
$string['clioption_daemon'] = 'go on for ever: run every job that is queued';
$string['clioption_delete'] = 'delete this snapshot';
$string['clioption_follow'] = 'go on for ever: keep this node’s index up to date with the registry';
$string['clioption_help'] = 'this text';
$string['clioption_interval'] = 'seconds between two looks (default 2)';
$string['clioption_json'] = 'print the result as JSON';
$string['clioption_limit'] = 'list at most so many';
$string['clioption_list'] = 'list; what happens where nothing else is asked for';
$string['clioption_name'] = 'make it a template of this name';
$string['clioption_nocomponents'] = 'leave the shared component cache as it is';
$string['clioption_nodes'] = 'the file of nodes, - for standard input; --set then gives what a line leaves out';
$string['clioption_offset'] = 'skip so many tenants of the list';
$string['clioption_onerror'] = 'continue, or after how many failures to stop';
$string['clioption_operation'] = 'the operation';
$string['clioption_operations'] = 'list the operations with their parameters';
$string['clioption_passwordstdin'] = 'read the tenant’s database password from standard input';
$string['clioption_plan'] = 'only say what would be done';
$string['clioption_remove'] = 'take this tenant out of the registry; its database and files stay';
$string['clioption_renew'] = 'put a new key above those of the key file that is set, and seal every password again';
$string['clioption_retry'] = 'repeat this job where it failed, was cancelled or where its end is unknown';
$string['clioption_run'] = 'run this job, or resume it';
$string['clioption_search'] = 'list tenants with this text in name or address';
$string['clioption_server'] = 'the database server, by its name in the registry (default: the control site’s)';
$string['clioption_set'] = 'name=value, may be repeated: a column of the registry, or a parameter of the operation';
$string['clioption_setstdin'] = 'read further parameters from standard input, as a JSON object: secrets, which may not stand on a command line';
$string['clioption_show'] = 'show this job with its tenants';
$string['clioption_skipcontrol'] = 'leave the control site as it is';
$string['clioption_source'] = 'the tenant to copy';
$string['clioption_spare'] = 'keep them as spares of their template, for tenants to come';
$string['clioption_state'] = 'list only what is in this state';
$string['clioption_submitonly'] = 'write the job down and leave its running to somebody else';
$string['clioption_targets'] = 'which tenants: all, any, a host, *.example.org, /regex/, net:2, tag:pilot; a leading ! takes away; may be repeated';
$string['clioption_template'] = 'the snapshot, by number or name, that the tenants are made from';
$string['clioption_tenant'] = 'the tenant of the alias';
$string['clioption_timelimit'] = 'seconds that one site may take (default 1800)';
$string['clioption_undo'] = 'put back what this job changed';
$string['clioption_update'] = 'change this tenant as --set says';
$string['clioption_verify'] = 'check every octet of this snapshot';
$string['clioption_yes'] = 'confirm a dangerous operation';
$string['clioptions'] = 'Options:';
$string['clipassword'] = 'Password of the administrator of {$a->wwwroot}, shown this once: {$a->password}';
$string['clisecretset'] = '{$a} is a secret, and a command line can be read by every user of this machine: give it with --set-stdin.';
$string['clisubmitted'] = 'Job {$a} is written down. Run it with cli/job.php --run={$a}.';
$string['cliunknown'] = 'There is no option {$a}; see --help.';
$string['cliwarning'] = 'Warning: {$a}';
$string['column_alias'] = 'Alias';
$string['column_name'] = 'Name';
$string['column_state'] = 'State';
$string['column_tags'] = 'Tags';
$string['column_vdbname'] = 'Database';
$string['column_vdbtype'] = 'Engine';
$string['column_vhostname'] = 'Address';
$string['controlsiteonly'] = 'The farm is administered from its control site only.';
$string['error_alias_not_found'] = 'There is no such alias: {$a}';
$string['error_alias_redirect'] = 'The host is an alias: {$a}';
$string['error_bad_configuration'] = '$CFG->vmoodle or php.ini holds a value that cannot be used: {$a}';
$string['error_bad_host'] = 'This is not a valid host name: {$a}';
$string['error_bad_identifier'] = 'This is not a valid database name, prefix or identifier: {$a}';
$string['error_bad_parameter'] = 'A value is missing or not valid: {$a}';
$string['error_bad_setting'] = 'This setting cannot be overridden: {$a}';
$string['error_bad_wwwroot'] = 'This is not a valid site address: {$a}';
$string['error_config_unreadable'] = 'This config.php cannot be read: {$a}';
$string['error_control_unreachable'] = 'The control database does not answer: {$a}';
$string['error_database_busy'] = 'Somebody is working in the database: {$a}';
$string['error_database_taken'] = 'The database belongs to another tenant: {$a}';
$string['error_dataroot_taken'] = 'The data directory belongs to another tenant: {$a}';
$string['error_extension_missing'] = 'The PHP extension vmoodle is not loaded in this PHP ({$a}): add extension=vmoodle to its php.ini and restart it.';
$string['error_files_failed'] = 'Files cannot be read or written: {$a}';
$string['error_host_taken'] = 'The host name is in use already: {$a}';
$string['error_host_unknown'] = 'No tenant has this host name: {$a}';
$string['error_index_unreadable'] = 'The index cannot be read: {$a}';
$string['error_index_write_failed'] = 'The index cannot be written: {$a}';
$string['error_internal'] = 'A defect of vmoodle, please report it: {$a}';
$string['error_job_cancelled'] = 'The job was cancelled: {$a}';
$string['error_job_not_found'] = 'There is no such job: {$a}';
$string['error_job_refused'] = 'The job cannot be made: {$a}';
$string['error_keyfile_unreadable'] = 'The key file cannot be used: {$a}';
$string['error_lease_lost'] = 'The runner of this item was lost: {$a}';
$string['error_moodle_unfit'] = 'The tenant’s Moodle does not fit the farm’s code: {$a}';
$string['error_name_taken'] = 'The name is in use already: {$a}';
$string['error_no_moodle'] = 'The tenant’s database holds no Moodle: {$a}';
$string['error_node_health'] = 'Health of this node: {$a}';
$string['error_nodes_invalid'] = 'The file of nodes cannot be used: {$a}';
$string['error_not_booted'] = 'config.php of this site does not call vmoodle: {$a}';
$string['error_not_control_site'] = 'This is not the control site: {$a}';
$string['error_not_empty'] = 'The database or folder is not empty: {$a}';
$string['error_operation_not_found'] = 'There is no such operation: {$a}';
$string['error_policy_not_found'] = 'There is no such policy: {$a}';
$string['error_program_missing'] = 'A program is not installed: {$a}';
$string['error_publish_refused'] = 'Publishing was refused: {$a}';
$string['error_registry_invalid'] = 'The registry contradicts itself: {$a}';
$string['error_registry_missing'] = 'The registry’s tables are missing: {$a}';
$string['error_script_failed'] = 'A script of Moodle, run as the tenant, has failed: {$a}';
$string['error_secret_undecryptable'] = 'A stored password cannot be decrypted: {$a}';
$string['error_server_not_found'] = 'There is no such database server: {$a}';
$string['error_server_refused'] = 'The database server refuses this: {$a}';
$string['error_server_unreachable'] = 'The database server does not answer: {$a}';
$string['error_snapshot_damaged'] = 'The snapshot is damaged: {$a}';
$string['error_snapshot_not_found'] = 'No snapshot has that number or name: {$a}';
$string['error_snapshot_unfit'] = 'The snapshot does not fit here: {$a}';
$string['error_state_refused'] = 'The tenant’s state does not allow this: {$a}';
$string['error_tenant_not_found'] = 'There is no such tenant: {$a}';
$string['error_tenant_unavailable'] = 'The tenant is not serving: {$a}';
$string['error_tenant_unreachable'] = 'The tenant’s database does not answer: {$a}';
$string['error_transfer_failed'] = 'The database could not be copied: {$a}';
$string['followback'] = '{$a}: the registry answers again.';
$string['hookmissing'] = 'config.php must require local/vmoodle/boot.php just before lib/setup.php.';
$string['index_foreign'] = 'The index file was not written by vmoodle, or belongs to another farm.';
$string['index_good'] = 'The index is readable.';
$string['index_missing'] = 'There is no index: only the control site is served. Publish the registry.';
$string['index_previous'] = 'The newest index cannot be read: requests are answered from the one before. Publish the registry again.';
$string['index_torn'] = 'The index file is damaged. Publish the registry again.';
$string['index_version'] = 'The index was written by another version of vmoodle. Publish the registry again.';
$string['jobcolumn_counts'] = 'Tenants';
$string['jobcolumn_id'] = 'Job';
$string['jobcolumn_operation'] = 'Operation';
$string['jobcolumn_status'] = 'State';
$string['jobcolumn_timecreated'] = 'Submitted';
$string['keycreated'] = 'The key file {$a} was made. Set it in config.php, before boot.php is required: $CFG->vmoodle = [\'keyfile\' => \'{$a}\']; then run cli/publish.php, which seals the passwords. Keep a copy: without it they are lost.';
$string['keyrenewed'] = 'The key file has a new key, and every password is sealed with it. The older keys below it are no longer needed on this node once all nodes have the new index.';
$string['nophp'] = 'There is no PHP program at {$a}: set $CFG->pathtophp.';
$string['notenants'] = 'The registry has no tenant yet.';
$string['operation_adopt_site'] = 'Takes a plain Moodle into the farm: the same site, served by the code of the farm from now on.';
$string['operation_clone_tenant'] = 'Makes copies of a tenant.';
$string['operation_create_tenant'] = 'Makes tenants: from a template or snapshot, from another tenant, or fresh.';
$string['operation_destroy_tenant'] = 'Moves a retired tenant to the trash, from which it can be brought back.';
$string['operation_devirtualise_tenant'] = 'Writes a tenant out as a plain Moodle that runs without vmoodle; the tenant stays.';
$string['operation_disable_tenant'] = 'Switches a tenant off: its address answers 503.';
$string['operation_enable_tenant'] = 'Switches a tenant on.';
$string['operation_purge_trash'] = 'Removes what lies in the trash and is over age, for good.';
$string['operation_rename_tenant'] = 'Gives a tenant another address: host, path or protocol.';
$string['operation_restore_tenant'] = 'Puts a snapshot in a tenant’s place; what is there is put away first, by a snapshot of its own.';
$string['operation_retire_tenant'] = 'Retires a tenant for good: the step before it is destroyed.';
$string['operation_snapshot_tenant'] = 'Takes a snapshot of a tenant: its database as it stands at one moment, and its files.';
$string['operation_tenant_status'] = 'Collects facts: version, users, courses, last cron.';
$string['outcome_current'] = 'nothing to do';
$string['outcome_done'] = 'done';
$string['outcome_failed'] = 'failed';
$string['outcome_pending'] = 'upgrade pending';
$string['outcome_stopped'] = 'stopped';
$string['outcome_timeout'] = 'took too long';
$string['pluginname'] = 'Moodle farm';
$string['privacy:metadata'] = 'The farm plugin stores facts about sites, none about persons.';
$string['publish'] = 'Publish';
$string['published'] = 'Published generation {$a->generation}: tenants: {$a->tenants}, aliases: {$a->aliases}, bytes: {$a->bytes}, {$a->path}';
$string['publishlater'] = 'The registry was not published; run local/vmoodle/cli/publish.php. {$a}';
$string['runpublish'] = 'Run local/vmoodle/cli/publish.php after every change of the code base.';
$string['snapshotcolumn_id'] = 'Snapshot';
$string['snapshotcolumn_name'] = 'Template';
$string['snapshotcolumn_octets'] = 'Size';
$string['snapshotcolumn_release'] = 'Moodle';
$string['snapshotcolumn_wwwroot'] = 'Site';
$string['snapshotdeleted'] = 'Snapshot {$a} was deleted.';
$string['snapshotsound'] = 'Snapshot {$a} is sound.';
$string['state_broken'] = 'Broken';
$string['state_creating'] = 'Being created';
$string['state_disabled'] = 'Disabled';
$string['state_enabled'] = 'Enabled';
$string['state_retired'] = 'Retired';
$string['state_spare'] = 'Spare';
$string['state_trashed'] = 'In the trash';
$string['stopping'] = 'Stopping: what runs is waited for. A second signal ends it.';
$string['stoppingnow'] = 'Ending what runs.';
$string['taskpublished'] = 'The index was {$a->fault}; now at generation {$a->generation}.';
$string['taskpublishindex'] = 'Keep the index of tenants in order';
$string['tenantadded'] = 'Tenant {$a} was added.';
$string['tenantremoved'] = 'Tenant {$a} was taken out of the registry; its database and files are untouched.';
$string['tenants'] = 'Tenants';
$string['tenantupdated'] = 'Tenant {$a} was changed.';
$string['upgradecontrolfailed'] = 'The control site could not be upgraded, so no tenant was tried.';
$string['upgradeprogress'] = '[{$a->number}/{$a->total}] {$a->site}: {$a->outcome} ({$a->seconds} s)';
$string['vmoodle:execute'] = 'Run operations on many tenants at once';
$string['vmoodle:managevmoodles'] = 'Administer the farm of Moodle sites';
$string['wrongosuser'] = 'This must run as the OS user {$a->user}, who owns {$a->folder} (sudo -u {$a->user} ...): the farm could not read files of another user.';
