//! Settings, maintenance, caches, sessions and administrators changed by us: a running Moodle with warm caches shows it on
//! the next request, and the rows are those that Moodle's own scripts leave on a twin.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use support::database::Database;
use support::http::Visitor;
use support::process::output;
use support::redis::Redis;

use crate::stage::{Stage, TENANTS, alone};

/// Tells what a request sees, and where it comes from.
const PROBE: &str = r"<?php define('NO_MOODLE_COOKIES', true);
require(__DIR__ . '/config.php');
header('Content-Type: application/json');
get_string('yes');
core_plugin_manager::instance()->get_enabled_plugins('mod');
$stores = \core_cache\config::instance()->get_stores_for_definition(
    \core_cache\definition::load('core/config', \core_cache\config::instance()->get_definition_by_id('core/config')));
echo json_encode(['core' => $CFG->vmoodletest ?? null, 'plugin' => get_config('local_vmoodletest', 'x'),
    'themerev' => $CFG->themerev, 'stores' => array_keys($stores)]);
";

/// Puts all caches of the site into Redis, as the pages of Moodle do.
const INTO_REDIS: &str = r"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
$writer = \core_cache\config_writer::instance();
if (isset($writer->get_all_stores()['fast'])) {
    exit(0);
}
$writer->add_store_instance('fast', 'redis', ['server' => '127.0.0.1:' . $argv[1], 'prefix' => $argv[2], 'serializer' => 1]);
$writer->set_mode_mappings([
    \core_cache\store::MODE_APPLICATION => ['fast'],
    \core_cache\store::MODE_SESSION => ['default_session'],
    \core_cache\store::MODE_REQUEST => ['default_request'],
]);
";

pub(crate) const OURS: usize = 0;
pub(crate) const TWIN: usize = 1;
pub(crate) const IN_REDIS: usize = 2;

pub(crate) fn host(tenant: usize) -> &'static str {
    TENANTS[tenant].0
}

/// Runs a job on tenants, to its end.
#[allow(clippy::needless_pass_by_value, reason = "called with `json!`")]
pub(crate) fn job(stage: &Stage, operation: &str, parameters: Value, tenants: &[usize]) -> Value {
    let targets: Vec<&str> = tenants.iter().map(|tenant| host(*tenant)).collect();
    let arguments = json!([operation, parameters, targets, {"confirm": true}]);
    let job = stage.farm.call("job_submit", arguments).unwrap();
    let counts = stage.farm.call("job_run", json!([job])).unwrap();
    assert_eq!(
        counts["done"],
        json!(tenants.len()),
        "{operation}: {:#}",
        stage.farm.call("job", json!([job])).unwrap()
    );
    counts
}

/// The settings of a site, one a line.
fn rows(database: &Database) -> BTreeSet<String> {
    let core = database.run("SELECT name, value FROM mdl_config");
    let plugins = database.run("SELECT plugin, name, value FROM mdl_config_plugins");
    core.lines().chain(plugins.lines()).map(str::to_owned).collect()
}

/// What work on a site takes away and adds.
pub(crate) fn change(database: &Database, work: impl FnOnce()) -> (Vec<String>, Vec<String>) {
    let before = rows(database);
    work();
    let after = rows(database);
    (before.difference(&after).cloned().collect(), after.difference(&before).cloned().collect())
}

pub(crate) fn moodle(stage: &Stage, script: &str, arguments: &[&str]) {
    output(stage.farm.script(script, Some(host(TWIN))).args(arguments));
}

pub(crate) fn see(stage: &Stage, tenant: usize) -> Value {
    stage.web.get(host(tenant), "/super_probe.php").json()
}

/// The stage with the third tenant's caches in Redis.
pub(crate) fn ready(stage: &Stage, redis: &Redis) {
    stage.farm.code().replace("super_probe.php", PROBE.as_bytes());
    stage.farm.code().replace("super_redis.php", INTO_REDIS.as_bytes());
    let mut script = stage.farm.script("super_redis.php", Some(host(IN_REDIS)));
    output(script.args([redis.port().to_string().as_str(), "three_"]));
}

/// Back to the store of files.
pub(crate) fn done(stage: &Stage) {
    fs::remove_file(stage.farm.dataroot(host(IN_REDIS)).join("muc/config.php")).unwrap();
}

