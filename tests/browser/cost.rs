//! What a page costs with ten tenants and with a thousand.

use std::time::Instant;

use serde_json::json;
use support::farm::CONTROL;
use support::http::{Response, Visitor};

use crate::stage::{COPIES, SCHOOL, Stage, alone};

/// How often each page is asked for where its time is told.
const ROUNDS: usize = 7;

/// All pages, by their addresses.
fn pages(stage: &Stage) -> Vec<String> {
    stage.operate("tenant_status", &json!({}), SCHOOL);
    let job = stage.operate_on_all("tenant_status", &json!({}));
    let id = stage.row(SCHOOL, "id");
    let compare = |what: &str| format!("compare.php?what={what}&targets=tag:class&differences=1");
    let others = [
        "run.php?operation=set_config".to_owned(),
        "run.php?operation=create_tenant".to_owned(),
        format!("tenant.php?id={id}"),
        format!("edit.php?id={id}"),
        format!("job.php?id={job}"),
        compare("roles") + "&role=student",
        compare("plugins") + "&type=mod",
        compare("config"),
    ];
    let plain = ["farm", "index", "run", "edit", "compare", "jobs", "snapshots", "policies", "trash"];
    plain.map(|page| format!("{page}.php")).into_iter().chain(others).collect()
}

#[test]
fn no_page_asks_more_of_the_database_with_a_thousand_tenants_than_with_ten() {
    let Some(mut stage) = alone() else { return };
    // Moodle tells at the foot of a page what it has cost.
    stage.farm.configure(&json!({ "perfdebug": 15 }));
    let mut admin = log_in(&stage);
    let pages = pages(&stage);
    let few: Vec<usize> = pages.iter().map(|page| reads(&mut admin, page)).collect();
    add_rows(&stage, 1000);
    let many: Vec<usize> = pages.iter().map(|page| reads(&mut admin, page)).collect();
    for ((page, few), many) in pages.iter().zip(&few).zip(&many) {
        let ratio = ratio(&mut admin, page);
        eprintln!("{page}: {few} reads with {COPIES} tenants, {many} with a thousand; {ratio:.2} times admin/user.php");
    }
    let control = stage.farm.control();
    control.run("DELETE FROM mdl_local_vmoodle_item WHERE wwwroot LIKE 'http://many%'");
    control.run(
        "DELETE FROM mdl_local_vmoodle_status WHERE tenantid IN (SELECT id FROM mdl_local_vmoodle WHERE tags = 'many')",
    );
    control.run("DELETE FROM mdl_local_vmoodle WHERE tags = 'many'");
    stage.farm.configure(&json!({ "perfdebug": 7 }));
    assert_eq!(few, many, "{pages:?}");
}

fn log_in(stage: &Stage) -> Visitor {
    let mut visitor = Visitor::new(stage.web.address(), CONTROL);
    let form = visitor.get("/login/index.php");
    let token = form.body.split("name=\"logintoken\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    visitor.post("/login/index.php", &[("username", "admin"), ("password", "Admin#1234"), ("logintoken", &token)]);
    visitor
}

fn address(page: &str) -> String {
    format!("/local/vmoodle/{page}")
}

/// The questions that a page asks of the control database, once the caches are warm.
fn reads(admin: &mut Visitor, page: &str) -> usize {
    admin.get(&address(page));
    let shown: Response = admin.get(&address(page));
    assert_eq!(shown.status, 200, "{page}: {}", shown.title());
    let told = shown.body.split("DB reads/writes: ").nth(1).unwrap_or_else(|| panic!("{page} tells no cost"));
    told.split('/').next().unwrap().trim().parse().unwrap()
}

/// How many times as long as Moodle's own list of users a page takes: the median of alternated pairs.
fn ratio(admin: &mut Visitor, page: &str) -> f64 {
    let mut time = |path: &str| {
        let start = Instant::now();
        admin.get(path);
        start.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| time(&address(page)) / time("/admin/user.php")).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ROUNDS / 2]
}

/// Rows as of the school under other addresses, with its facts, and an item of the newest job for each.
fn add_rows(stage: &Stage, number: usize) {
    let control = stage.farm.control();
    let columns = control.run(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'mdl_local_vmoodle' AND COLUMN_NAME <> 'id'",
    );
    let columns: Vec<&str> = columns.lines().collect();
    let values: Vec<String> = columns
        .iter()
        .map(|column| match *column {
            "vhostname" => "CONCAT('http://many', s.seq, '.example.org')".to_owned(),
            "hostkey" => "CONCAT('many', s.seq, '.example.org')".to_owned(),
            "tags" => "'many'".to_owned(),
            other => format!("t.{other}"),
        })
        .collect();
    control.run(&format!(
        "INSERT INTO mdl_local_vmoodle ({}) SELECT {} FROM mdl_local_vmoodle t, seq_1_to_{number} s WHERE t.hostkey = '{SCHOOL}'",
        columns.join(", "),
        values.join(", ")
    ));
    control.run(&format!(
        "INSERT INTO mdl_local_vmoodle_status (tenantid, fact, value, collected) SELECT t.id, f.fact, f.value, f.collected
         FROM mdl_local_vmoodle t, mdl_local_vmoodle_status f WHERE t.tags = 'many' AND f.tenantid = {}",
        stage.row(SCHOOL, "id")
    ));
    control.run(
        "INSERT INTO mdl_local_vmoodle_item (jobid, tenantid, wwwroot, server, parameters, status, attempts, timefinished)
         SELECT i.jobid, t.id, t.vhostname, i.server, i.parameters, i.status, i.attempts, i.timefinished
         FROM mdl_local_vmoodle t, (SELECT * FROM mdl_local_vmoodle_item ORDER BY id DESC LIMIT 1) i WHERE t.tags = 'many'",
    );
}
