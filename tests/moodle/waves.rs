//! Real upgrades of twenty tenants to a higher version of a plugin: in waves, with one that fails; and one whose runner is killed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{Farm, Web};
use support::fpm::Pool;
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::process::{output, signal};
use support::wait;
use vmoodle_core::moodle::plugins::versions;

/// How many tenants there are: the first three are made by Moodle's dumps, the others are copies of the first.
const TENANTS: usize = 20;
/// Items by number: the last one of the second wave.
const BROKEN: usize = 4;

const UPGRADE: &str = "local/vmoodle/cli/upgrade.php";

/// A farm of its own: its code changes.
struct Stage {
    farm: Farm,
    databases: Vec<Database>,
}

fn host(number: usize) -> String {
    format!("w{number:02}.example.org")
}

impl Stage {
    fn set() -> Option<Self> {
        need::all(&[Need::Moodle, Need::Dumps, Need::Php, Need::Fpm, Need::Nginx, Need::PostgreSql])?;
        let farm = Farm::new(Kind::Moodle, "waves", MariaDb::shared()?.database("waves_control"), json!({}));
        farm.upgrade();
        let mut stage = Self { farm, databases: Vec::new() };
        stage.plugin(2_026_010_100);
        for (number, engine) in [Engine::Postgres, Engine::MariaDb, Engine::MariaDb].into_iter().enumerate() {
            let database = Database::shared(engine, &format!("waves_t{number:02}"))?;
            stage.farm.add(&host(number), &database);
            stage.databases.push(database);
        }
        let (code, said) = stage.script(UPGRADE, &["--no-checks"]);
        assert_eq!(code, Some(0), "{said}");
        for number in stage.databases.len()..TENANTS {
            stage.copy(number);
        }
        Some(stage)
    }

    /// A copy of the first tenant, by PostgreSQL itself.
    fn copy(&mut self, number: usize) {
        let source = &self.databases[0];
        let copy = Database { name: format!("waves_t{number:02}"), ..source.clone() };
        let outside = Database { name: "postgres".into(), ..source.clone() };
        outside.run(&format!("DROP DATABASE IF EXISTS \"{}\"", copy.name));
        outside.run(&format!("CREATE DATABASE \"{}\" TEMPLATE \"{}\"", copy.name, source.name));
        copy.run(&format!("UPDATE mdl_config SET value = '{}' WHERE name = 'siteidentifier'", copy.name));
        self.farm.call("tenant_add", json!([self.farm.row(&host(number), &copy)])).unwrap();
        self.databases.push(copy);
    }

    /// Puts a version of the probe in the code base. Its upgrade fails where the dataroot holds a file `broken`, waits while it
    /// holds a file `wait`, and leaves a site that only the command line reaches where it holds a file `silent`.
    fn plugin(&self, version: u64) {
        let tree = self.farm.folder().folder(format!("probe-{version}/local/vmoodleprobe"));
        let file = |name: &str, text: &str| {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("<?php\ndefined('MOODLE_INTERNAL') || die();\n{text}\n")).unwrap();
        };
        file(
            "version.php",
            &format!(
                "$plugin->component = 'local_vmoodleprobe';\n$plugin->version = {version};\n$plugin->requires = 2024100700;"
            ),
        );
        file("lang/en/local_vmoodleprobe.php", "$string['pluginname'] = 'Probe';");
        file(
            "db/upgrade.php",
            &format!(
                "function xmldb_local_vmoodleprobe_upgrade($old) {{
                    global $CFG;
                    set_config('seen', $old, 'local_vmoodleprobe');
                    while (file_exists(\"$CFG->dataroot/wait\")) {{
                        clearstatcache();
                        usleep(50000);
                    }}
                    if (file_exists(\"$CFG->dataroot/broken\")) {{
                        throw new moodle_exception('generalexceptionmessage', 'error', '', 'broken on purpose');
                    }}
                    if (file_exists(\"$CFG->dataroot/silent\")) {{
                        rename(\"$CFG->dataroot/silent\", \"$CFG->dataroot/climaintenance.html\");
                    }}
                    upgrade_plugin_savepoint(true, {version}, 'local', 'vmoodleprobe');
                    return true;
                }}"
            ),
        );
        self.farm.code().install(&self.farm.folder().join(format!("probe-{version}")));
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = self.farm.script(script, None);
        command.args(arguments);
        command
    }

    /// Runs a script of the plugin; its exit code and what it printed.
    fn script(&self, script: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let ran = self.command(script, arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ran.status.code(), if ran.stdout.is_empty() { text(&ran.stderr) } else { text(&ran.stdout) })
    }

    fn json(&self, code: i32, script: &str, arguments: &[&str]) -> Value {
        let (ended, said) = self.script(script, &[arguments, &["--json"]].concat());
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// A setting of the probe on each tenant; empty for none.
    fn probe(&self, name: &str) -> Vec<String> {
        let sql =
            format!("SELECT value FROM mdl_config_plugins WHERE plugin = 'local_vmoodleprobe' AND name = '{name}'");
        self.databases.iter().map(|database| database.run(&sql).trim().to_owned()).collect()
    }

    fn file(&self, number: usize, name: &str) -> PathBuf {
        self.farm.dataroot(&host(number)).join(name)
    }

    /// The tenants on which a plan sees something to do.
    fn pending(&self) -> Vec<String> {
        let plans = self.json(0, UPGRADE, &["--plan", "--skip-control"]);
        let plans = plans.as_array().unwrap().iter();
        plans
            .filter(|plan| plan["changes"] != json!([]))
            .map(|plan| plan["tenant"].as_str().unwrap().trim_start_matches("http://").to_owned())
            .collect()
    }
}

