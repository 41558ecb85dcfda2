//! The administrator's pages: who gets in, what changes only by POST with a session key, and an operation from plan to undo.

use std::path::{Path, PathBuf};

use support::farm::CONTROL;
use support::http::{Response, Visitor};
use support::process::output;
use support::root;

use crate::stage::{Stage, TENANTS, alone, shared};

/// Pages of the plugin that anybody may open: they are no Moodle pages.
const OPEN: [&str; 2] = ["boot.php", "health.php"];

/// Files of the plugin's folder that are no pages.
const NO_PAGES: [&str; 4] = ["config-sample.php", "lib.php", "settings.php", "version.php"];

fn pages() -> Vec<String> {
    let folder: PathBuf = root::workspace().join("php/local/vmoodle");
    let mut pages: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| {
            Path::new(name).extension().is_some_and(|end| end == "php")
                && !OPEN.contains(&name.as_str())
                && !NO_PAGES.contains(&name.as_str())
        })
        .collect();
    pages.sort();
    assert!(pages.len() >= 10, "{pages:?}");
    pages
}

/// A page's address, with a number where it wants one.
fn address(page: &str) -> String {
    format!("/local/vmoodle/{page}?id=1")
}

fn is_login(response: &Response) -> bool {
    response.body.contains("name=\"logintoken\"")
}

/// Moodle shows the name of a string that is not there as `[[name]]`.
fn lacks_a_string(page: &Response) -> bool {
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b"_:".contains(&b));
    page.body.split("[[").skip(1).any(|rest| rest.split_once("]]").is_some_and(|(name, _)| is_name(name)))
}

/// The session key of a page.
pub(crate) fn sesskey(page: &Response) -> String {
    let rest = page.body.split("\"sesskey\":\"").nth(1).unwrap_or_else(|| panic!("no session key: {page:?}"));
    rest.split('"').next().unwrap().to_owned()
}

fn value<'a>(page: &'a Response, name: &str) -> &'a str {
    let field = page.body.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {page:?}"));
    field.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap()
}

fn state(stage: &Stage, host: &str) -> String {
    stage.farm.control().run(&format!("SELECT state FROM mdl_local_vmoodle WHERE hostkey = '{host}'")).trim().to_owned()
}

#[test]
fn nobody_gets_in_without_login_without_capability_or_on_a_tenant() {
    let Some(stage) = shared() else { return };
    output(stage.farm.script("probe_user.php", None).arg("plain"));
    let (mut plain, _) = stage.log_in_as(CONTROL, "plain", "Plain#1234");
    let (mut tenant, _) = stage.log_in(TENANTS[0].0);
    for page in pages() {
        let stranger = Visitor::new(stage.web.address(), CONTROL).get(&address(&page));
        assert!(is_login(&stranger), "{page}: {stranger:?}");
        let known = plain.get(&address(&page));
        assert!(known.status >= 400 || is_login(&known), "{page}: {} {}", known.status, known.title());
        assert!(!known.body.contains(TENANTS[0].0), "{page} shows a tenant");
        let elsewhere = tenant.get(&address(&page));
        assert_ne!(elsewhere.status, 200, "{page} on a tenant");
    }
}

/// Pages that change nothing, whatever they are sent.
const READERS: [&str; 4] = ["compare.php", "jobs.php", "tenant.php", "trash.php"];

