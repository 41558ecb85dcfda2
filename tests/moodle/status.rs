//! The facts of live tenants against what Moodle itself says.

use serde_json::{Value, json};
use support::process::output;

use crate::stage::{Stage, TENANTS, alone};

/// What Moodle says on a tenant.
fn moodle_says(stage: &Stage, host: &str) -> Value {
    let probe = "<?php define('CLI_SCRIPT', true); require('config.php');
        $guest = (int) $CFG->siteguest;
        echo json_encode(['version' => sprintf('%.2f', $CFG->version), 'release' => $CFG->release, 'branch' => $CFG->branch,
            'users' => (string) $DB->count_records_select('user', 'deleted = 0 AND confirmed = 1 AND id <> ?', [$guest]),
            'courses' => (string) ($DB->count_records('course') - 1), 'maintenance' => (string) (int) !empty($CFG->maintenance_enabled),
            'pending' => (string) (int) moodle_needs_upgrading()]);";
    stage.farm.code().replace("facts.php", probe.as_bytes());
    serde_json::from_str(&output(&mut stage.farm.script("facts.php", Some(host)))).unwrap()
}

fn collected(stage: &Stage, host: &str) -> Value {
    let script = "local/vmoodle/cli/status.php";
    let told =
        output(stage.farm.script(script, None).args(["--refresh", "--sizes", "--json", &format!("--targets={host}")]));
    let told: Value = serde_json::from_str(&told).unwrap();
    told[0]["facts"].clone()
}

#[test]
fn the_facts_of_live_tenants_are_what_moodle_says() {
    let Some(stage) = alone() else { return };
    for ((host, _), database) in TENANTS.iter().zip(&stage.databases) {
        let compare = |pending: &str| {
            let (facts, says) = (collected(&stage, host), moodle_says(&stage, host));
            assert_eq!(facts["reachable"]["value"], "1", "{host}: {facts}");
            for (name, value) in says.as_object().unwrap() {
                assert_eq!(&facts[name]["value"], value, "{host}: {name}");
            }
            assert_eq!(facts["pending"]["value"], pending, "{host}");
            facts
        };
        let facts = compare("0");
        let number = |name: &str| facts[name]["value"].as_str().and_then(|text| text.parse::<u64>().ok());
        assert!(number("databaseoctets") > Some(1_000_000) && number("diskfree") > Some(0), "{facts}");
        let hash = database.run("SELECT value FROM mdl_config WHERE name = 'allversionshash'").trim().to_owned();
        let set = |value: &str| {
            database.run(&format!("UPDATE mdl_config SET value = '{value}' WHERE name = 'allversionshash'"));
            // Moodle would go on with what it keeps of its settings.
            output(&mut stage.farm.script("admin/cli/purge_caches.php", Some(host)));
        };
        set("another");
        compare("1");
        set(&hash);
        compare("0");
    }
}

#[test]
fn cron_runs_a_job_that_was_only_written_down() {
    let Some(stage) = alone() else { return };
    let host = TENANTS[0].0;
    let run = ["--operation=tenant_status", "--submit-only", "--json"];
    let submitted =
        output(stage.farm.script("local/vmoodle/cli/run.php", None).args(run).arg(format!("--targets={host}")));
    let submitted: Value = serde_json::from_str(&submitted).unwrap();
    let job = || stage.farm.call("job", json!([submitted["job"]])).unwrap();
    assert_eq!(job()["status"], "queued");
    let class = "--classname=\\local_vmoodle\\task\\run_job";
    let said = output(stage.farm.script("admin/cli/adhoc_task.php", None).args(["--execute", class]));
    assert_eq!(job()["status"], "done", "{said}");
    let task = "--execute=\\local_vmoodle\\task\\resume_stuck_jobs";
    let control = stage.farm.control();
    control.run("UPDATE mdl_local_vmoodle_job SET status = 'running', timefinished = 0, timestarted = 1");
    control.run(
        "UPDATE mdl_local_vmoodle_item SET status = 'running', leaseowner = 'dead', leaseuntil = 1, timefinished = 0",
    );
    output(stage.farm.script("admin/cli/scheduled_task.php", None).arg(task));
    let said = output(stage.farm.script("admin/cli/adhoc_task.php", None).args(["--execute", class]));
    assert_eq!((&job()["status"], &job()["items"][0]["attempts"]), (&json!("done"), &json!(2)), "{said}");
    let daily = "--execute=\\local_vmoodle\\task\\collect_status";
    output(stage.farm.script("admin/cli/scheduled_task.php", None).arg(daily));
    let jobs = stage.farm.call("jobs", json!([{"status": "queued"}])).unwrap();
    assert_eq!(jobs[0]["parameters"], json!({"sizes": true}), "{jobs}");
    output(stage.farm.script("admin/cli/adhoc_task.php", None).args(["--execute", class]));
    assert_eq!(stage.farm.call("jobs", json!([{"status": "queued"}])).unwrap(), json!([]));
    // On a tenant its tasks do nothing.
    output(stage.farm.script("admin/cli/scheduled_task.php", Some(host)).arg(daily));
}

#[test]
fn old_jobs_leave_the_journal_but_not_what_the_farm_leans_on() {
    let Some(stage) = alone() else { return };
    let host = TENANTS[1].0;
    let run = |operation: &str| {
        let job = stage.farm.call("job_submit", json!([operation, {}, [host]])).unwrap();
        stage.farm.call("job_run", json!([job])).unwrap();
        job
    };
    let (old, young) = (run("tenant_status"), run("tenant_status"));
    let control = stage.farm.control();
    let count = |sql: &str| control.run(&format!("SELECT COUNT(*) FROM {sql}")).trim().to_owned();
    let maker = run("tenant_status");
    control.run(&format!("UPDATE mdl_local_vmoodle_job SET operation = 'adopt_site' WHERE id = {maker}"));
    control.run(&format!("UPDATE mdl_local_vmoodle_job SET timefinished = 1 WHERE id IN ({old}, {maker})"));
    let prune = || {
        let task = "--execute=\\local_vmoodle\\task\\keep_house";
        output(stage.farm.script("admin/cli/scheduled_task.php", None).arg(task))
    };
    let keep = |seconds: &str| {
        let script =
            ["--component=local_vmoodle", "--name=jobretention", &format!("--set={seconds}")].map(str::to_owned);
        output(stage.farm.script("admin/cli/cfg.php", None).args(script));
    };
    keep("0");
    prune();
    assert_eq!(count(&format!("mdl_local_vmoodle_job WHERE id = {old}")), "1", "0 keeps everything");
    keep("31536000");
    let said = prune();
    assert_eq!(count(&format!("mdl_local_vmoodle_job WHERE id IN ({old}, {young}, {maker})")), "2", "{said}");
    assert_eq!(count(&format!("mdl_local_vmoodle_item WHERE jobid = {old}")), "0");
    control.run(&format!("DELETE FROM mdl_local_vmoodle_item WHERE jobid = {maker}"));
    control.run(&format!("DELETE FROM mdl_local_vmoodle_job WHERE id = {maker}"));
}
