//! The farm cron: who is due, who is served, and that nobody is served twice at once. Instead of PHP a small script runs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::{tenant::VERSION, wait};
use vmoodle_core::console::{Console, ControlSite};
use vmoodle_core::settings::Given;

use crate::life::{done, submit};
use crate::{Farm, control, farm, map, on_both_engines};

/// What the process of a runner is told.
const TOLD: &str = "VMOODLE_TEST_CRON";

/// What runs instead of PHP: it tells who it ran as, and does what a file named after the host says.
const STANDIN: &str = r#"#!/bin/sh
host="${VMOODLE_HOST#http*://}"
mkdir "busy.$host" || echo "overlap $host" >> ran.log
echo "$host $*" >> ran.log
echo "Execute scheduled task of $host"
test -f "do.$host" && . "./do.$host"
rmdir "busy.$host"
exit ${code:-0}
"#;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A farm whose tenants live side by side in one database, each with a prefix of its own.
struct Stage {
    farm: Farm,
    control: ControlSite,
    tenants: Database,
}

impl Stage {
    fn new(test: &str, engine: Engine) -> Option<Self> {
        let farm = farm(&format!("cron_{test}"), engine)?;
        let tenants = Database::shared(engine, &format!("cron_{test}_{}_t", engine.dbtype()))?;
        let control = with_standin(&farm.control);
        Some(Self { farm, control, tenants })
    }

    /// A tenant with nothing to do.
    fn add(&self, host: &str) {
        let prefix = format!("{}_", host.split('.').next().unwrap());
        let common = "nextruntime BIGINT, classname VARCHAR(255), timestarted BIGINT, pid BIGINT, faildelay BIGINT";
        self.tenants.run(&format!(
            "CREATE TABLE {prefix}config (name VARCHAR(255), value TEXT);
             CREATE TABLE {prefix}task_scheduled (id BIGINT PRIMARY KEY, lastruntime BIGINT, disabled INT DEFAULT 0, {common});
             CREATE TABLE {prefix}task_adhoc (id BIGINT PRIMARY KEY, attemptsavailable INT, {common});
             INSERT INTO {prefix}config VALUES ('cron_enabled', '1'), ('version', '{VERSION}');
             INSERT INTO {prefix}task_scheduled (id, nextruntime) VALUES (1, {}), (2, {});",
            now() + 5000,
            now() + 9000,
        ));
        let mut row = map(self.tenants.registry_columns());
        row.extend(map(json!({
            "vhostname": format!("https://{host}"), "vdatapath": self.farm.folder.folder(host), "vdbprefix": prefix,
        })));
        self.farm.console.tenant_add(&row).unwrap();
    }

    /// A tenant on which something has been due for so many seconds.
    fn add_due(&self, host: &str, seconds: u64) {
        self.add(host);
        self.task(host, "scheduled", &format!("nextruntime = {}", now() - seconds));
    }

    /// Changes a tenant's first scheduled task, or adds an ad-hoc one.
    fn task(&self, host: &str, kind: &str, set: &str) {
        let prefix = format!("{}_", host.split('.').next().unwrap());
        if kind == "adhoc" {
            self.tenants.run(&format!("INSERT INTO {prefix}task_adhoc (id) VALUES (1)"));
        }
        self.tenants.run(&format!("UPDATE {prefix}task_{kind} SET {set} WHERE id = 1"));
    }

    fn cron(&self, options: Value) -> Value {
        let console = Console::new(self.control.clone());
        Value::Object(console.cron(&map(options), &mut |_| true).unwrap())
    }

    /// What a script does as a tenant.
    fn script(&self, host: &str, shell: &str) {
        fs::write(PathBuf::from(&self.control.dirroot).join(format!("do.{host}")), shell).unwrap();
    }

    /// The lines of the script, sorted.
    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(PathBuf::from(&self.control.dirroot).join("ran.log")).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn cron_row(&self, id: u32, columns: &str) -> String {
        let sql = format!("SELECT {columns} FROM mdl_local_vmoodle_cron WHERE tenantid = {id}");
        self.farm.database.run(&sql).trim().to_owned()
    }
}

