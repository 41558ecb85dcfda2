//! Operations on many tenants in the browser: from plan to undo, with and without a mouse.

use serde_json::json;
use support::wait;

use crate::stage::{COPIES, SCHOOL, alone, class};

#[test]
fn a_setting_of_many_tenants_is_planned_set_and_put_back_by_keyboard_alone() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    admin.open("/local/vmoodle/run.php");
    admin.tab_to("#vmoodle-find");
    admin.write("set_config");
    admin.tab_to("[role=main] section:not([hidden]) li:not([hidden]) a[href*='operation=set_config']");
    admin.press_and_follow("Enter");
    admin.tab_to("#id_targets");
    admin.write("class*.example.org");
    let counted = format!("Tenants: {COPIES}");
    let told = wait::holds_within(std::time::Duration::from_secs(30), || admin.text().contains(&counted));
    assert!(told, "how many tenants are meant is said while they are typed: {}", admin.text());
    admin.tab_to("#fitem_id_p_name input[type=text]");
    admin.write("supportname");
    admin.press("Enter");
    admin.tab_to("#id_p_value");
    admin.write("Help for class");
    admin.tab_to("#id_plan");
    admin.press_and_follow("Enter");
    let plan = admin.text();
    assert!(plan.contains(&format!("With changes: {COPIES}")) && plan.contains("Help for class"), "{plan}");
    let command = admin.ask("document.querySelector('details pre').textContent");
    assert!(command.as_str().unwrap().contains("local/vmoodle/cli/run.php"), "the same on the command line: {command}");
    admin.picture("plan");
    assert_ne!(stage.setting(&class(2), "supportname"), "Help for class", "a plan changes nothing");
    admin.tab_to("#id_run");
    admin.press_and_follow("Enter");
    stage.cron();
    assert_eq!(stage.setting(&class(2), "supportname"), "Help for class");
    assert_ne!(stage.setting(SCHOOL, "supportname"), "Help for class");

    // The page of the job sees by itself that it has ended, and offers the way back.
    let ended = || admin.sees("[data-region=local_vmoodle-job] form[action*='job.php'] button");
    assert!(wait::holds_within(std::time::Duration::from_secs(30), || ended() && admin.text().contains("Undo")));
    admin.settle();
    admin.picture("job");
    admin.tab_to("[data-region=local_vmoodle-job] form:has(input[value=undo]) button");
    admin.press_and_follow("Enter");
    stage.cron();
    assert_ne!(stage.setting(&class(2), "supportname"), "Help for class");
}

#[test]
fn ten_ticked_tenants_go_into_maintenance_and_come_back() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    admin.open("/local/vmoodle/index.php");
    for number in 1..=10 {
        let id = stage.row(&class(number), "id");
        admin.click(&format!("input[data-togglegroup='report-select-all'][data-toggle=slave][value='{id}']"));
    }
    admin.choose("#vmoodle-bulk", "maintenance");
    admin.follow("[data-region=local_vmoodle-bulk] button");
    assert!(admin.text().contains("Tenants: 10"), "{}", admin.text());
    admin.choose("#id_p_mode", "on");
    admin.follow("#id_plan");
    admin.run();
    stage.cron();
    let status = |number: usize| stage.web.get(class(number), "/?redirect=0").status;
    assert_eq!((status(1), status(10), status(11)), (503, 503, 200));
    admin.open("/local/vmoodle/jobs.php");
    admin.follow("[role=main] tbody a[href*='job.php']");
    admin.follow_text("Undo");
    stage.cron();
    assert_eq!((status(1), status(10), status(11)), (200, 200, 200));
}

#[test]
fn a_query_is_asked_of_many_tenants_and_its_rows_are_downloaded() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    admin.open("/local/vmoodle/run.php?operation=run_sql&targets=tag:class");
    admin.fill("#id_p_sql", "SELECT username, CONCAT('=', id) AS formula FROM {user}\nWHERE username = 'guest'");
    admin.follow("#id_plan");
    assert!(!admin.sees("#id_confirmation"), "what only reads is not confirmed by typing");
    let command = admin.ask("document.querySelector('details pre').textContent");
    assert!(!command.as_str().unwrap().contains("--yes"), "{command}");
    admin.run();
    stage.cron();
    admin.look_again();
    assert!(admin.text().contains("guest"), "the first rows are on the page: {}", admin.text());
    let csv = admin.ask("fetch(document.querySelector('a[href*=\"action=rows\"]').href).then(answer => answer.text())");
    let csv = csv.as_str().unwrap();
    assert_eq!(csv.lines().count(), COPIES + 1, "{csv}");
    assert!(csv.contains(&format!("http://{},1,guest,'=1", class(1))), "a formula stays a text: {csv}");

    // What writes is.
    let before = stage.newest_job();
    admin.open("/local/vmoodle/run.php?operation=run_sql&targets=tag:class");
    admin.fill("#id_p_sql", "UPDATE {user} SET lastname = 'Nobody' WHERE username = 'guest'");
    admin.choose("#id_p_mode", "write");
    admin.follow("#id_plan");
    assert!(admin.sees("#id_confirmation"), "{}", admin.text());
    let command = admin.ask("document.querySelector('details pre').textContent");
    assert!(command.as_str().unwrap().ends_with("--yes"), "{command}");
    admin.follow("#id_run");
    assert_eq!(stage.newest_job(), before, "one click is not enough");
}

