//! The farm cron with Moodle's own: only who has due work gets a process, and what is stuck is ended.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::farm::CONTROL;
use support::process::{output, signal};
use support::wait;

use crate::stage::{Stage, TENANTS, alone};

/// A task of Moodle's own that does little on a fresh site.
const TASK: &str = "\\\\core\\\\task\\\\refresh_mod_calendar_events_task";

/// Nothing is due: a fresh site's own tasks wait for the network.
fn quieten(stage: &Stage) {
    for database in &stage.databases {
        database.run("UPDATE mdl_task_scheduled SET disabled = 1; DELETE FROM mdl_task_adhoc;");
    }
    let _ = fs::remove_dir_all(stage.farm.dataroot(CONTROL).join("vmoodle/cron"));
    stage
        .farm
        .control()
        .run("DELETE FROM mdl_local_vmoodle_cron; UPDATE mdl_local_vmoodle SET lastcron = 0, croncount = 0");
}

fn add_task(stage: &Stage, tenant: usize) {
    let database = &stage.databases[tenant];
    let class = if database.engine == support::database::Engine::MariaDb {
        TASK.to_owned()
    } else {
        TASK.replace("\\\\", "\\")
    };
    let sql = "INSERT INTO mdl_task_adhoc (component, classname, nextruntime, faildelay, customdata, timecreated, attemptsavailable)";
    database.run(&format!("{sql} VALUES ('moodle', '{class}', 1000, 0, '{{\"plugins\": [\"page\"]}}', 1000, 12)"));
}

fn tasks(stage: &Stage, tenant: usize) -> String {
    stage.databases[tenant].run("SELECT COUNT(*) FROM mdl_task_adhoc").trim().to_owned()
}

fn command(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = stage.farm.script("local/vmoodle/cli/cron.php", None);
    command.args(arguments);
    command
}

/// The report and the exit code.
fn cron(stage: &Stage, arguments: &[&str]) -> (Value, Option<i32>) {
    let result = command(stage, arguments).arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    let report = serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {result:?}"));
    (report, result.status.code())
}

fn registry(stage: &Stage, column: &str) -> Vec<String> {
    let rows = stage.farm.control().run(&format!("SELECT {column} FROM mdl_local_vmoodle ORDER BY id"));
    rows.lines().map(str::to_owned).collect()
}

#[test]
fn only_a_tenant_with_due_work_gets_a_process_and_its_task_is_run() {
    let Some(stage) = alone() else { return };
    quieten(&stage);
    for tenant in [0, 2] {
        add_task(&stage, tenant);
    }
    let (plan, code) = cron(&stage, &["--plan"]);
    assert_eq!((code, &plan["due"], &plan["idle"]), (Some(0), &json!(2), &json!(1)), "{plan}");
    assert_eq!(plan["items"][0]["since"], 1000, "{plan}");
    assert_eq!(
        (tasks(&stage, 0).as_str(), registry(&stage, "lastcron")),
        ("1", vec!["0".to_owned(); 3]),
        "it was a plan"
    );

    let (report, code) = cron(&stage, &[]);
    assert_eq!((code, &report["done"], &report["idle"]), (Some(0), &json!(2), &json!(1)), "{report}");
    assert_eq!([0, 1, 2].map(|tenant| tasks(&stage, tenant)), ["0", "0", "0"]);
    assert_eq!(registry(&stage, "croncount"), ["1", "0", "1"]);
    let last = registry(&stage, "lastcron");
    assert!(last[0].parse::<u64>().unwrap() > 1_700_000_000 && last[1] == "0", "{last:?}");
    let logs = stage.farm.dataroot(CONTROL).join("vmoodle/cron");
    let log = fs::read_to_string(logs.join("1.log")).unwrap();
    assert!(log.contains("Refreshing events for page") && log.contains(TENANTS[0].0), "{log}");
    assert!(!logs.join("2.log").exists());

    let (again, code) = cron(&stage, &[]);
    assert_eq!((code, &again["idle"], &again["started"]), (Some(0), &json!(3), &Value::Null), "{again}");
    let checks = stage.farm.script("admin/cli/checks.php", None).args(["--verbose"]).output().unwrap();
    let text = String::from_utf8_lossy(&checks.stdout).into_owned();
    assert!(text.contains("The farm cron ran"), "{text}");
}