/// The control site with a code base that holds the script.
fn with_standin(control: &ControlSite) -> ControlSite {
    let code = PathBuf::from(&control.dataroot).with_file_name("code");
    fs::create_dir_all(&code).unwrap();
    let script = code.join("standin.sh");
    if !script.exists() {
        fs::write(&script, STANDIN).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(code.join("version.php"), format!("<?php\n$version = {VERSION};\n$release = '4.5.6';\n")).unwrap();
    }
    ControlSite { php: script.display().to_string(), dirroot: code.display().to_string(), ..control.clone() }
}

/// Outcome by host.
fn outcomes(report: &Value) -> BTreeMap<String, String> {
    let items = report["items"].as_array().unwrap();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().trim_start_matches("https://").to_owned();
    items.iter().map(|item| (text(item, "tenant"), text(item, "outcome"))).collect()
}

#[test]
#[ignore = "a runner in a process of its own, which the tests below start and kill"]
fn a_runner() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let database = Database {
        engine: if text("engine") == "pgsql" { Engine::Postgres } else { Engine::MariaDb },
        name: text("name"),
        socket: PathBuf::from(text("socket")),
        port: told["port"].as_u64().unwrap().try_into().unwrap(),
    };
    let console = Console::new(with_standin(&control(&database, text("dataroot"), Given::default())));
    console.cron(&Map::new(), &mut |_| true).unwrap();
}