#[test]
fn changed_settings_show_at_once_and_equal_those_of_moodles_own_script() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    for (tenant, store) in [(OURS, "default_application"), (IN_REDIS, "fast")] {
        for value in ["one", "l'été 🌞"] {
            // Twice: what is asked for is then in the cache.
            see(&stage, tenant);
            see(&stage, tenant);
            job(
                &stage,
                "set_config",
                json!({"values": {"vmoodletest": value, "local_vmoodletest/x": value}}),
                &[tenant],
            );
            let seen = see(&stage, tenant);
            assert_eq!(
                (&seen["core"], &seen["plugin"], &seen["stores"]),
                (&json!(value), &json!(value), &json!([store]))
            );
        }
        job(&stage, "unset_config", json!({"names": "vmoodletest,local_vmoodletest/x"}), &[tenant]);
        let seen = see(&stage, tenant);
        assert_eq!((&seen["core"], &seen["plugin"]), (&Value::Null, &json!(false)));
    }
    let fields = redis.run(&["HLEN", "three_1b088c226629b3fa247ff7ef67dad266"]);
    assert!(fields.trim().parse::<u32>().unwrap() > 1, "Redis was in use: {fields}");

    let ours = change(&stage.databases[OURS], || {
        job(
            &stage,
            "set_config",
            json!({"values": {"theme": "classic", "vmoodletest": 7, "local_vmoodletest/x": "y"}}),
            &[OURS],
        );
    });
    let theirs = change(&stage.databases[TWIN], || {
        for arguments in [
            ["--name=theme", "--set=classic"].as_slice(),
            &["--name=vmoodletest", "--set=7"],
            &["--component=local_vmoodletest", "--name=x", "--set=y"],
        ] {
            moodle(&stage, "admin/cli/cfg.php", arguments);
        }
    });
    assert_eq!(ours, theirs);
    let log = "SELECT userid, name, value FROM mdl_config_log ORDER BY id DESC LIMIT 3";
    let sorted = |database: &Database| database.run(log).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&stage.databases[OURS]), sorted(&stage.databases[TWIN]));
    job(
        &stage,
        "set_config",
        json!({"values": {"theme": "boost", "vmoodletest": null, "local_vmoodletest/x": null}}),
        &[OURS, TWIN],
    );
    done(&stage);
}

#[test]
fn maintenance_shows_at_once_and_equals_moodles_own() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    let status = |tenant: usize, page: &str| stage.web.get(host(tenant), page).status;
    for tenant in [OURS, IN_REDIS] {
        assert_eq!((status(tenant, "/"), status(tenant, "/")), (200, 200));
        job(&stage, "maintenance", json!({"mode": "on", "message": "Back at 5"}), &[tenant]);
        let front = stage.web.get(host(tenant), "/");
        assert_eq!((front.status, front.body.contains("Back at 5")), (503, true));
        assert_eq!(status(tenant, "/login/index.php"), 200, "administrators may sign in");
        job(&stage, "maintenance", json!({"mode": "off"}), &[tenant]);
        assert_eq!(status(tenant, "/"), 200);
    }
    job(&stage, "set_config", json!({"values": {"maintenance_message": null}}), &[OURS, IN_REDIS]);

    for (ours, theirs) in [("on", "--enableold"), ("off", "--disable"), ("cli-on", "--enable"), ("off", "--disable")] {
        let ours = change(&stage.databases[OURS], || drop(job_or_none(&stage, json!({"mode": ours}))));
        let theirs = change(&stage.databases[TWIN], || moodle(&stage, "admin/cli/maintenance.php", &[theirs]));
        assert_eq!(ours, theirs);
        let page = |tenant: usize| {
            let path = stage.farm.dataroot(host(tenant)).join("climaintenance.html");
            fs::read_to_string(path).ok().map(|text| text.replace(host(tenant), "HOST"))
        };
        assert_eq!(page(OURS), page(TWIN));
        assert_eq!(status(OURS, "/"), status(TWIN, "/"));
    }
    assert_eq!(status(OURS, "/"), 200);
    done(&stage);
}

/// Runs a job of maintenance, whether or not there is anything to do.
#[allow(clippy::needless_pass_by_value, reason = "called with `json!`")]
fn job_or_none(stage: &Stage, parameters: Value) -> Value {
    let job = stage.farm.call("job_submit", json!(["maintenance", parameters, [host(OURS)], {}])).unwrap();
    let counts = stage.farm.call("job_run", json!([job])).unwrap();
    assert!(counts.get("failed").is_none(), "{counts}");
    counts
}

