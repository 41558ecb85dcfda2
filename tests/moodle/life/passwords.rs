//! A password that Moodle's cron has made for an administrator, when nobody was there to be told.

use serde_json::json;
use support::database::Engine;
use support::farm::CONTROL;
use support::http::Visitor;
use support::process::output;

use super::secrets;
use super::stage::{OLD_PASSWORD, Stage, alone, school};
use crate::admin::sesskey;

const BUTTON: &str = "Show the new passwords";
const TOLD: &str = "shown this once: ";

/// A job that this user asks for and that cron runs.
fn ask(stage: &Stage, admin: &mut Visitor, user: u32, key: &str) -> String {
    let options = json!({ "confirm": true, "userid": user });
    let asked = json!(["reset_admin", {}, [school(Engine::MariaDb)], options]);
    let job = stage.farm.call("job_submit", asked).unwrap().to_string();
    admin.post("/local/vmoodle/job.php", &[("id", &job), ("action", "run"), ("sesskey", key)]);
    let mut script = stage.farm.script("admin/cli/adhoc_task.php", None);
    let said = output(script.args(["--execute", "--classname=local_vmoodle\\task\\run_job"]));
    assert!(said.contains("done 1"), "{said}");
    job
}

#[test]
fn a_password_that_cron_has_made_is_told_once_to_whoever_asked_for_it() {
    let Some(stage) = alone() else { return };
    let host = school(Engine::MariaDb);
    let (mut admin, _) = stage.log_in(CONTROL, OLD_PASSWORD);
    let key = sesskey(&admin.get("/local/vmoodle/index.php"));
    let asks = |job: &str| [("id", job.to_owned()), ("action", "passwords".to_owned()), ("sesskey", key.clone())];
    let post = |admin: &mut Visitor, job: &str| {
        let fields = asks(job);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        admin.post("/local/vmoodle/job.php", &fields)
    };

    // Somebody else's is shown to nobody on the page; who has the command line has everything.
    let others = ask(&stage, &mut admin, 1, &key);
    let page = admin.get(&format!("/local/vmoodle/job.php?id={others}"));
    assert!(page.body.contains("reset_admin") && !page.body.contains(BUTTON), "{page:?}");
    assert!(!post(&mut admin, &others).body.contains(TOLD));
    let shown = stage.run("job", &[&format!("--show={others}")], None);
    assert!(shown.err.contains(&format!("--passwords={others}")), "{shown:?}");
    let arguments = [&format!("--passwords={others}"), "--json"];
    let told = stage.run("job", &arguments, None).done();
    let first = told[&format!("http://{host}")].as_str().unwrap().to_owned();
    assert_eq!(stage.run("job", &arguments, None).done(), json!([]), "once");
    assert!(stage.log_in(&host, &first).1.body.contains("name=\"newpassword1\""), "it must be changed");

    let own = ask(&stage, &mut admin, 2, &key);
    let page = admin.get(&format!("/local/vmoodle/job.php?id={own}&action=passwords"));
    assert!(page.body.contains(BUTTON) && !page.body.contains(TOLD), "asking by a link shows nothing: {page:?}");
    let page = post(&mut admin, &own);
    let second = page.body.split(TOLD).nth(1).and_then(|rest| rest.split(['<', ' ', '\n']).next());
    let second = second.unwrap_or_else(|| panic!("{page:?}")).to_owned();
    assert!(!page.body.contains(BUTTON) && second != first, "{page:?}");
    assert!(!post(&mut admin, &own).body.contains(TOLD), "once");
    assert!(stage.log_in(&host, &second).1.body.contains("name=\"newpassword1\""), "it must be changed");
    secrets::assert_kept(&stage, &[].into(), &[&shown], &[first, second]);
    for job in [own, others] {
        stage.run("job", &[&format!("--undo={job}")], None);
    }
    stage.enter(&host, OLD_PASSWORD);
}