fn items(job: &Value, status: &str) -> usize {
    job["items"].as_array().unwrap().iter().filter(|item| item["status"] == status).count()
}

#[test]
fn twenty_tenants_are_upgraded_in_waves_and_one_that_fails_holds_back_the_others() {
    let Some(stage) = Stage::set() else { return };
    let old = "2026010100";
    assert_eq!(stage.pending(), [""; 0], "a copy of who is up to date is up to date");

    stage.plugin(2_026_020_100);
    let hash = stage.script("local/vmoodle/cli/upgrade_check.php", &["--hash"]).1;
    let own = versions::hash(stage.farm.code().path()).unwrap();
    assert_eq!(own.as_deref(), Some(hash.trim()), "found without PHP, it is Moodle's own");
    assert_eq!(stage.pending().len(), TENANTS);

    std::fs::write(stage.file(BROKEN, "broken"), "").unwrap();
    let job = stage.json(2, UPGRADE, &["--waves=1,4,rest", "--concurrency=2"]);
    assert_eq!(job["counts"], json!({"cancelled": 15, "done": 4, "failed": 1}), "{job}");
    let failed = &job["items"][BROKEN];
    assert_eq!((&failed["wwwroot"], &failed["wave"]), (&json!(format!("http://{}", host(BROKEN))), &json!(2)));
    assert!(failed["output"]["stdout"].as_str().unwrap().contains("broken on purpose"), "{failed}");
    assert_eq!((&failed["errorcode"], items(&job, "cancelled")), (&json!("script_failed"), 15));
    let (versions, seen) = (stage.probe("version"), stage.probe("seen"));
    for number in 0..TENANTS {
        let up = number < BROKEN;
        assert_eq!(versions[number], if up { "2026020100" } else { old }, "{number}");
        assert_eq!(seen[number], if number <= BROKEN { old } else { "" }, "{number}: {job}");
    }
    assert_eq!(stage.pending().len(), TENANTS - BROKEN);
    let status = stage.json(2, UPGRADE, &["--status", "--refresh", "--targets=any"]);
    let told = &status["tenants"][BROKEN];
    assert_eq!((&told["pending"], &told["lastupgrade"]["status"]), (&json!(true), &json!("failed")), "{status}");
    assert_eq!(status["tenants"][0]["pending"], json!(false));

    std::fs::remove_file(stage.file(BROKEN, "broken")).unwrap();
    let retry = stage.json(0, "local/vmoodle/cli/job.php", &[&format!("--retry={}", job["id"])]);
    assert_eq!(retry["counts"], json!({"done": 16}), "{retry}");
    assert_eq!(retry["items"][0]["wwwroot"], failed["wwwroot"], "it goes first");
    assert_eq!(stage.probe("version"), vec!["2026020100"; TENANTS]);
    assert_eq!(stage.pending(), [""; 0]);
    stage.json(0, UPGRADE, &["--status", "--refresh"]);
    let web = stage.farm.serve(&Pool { workers: 2, ..Pool::default() });
    for number in [0, 1, BROKEN, TENANTS - 1] {
        assert_eq!(web.get(host(number), "/login/index.php").status, 200, "{}", web.fpm.log());
    }

    silent(&stage, &web);
    killed(&stage);
}