#[test]
fn a_purge_changes_what_moodles_own_does_and_fails_no_request() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    let names = |lines: Vec<String>| -> BTreeSet<String> {
        lines.into_iter().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
    };
    let ours = change(&stage.databases[OURS], || drop(job(&stage, "purge_caches", json!({}), &[OURS])));
    let theirs = change(&stage.databases[TWIN], || moodle(&stage, "admin/cli/purge_caches.php", &[]));
    assert_eq!((names(ours.0), names(ours.1)), (names(theirs.0), names(theirs.1)));
    for tenant in [OURS, IN_REDIS] {
        let before = see(&stage, tenant)["themerev"].clone();
        let keys = || redis.run(&["KEYS", "three_*"]).lines().filter(|line| !line.is_empty()).count();
        assert_eq!(keys() > 0, tenant == IN_REDIS || keys() > 0);
        let asked = std::thread::scope(|scope| {
            let asking = scope
                .spawn(|| (0..12).map(|_| stage.web.get(host(tenant), "/login/index.php").status).collect::<Vec<_>>());
            job(&stage, "purge_caches", json!({}), &[tenant]);
            asking.join().unwrap()
        });
        assert!(asked.iter().all(|status| *status == 200), "{asked:?}");
        assert_ne!(see(&stage, tenant)["themerev"], before);
    }
    // Nobody asks meanwhile: what is purged stays so.
    job(&stage, "purge_caches", json!({"kinds": "muc"}), &[IN_REDIS]);
    assert_eq!(redis.run(&["KEYS", "three_*"]).trim(), "", "a prefix of its own");
    done(&stage);
}

#[test]
fn what_only_php_reaches_is_dropped_by_the_sites_own_script() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    // Settings that PHP understands and that are no data.
    let file = stage.farm.dataroot(host(IN_REDIS)).join("muc/config.php");
    let text = fs::read_to_string(&file).unwrap();
    let computed = text.replacen("'siteidentifier' =>", "'computed' => strtolower('X'),\n  'siteidentifier' =>", 1);
    assert_ne!(computed, text);
    fs::write(&file, computed).unwrap();
    for value in ["one", "l'été 🌞"] {
        see(&stage, IN_REDIS);
        see(&stage, IN_REDIS);
        let values = json!({"values": {"vmoodletest": value, "local_vmoodletest/x": value}});
        let number = stage.farm.call("job_submit", json!(["set_config", values, [host(IN_REDIS)], {}])).unwrap();
        assert_eq!(stage.farm.call("job_run", json!([number])).unwrap(), json!({"done": 1}));
        let warnings = stage.farm.call("job", json!([number])).unwrap()["items"][0]["warnings"].to_string();
        assert!(warnings.contains("reached only by PHP: its stale entries were dropped"), "{warnings}");
        let seen = see(&stage, IN_REDIS);
        assert_eq!((&seen["core"], &seen["plugin"], &seen["stores"]), (&json!(value), &json!(value), &json!(["fast"])));
    }
    // Of `core/config`: nothing fills this in again.
    let entries = "three_1b088c226629b3fa247ff7ef67dad266";
    redis.run(&["HSET", entries, "sentinel", "x"]);
    job(&stage, "purge_caches", json!({}), &[IN_REDIS]);
    assert_eq!(redis.run(&["HGET", entries, "sentinel"]).trim(), "", "all of the store is emptied");
    job(&stage, "unset_config", json!({"names": "vmoodletest,local_vmoodletest/x"}), &[IN_REDIS]);
    done(&stage);
}

#[test]
fn sessions_end_and_an_administrator_signs_in_by_the_new_password() {
    let Some(stage) = alone() else { return };
    for tenant in [OURS, IN_REDIS] {
        let (mut visitor, _) = stage.log_in(host(tenant));
        assert_eq!(visitor.get("/my/").status, 200);
        job(&stage, "kill_sessions", json!({"user": "admin"}), &[tenant]);
        let answer = visitor.get("/my/");
        assert!(answer.status == 303 || answer.title().contains("Log in"), "{}: {}", answer.status, answer.title());

        let database = &stage.databases[tenant];
        let hash = database.run("SELECT password FROM mdl_user WHERE id = 2");
        let counts = job(&stage, "reset_admin", json!({}), &[tenant]);
        let password = counts["passwords"].as_object().unwrap().values().next().unwrap().as_str().unwrap();
        let mut visitor = Visitor::new(stage.web.address(), host(tenant));
        let form = visitor.get("/login/index.php");
        let token =
            form.body.split("name=\"logintoken\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        visitor.post("/login/index.php", &[("username", "admin"), ("password", password), ("logintoken", token)]);
        let page = visitor.get("/my/");
        let asked = page.header("Location").is_some_and(|to| to.contains("change_password"));
        assert!(asked || page.title().contains("Change password"), "{}: {}", page.status, page.title());
        database.run(&format!("UPDATE mdl_user SET password = '{}' WHERE id = 2", hash.trim()));
        database.run("DELETE FROM mdl_user_preferences WHERE name = 'auth_forcepasswordchange'");
        let (mut visitor, _) = stage.log_in(host(tenant));
        assert_eq!(visitor.get("/my/").status, 200);
    }
}