/// Fields of a request: names and values.
type Sent = Vec<(&'static str, String)>;

/// What each of the other pages is sent where it is to change something.
fn changes(page: &str, host: &str, job: &str) -> Vec<Sent> {
    let send = |fields: &[(&'static str, &str)]| -> Sent {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let form = |name: &'static str, fields: &[(&'static str, &str)]| -> Sent {
        send(fields).into_iter().chain([(name, "1".to_owned())]).collect()
    };
    match page {
        "edit.php" => vec![form(
            "_qf__local_vmoodle_form_tenant_form",
            &[("id", "1"), ("name", "Changed"), ("mnet", "0"), ("settings", ""), ("submitbutton", "1")],
        )],
        "farm.php" => vec![send(&[("action", "look")])],
        "index.php" => vec![send(&[("action", "publish")])],
        "job.php" => {
            let actions = ["cancel", "passwords", "retry", "run", "undo"];
            actions.iter().map(|action| send(&[("id", job), ("action", action)])).collect()
        }
        "policies.php" => vec![
            send(&[("remove", "walked")]),
            form(
                "_qf__local_vmoodle_form_policy_form",
                &[
                    ("edit", "*"),
                    ("policy", ""),
                    ("name", "sneaked"),
                    ("targets", "all"),
                    ("settings", "{}"),
                    ("enabled", "1"),
                    ("sortorder", "0"),
                    ("submitbutton", "1"),
                ],
            ),
        ],
        "run.php" => vec![form(
            "_qf__local_vmoodle_form_operation_form",
            &[("operation", "disable_tenant"), ("targets", host), ("on_error", ""), ("run", "1")],
        )],
        "snapshots.php" => vec![send(&[("delete", "nothing"), ("confirmed", "1")])],
        other => panic!("{other} is new: say what it changes, or that it changes nothing"),
    }
}

#[test]
fn a_change_needs_post_and_a_session_key() {
    let Some(stage) = alone() else { return };
    let (mut admin, _) = stage.log_in(CONTROL);
    let host = TENANTS[1].0;
    let policy = serde_json::json!([{ "name": "walked", "targets": ["all"], "settings": {} }]);
    stage.farm.call("policy_add", policy).unwrap();
    let submitted = serde_json::json!(["tenant_status", {}, [host]]);
    let job = stage.farm.call("job_submit", submitted).unwrap().to_string();
    let looked = stage.farm.index().with_file_name("components-looked.json");
    let picture = || {
        let rows =
            |table: &str| stage.farm.control().run(&format!("SELECT * FROM mdl_local_vmoodle{table} ORDER BY id"));
        let tables = ["", "_policy", "_job", "_item", "_generation"].map(rows);
        (tables, std::fs::read(&looked).ok())
    };
    let key = sesskey(&admin.get("/local/vmoodle/jobs.php"));
    let before = picture();
    for page in pages() {
        if READERS.contains(&page.as_str()) {
            continue;
        }
        for fields in changes(&page, host, &job) {
            let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let asked: String = pairs.iter().map(|(name, value)| format!("{name}={value}&")).collect();
            // A link may bring all of it along, the right key too.
            let path = format!("/local/vmoodle/{page}");
            admin.get(&format!("{path}?{asked}sesskey={key}"));
            assert_eq!(picture(), before, "{page} {asked} by GET");
            for wrong in [None, Some("wrong")] {
                let mut sent = pairs.clone();
                sent.extend(wrong.map(|key| ("sesskey", key)));
                admin.post(&format!("{path}?{asked}"), &sent);
                assert_eq!(picture(), before, "{page} {asked} with {wrong:?}");
            }
        }
    }
    stage.farm.call("job_cancel", serde_json::json!([job.parse::<i64>().unwrap()])).unwrap();
    stage.farm.call("policy_remove", serde_json::json!(["walked"])).unwrap();
}

#[test]
fn an_operation_goes_from_its_plan_to_a_job_and_back() {
    let Some(stage) = alone() else { return };
    let (mut admin, _) = stage.log_in(CONTROL);
    let host = TENANTS[1].0;
    let run = "/local/vmoodle/run.php?operation=disable_tenant";
    let form = admin.get(run);
    let key = sesskey(&form);
    let form_mark = "_qf__local_vmoodle_form_operation_form";
    let mut fields = vec![
        ("operation", "disable_tenant"),
        ("targets", host),
        ("on_error", "continue"),
        ("sesskey", key.as_str()),
        (form_mark, "1"),
    ];
    // What was not planned is not run.
    fields.push(("run", "1"));
    assert_eq!(admin.post(run, &fields).status, 200);
    assert_eq!(state(&stage, host), "enabled");
    fields.pop();
    fields.push(("plan", "1"));
    let plan = admin.post(run, &fields);
    assert!(plan.body.contains("enabled") && plan.body.contains("disabled") && plan.body.contains(host), "{plan:?}");
    assert_eq!(state(&stage, host), "enabled", "a plan changes nothing");
    let planned = value(&plan, "planned").to_owned();
    fields.pop();
    fields.extend([("run", "1"), ("planned", planned.as_str())]);
    let changed =
        [("targets", "any"), ("planned", planned.as_str()), ("run", "1"), ("sesskey", key.as_str()), (form_mark, "1")];
    assert_eq!(admin.post(run, &changed).status, 200, "another choice than what was planned");
    let job = admin.post(run, &fields);
    assert!(job.body.contains("local_vmoodle-job"), "{job:?}");
    let cron = || {
        let mut script = stage.farm.script("admin/cli/adhoc_task.php", None);
        output(script.args(["--execute", "--classname=local_vmoodle\\task\\run_job"]))
    };
    cron();
    assert_eq!((state(&stage, host).as_str(), stage.web.get(host, "/").status), ("disabled", 503));
    let id = stage.farm.control().run("SELECT MAX(id) FROM mdl_local_vmoodle_job").trim().to_owned();
    let ended = admin.get(&format!("/local/vmoodle/job.php?id={id}"));
    assert!(ended.body.contains(host) && ended.body.contains("Undo"), "{ended:?}");
    let told = stage.farm.control().run("SELECT COUNT(*) FROM mdl_notifications WHERE component = 'local_vmoodle'");
    assert_eq!(told.trim(), "1", "the submitter is told");
    let undone = admin.post("/local/vmoodle/job.php", &[("id", &id), ("action", "undo"), ("sesskey", &key)]);
    assert!(undone.body.contains("local_vmoodle-job"), "{undone:?}");
    cron();
    assert_eq!((state(&stage, host).as_str(), stage.web.get(host, "/").status), ("enabled", 200));
}

#[test]
fn every_page_is_shown_to_the_administrator() {
    let Some(stage) = shared() else { return };
    let (mut admin, _) = stage.log_in(CONTROL);
    for page in pages().iter().filter(|page| page.as_str() != "job.php") {
        let shown = admin.get(&address(page));
        assert_eq!(shown.status, 200, "{page}: {}\n{}", shown.title(), stage.web.fpm.log());
        assert!(!lacks_a_string(&shown) && !shown.body.contains("debuggingmessage"), "{page}");
    }
}