#[test]
fn a_job_begins_later_over_an_hour_and_in_waves_and_tells_what_a_script_said() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    let times = |job: &str| {
        let sql = format!(
            "SELECT MIN(i.notbefore) - j.timecreated, MAX(i.notbefore) - MIN(i.notbefore) FROM mdl_local_vmoodle_item i
             JOIN mdl_local_vmoodle_job j ON j.id = i.jobid WHERE j.id = {job} GROUP BY j.timecreated"
        );
        let told = stage.farm.control().run(&sql);
        let (delay, spread) = told.trim().split_once('\t').unwrap();
        (delay.parse::<i64>().unwrap(), spread.parse::<i64>().unwrap())
    };
    admin.open("/local/vmoodle/run.php?operation=purge_caches&targets=tag:class");
    admin.fill("#id_delay", "30");
    admin.fill("#id_spread", "60");
    admin.follow("#id_plan");
    let command = admin.ask("document.querySelector('details pre').textContent");
    let command = command.as_str().unwrap();
    assert!(command.contains("--delay='30'") && command.contains("--spread='60'"), "{command}");
    admin.run();
    let (delay, spread) = times(&stage.newest_job());
    let last = 3600 * (i64::try_from(COPIES).unwrap() - 1) / i64::try_from(COPIES).unwrap();
    assert!((1800..1860).contains(&delay) && spread == last, "{delay} {spread}");
    stage.cron();
    admin.look_again();
    assert!(admin.text().contains(&format!("Queued {COPIES}")), "{}", admin.text());
    admin.follow_text("Stop");
    assert!(admin.text().contains(&format!("Cancelled {COPIES}")), "{}", admin.text());

    // The first of three fails, so that the others are not reached.
    let (broken, others) = (class(1), [class(2), class(3)]);
    let name = stage.row(&broken, "vdbname");
    let rename = |to: &str| stage.farm.call("tenant_update", json!([broken, { "vdbname": to }])).unwrap();
    let targets = format!("{broken},{},{}", others[0], others[1]);
    admin.open(&format!("/local/vmoodle/run.php?operation=run_script&targets={targets}"));
    admin.fill("#id_p_script", "admin/cli/purge_caches.php");
    admin.fill("#id_p_arguments", "[\"--help\"]");
    admin.fill("#id_waves", "1,rest");
    admin.follow("#id_plan");
    let command = admin.ask("document.querySelector('details pre').textContent");
    assert!(command.as_str().unwrap().contains("--waves='1,rest'"), "{command}");
    rename("nowhere_at_all");
    admin.fill("#id_confirmation", "run_script");
    admin.run();
    stage.cron();
    rename(&name);
    admin.look_again();
    let text = admin.text();
    assert!(text.contains("Failed 1") && text.contains("Cancelled 2"), "a failure holds back the next wave: {text}");
    admin.follow_text("Try again what was not done");
    stage.cron();
    admin.look_again();
    assert!(admin.text().contains("Done 3"), "{}", admin.text());
    assert!(!admin.text().contains("Invalidates"), "what a script said is folded: {}", admin.text());
    admin.click("[role=main] tbody details summary");
    let said = admin.ask("document.querySelector('[role=main] tbody details[open] pre').textContent");
    assert!(said.as_str().unwrap().contains("Invalidates"), "{said}");
    admin.picture("job-script");
}

#[test]
fn a_job_with_a_failing_tenant_is_watched_and_tried_again() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    let broken = class(3);
    let name = stage.row(&broken, "vdbname");
    let rename = |to: &str| stage.farm.call("tenant_update", json!([broken, { "vdbname": to }])).unwrap();
    rename("nowhere_at_all");
    admin.open("/local/vmoodle/run.php?operation=set_config&targets=tag:class");
    admin.complete("p_name", "supportname");
    admin.fill("#id_p_value", "Watched");
    admin.follow("#id_plan");
    admin.run();
    stage.cron();
    let ended = wait::holds_within(std::time::Duration::from_secs(30), || admin.text().contains("Try again"));
    admin.settle();
    let text = admin.text();
    admin.picture("job-failing");
    rename(&name);
    assert!(ended, "{text}");
    assert!(text.contains(&format!("Done {}", COPIES - 1)) && text.contains("Failed 1"), "{text}");
    admin.follow_text("Try again what was not done");
    stage.cron();
    admin.look_again();
    let text = admin.text();
    assert!(text.contains("Done 1") && text.contains(&broken) && !text.contains(&class(4)), "{text}");
    assert_eq!(stage.setting(&broken, "supportname"), "Watched");

    // Only where a setting has a value: the list is made from the tenants' own databases.
    stage.operate("set_config", &json!({ "name": "supportname", "value": "Elsewhere" }), &class(5));
    admin.open("/local/vmoodle/run.php?operation=purge_caches&targets=tag:class");
    admin.fill("input[name=wherename]", "supportname");
    admin.fill("input[name=wherevalue]", "Elsewhere");
    admin.click("[name=where]");
    let only = format!("http://{}", class(5));
    let kept = || admin.ask("document.querySelector('#id_targets').value") == json!(only);
    assert!(wait::holds_within(std::time::Duration::from_secs(30), kept), "{}", admin.text());
}