/// A site that answered requests before its upgrade and does not after it is not well, whatever its checks say.
fn silent(stage: &Stage, web: &Web) {
    let numbers = [TENANTS - 2, TENANTS - 1];
    // Names that curl finds on this machine by itself, with the port of the web server.
    let addresses = numbers.map(|number| format!("http://w{number:02}.localhost:{}", web.address().port()));
    for (number, address) in numbers.into_iter().zip(&addresses) {
        let old = format!("http://{}", host(number));
        stage.farm.call("tenant_update", json!([old, {"vhostname": address}])).unwrap();
    }
    stage.plugin(2_026_025_100);
    std::fs::write(stage.file(numbers[1], "silent"), "Out of order").unwrap();
    let job = stage.json(2, UPGRADE, &["--skip-control", &format!("--targets={}", addresses.join(","))]);
    assert_eq!(job["counts"], json!({"done": 1, "failed": 1}), "{job}");
    let failed = &job["items"][1];
    assert_eq!((&failed["wwwroot"], &failed["errorcode"]), (&json!(addresses[1]), &json!("unhealthy")), "{job}");
    assert!(failed["error"].as_str().unwrap().contains("answers with 503"), "{failed}");

    std::fs::remove_file(stage.file(numbers[1], "climaintenance.html")).unwrap();
    let retry = stage.json(0, "local/vmoodle/cli/job.php", &[&format!("--retry={}", job["id"])]);
    assert_eq!(retry["counts"], json!({"done": 1}), "{retry}");
}

/// The runner is killed (kill -9) while Moodle's script works: that goes on by itself, and nobody starts a second one.
fn killed(stage: &Stage) {
    stage.plugin(2_026_030_100);
    output(stage.farm.script("admin/cli/upgrade.php", None).args(["--non-interactive"]));
    std::fs::write(stage.file(0, "wait"), "").unwrap();
    let targets = format!("--targets={}", host(0));
    let mut runner = stage
        .command(UPGRADE, &["--skip-control", "--no-checks", &targets])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait::until(Duration::from_mins(2), "Moodle's script at work", || stage.probe("seen")[0] == "2026020100");
    signal(runner.id(), "KILL");
    runner.wait().unwrap();
    let control = stage.farm.control();
    control.run("UPDATE mdl_local_vmoodle_item SET leaseuntil = 1 WHERE status = 'running'");
    control.run("UPDATE mdl_local_vmoodle SET lockuntil = 1 WHERE lockuntil IS NOT NULL");
    let job = control.run("SELECT MAX(id) FROM mdl_local_vmoodle_job").trim().to_owned();
    let ended = stage.json(2, "local/vmoodle/cli/job.php", &[&format!("--run={job}")]);
    assert_eq!(ended["counts"], json!({"unknown": 1}), "{ended}");
    let error = ended["items"][0]["error"].as_str().unwrap();
    assert!(error.contains("a runner died") && error.contains("an upgrade runs there"), "{error}");
    let early = stage.json(2, "local/vmoodle/cli/job.php", &[&format!("--retry={job}")]);
    assert_eq!(early["items"][0]["errorcode"], "state_refused", "{early}");

    std::fs::remove_file(stage.file(0, "wait")).unwrap();
    wait::until(Duration::from_mins(2), "Moodle's script to end by itself", || !stage.pending().contains(&host(0)));
    let late = stage.json(0, "local/vmoodle/cli/job.php", &[&format!("--retry={}", early["id"])]);
    assert_eq!(late["counts"], json!({"skipped": 1}), "{late}");
}