on_both_engines! {
    fn who_is_due_is_told_and_nothing_is_started(engine: Engine) {
        let Some(stage) = Stage::new("due", engine) else { return };
        let due = now() - 100;
        for (host, kind, set) in [
            ("scheduled.org", "scheduled", format!("nextruntime = {due}")),
            ("never.org", "scheduled", "nextruntime = NULL".into()),
            ("disabled.org", "scheduled", format!("nextruntime = {due}, disabled = 1")),
            ("failing.org", "scheduled", format!("nextruntime = {}, faildelay = 120", now() + 60)),
            ("failed.org", "scheduled", format!("nextruntime = {due}, faildelay = 120")),
            ("running.org", "scheduled", format!("nextruntime = {due}, timestarted = {due}, pid = 4711")),
            ("crashed.org", "scheduled", format!("nextruntime = {due}, timestarted = {}", now() - 7200)),
            ("adhoc.org", "adhoc", format!("nextruntime = {due}, attemptsavailable = 12")),
            ("endless.org", "adhoc", format!("nextruntime = {due}")),
            ("later.org", "adhoc", format!("nextruntime = {}", now() + 600)),
            ("exhausted.org", "adhoc", format!("nextruntime = {due}, attemptsavailable = 0")),
            ("atwork.org", "adhoc", format!("nextruntime = {due}, timestarted = {due}")),
            ("off.org", "scheduled", format!("nextruntime = {due}")),
            ("policy.org", "scheduled", format!("nextruntime = {due}")),
            ("closed.org", "scheduled", format!("nextruntime = {due}")),
            ("old.org", "scheduled", format!("nextruntime = {due}")),
            ("retired.org", "scheduled", format!("nextruntime = {due}")),
        ] {
            stage.add(host);
            stage.task(host, kind, &set);
        }
        stage.tenants.run("UPDATE off_config SET value = '0' WHERE name = 'cron_enabled'");
        stage.tenants.run("UPDATE old_config SET value = '2024100705.00' WHERE name = 'version'");
        fs::write(stage.farm.folder.folder("closed.org").join("climaintenance.html"), "closed").unwrap();
        let policy = json!({"name": "quiet", "targets": "policy.org", "settings": {"cron_enabled": 0}});
        stage.farm.console.policy_add(&map(policy)).unwrap();
        stage.farm.console.tenant_update("retired.org", &map(json!({"state": "retired"}))).unwrap();
        let plan = stage.cron(json!({"plan": true}));
        let expected: BTreeMap<String, String> = [
            ("scheduled.org", "due"),
            ("never.org", "due"),
            ("failed.org", "due"),
            ("crashed.org", "due"),
            ("adhoc.org", "due"),
            ("endless.org", "due"),
            ("off.org", "disabled"),
            ("policy.org", "disabled"),
            ("closed.org", "maintenance"),
            ("old.org", "upgrade"),
        ]
        .map(|(host, outcome)| (host.to_owned(), outcome.to_owned()))
        .into();
        assert_eq!(outcomes(&plan), expected);
        assert_eq!((&plan["tenants"], &plan["due"], &plan["idle"]), (&json!(16), &json!(6), &json!(6)), "{plan}");
        let item = plan["items"].as_array().unwrap().iter().find(|item| item["tenant"] == "https://adhoc.org").unwrap();
        assert_eq!(item["since"], json!(due));
        assert!((100..160).contains(&item["lateness"].as_u64().unwrap()), "{item}");
        assert!(stage.ran().is_empty());
        assert_eq!(stage.farm.database.run("SELECT COUNT(*) FROM mdl_local_vmoodle_cron").trim(), "0");
    }

    fn only_who_is_due_gets_a_process_and_the_registry_keeps_it(engine: Engine) {
        let Some(stage) = Stage::new("serve", engine) else { return };
        stage.add_due("a.org", 50);
        stage.add("idle.org");
        stage.add_due("broken.org", 40);
        stage.script("broken.org", "echo 'it is broken' >&2; code=3");
        stage.farm.database.run("UPDATE mdl_local_vmoodle SET lastcron = 1000 WHERE id = 1");
        let before = stage.farm.generation();
        let report = stage.cron(json!({}));
        let run = "admin/cli/cron.php --keep-alive=0";
        assert_eq!(stage.ran(), [format!("a.org {run}"), format!("broken.org {run}")], "{report}");
        assert_eq!((&report["done"], &report["failed"], &report["idle"]), (&json!(1), &json!(1), &json!(1)), "{report}");
        assert_eq!(report["items"][1]["said"], "it is broken", "{report}");
        assert!(report["lateness"]["max"].as_u64().unwrap() >= 50, "{report}");
        let kept = stage.farm.console.tenant("a.org").unwrap();
        let (last, gap) = (kept["lastcron"].as_u64().unwrap(), kept["lastcrongap"].as_u64().unwrap());
        assert_eq!((kept["croncount"].as_u64(), gap), (Some(1), last - 1000));
        assert_eq!(stage.farm.console.tenant("idle.org").unwrap()["croncount"], 0);
        assert_eq!(stage.farm.generation(), before, "the index holds none of it");
        let log = fs::read_to_string(PathBuf::from(&stage.control.dataroot).join("vmoodle/cron/1.log")).unwrap();
        assert!(log.starts_with("https://a.org") && log.contains("Execute scheduled task of a.org"), "{log}");
        assert_eq!(stage.cron_row(3, "outcome, exitcode, leaseuntil, pid"), "failed\t3\t0\t0");

        let again = stage.cron(json!({"targets": ["a.org"]}));
        assert_eq!((&again["idle"], &again["started"]), (&json!(1), &Value::Null), "Moodle did not want to run it: {again}");
        stage.task("a.org", "adhoc", "nextruntime = 5000");
        assert_eq!(stage.cron(json!({"targets": ["a.org"]}))["done"], 1);
        assert_eq!(stage.farm.console.tenant("a.org").unwrap()["croncount"], 2);
    }

    fn a_log_is_written_over_and_keeps_the_last_of_it(engine: Engine) {
        let Some(stage) = Stage::new("log", engine) else { return };
        stage.add_due("a.org", 50);
        stage.script("a.org", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo the end; code=1");
        for _ in 0..2 {
            stage.cron(json!({}));
            let path = PathBuf::from(&stage.control.dataroot).join("vmoodle/cron/1.log");
            let (log, meta) = (fs::read_to_string(&path).unwrap(), fs::metadata(&path).unwrap());
            assert!(log.ends_with("the end\n") && log.len() < 66_000, "{}", log.len());
            assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        }
    }

    fn two_hundred_idle_tenants_and_a_dead_database_delay_nobody(engine: Engine) {
        let Some(stage) = Stage::new("many", engine) else { return };
        stage.add("t0.org");
        let columns = "shortname, vdbtype, vdbhost, vdbport, vdbsocket, vdblogin, vdbpass, vdbname, mnet, enabled, state";
        let copy = |n: u32, prefix: &str| {
            format!(
                "INSERT INTO mdl_local_vmoodle (vhostname, hostkey, vdatapath, vdbprefix, {columns})
                 SELECT 'https://t{n}.org', 't{n}.org', '/nonexistent/{n}', '{prefix}', {columns} FROM mdl_local_vmoodle
                 WHERE id = 1;"
            )
        };
        // They all read the same tables, which the registry would refuse and the farm cron does not mind.
        let rows: String = (1..200).map(|n| copy(n, "t0_")).collect();
        stage.farm.database.run(&rows);
        stage.add_due("due.org", 30);
        let mut dead = stage.farm.row("dead.org");
        dead.extend(map(json!({"vdbtype": engine.dbtype(), "vdbhost": "127.0.0.1", "vdbport": 1})));
        stage.farm.console.tenant_add(&dead).unwrap();
        let report = stage.cron(json!({}));
        assert_eq!((&report["idle"], &report["done"]), (&json!(200), &json!(1)), "{report}");
        assert_eq!(outcomes(&report)["dead.org"], "unreachable", "{report}");
        assert!(!report.to_string().contains("hidden!"), "{report}");
    }

    fn two_runners_never_run_one_tenant_at_once(engine: Engine) {
        let Some(stage) = Stage::new("two", engine) else { return };
        for n in 0..12 {
            let host = format!("t{n}.org");
            stage.add_due(&host, 100 - n);
            stage.script(&host, "sleep 0.2");
        }
        let reports = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..2).map(|_| scope.spawn(|| stage.cron(json!({"concurrency": 8, "per_server": 8})))).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<_>>()
        });
        let done: u64 = reports.iter().map(|report| report["done"].as_u64().unwrap_or(0)).sum();
        assert_eq!(done, 12, "{reports:?}");
        assert_eq!(stage.ran().len(), 12, "each once, and nobody met another: {:?}", stage.ran());
    }

    fn what_another_runner_has_just_run_is_left_to_the_next_round(engine: Engine) {
        let Some(stage) = Stage::new("just", engine) else { return };
        stage.add_due("a.org", 50);
        for round in 1..=4 {
            let mut meanwhile = Value::Null;
            let report = Console::new(stage.control.clone()).cron(&map(json!({})), &mut |event| {
                if event["event"] == "round" {
                    meanwhile = std::thread::scope(|scope| scope.spawn(|| stage.cron(json!({}))).join().unwrap());
                }
                true
            });
            assert_eq!((&meanwhile["done"], report.unwrap().get("elsewhere")), (&json!(1), Some(&json!(1))));
            assert_eq!(stage.ran().len(), round, "a run takes less than a second");
            // Moodle did not run the task the last time; now it is another, due at another time.
            stage.task("a.org", "scheduled", &format!("nextruntime = {}", now() - 1000 * round as u64));
        }
    }

    fn runners_that_find_new_tenants_at_once_do_not_end_each_other(engine: Engine) {
        let Some(stage) = Stage::new("new", engine) else { return };
        for n in 0..8 {
            stage.add(&format!("t{n}.org"));
        }
        for _ in 0..6 {
            stage.farm.database.run("DELETE FROM mdl_local_vmoodle_cron");
            std::thread::scope(|scope| {
                let runs: Vec<_> = (0..12).map(|_| scope.spawn(|| stage.cron(json!({})))).collect();
                for run in runs {
                    assert_eq!(run.join().unwrap()["idle"], 8);
                }
            });
        }
        let rows = stage.farm.database.run("SELECT COUNT(*), COUNT(DISTINCT tenantid) FROM mdl_local_vmoodle_cron");
        assert_eq!(rows.trim(), "10\t10", "the tenants, the control site and the farm");
    }

    fn a_tenant_on_which_a_job_works_is_passed_over(engine: Engine) {
        let Some(stage) = Stage::new("job", engine) else { return };
        stage.add_due("a.org", 50);
        stage.farm.database.run(&format!("UPDATE mdl_local_vmoodle SET lockitem = 7, lockuntil = {}", now() + 600));
        assert_eq!(outcomes(&stage.cron(json!({})))["a.org"], "locked");
        assert_eq!(stage.cron_row(1, "leaseuntil, timestarted"), "0\t0", "nothing is kept of it");
        stage.farm.database.run("UPDATE mdl_local_vmoodle SET lockuntil = 1");
        assert_eq!(stage.cron(json!({}))["done"], 1);
    }

    fn a_job_that_takes_a_tenant_away_waits_for_the_end_of_its_cron(engine: Engine) {
        let Some(stage) = Stage::new("wait", engine) else { return };
        stage.add_due("a.org", 50);
        stage.add("b.org");
        let (folder, code) = (stage.farm.folder.folder("a.org"), PathBuf::from(&stage.control.dirroot));
        stage.script("a.org", &format!("while ! test -f go; do sleep 0.1; done; test -d '{}' && echo there >> ran.log", folder.display()));
        std::thread::scope(|scope| {
            let cron = scope.spawn(|| stage.cron(json!({})));
            wait::until(Duration::from_secs(30), "the cron to run", || stage.ran().len() == 1);
            for host in ["a.org", "b.org"] {
                // Any other job goes on beside it.
                done(&stage.farm, "retire_tenant", json!({}), &[host]);
            }
            let job = submit(&stage.farm, "destroy_tenant", json!({"hosts": "a.org,b.org"}), &["a.org", "b.org"]).unwrap();
            let control = stage.farm.control.clone();
            let runner = scope.spawn(move || Console::new(control).job_run(job, &mut |_| {}).unwrap());
            let items = || stage.farm.console.job(job).unwrap()["items"].clone();
            wait::until(Duration::from_secs(30), "the other tenant's part", || items()[1]["status"] == "done");
            wait::until(Duration::from_secs(30), "the reason to be told", || items()[0]["errorcode"] == "database_busy");
            assert!(items()[0]["status"] == "queued" && items()[0]["error"].as_str().unwrap().contains("cron"), "{}", items());
            assert!(folder.exists(), "nothing is touched");
            fs::write(code.join("go"), "").unwrap();
            assert_eq!(cron.join().unwrap()["done"], 1);
            assert_eq!(Value::Object(runner.join().unwrap()), json!({"done": 2}));
            assert_eq!((&items()[0]["error"], folder.exists()), (&Value::Null, false));
        });
        assert!(stage.ran().contains(&"there".to_owned()), "{:?}", stage.ran());
    }

    fn no_more_run_on_one_server_than_all_runners_together_may(engine: Engine) {
        let Some(stage) = Stage::new("full", engine) else { return };
        stage.add_due("a.org", 50);
        stage.cron(json!({"targets": ["!a.org"]}));
        let elsewhere = format!(
            "INSERT INTO mdl_local_vmoodle_cron (tenantid, owner, host, server, leaseuntil)
             SELECT 900, 'x', 'another', '{}', {}",
            stage.server(),
            now() + 600
        );
        stage.farm.database.run(&elsewhere);
        let report = stage.cron(json!({"per_server": 1}));
        assert_eq!((&report["left"], &report["started"]), (&json!(1), &Value::Null), "{report}");
        assert_eq!(stage.cron(json!({"per_server": 2}))["done"], 1);
    }

    fn a_stuck_tenant_is_ended_with_all_it_started_and_the_others_are_served(engine: Engine) {
        let Some(stage) = Stage::new("stuck", engine) else { return };
        stage.add_due("stuck.org", 1000);
        stage.script("stuck.org", "trap '' TERM; sleep 600 & echo $! > child.pid; echo waiting; while :; do sleep 1; done");
        for n in 0..5 {
            stage.add_due(&format!("t{n}.org"), 10);
        }
        let report = stage.cron(json!({"concurrency": 2, "time_limit": 1, "grace": 1}));
        assert_eq!((&report["done"], &report["timeout"]), (&json!(5), &json!(1)), "{report}");
        let stuck = &report["items"][0];
        assert_eq!((&stuck["tenant"], &stuck["exit"]), (&json!("https://stuck.org"), &Value::Null), "{report}");
        let child = fs::read_to_string(PathBuf::from(&stage.control.dirroot).join("child.pid")).unwrap();
        let gone = || fs::read_to_string(format!("/proc/{}/stat", child.trim())).map_or(true, |stat| stat.contains(") Z"));
        wait::until(Duration::from_secs(5), "the stuck script's child to die", gone);
        assert_eq!(stage.cron_row(1, "outcome, leaseuntil"), "timeout\t0");
    }

    fn a_caller_that_has_had_enough_ends_it_cleanly(engine: Engine) {
        let Some(stage) = Stage::new("stop", engine) else { return };
        stage.add_due("a.org", 50);
        stage.add_due("b.org", 40);
        stage.script("a.org", "trap 'echo asked; rmdir busy.$host; exit 0' TERM; while :; do sleep 0.1; done");
        let console = Console::new(stage.control.clone());
        let mut started = false;
        let options = map(json!({"daemon": true, "interval": 1, "concurrency": 1}));
        let report = console.cron(&options, &mut |event| {
            started |= event["event"] == "started";
            !(started && stage.ran().len() == 1)
        });
        let report = Value::Object(report.unwrap());
        assert_eq!((&report["stopped_early"], &report["stopped"]), (&json!(true), &json!(1)), "{report}");
        assert_eq!(stage.ran().len(), 1, "nothing was started after the word: {:?}", stage.ran());
        assert_eq!(stage.cron_row(1, "outcome, exitcode, leaseuntil"), "stopped\t0\t0");
    }

    fn a_service_serves_what_becomes_due_and_notes_its_rounds(engine: Engine) {
        let Some(stage) = Stage::new("daemon", engine) else { return };
        stage.add("a.org");
        let console = Console::new(stage.control.clone());
        let mut rounds = 0;
        let options = map(json!({"daemon": true, "interval": 1}));
        let report = console.cron(&options, &mut |event| {
            if event["event"] == "probed" {
                rounds += 1;
                if rounds == 2 {
                    stage.task("a.org", "scheduled", "nextruntime = 1000");
                }
            }
            event["event"] != "ended"
        });
        let report = Value::Object(report.unwrap());
        assert_eq!((&report["done"], &report["items"]), (&json!(1), &Value::Null), "{report}");
        assert!(report["rounds"].as_u64().unwrap() >= 3, "{report}");
        let noted = stage.farm.database.run("SELECT timefinished, summary FROM mdl_local_vmoodle_cron WHERE tenantid = -1");
        assert!(noted.contains("\"tenants\""), "{noted}");
    }

    fn a_killed_runner_leaves_no_process_and_its_lease_runs_out(engine: Engine) {
        let Some(stage) = Stage::new("killed", engine) else { return };
        stage.add_due("a.org", 50);
        stage.script("a.org", "echo $$ > own.pid; while :; do sleep 0.1; done");
        let pid = stage.kill_a_runner();
        let gone = || fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z"));
        wait::until(Duration::from_secs(10), "the script to die with its runner", gone);
        assert_eq!(outcomes(&stage.cron(json!({})))["a.org"], "elsewhere", "the lease holds");
        fs::remove_dir(PathBuf::from(&stage.control.dirroot).join("busy.a.org")).unwrap();
        stage.script("a.org", "");
        stage.farm.database.run("UPDATE mdl_local_vmoodle_cron SET leaseuntil = 1 WHERE tenantid = 1");
        assert_eq!(stage.cron(json!({}))["done"], 1);
        assert_eq!(stage.ran().len(), 2, "{:?}", stage.ran());
    }

    fn what_outlived_its_runner_is_ended_before_the_tenant_is_run_again(engine: Engine) {
        let Some(stage) = Stage::new("orphan", engine) else { return };
        stage.add_due("a.org", 50);
        stage.script("a.org", "trap '' TERM; echo $$ > own.pid; while :; do sleep 0.1; done");
        let pid = stage.kill_a_runner();
        assert!(PathBuf::from(format!("/proc/{pid}")).exists(), "it was only asked to end");
        fs::remove_dir(PathBuf::from(&stage.control.dirroot).join("busy.a.org")).unwrap();
        stage.script("a.org", "");
        stage.farm.database.run("UPDATE mdl_local_vmoodle_cron SET leaseuntil = 1 WHERE tenantid = 1");
        assert_eq!(stage.cron(json!({}))["done"], 1);
        let gone = || fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z"));
        wait::until(Duration::from_secs(10), "the orphan to be gone", gone);
    }

    fn the_longest_wait_goes_first_and_a_weight_counts(engine: Engine) {
        let Some(stage) = Stage::new("order", engine) else { return };
        for (host, seconds) in [("second.org", 500), ("first.org", 900), ("third.org", 300), ("heavy.org", 400)] {
            stage.add_due(host, seconds);
        }
        stage.farm.console.tenant_update("heavy.org", &map(json!({"tags": "cron:weight=10"}))).unwrap();
        let mut order = Vec::new();
        let console = Console::new(stage.control.clone());
        let options = map(json!({"concurrency": 1}));
        let heard = &mut |event: &Map<String, Value>| {
            if event["event"] == "started" {
                order.push(event["tenant"].as_str().unwrap().trim_start_matches("https://").to_owned());
            }
            true
        };
        console.cron(&options, heard).unwrap();
        assert_eq!(order, ["heavy.org", "first.org", "second.org", "third.org"]);
    }

    fn the_control_site_is_served_when_asked_for(engine: Engine) {
        let Some(stage) = Stage::new("control", engine) else { return };
        support::tenant::fill(&stage.farm.database, "Control site");
        stage.farm.database.run(
            "INSERT INTO mdl_config (name, value) VALUES ('cron_enabled', '1');
             INSERT INTO mdl_task_adhoc (id, nextruntime) VALUES (1, 1000);",
        );
        assert_eq!(stage.cron(json!({}))["tenants"], 0);
        let report = stage.cron(json!({"control": true}));
        assert_eq!((&report["done"], &report["items"][0]["id"]), (&json!(1), &json!(0)), "{report}");
        assert_eq!(stage.ran(), [" admin/cli/cron.php --keep-alive=0"], "as no tenant");
    }
}

