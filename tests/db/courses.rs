//! Courses and categories: what would happen is told from rows, without Moodle; changing them is left to it.

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::moodle;
use support::need::{self, Need};

use crate::config::{add, item, job, plan, run};
use crate::crash::{end_leases, is_killed};
use crate::life::submit;
use crate::{Farm, farm, on_both_engines};

const HOST: &str = "co.example.org";

/// A tenant with all of Moodle's tables, a few categories and courses.
fn site(test: &str, engine: Engine) -> Option<(Farm, Database)> {
    need::all(&[Need::Dumps])?;
    let farm = farm(&format!("courses_{test}"), engine)?;
    let database = Database::shared(engine, &format!("{}_site", farm.database.name))?;
    moodle::fill(&database, "Courses");
    database.run(
        "DELETE FROM mdl_course_categories;
         INSERT INTO mdl_course_categories (id, name, idnumber, parent, sortorder, visible, path, depth, timemodified) VALUES
             (11, 'Faculté', 'FAC', 0, 10000, 1, '/11', 1, 0), (12, 'L''histoire', '', 11, 20000, 1, '/11/12', 2, 0),
             (13, 'Autres', '', 0, 30000, 1, '/13', 1, 0);
         INSERT INTO mdl_course (id, category, shortname, fullname, idnumber, visible, sortorder) VALUES
             (21, 12, 'HIST1', 'L''été 1789', 'H1', 1, 20001), (22, 12, 'HIST2', 'L''Été 1830', '', 0, 20002),
             (23, 13, '100%', 'Ete_x', '', 1, 30001)",
    );
    add(&farm, HOST, &database);
    Some((farm, database))
}

fn changes(farm: &Farm, operation: &str, parameters: Value) -> Value {
    let planned = plan(farm, operation, parameters, HOST);
    assert!(planned[0].get("error").is_none(), "{planned}");
    planned[0]["changes"].clone()
}

fn refusal(farm: &Farm, operation: &str, parameters: Value) -> Value {
    plan(farm, operation, parameters, HOST)[0]["errorcode"].clone()
}

