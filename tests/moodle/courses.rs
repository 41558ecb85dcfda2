//! Categories and courses of real sites, made, shown, restored and deleted by Moodle's own code through jobs.

use std::path::PathBuf;

use serde_json::{Value, json};
use support::database::Database;
use support::process::output;

use crate::stage::{Stage, TENANTS, alone};

/// Makes a course and writes its backup; the name of the file is the last line.
const BACKUP: &str = r#"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
require_once($CFG->dirroot . '/course/lib.php');
require_once($CFG->dirroot . '/backup/util/includes/backup_includes.php');
\core\session\manager::set_user(get_admin());
$course = create_course((object)['fullname' => "L'été : une \"introduction\"", 'shortname' => "ÉTÉ'1", 'category' => 1,
    'summary' => '<p>Où l’on apprend &amp; l\'on rit</p>', 'summaryformat' => FORMAT_HTML, 'numsections' => 3]);
$controller = new backup_controller(backup::TYPE_1COURSE, $course->id, backup::FORMAT_MOODLE, backup::INTERACTIVE_NO,
    backup::MODE_GENERAL, get_admin()->id);
$controller->execute_plan();
$controller->get_results()['backup_destination']->copy_content_to($argv[1]);
$controller->destroy();
delete_course($course->id, false);
"#;

/// Does a job on one tenant; gives its item.
#[allow(clippy::needless_pass_by_value, reason = "called with `json!`")]
fn job(stage: &Stage, host: &str, operation: &str, parameters: Value) -> Value {
    let wish = json!([operation, parameters, [host], {"confirm": true}]);
    let job = stage.farm.call("job_submit", wish).unwrap();
    stage.farm.call("job_run", json!([job])).unwrap();
    stage.farm.call("job", json!([job])).unwrap()["items"][0].clone()
}

fn done(stage: &Stage, host: &str, operation: &str, parameters: Value) -> Value {
    let item = job(stage, host, operation, parameters);
    assert_eq!(item["status"], "done", "{operation}: {item:#}");
    item["output"].clone()
}

fn one(database: &Database, sql: &str) -> String {
    database.run(sql).trim().to_owned()
}

const HISTORY: &str = "Faculté des lettres/L'histoire/Époque \"moderne\"";

