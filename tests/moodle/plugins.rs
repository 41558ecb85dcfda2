//! Plugins turned on and off by vmoodle on one tenant and by Moodle itself on its twin: the same rows are left.

use std::path::Path;

use serde_json::{Value, json};
use support::database::Database;
use support::process::output;
use vmoodle_core::moodle::plugins::TYPES;

use crate::stage::{Stage, TENANTS, alone};

/// A script of Moodle that turns plugins on and off, and tells which are on.
const PROBE: &str = r"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
require_once($CFG->libdir . '/adminlib.php');
require_once($CFG->libdir . '/filterlib.php');
foreach (json_decode($argv[1], true) as [$full, $state]) {
    [$type, $name] = explode('_', $full, 2);
    if ($type === 'factor') {
        // What its settings page does.
        \tool_mfa\manager::set_factor_config(['enabled' => (int) ($state === 'enabled')], $full);
        \tool_mfa\manager::do_factor_action($name, $state === 'enabled' ? 'enable' : 'disable');
        continue;
    }
    $numbers = $type === 'filter' ? [TEXTFILTER_ON, TEXTFILTER_OFF, TEXTFILTER_DISABLED]
        : [1, 0, $type === 'repository' ? \core\plugininfo\repository::REPOSITORY_DISABLED : 0];
    $number = array_combine(['enabled', 'available', 'disabled'], $numbers)[$state];
    $class = \core_plugin_manager::resolve_plugininfo_class($type);
    $class::enable_plugin($type === 'logstore' ? $full : $name, $number);
}
$enabled = [];
foreach (array_keys(\core_component::get_plugin_types()) as $type) {
    $enabled[$type] = array_keys(\core_plugin_manager::instance()->get_enabled_plugins($type) ?? []);
}
echo PHP_EOL . json_encode($enabled);
";

/// One plugin of each type: the state it gets, and the one it had.
const FLIPS: &[(&str, &str, &str)] = &[
    ("aiplacement_courseassist", "enabled", "disabled"),
    ("aiprovider_openai", "enabled", "disabled"),
    ("antivirus_clamav", "enabled", "disabled"),
    ("assignfeedback_file", "disabled", "enabled"),
    ("assignsubmission_file", "disabled", "enabled"),
    ("auth_email", "disabled", "enabled"),
    ("availability_date", "disabled", "enabled"),
    ("block_html", "disabled", "enabled"),
    ("communication_matrix", "disabled", "enabled"),
    ("contenttype_h5p", "disabled", "enabled"),
    ("customfield_text", "disabled", "enabled"),
    ("dataformat_pdf", "disabled", "enabled"),
    ("editor_atto", "disabled", "enabled"),
    ("enrol_meta", "enabled", "disabled"),
    ("factor_totp", "enabled", "disabled"),
    ("fileconverter_unoconv", "enabled", "disabled"),
    ("filter_emoticon", "disabled", "enabled"),
    ("filter_mathjaxloader", "available", "enabled"),
    ("filter_tex", "enabled", "disabled"),
    ("format_weeks", "disabled", "enabled"),
    ("logstore_database", "enabled", "disabled"),
    ("media_vimeo", "enabled", "disabled"),
    ("message_popup", "disabled", "enabled"),
    ("mod_book", "disabled", "enabled"),
    ("paygw_paypal", "disabled", "enabled"),
    ("portfolio_download", "enabled", "disabled"),
    ("qbank_history", "disabled", "enabled"),
    ("qbehaviour_manualgraded", "enabled", "disabled"),
    ("qtype_essay", "disabled", "enabled"),
    ("repository_url", "available", "enabled"),
    // Moodle makes and deletes instances for these.
    ("repository_webdav", "available", "disabled"),
    ("repository_wikimedia", "disabled", "enabled"),
    ("tiny_noautolink", "enabled", "disabled"),
    ("webservice_rest", "enabled", "disabled"),
];

/// Types that Moodle brings no plugin of, or that it has no function for.
const NOT_FLIPPED: &[&str] = &["bbbext", "smsgateway"];

/// Tables that say when something was done and by whom, or what runs: the first is written by an event that vmoodle does not
/// raise.
const OTHER: &[&str] = &[
    "logstore_standard_log",
    "sessions",
    "task_log",
    "task_scheduled",
    "task_adhoc",
    "user",
    "lock_db",
    "upgrade_log",
    // Read without their numbers and times.
    "config",
    "config_plugins",
    "config_log",
    "cache_flags",
    "course",
    "filter_active",
    "repository_instances",
];

