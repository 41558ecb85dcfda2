//! Moodle's own scripts on many real sites at once, from the command line and from the web.

use serde_json::{Value, json};
use support::farm::CONTROL;
use support::process::{output, output_of_input};

use crate::stage::{Stage, TENANTS, alone};

fn exec(stage: &Stage, arguments: &[&str]) -> (i32, String, String) {
    let result = stage.farm.script("local/vmoodle/cli/exec.php", None).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (result.status.code().unwrap_or(-1), text(&result.stdout), text(&result.stderr))
}

#[test]
fn a_script_of_moodle_runs_on_every_tenant_and_each_line_says_whose_it_is() {
    let Some(stage) = alone() else { return };
    let asked = ["--targets=all", "--", "admin/cli/cfg.php", "--name=siteidentifier"];
    let (code, said, complaints) = exec(&stage, &asked);
    assert_eq!(code, 0, "{said}{complaints}");
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    let mut wanted: Vec<String> = TENANTS
        .iter()
        .zip(&stage.databases)
        .map(|((host, _), database)| format!("{host}: {}", database.name))
        .collect();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);

    let set = |argument: &str| {
        output(stage.farm.script("admin/cli/cfg.php", Some(TENANTS[1].0)).args(["--name=vmoodleexec", argument]))
    };
    set("--set=l'été");
    // It ends with 3 where there is no such setting.
    let asked = ["--targets=all", "--json", "--concurrency=2", "--", "admin/cli/cfg.php", "--name=vmoodleexec"];
    let (code, said, complaints) = exec(&stage, &asked);
    assert_eq!(code, 2, "{said}{complaints}");
    let result: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(result["counts"], json!({"done": 1, "failed": 2}));
    for item in result["items"].as_array().unwrap() {
        let (exit, status) = if item["tenant"] == "http://two.example.org" { (0, "done") } else { (3, "failed") };
        assert_eq!((&item["exit"], &item["status"]), (&json!(exit), &json!(status)), "{item}");
    }
    assert!(result["items"][1]["stdout"].as_str().unwrap().contains("été"), "{result}");
    set("--unset");

    let (code, said, _) =
        exec(&stage, &["--targets=two.example.org", "--plan", "--", "admin/cli/purge_caches.php", "--muc"]);
    assert!(code == 0 && said.contains(r#"["admin/cli/purge_caches.php","--muc"]"#), "{said}");
    let before = stage.databases[1].run("SELECT value FROM mdl_config WHERE name = 'themerev'");
    let (code, said, complaints) =
        exec(&stage, &["--targets=two.example.org", "--timeout=120", "--", "admin/cli/purge_caches.php"]);
    assert_eq!(code, 0, "{said}{complaints}");
    assert_ne!(stage.databases[1].run("SELECT value FROM mdl_config WHERE name = 'themerev'"), before);

    for bad in [
        ["--targets=all", "--", "../outside.php"].as_slice(),
        &["--targets=all", "--"],
        &["--targets=all"],
        &["--targets=all", "--", "admin/cli/reset_password.php", "--username=admin", "--password=hidden!"],
    ] {
        let (code, said, complaints) = exec(&stage, bad);
        assert_eq!(code, 1, "{bad:?}: {said}{complaints}");
        assert!(!complaints.contains("hidden!"), "{complaints}");
    }
    // Moodle's script asks for a password on its standard input: no user of the machine sees it there.
    let mut command = stage.farm.script("local/vmoodle/cli/exec.php", None);
    command.args([
        "--targets=two.example.org",
        "--stdin",
        "--json",
        "--",
        "admin/cli/reset_password.php",
        "--username=admin",
    ]);
    let hash = || stage.databases[1].run("SELECT password FROM mdl_user WHERE username = 'admin'");
    let before = hash();
    let said = output_of_input(&mut command, b"Admin#1234\n");
    assert!(said.contains("\"done\":1"), "{said}");
    assert_ne!(hash(), before);
    let (mut visitor, _) = stage.log_in("two.example.org");
    assert!(
        visitor.get("/admin/search.php").body.contains("/login/logout.php"),
        "the new password is the one that was given"
    );
}

/// Asks for a script from the web, as a page would.
const WEB: &str = r"<?php
define('NO_MOODLE_COOKIES', true);
require('config.php');
header('Content-Type: application/json');
$asked = ['script' => $_GET['script']];
try {
    \local_vmoodle\bridge::plan('run_script', $asked, ['all']);
    $job = \local_vmoodle\bridge::job_submit('run_script', $asked, ['all'], ['confirm' => true]);
    echo json_encode(['job' => $job, 'again' => isset($_GET['again']) ? \local_vmoodle\bridge::job_retry((int)$_GET['again']) : 0]);
} catch (\moodle_exception $exception) {
    echo json_encode(['refused' => $exception->errorcode]);
}
";

#[test]
fn the_web_runs_scripts_of_a_list_only() {
    let Some(stage) = alone() else { return };
    stage.farm.code().replace("exec_probe.php", WEB.as_bytes());
    let ask = |query: &str| stage.web.get(CONTROL, &format!("/exec_probe.php?script={query}")).json();
    assert!(ask("admin/cli/purge_caches.php")["job"].as_i64().unwrap() > 0);
    assert_eq!(ask("admin/cli/cfg.php"), json!({"refused": "webscriptrefused"}));
    let parameters = json!({"script": "admin/cli/cfg.php", "arguments": ["--name=nothere"]});
    let job = stage.farm.call("job_submit", json!(["run_script", parameters, ["all"], {"confirm": true}])).unwrap();
    assert_eq!(stage.farm.call("job_run", json!([job])).unwrap(), json!({"failed": 3}));
    let again = ask(&format!("admin/cli/purge_caches.php&again={job}"));
    assert_eq!(again, json!({"refused": "webscriptrefused"}), "nor by asking for it again");
    let set = |list: &str| {
        let mut script = stage.farm.script("admin/cli/cfg.php", None);
        output(script.args(["--component=local_vmoodle", "--name=webscripts", &format!("--set={list}")]));
    };
    let usual = stage
        .farm
        .control()
        .run("SELECT value FROM mdl_config_plugins WHERE plugin = 'local_vmoodle' AND name = 'webscripts'");
    assert!(usual.contains("admin/cli/purge_caches.php"), "{usual}");
    set("admin/cli/cfg.php");
    assert!(ask("admin/cli/cfg.php")["job"].as_i64().unwrap() > 0);
    assert_eq!(ask("admin/cli/purge_caches.php"), json!({"refused": "webscriptrefused"}));
    stage.farm.control().run("DELETE FROM mdl_config_plugins WHERE plugin = 'local_vmoodle' AND name = 'webscripts'");
    output(&mut stage.farm.script("admin/cli/purge_caches.php", None));
    assert!(ask("admin/cli/purge_caches.php")["job"].as_i64().unwrap() > 0, "without a setting the usual ones");
}

#[test]
fn a_job_that_is_spread_over_hours_waits_in_no_process() {
    let Some(stage) = alone() else { return };
    let asked = [
        "--targets=all",
        "--spread=180",
        "--submit-only",
        "--json",
        "--",
        "admin/cli/cfg.php",
        "--name=siteidentifier",
    ];
    let (code, said, complaints) = exec(&stage, &asked);
    assert_eq!(code, 0, "{said}{complaints}");
    let job = serde_json::from_str::<Value>(&said).unwrap()["job"].clone();
    let mut cron = stage.farm.script("admin/cli/adhoc_task.php", None);
    let ran = output(cron.args(["--execute", "--classname=local_vmoodle\\task\\run_job"]));
    let counts = || stage.farm.call("job", json!([job])).unwrap()["counts"].clone();
    assert_eq!(counts(), json!({"done": 1, "queued": 2}), "{ran}");
    let waits = stage
        .farm
        .control()
        .run("SELECT nextruntime - UNIX_TIMESTAMP() FROM mdl_task_adhoc WHERE classname LIKE '%run\\_job'");
    let waits: i64 = waits.trim().parse().unwrap_or_else(|error| panic!("{error}: {waits}"));
    assert!((3000..=3600).contains(&waits), "the task comes back when the next tenant is due: {waits}");
    stage.farm.call("job_cancel", json!([job])).unwrap();
    assert_eq!(counts(), json!({"cancelled": 2, "done": 1}));
    stage.farm.control().run("DELETE FROM mdl_task_adhoc WHERE classname LIKE '%run\\_job'");
}