impl Stage {
    /// Starts a runner and kills it (kill -9) once the script runs; gives the script's process.
    fn kill_a_runner(&self) -> String {
        let database = &self.farm.database;
        let told = json!({
            "engine": database.engine.dbtype(), "name": database.name, "socket": database.socket, "port": database.port,
            "dataroot": self.control.dataroot,
        });
        let mut runner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cron::a_runner", "--ignored"])
            .env(TOLD, told.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let file = PathBuf::from(&self.control.dirroot).join("own.pid");
        let noted = || self.cron_row(1, "pid") != "0";
        let pid = || fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n') && noted());
        wait::until(Duration::from_secs(30), "the script to run", || pid().is_some());
        runner.kill().unwrap();
        runner.wait().unwrap();
        pid().unwrap().trim().to_owned()
    }

    /// The name of the tenants' server, as a finished run has left it.
    fn server(&self) -> String {
        let mut twin = map(self.tenants.registry_columns());
        let word = if self.tenants.engine == Engine::MariaDb { "mysql" } else { "pgsql" };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let (host, socket) = (text(twin.remove("vdbhost")), text(twin.remove("vdbsocket")));
        let port = twin.remove("vdbport").map_or_else(|| "0".to_owned(), |port| port.to_string());
        format!("{word}:{host}:{port}:{socket}")
    }
}