/// Every row of a site, without the numbers of rows that are made anew, and without times.
fn rows(database: &Database) -> Vec<String> {
    let list = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'mdl\\_%'";
    let tables = database.run(list);
    let mut sql: String = tables
        .lines()
        .filter(|table| !OTHER.iter().any(|other| table.trim() == format!("mdl_{other}")))
        .map(|table| format!("SELECT '{table}', t.* FROM `{table}` t;"))
        .collect();
    sql.push_str(
        "SELECT 'config', name, value FROM mdl_config;
         SELECT 'config_plugins', plugin, name, value FROM mdl_config_plugins;
         SELECT 'repository_instances', name, typeid, userid, contextid, username, readonly FROM mdl_repository_instances;
         SELECT 'filter_active', filter, contextid, active, sortorder FROM mdl_filter_active;
         SELECT 'config_log', ROW_NUMBER() OVER (PARTITION BY plugin, name, value, oldvalue, userid ORDER BY id), userid, plugin, name, value, oldvalue FROM mdl_config_log;
         SELECT 'cache_flags', flagtype, name, value FROM mdl_cache_flags WHERE flagtype LIKE 'accesslib%'",
    );
    let mut rows: Vec<String> = database.run(&sql).lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

/// What is in one of two sorted lists only, with a sign.
fn changed(before: &[String], after: &[String]) -> Vec<String> {
    let only = |these: &[String], those: &[String], sign: &str| {
        let missing = these.iter().filter(|line| those.binary_search(line).is_err());
        missing.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [only(before, after, "-"), only(after, before, "+")].concat()
}

fn moodle(stage: &Stage, host: &str, flips: &[(&str, &str)]) -> Value {
    let text = output(stage.farm.script("plugins_probe.php", Some(host)).arg(json!(flips).to_string()));
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn ours(stage: &Stage, host: &str, flips: &[(&str, &str)]) {
    for state in ["enabled", "available", "disabled"] {
        let plugins: Vec<&str> = flips.iter().filter(|(_, to)| *to == state).map(|(plugin, _)| *plugin).collect();
        if plugins.is_empty() {
            continue;
        }
        let wish = json!(["plugin_state", {"plugin": plugins, "state": state}, [host]]);
        let job = stage.farm.call("job_submit", wish).unwrap();
        let counts = stage.farm.call("job_run", json!([job])).unwrap();
        assert_eq!(counts, json!({"done": 1}), "{}", stage.farm.call("job", json!([job])).unwrap());
    }
}

#[test]
fn what_is_turned_on_and_off_leaves_the_rows_that_moodle_leaves() {
    let Some(stage) = alone() else { return };
    stage.farm.code().replace("plugins_probe.php", PROBE.as_bytes());
    let ((twin, _), (own, _)) = (TENANTS[0], TENANTS[1]);
    let (twin_rows, own_rows) = (&stage.databases[0], &stage.databases[1]);
    for database in [twin_rows, own_rows] {
        database.run(
            "-- Rows with numbers of their own: other tests make activities on one tenant or on the other.
             INSERT INTO mdl_course_modules (id, course, module, instance, section, visible, visibleold)
             SELECT 1001, 1, id, 1, 1, 1, 0 FROM mdl_modules WHERE name = 'book';
             INSERT INTO mdl_course_modules (id, course, module, instance, section, visible, visibleold)
             SELECT 1002, 1, id, 2, 1, 0, 1 FROM mdl_modules WHERE name = 'book';
             UPDATE mdl_config SET value = 'email' WHERE name = 'registerauth';
             UPDATE mdl_config SET value = 'emoticon,urltolink' WHERE name = 'stringfilters';
             UPDATE mdl_config SET value = '1' WHERE name = 'filterall';
             UPDATE mdl_course SET cacherev = 5 WHERE id = 1;
             DELETE FROM mdl_cache_flags;
             -- What another test has left on one of them.
             DELETE FROM mdl_config_log;
             DELETE FROM mdl_filter_active WHERE filter = 'tex'",
        );
    }
    let purge = |host: &str| output(&mut stage.farm.script("admin/cli/purge_caches.php", Some(host)));
    let there: Vec<(&str, &str)> = FLIPS.iter().map(|(plugin, to, _)| (*plugin, *to)).collect();
    let back: Vec<(&str, &str)> = FLIPS.iter().map(|(plugin, _, to)| (*plugin, *to)).collect();
    for flips in [&there, &back] {
        // By state, as vmoodle is asked: the order in a list is the order of the asking.
        let mut flips = flips.clone();
        flips.sort_by_key(|(_, state)| ["enabled", "available", "disabled"].iter().position(|word| word == state));
        purge(twin);
        purge(own);
        let before = (rows(twin_rows), rows(own_rows));
        let enabled = moodle(&stage, twin, &flips);
        ours(&stage, own, &flips);
        let after = (rows(twin_rows), rows(own_rows));
        let (theirs, ours) = (changed(&before.0, &after.0), changed(&before.1, &after.1));
        assert!(theirs.len() > FLIPS.len(), "{theirs:#?}");
        let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
        let more: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
        assert!(missing.is_empty() && more.is_empty(), "Moodle only: {missing:#?}\nvmoodle only: {more:#?}");
        for database in [twin_rows, own_rows] {
            let revision = database.run("SELECT cacherev FROM mdl_course WHERE id = 1");
            assert!(revision.trim().parse::<i64>().unwrap() > 1_000_000, "{}: {revision}", database.name);
        }
        purge(own);
        assert_eq!(moodle(&stage, own, &[]), enabled, "and Moodle sees the same plugins");
    }
}

#[test]
fn a_repository_that_was_turned_on_goes_again_unless_somebody_uses_it() {
    let Some(stage) = alone() else { return };
    let ((host, _), database) = (TENANTS[2], &stage.databases[2]);
    let run = |function: &str, arguments: Value| {
        let job = stage.farm.call(function, arguments).unwrap();
        stage.farm.call("job_run", json!([job])).unwrap();
        let read = stage.farm.call("job", json!([job])).unwrap();
        (job, read["items"][0].clone())
    };
    let wish = |plugin: &str, state: &str| json!(["plugin_state", {"plugin": plugin, "state": state}, [host]]);
    let there =
        |kind: &str| database.run(&format!("SELECT COUNT(*) FROM mdl_repository WHERE type = '{kind}'")).trim() == "1";
    let (on, item) = run("job_submit", wish("repository_filesystem", "enabled"));
    assert_eq!(item["status"], "done", "{item}");
    assert!(item["warnings"].to_string().contains("changed by Moodle itself") && there("filesystem"), "{item}");
    let instance =
        "INSERT INTO mdl_repository_instances (name, typeid, userid, contextid, timecreated, timemodified, readonly)
        SELECT 'L''été', id, 2, 2, 0, 0, 0 FROM mdl_repository WHERE type = 'filesystem'";
    database.run(instance);
    let (_, item) = run("job_undo", json!([on]));
    assert_eq!((&item["status"], &item["errorcode"]), (&json!("failed"), &json!("state_refused")), "{item}");
    assert!(item["error"].to_string().contains("is in use: 1 instances"), "{item}");
    database.run("DELETE FROM mdl_repository_instances WHERE userid = 2");
    let (_, item) = run("job_undo", json!([on]));
    assert!(item["status"] == "done" && !there("filesystem"), "{item}");

    let (off, item) = run("job_submit", wish("repository_wikimedia", "disabled"));
    assert!(item["status"] == "done" && !there("wikimedia"), "{item}");
    let (_, item) = run("job_undo", json!([off]));
    assert_eq!(
        (&item["status"], &item["errorcode"]),
        (&json!("failed"), &json!("state_refused")),
        "its settings are gone"
    );
    let (_, item) = run("job_submit", wish("repository_wikimedia", "enabled"));
    assert!(item["status"] == "done" && there("wikimedia"), "{item}");
    database.run("DELETE FROM mdl_config_log");
}

/// A page that tells what a running site sees.
const PAGE: &str = r"<?php
define('NO_MOODLE_COOKIES', true);
require(__DIR__ . '/config.php');
$seen = [];
foreach (array_keys(\core_component::get_plugin_types()) as $type) {
    foreach (\core_plugin_manager::instance()->get_enabled_plugins($type) ?? [] as $name) {
        $seen[] = $type . '_' . $name;
    }
}
$seen[] = \core_message\api::is_processor_enabled('popup') ? 'popup is on' : 'popup is off';
$seen[] = is_enabled_auth('cas') ? 'cas is on' : 'cas is off';
$seen[] = get_config('format_weeks', 'disabled') ? 'weeks are off' : 'weeks are on';
$seen[] = in_array('database', array_map(fn($store) => substr($store, 9), explode(',', get_config('tool_log', 'enabled_stores'))))
    ? 'database log is on' : 'database log is off';
header('Content-Type: application/json');
sort($seen);
echo json_encode($seen);
";

#[test]
#[allow(clippy::print_stderr)]
fn a_running_site_with_warm_caches_shows_it_at_once() {
    let Some(stage) = alone() else { return };
    if !support::root::workspace().join("vmoodle-core/src/moodle/caches/entries.rs").is_file() {
        eprintln!("skipped: nothing in this tree drops entries of a tenant's cache");
        return;
    }
    stage.farm.code().replace("plugins_page.php", PAGE.as_bytes());
    let (host, _) = TENANTS[1];
    let seen = || -> Vec<String> {
        let said = stage.web.get(host, "/plugins_page.php").json();
        said.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let flips = [
        ("auth_cas", "enabled"),
        ("enrol_meta", "enabled"),
        ("filter_tex", "enabled"),
        ("logstore_database", "enabled"),
        ("format_weeks", "disabled"),
        ("message_popup", "disabled"),
        ("mod_book", "disabled"),
        ("qtype_essay", "disabled"),
    ];
    let before = seen();
    assert_eq!(seen(), before, "warm");
    ours(&stage, host, &flips);
    let after = seen();
    // Moodle lists no log stores that are on: what uses them tells.
    for (plugin, state) in flips.into_iter().filter(|(plugin, _)| !plugin.starts_with("logstore_")) {
        assert_eq!(after.iter().any(|one| one == plugin), state == "enabled", "{plugin}: {after:?}");
        assert_ne!(before.iter().any(|one| one == plugin), state == "enabled", "{plugin}: {before:?}");
    }
    for word in ["popup is off", "cas is on", "weeks are off", "database log is on"] {
        assert!(after.iter().any(|one| one == word), "{word}: {after:?}");
    }
    let back = flips.map(|(plugin, state)| (plugin, if state == "enabled" { "disabled" } else { "enabled" }));
    ours(&stage, host, &back);
    assert_eq!(seen(), before);
}

#[test]
fn plugins_and_settings_are_compared_from_the_command_line() {
    let Some(stage) = alone() else { return };
    let database = &stage.databases[2];
    database.run("UPDATE mdl_block SET visible = 0 WHERE name = 'badges'");
    let compare = |arguments: &[&str]| output(stage.farm.script("local/vmoodle/cli/compare.php", None).args(arguments));
    let text = compare(&["--what=plugins", "--filter=block", "--differences"]);
    assert!(text.contains("block_badges") && text.contains(TENANTS[2].0) && !text.contains("block_html"), "{text}");
    let compared: Value =
        serde_json::from_str(&compare(&["--what=plugins", "--filter=block_badges", "--json"])).unwrap();
    assert_eq!(compared["lines"][0]["alike"], 2, "{compared}");
    assert_eq!(compared["lines"][0]["odd"].as_object().unwrap().len(), 1);
    let csv = compare(&["--what=config", "--filter=theme,smtppass", "--csv"]);
    assert_eq!((csv.lines().count(), csv.lines().next().unwrap().split(',').count()), (3, 4), "{csv}");
    database.run("UPDATE mdl_block SET visible = 1 WHERE name = 'badges'");
    let bad = stage.farm.script("local/vmoodle/cli/compare.php", None).arg("--what=colours").output().unwrap();
    assert_eq!(bad.status.code(), Some(1));
}

/// Classes of plugin information that say which plugins are on.
fn with_a_state(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let says = ["function enable_plugin", "function get_enabled_plugins"];
        // Factors are turned on and off by their settings pages; the others that say `is_enabled` have one answer for all.
        // Orphans are no type: their plugin is gone.
        let none = ["base", "orphaned"];
        if name == "factor" || (!none.contains(&name.as_str()) && says.iter().any(|word| text.contains(word))) {
            found.push(name);
        }
    }
}

#[test]
fn every_type_of_moodle_that_has_a_state_is_known_and_no_other() {
    let Some(()) = support::need::all(&[support::need::Need::Moodle]) else { return };
    let tree = support::moodle::folder();
    let mut found = Vec::new();
    with_a_state(&tree.join("lib/classes/plugininfo"), &mut found);
    for plugins in ["mod", "admin/tool", "lib/editor", "local"] {
        for plugin in std::fs::read_dir(tree.join(plugins)).unwrap().flatten() {
            let folder = plugin.path().join("classes/plugininfo");
            if folder.is_dir() {
                with_a_state(&folder, &mut found);
            }
        }
    }
    found.sort();
    let known: Vec<_> = TYPES.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(found, known);
    let mut flipped: Vec<_> = FLIPS.iter().map(|(plugin, ..)| plugin.split('_').next().unwrap()).collect();
    flipped.extend(NOT_FLIPPED);
    flipped.sort_unstable();
    flipped.dedup();
    assert_eq!(flipped, known, "each type is held against Moodle");
}