#[test]
fn categories_and_courses_come_and_go_as_moodle_makes_them() {
    let Some(stage) = alone() else { return };
    stage.farm.code().replace("courses_backup.php", BACKUP.as_bytes());
    let file: PathBuf = stage.farm.dataroot("backups").join("l'été.mbz");
    output(stage.farm.script("courses_backup.php", Some(TENANTS[1].0)).arg(&file));
    for tenant in [0, 2] {
        let ((host, _), database) = (TENANTS[tenant], &stage.databases[tenant]);
        let count = |sql: &str| one(database, &format!("SELECT COUNT(*) FROM {sql}"));
        let before =
            (count("mdl_course_categories"), count("mdl_course"), count("mdl_context WHERE contextlevel IN (40, 50)"));

        let made =
            done(&stage, host, "create_category", json!({"path": HISTORY, "idnumber": "HIST'1", "visible": false}));
        assert_eq!(made["categories"].as_array().unwrap().len(), 3, "{made}");
        let leaf = one(database, "SELECT depth, visible, name FROM mdl_course_categories WHERE idnumber = 'HIST''1'");
        assert_eq!(leaf.split('\t').collect::<Vec<_>>(), ["3", "0", "Époque \"moderne\""]);
        let again = job(&stage, host, "create_category", json!({"path": HISTORY, "idnumber": "HIST'1"}));
        assert_eq!(again["status"], "skipped", "{again}");

        let wish = json!({"file": file, "category": "HIST'1", "shortname": "ÉTÉ-2", "fullname": "L'été, deuxième <b>",
            "idnumber": "E2", "visible": false, "enrol": "siteadmins"});
        let restored = done(&stage, host, "restore_course", wish.clone());
        assert_eq!((&restored["shortname"], &restored["enrolled"]), (&json!("ÉTÉ-2"), &json!(1)), "{restored}");
        let id = restored["course"].as_i64().unwrap();
        let row = one(
            database,
            &format!(
                "SELECT c.visible, c.fullname, c.summary FROM mdl_course c JOIN mdl_course_categories g ON g.id = c.category WHERE c.id = {id} AND g.idnumber = 'HIST''1'"
            ),
        );
        assert!(row.starts_with("0\tL'été, deuxième <b>\t<p>Où l’on apprend &amp; l'on rit</p>"), "{row}");
        assert_eq!(count(&format!("mdl_course_sections WHERE course = {id}")), "4");
        let twice = job(&stage, host, "restore_course", wish);
        assert_eq!(twice["errorcode"], "name_taken", "{twice}");
        // Without names it gets those of the backup.
        let plain = done(&stage, host, "restore_course", json!({"file": file, "category": HISTORY}));
        assert_eq!(
            (&plain["shortname"], &plain["fullname"]),
            (&json!("ÉTÉ'1"), &json!("L'été : une \"introduction\""))
        );

        let found = done(&stage, host, "check_course", json!({"course": "l'ÉTÉ*", "by": "fullname"}));
        assert_eq!((&found["found"], &found["courses"][0]["category"]), (&json!(2), &json!(HISTORY)), "{found}");

        done(&stage, host, "category_visibility", json!({"category": "HIST'1", "visible": true}));
        done(&stage, host, "course_visibility", json!({"course": "ÉTÉ-2", "visible": true}));
        assert_eq!(one(database, &format!("SELECT visible FROM mdl_course WHERE id = {id}")), "1");
        let (mut visitor, _) = stage.log_in(host);
        let page = visitor.get(&format!("/course/view.php?id={id}"));
        assert!(
            page.status == 200 && page.body.contains("L'été, deuxième") || page.body.contains("L&#039;été"),
            "{}",
            page.title()
        );
        done(&stage, host, "category_visibility", json!({"category": HISTORY, "visible": false}));
        assert_eq!(
            one(database, &format!("SELECT visible, visibleold FROM mdl_course WHERE id = {id}")),
            "0\t1",
            "hidden with it"
        );

        let changed = job(&stage, host, "delete_course", json!({"course": "E2", "by": "idnumber"}));
        assert_eq!((&changed["status"], &changed["output"]["courses"]), (&json!("done"), &json!([id])), "{changed}");
        assert_eq!(count(&format!("mdl_context WHERE contextlevel = 50 AND instanceid = {id}")), "0");
        let gone = job(&stage, host, "delete_course", json!({"course": "E2", "by": "idnumber"}));
        assert_eq!(gone["errorcode"], "course_not_found");

        // What is in a category moves; then all of it goes.
        let moved =
            done(&stage, host, "delete_category", json!({"category": "HIST'1", "move_to": "Faculté des lettres"}));
        assert_eq!(moved["categories"].as_array().unwrap().len(), 1, "{moved}");
        assert_eq!(
            done(&stage, host, "check_course", json!({"course": "ÉTÉ'1"}))["courses"][0]["category"],
            "Faculté des lettres"
        );
        let cleared = done(&stage, host, "empty_category", json!({"category": "Faculté des lettres"}));
        assert_eq!((&cleared["categories"], &cleared["courses"]), (&json!(1), &json!(1)), "{cleared}");
        let empty = job(&stage, host, "empty_category", json!({"category": "Faculté des lettres"}));
        assert_eq!(empty["status"], "skipped");
        done(&stage, host, "delete_category", json!({"category": "Faculté des lettres"}));
        // Courses that were deleted are in the recycle bin of their category, which is gone as well.
        let after =
            (count("mdl_course_categories"), count("mdl_course"), count("mdl_context WHERE contextlevel IN (40, 50)"));
        assert_eq!(after, before);
    }
}

#[test]
fn a_backup_that_is_none_leaves_no_course_behind() {
    let Some(stage) = alone() else { return };
    let ((host, _), database) = (TENANTS[2], &stage.databases[2]);
    let courses = || one(database, "SELECT COUNT(*) FROM mdl_course");
    let before = courses();
    let file = stage.farm.dataroot("backups").join("none.mbz");
    std::fs::write(&file, [0x1f, 0x8b, 1, 2, 3, 4]).unwrap();
    let category = one(database, "SELECT name FROM mdl_course_categories WHERE id = 1");
    let item = job(&stage, host, "restore_course", json!({"file": file, "category": category}));
    assert_eq!((&item["status"], courses()), (&json!("failed"), before), "{item}");
    assert!(["files_failed", "script_failed"].contains(&item["errorcode"].as_str().unwrap()), "{item}");
    let again = stage.farm.call("job_retry", json!([item["jobid"]])).unwrap();
    assert_eq!(
        stage.farm.call("job_run", json!([again])).unwrap(),
        json!({"failed": 1}),
        "its end was seen, so it may be tried again"
    );
}