on_both_engines! {
    fn courses_are_found_by_their_names(engine: Engine) {
        let Some((farm, _)) = site("check", engine) else { return };
        let found = |parameters: Value| {
            let (job, counts) = job(&farm, "check_course", parameters, &[HOST]);
            assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, job));
            item(&farm, job)["output"].clone()
        };
        let names = |parameters: Value| {
            let output = found(parameters);
            assert_eq!(output["found"], output["courses"].as_array().unwrap().len());
            output["courses"].as_array().unwrap().iter().map(|course| course["shortname"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(found(json!({"course": "H1", "by": "idnumber"})), json!({"found": 1, "courses": [{
            "id": 21, "shortname": "HIST1", "fullname": "L'été 1789", "idnumber": "H1", "visible": true, "category": "Faculté/L'histoire",
        }]}));
        assert_eq!(names(json!({"course": "L'été*", "by": "fullname"})), ["HIST1", "HIST2"], "letters of either case");
        assert_eq!(names(json!({"course": "Ete*", "by": "fullname"})), ["100%"], "but not without their accents");
        assert_eq!(names(json!({"course": "l'été 1789", "by": "fullname"})), [json!(null); 0], "exactly, without a star");
        assert_eq!(names(json!({"course": "100%"})), ["100%"]);
        assert_eq!(names(json!({"course": "1%"})), [json!(null); 0], "nothing else stands for other characters");
        assert_eq!(names(json!({"course": "*_*", "by": "fullname"})), ["100%"]);
        assert_eq!(names(json!({"course": "' OR 1=1 -- "})), [json!(null); 0]);
    }

    fn what_would_happen_is_told_from_rows(engine: Engine) {
        let Some((farm, database)) = site("plan", engine) else { return };
        let all = || database.run("SELECT * FROM mdl_course ORDER BY id") + &database.run("SELECT * FROM mdl_course_categories ORDER BY id");
        let before = all();
        let made = changes(&farm, "create_category", json!({"path": "Faculté/Lettres/L'été", "idnumber": "NEW", "visible": 0}));
        assert_eq!(made, json!([
            {"what": "category Faculté/Lettres", "before": null, "after": {"path": ["Faculté", "Lettres"], "idnumber": "", "visible": true}},
            {"what": "category Faculté/Lettres/L'été", "before": null, "after": {"path": ["Faculté", "Lettres", "L'été"], "idnumber": "NEW", "visible": false}},
        ]));
        assert_eq!(changes(&farm, "create_category", json!({"path": "Faculté", "idnumber": "FAC"})), json!([]));
        assert_eq!(refusal(&farm, "create_category", json!({"path": "Faculté", "idnumber": "OTHER"})), "name_taken");
        assert_eq!(refusal(&farm, "create_category", json!({"path": "Neu", "idnumber": "FAC"})), "name_taken");
        assert_eq!(refusal(&farm, "create_category", json!({"path": "a//b"})), "bad_parameter");

        let inside = json!({"id": 11, "path": "Faculté", "categories": 1, "courses": 2, "shortnames": ["HIST1", "HIST2"]});
        assert_eq!(changes(&farm, "delete_category", json!({"category": "FAC"})), json!([{"what": "category", "before": inside, "after": null}]));
        let moved = changes(&farm, "delete_category", json!({"category": "Faculté/L'histoire", "move_to": "Autres"}));
        assert_eq!(moved[0]["after"], json!({"moved_to": "Autres", "id": 13}));
        assert_eq!(refusal(&farm, "delete_category", json!({"category": "FAC", "move_to": "Faculté/L'histoire"})), "bad_parameter");
        assert_eq!(refusal(&farm, "delete_category", json!({"category": "Nowhere"})), "category_not_found");
        assert_eq!(changes(&farm, "empty_category", json!({"category": "FAC"}))[0]["after"]["courses"], 0);
        assert_eq!(changes(&farm, "category_visibility", json!({"category": "FAC", "visible": 1})), json!([]));
        assert_eq!(changes(&farm, "category_visibility", json!({"category": "FAC", "visible": 0}))[0]["after"]["visible"], false);

        let deleted = changes(&farm, "delete_course", json!({"course": "HIST*"}));
        assert_eq!(deleted.as_array().unwrap().len(), 2);
        assert_eq!(refusal(&farm, "delete_course", json!({"course": "HIST"})), "course_not_found");
        let shown = changes(&farm, "course_visibility", json!({"course": "HIST*", "visible": 1}));
        assert_eq!((shown.as_array().unwrap().len(), &shown[0]["before"]["shortname"]), (1, &json!("HIST2")));

        let file = farm.folder.join("a.mbz");
        std::fs::write(&file, b"PK and more").unwrap();
        let restored = changes(&farm, "restore_course", json!({"file": file, "category": "FAC", "shortname": "NEW"}));
        assert_eq!((&restored[0]["after"]["octets"], &restored[0]["after"]["category"]["id"]), (&json!(11), &json!(11)));
        assert_eq!(refusal(&farm, "restore_course", json!({"file": file, "category": "FAC", "shortname": "HIST1"})), "name_taken");
        assert_eq!(refusal(&farm, "restore_course", json!({"file": file, "category": "FAC", "idnumber": "H1"})), "name_taken");
        assert_eq!(refusal(&farm, "restore_course", json!({"file": "/none.mbz", "category": "FAC"})), "files_failed");
        database.run("DELETE FROM mdl_course_categories WHERE id = 13");
        assert_eq!(refusal(&farm, "delete_category", json!({"category": "FAC"})), "state_refused", "a Moodle needs one");
        database.run("INSERT INTO mdl_course_categories (id, name, idnumber, parent, sortorder, visible, path, depth, timemodified) VALUES (13, 'Autres', '', 0, 30000, 1, '/13', 1, 0)");
        assert_eq!(all(), before, "a plan changes nothing");
        let (failed, counts) = job(&farm, "delete_course", json!({"course": "HIST1"}), &[HOST]);
        assert_eq!((counts, item(&farm, failed)["errorcode"].clone()), (json!({"failed": 1}), json!("script_failed")), "there is no Moodle here");
        assert_eq!(all(), before);
    }

    fn what_was_cut_off_is_done_again_unless_that_would_make_a_second_course(engine: Engine) {
        let Some((mut farm, _)) = site("killed", engine) else { return };
        let Some(()) = need::all(&[Need::Php]) else { return };
        let code = farm.folder.folder("code");
        std::fs::create_dir_all(code.join("local/vmoodle/cli")).unwrap();
        let answers = "<?php file_put_contents('asked', $argv[1] . ' ' . stream_get_contents(STDIN) . PHP_EOL, FILE_APPEND); echo json_encode(['answer' => ['courses' => [21]]]);";
        std::fs::write(code.join("local/vmoodle/cli/in_tenant.php"), answers).unwrap();
        farm.control.dirroot = code.display().to_string();
        farm.console = vmoodle_core::console::Console::new(farm.control.clone());
        let asked = |command: &str| {
            let all = std::fs::read_to_string(code.join("asked")).unwrap_or_default();
            all.lines().filter(|line| line.starts_with(command)).map(str::to_owned).collect::<Vec<_>>()
        };
        let delete = submit(&farm, "delete_course", json!({"course": "HIST1"}), &[HOST]).unwrap();
        assert!(is_killed(&farm, delete, 1), "between Moodle's end and the item's");
        end_leases(&farm);
        assert_eq!(run(&farm, delete), json!({"done": 1}));
        assert_eq!(item(&farm, delete)["output"], json!({"courses": [21]}));
        let twice = asked("delete_course");
        assert!(twice.len() == 2 && twice[0] == twice[1] && twice[0].contains(r#""shortname":"HIST1""#), "{twice:?}");

        let file = farm.folder.join("a.mbz");
        std::fs::write(&file, b"PK").unwrap();
        let restore = submit(&farm, "restore_course", json!({"file": file, "category": "FAC"}), &[HOST]).unwrap();
        assert!(is_killed(&farm, restore, 1));
        end_leases(&farm);
        assert_eq!(run(&farm, restore), json!({"unknown": 1}));
        assert_eq!((asked("restore_course").len(), item(&farm, restore)["errorcode"].clone()), (1, json!("outcome_unknown")));
    }
}