#[test]
fn a_tenant_whose_cron_would_refuse_gets_none_and_is_told() {
    let Some(stage) = alone() else { return };
    quieten(&stage);
    for tenant in 0..3 {
        add_task(&stage, tenant);
    }
    let hash = stage.databases[0].run("SELECT value FROM mdl_config WHERE name = 'allversionshash'");
    stage.databases[0].run("UPDATE mdl_config SET value = 'old' WHERE name = 'allversionshash'");
    output(stage.farm.script("admin/cli/cron.php", Some(TENANTS[1].0)).arg("--disable"));
    output(stage.farm.script("admin/cli/maintenance.php", Some(TENANTS[2].0)).arg("--enable"));
    let (report, code) = cron(&stage, &[]);
    output(stage.farm.script("admin/cli/maintenance.php", Some(TENANTS[2].0)).arg("--disable"));
    output(stage.farm.script("admin/cli/cron.php", Some(TENANTS[1].0)).arg("--enable"));
    let whole = format!("UPDATE mdl_config SET value = '{}' WHERE name = 'allversionshash'", hash.trim());
    stage.databases[0].run(&whole);
    let counts = ["upgrade", "disabled", "maintenance", "started"].map(|kind| report[kind].as_u64());
    assert_eq!((counts, code), ([Some(1), Some(1), Some(1), None], Some(0)), "{report}");
    assert_eq!(registry(&stage, "croncount"), ["0"; 3]);
}

#[test]
fn a_stuck_tenant_is_ended_and_the_others_are_served_meanwhile() {
    let Some(stage) = alone() else { return };
    quieten(&stage);
    for tenant in 0..3 {
        add_task(&stage, tenant);
    }
    let script = stage.farm.code().path().join("admin/cli/cron.php");
    let original = fs::read(&script).unwrap();
    stage.farm.code().replace("admin/cli/cron_original.php", &original);
    let hook = format!(
        "<?php if (getenv('VMOODLE_HOST') === 'http://{}') {{ pcntl_signal(SIGTERM, SIG_IGN); echo 'stuck'; \
         while (true) {{ sleep(1); }} }} require(__DIR__ . '/cron_original.php');",
        TENANTS[1].0
    );
    stage.farm.code().replace("admin/cli/cron.php", hook.as_bytes());
    let (report, code) = cron(&stage, &["--time-limit=30", "--grace=1"]);
    stage.farm.code().replace("admin/cli/cron.php", &original);
    fs::remove_file(script.with_file_name("cron_original.php")).unwrap();
    assert_eq!((code, &report["done"], &report["timeout"]), (Some(2), &json!(2), &json!(1)), "{report}");
    assert_eq!([0, 1, 2].map(|tenant| tasks(&stage, tenant)), ["0", "1", "0"]);
    let (after, code) = cron(&stage, &[]);
    assert_eq!((code, &after["done"]), (Some(0), &json!(1)), "{after}");
    assert_eq!(tasks(&stage, 1), "0");
}

#[test]
fn a_service_ends_cleanly_when_it_is_asked_to() {
    let Some(stage) = alone() else { return };
    quieten(&stage);
    let mut service = command(&stage, &["--daemon", "--interval=1"]);
    let mut service = service.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let rounds = || stage.farm.control().run("SELECT timefinished FROM mdl_local_vmoodle_cron WHERE tenantid = -1");
    wait::until(Duration::from_mins(1), "a first round", || rounds().trim().parse::<u64>().is_ok_and(|time| time > 0));
    add_task(&stage, 0);
    wait::until(Duration::from_mins(1), "the task to be run", || tasks(&stage, 0) == "0");
    signal(service.id(), "TERM");
    let mut code = None;
    wait::until(Duration::from_secs(30), "the service to end", || {
        code = service.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(0));
    let leases = "SELECT COUNT(*) FROM mdl_local_vmoodle_cron WHERE leaseuntil > 0";
    assert_eq!(stage.farm.control().run(leases).trim(), "0");
}
