//! Roles of real sites: compared, made as elsewhere, taken back; the source stands on the other engine.

use std::sync::OnceLock;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::moodle;
use support::need::{self, Need};
use vmoodle_core::Kind;
use vmoodle_core::moodle::roles::{self, RoleChange};

use crate::life::{done, submit};
use crate::site::{real, wait};
use crate::{Farm, farm, map, on_both_engines};

const HERE: &str = "here.example.org";
const SOURCE: &str = "source.example.org";

/// A name that would do harm wherever it became part of a statement.
const EVIL: &str = "x''; DROP TABLE mdl_role; --";

fn other(engine: Engine) -> Engine {
    if engine == Engine::MariaDb { Engine::Postgres } else { Engine::MariaDb }
}

/// The source that all cases of an engine share: its student and a role of its own differ from every fresh site.
fn source(engine: Engine) -> Option<Database> {
    static SOURCES: [OnceLock<Option<Database>>; 2] = [OnceLock::new(), OnceLock::new()];
    let make = || {
        let database = Database::shared(engine, &format!("roles_source_{}", engine.dbtype()))?;
        moodle::fill(&database, "Source");
        database.run(&format!(
            "INSERT INTO mdl_role (name, shortname, description, sortorder, archetype) VALUES ('Tuteur d''été 🌞', 'tutor', '<p>\"T\"</p>', 99, 'teacher');
             INSERT INTO mdl_capabilities (name, captype, contextlevel, component, riskbitmask) VALUES ('{EVIL}', 'read', 50, 'mod_x', 0), ('mod/only:here', 'read', 50, 'mod_only', 0);
             UPDATE mdl_role_capabilities SET permission = -1000 WHERE contextid = 1 AND capability = 'mod/forum:replypost' AND roleid = 5;
             DELETE FROM mdl_role_capabilities WHERE contextid = 1 AND capability = 'mod/chat:chat' AND roleid = 5;
             INSERT INTO mdl_role_capabilities (contextid, roleid, capability, permission, timemodified, modifierid) VALUES
                 (1, 5, '{EVIL}', 1, 0, 2), (1, 5, 'mod/only:here', 1, 0, 2), (1, 5, 'moodle/course:update', -1, 0, 2);
             INSERT INTO mdl_role_capabilities (contextid, roleid, capability, permission, timemodified, modifierid)
                 SELECT 1, r.id, 'mod/forum:replypost', 1, 0, 2 FROM mdl_role r WHERE r.shortname = 'tutor';
             INSERT INTO mdl_role_context_levels (roleid, contextlevel) VALUES (5, 40);
             INSERT INTO mdl_role_context_levels (roleid, contextlevel) SELECT id, 50 FROM mdl_role WHERE shortname = 'tutor';
             DELETE FROM mdl_role_allow_assign WHERE roleid = 3 AND allowassign = 5;
             INSERT INTO mdl_role_allow_assign (roleid, allowassign) SELECT 3, id FROM mdl_role WHERE shortname = 'tutor';
             INSERT INTO mdl_role_allow_view (roleid, allowview) SELECT id, 5 FROM mdl_role WHERE shortname = 'tutor';
             INSERT INTO mdl_role_allow_view (roleid, allowview) SELECT id, id FROM mdl_role WHERE shortname = 'tutor';
             UPDATE mdl_role SET name = 'Élève', description = 'É' WHERE id = 5"
        ));
        Some(database)
    };
    SOURCES[usize::from(engine == Engine::Postgres)].get_or_init(make).clone()
}

fn add(farm: &Farm, host: &str, database: &Database) {
    let mut row = map(database.registry_columns());
    row.extend(map(json!({ "vhostname": format!("https://{host}"), "vdatapath": farm.folder.folder(host) })));
    farm.console.tenant_add(&row).unwrap();
}

/// A farm with a fresh site and the source.
fn stage(test: &str, engine: Engine) -> Option<(Farm, Database)> {
    need::all(&[Need::Dumps, Need::PostgreSql])?;
    let farm = farm(test, engine)?;
    let here = Database::shared(engine, &format!("{}_here", farm.database.name))?;
    moodle::fill(&here, "Here");
    add(&farm, HERE, &here);
    add(&farm, SOURCE, &source(other(engine))?);
    Some((farm, here))
}

/// Everything that tells of roles, ids, times and who changed it apart.
fn roles_of(database: &Database) -> String {
    let name = |table: &str, column: &str| {
        format!(
            "SELECT a.shortname, b.shortname FROM mdl_role_allow_{table} x JOIN mdl_role a ON a.id = x.roleid JOIN mdl_role b ON b.id = x.{column} ORDER BY a.id, b.id"
        )
    };
    let mut all = String::new();
    for sql in [
        "SELECT shortname, name, description, archetype, sortorder FROM mdl_role ORDER BY id",
        "SELECT contextid, roleid, capability, permission FROM mdl_role_capabilities ORDER BY contextid, roleid, capability",
        "SELECT roleid, contextlevel FROM mdl_role_context_levels ORDER BY roleid, contextlevel",
        "SELECT name, contextlevel FROM mdl_capabilities ORDER BY name",
        &name("assign", "allowassign"),
        &name("override", "allowoverride"),
        &name("switch", "allowswitch"),
        &name("view", "allowview"),
    ] {
        all.push_str(&database.run(sql));
    }
    all
}

fn plan(farm: &Farm, operation: &str, parameters: &Value) -> Value {
    farm.console.plan(operation, &map(parameters.clone()), &[HERE.into()]).unwrap().remove(0)
}

fn changes(farm: &Farm, operation: &str, parameters: &Value) -> Vec<String> {
    let planned = plan(farm, operation, parameters);
    assert_eq!(planned.get("error"), None, "{planned}");
    let changes = planned["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|change| format!("{}: {} -> {}", change["what"], change["before"], change["after"]).replace('"', ""))
        .collect()
}

fn run(farm: &Farm, job: i64) -> Value {
    Value::Object(farm.console.job_run(job, &mut |_| {}).unwrap())
}

fn permission(database: &Database, role: &str, capability: &str) -> String {
    let sql = format!(
        "SELECT permission, modifierid, CASE WHEN timemodified > 1700000000 THEN 'now' ELSE 'then' END FROM mdl_role_capabilities
         WHERE contextid = 1 AND capability = '{capability}' AND roleid = (SELECT id FROM mdl_role WHERE shortname = '{role}')"
    );
    database.run(&sql).trim().replace('\t', " ")
}

on_both_engines! {
    fn a_role_becomes_as_it_is_on_a_tenant_of_the_other_engine_and_back(engine: Engine) {
        let Some((farm, here)) = stage("roles_sync", engine) else { return };
        here.run("INSERT INTO mdl_role_capabilities (contextid, roleid, capability, permission, timemodified, modifierid) VALUES (2, 5, 'mod/forum:replypost', -1, 5, 2)");
        let before = roles_of(&here);
        let wish = json!({"source": SOURCE, "role": "student"});
        let planned = changes(&farm, "role_sync", &wish);
        assert_eq!(planned, [
            "student name:  -> Élève",
            "student description:  -> É",
            "student contextlevel 40: false -> true",
            "student capability mod/chat:chat: allow -> inherit",
            "student capability mod/forum:replypost: allow -> prohibit",
            "student capability moodle/course:update: inherit -> prevent",
        ].map(str::to_owned));
        assert_eq!(roles_of(&here), before, "a plan changes nothing");
        let only = json!({"source": SOURCE, "role": "student", "parts": "contextlevels, allows"});
        assert_eq!(changes(&farm, "role_sync", &only), ["student contextlevel 40: false -> true"]);

        let job = done(&farm, "role_sync", wish.clone(), &[HERE]);
        assert_eq!(permission(&here, "student", "mod/forum:replypost"), "-1000 0 now");
        assert_eq!(permission(&here, "student", "moodle/course:update"), "-1 0 now");
        assert_eq!(permission(&here, "student", "mod/chat:chat"), "");
        let warnings = farm.console.job(job).unwrap()["items"][0]["warnings"].to_string();
        assert!(warnings.contains("mod/only:here") && warnings.contains("DROP"), "{warnings}");
        assert_eq!(here.run("SELECT permission FROM mdl_role_capabilities WHERE contextid = 2").trim(), "-1", "overrides elsewhere stay");
        assert_eq!(changes(&farm, "role_sync", &wish), Vec::<String>::new());
        let again = submit(&farm, "role_sync", wish, &[HERE]).unwrap();
        assert_eq!(run(&farm, again), json!({"skipped": 1}));
        let warnings = farm.console.job(again).unwrap()["items"][0]["warnings"].to_string();
        assert!(warnings.contains("mod/only:here"), "what is left out is told even where nothing changes: {warnings}");

        let after = roles_of(&here);
        let undo = farm.console.job_undo(job).unwrap();
        here.run("UPDATE mdl_role_capabilities SET permission = 1 WHERE contextid = 1 AND roleid = 5 AND capability = 'moodle/course:update'");
        let changed = roles_of(&here);
        assert_eq!(run(&farm, undo), json!({"failed": 1}));
        let failed = farm.console.job(undo).unwrap()["items"][0].clone();
        assert_eq!((failed["errorcode"].as_str(), roles_of(&here)), (Some("state_refused"), changed), "nothing is half undone");
        here.run("UPDATE mdl_role_capabilities SET permission = -1 WHERE contextid = 1 AND roleid = 5 AND capability = 'moodle/course:update'");
        assert_eq!(roles_of(&here), after);
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}));
        assert_eq!(roles_of(&here), before);
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!((run(&farm, undo), roles_of(&here)), (json!({"done": 1}), before), "and once more changes nothing");
    }

    fn a_role_that_is_missing_is_made_where_asked_and_removed_while_nobody_has_it(engine: Engine) {
        let Some((farm, here)) = stage("roles_make", engine) else { return };
        let before = roles_of(&here);
        let wish = json!({"source": SOURCE, "role": "tutor"});
        assert_eq!(plan(&farm, "role_sync", &wish)["errorcode"], "role_not_found");
        assert_eq!(plan(&farm, "role_sync", &json!({"source": SOURCE, "role": "nobody", "create": 1}))["errorcode"], "role_not_found");
        let wish = json!({"source": SOURCE, "role": "tutor", "create": 1});
        assert_eq!(changes(&farm, "role_sync", &wish).len(), 5);
        let job = done(&farm, "role_sync", wish.clone(), &[HERE]);
        let made = here.run("SELECT name, description, archetype, sortorder FROM mdl_role WHERE shortname = 'tutor'");
        let last = here.run("SELECT MAX(sortorder) FROM mdl_role WHERE shortname <> 'tutor'").trim().parse::<i64>().unwrap();
        assert_eq!(made.trim(), format!("Tuteur d'été 🌞\t<p>\"T\"</p>\tteacher\t{}", last + 1));
        assert_eq!(permission(&here, "tutor", "mod/forum:replypost"), "1 0 now");
        assert_eq!(here.run("SELECT COUNT(*) FROM mdl_role_allow_view v JOIN mdl_role r ON r.id = v.roleid WHERE r.shortname = 'tutor'").trim(), "2");
        assert_eq!(changes(&farm, "role_sync", &wish), Vec::<String>::new());

        let assignment = "INSERT INTO mdl_role_assignments (roleid, contextid, userid) SELECT id, 1, 2 FROM mdl_role WHERE shortname = 'tutor'";
        here.run(assignment);
        let used = roles_of(&here);
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!((run(&farm, undo), roles_of(&here)), (json!({"failed": 1}), used), "somebody has the role");
        here.run("DELETE FROM mdl_role_assignments WHERE roleid = (SELECT id FROM mdl_role WHERE shortname = 'tutor')");
        for _ in 0..2 {
            let undo = farm.console.job_undo(job).unwrap();
            assert_eq!((run(&farm, undo), roles_of(&here)), (json!({"done": 1}), before.clone()));
        }
    }

    fn a_capability_is_the_same_for_all_roles_or_for_some(engine: Engine) {
        let Some((farm, here)) = stage("roles_cap", engine) else { return };
        let before = roles_of(&here);
        let wish = json!({"capability": "mod/forum:replypost, mod/chat:chat", "roles": "student,guest", "permission": "prohibit"});
        assert_eq!(changes(&farm, "capability_sync", &wish), [
            "guest capability mod/forum:replypost: inherit -> prohibit",
            "guest capability mod/chat:chat: inherit -> prohibit",
            "student capability mod/forum:replypost: allow -> prohibit",
            "student capability mod/chat:chat: allow -> prohibit",
        ]);
        let job = done(&farm, "capability_sync", wish.clone(), &[HERE]);
        assert_eq!(permission(&here, "guest", "mod/chat:chat"), "-1000 0 now");
        assert_eq!(changes(&farm, "capability_sync", &wish), Vec::<String>::new());
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!((run(&farm, undo), roles_of(&here)), (json!({"done": 1}), before.clone()));

        let theirs = json!({"capability": "mod/forum:replypost", "source": SOURCE});
        assert_eq!(changes(&farm, "capability_sync", &theirs), ["student capability mod/forum:replypost: allow -> prohibit"]);
        let nowhere = json!({"capability": "mod/only:here", "permission": "allow"});
        let job = submit(&farm, "capability_sync", nowhere, &[HERE]).unwrap();
        assert_eq!((run(&farm, job), roles_of(&here)), (json!({"skipped": 1}), before.clone()), "never put in");
        let everywhere = json!({"capability": "moodle/site:config", "permission": "prevent"});
        done(&farm, "capability_sync", everywhere, &[HERE]);
        let count = here.run("SELECT COUNT(*) FROM mdl_role_capabilities WHERE capability = 'moodle/site:config' AND permission = -1");
        assert_eq!(count.trim(), here.run("SELECT COUNT(*) FROM mdl_role").trim());

        for (wrong, code) in [
            (json!({"capability": "x'; DROP TABLE mdl_role", "permission": "allow"}), "bad_parameter"),
            (json!({"capability": "x".repeat(300), "permission": "allow"}), "bad_parameter"),
            (json!({"capability": "mod/chat:chat"}), "bad_parameter"),
            (json!({"capability": "mod/chat:chat", "permission": "allow", "source": SOURCE}), "bad_parameter"),
            (json!({"capability": "mod/nowhere:x", "source": SOURCE}), "bad_parameter"),
            (json!({"capability": "mod/chat:chat", "permission": "allow", "roles": "student,nobody"}), "role_not_found"),
        ] {
            assert_eq!(plan(&farm, "capability_sync", &wrong)["errorcode"], code, "{wrong}");
        }
    }

    fn who_may_assign_whom_is_as_elsewhere_or_as_said(engine: Engine) {
        let Some((farm, here)) = stage("roles_allow", engine) else { return };
        here.run("INSERT INTO mdl_role (name, shortname, description, sortorder, archetype) VALUES ('Own', 'own', '', 50, '');
                  INSERT INTO mdl_role_allow_assign (roleid, allowassign) SELECT 3, id FROM mdl_role WHERE shortname = 'own'");
        let before = roles_of(&here);
        let wish = json!({"kind": "assign", "source": SOURCE});
        assert_eq!(changes(&farm, "allow_sync", &wish), ["editingteacher assign student: true -> false"], "what the source does not know stays");
        let job = done(&farm, "allow_sync", wish.clone(), &[HERE]);
        assert_eq!(changes(&farm, "allow_sync", &wish), Vec::<String>::new());
        let warnings = farm.console.job(job).unwrap()["items"][0]["warnings"].to_string();
        assert!(warnings.contains("tutor"), "{warnings}");
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!((run(&farm, undo), roles_of(&here)), (json!({"done": 1}), before.clone()));

        let matrix = json!({"kind": "switch", "matrix": {"teacher": ["guest", "own"], "nobody": ["student"]}});
        let job = done(&farm, "allow_sync", matrix.clone(), &[HERE]);
        let now = here.run("SELECT r.shortname FROM mdl_role_allow_switch s JOIN mdl_role r ON r.id = s.allowswitch WHERE s.roleid = 4 ORDER BY r.shortname");
        assert_eq!(now.lines().collect::<Vec<_>>(), ["guest", "own"]);
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!((run(&farm, undo), roles_of(&here)), (json!({"done": 1}), before));
        for wrong in [json!({"kind": "switch"}), json!({"kind": "switch", "matrix": {"x'; DROP": []}}), json!({"kind": "switch", "matrix": ["student"]})] {
            assert_eq!(plan(&farm, "allow_sync", &wrong)["errorcode"], "bad_parameter", "{wrong}");
        }
        assert!(submit(&farm, "allow_sync", json!({"kind": "marry", "source": SOURCE}), &[HERE]).is_err());
    }

    fn changes_are_made_once_and_never_over_what_somebody_else_has_changed(engine: Engine) {
        let Some(site) = real("roles_apply", engine) else { return };
        let change = |what: &str, from: Value, to: Value| RoleChange::parse(what, from, to).unwrap();
        let made = json!({"name": "T", "description": "", "archetype": ""});
        let wish = [
            change("tutor role", Value::Null, made),
            change("tutor assign tutor", json!(false), json!(true)),
            change("student capability mod/chat:chat", json!("allow"), json!("inherit")),
            change("student capability moodle/course:update", json!("inherit"), json!("prohibit")),
        ];
        let apply = |changes: &[RoleChange]| wait(async { roles::apply(&mut site.open().await, changes, 7).await });
        let first = apply(&wish).unwrap();
        assert!(first.len() == 2 && first.contains(&5), "both roles' cached capabilities are stale: {first:?}");
        let once = roles_of(&site.database);
        assert_eq!((apply(&wish).unwrap(), roles_of(&site.database)), (first.clone(), once.clone()), "a run that was killed after its commit");
        // A row that says nothing, as no function of Moodle leaves it.
        site.database.run("INSERT INTO mdl_role_capabilities (contextid, roleid, capability, permission, timemodified, modifierid) VALUES (1, 5, 'mod/chat:chat', 0, 0, 0)");
        let back: Vec<RoleChange> = wish.iter().rev().map(RoleChange::reversed).collect();
        for broken in ["UPDATE mdl_role SET description = 'other' WHERE shortname = 'tutor'", "UPDATE mdl_role_capabilities SET permission = -1 WHERE roleid = 5 AND capability = 'moodle/course:update'"] {
            site.database.run(broken);
            let before = roles_of(&site.database);
            assert_eq!((apply(&back).unwrap_err().kind(), roles_of(&site.database)), (Kind::StateRefused, before), "{broken}");
        }
        site.database.run("UPDATE mdl_role SET description = '' WHERE shortname = 'tutor'; UPDATE mdl_role_capabilities SET permission = -1000 WHERE roleid = 5 AND capability = 'moodle/course:update'");
        apply(&back).unwrap();
        assert_eq!(site.read("SELECT permission FROM mdl_role_capabilities WHERE roleid = 5 AND contextid = 1 AND capability = 'mod/chat:chat'"), ["1"]);
        assert_eq!(site.read("SELECT COUNT(*) FROM mdl_role WHERE shortname = 'tutor'"), ["0"]);
        let unknown = [change("nobody capability mod/chat:chat", json!("inherit"), json!("allow"))];
        assert_eq!(apply(&unknown).unwrap_err().kind(), Kind::RoleNotFound);
    }

    fn sheets_are_kept_carried_as_xml_and_compared(engine: Engine) {
        let Some((farm, here)) = stage("roles_sheet", engine) else { return };
        let console = &farm.console;
        let kept = console.sheet_save("Élèves 2026", SOURCE, "student").unwrap();
        assert_eq!((&kept["role"], &kept["source"]), (&json!("student"), &json!(format!("https://{SOURCE}"))));
        assert_eq!(console.sheet_save("x", SOURCE, "nobody").unwrap_err().kind(), Kind::RoleNotFound);
        assert_eq!(console.sheet_save("", SOURCE, "student").unwrap_err().kind(), Kind::BadParameter);
        let xml = console.sheet_export("Élèves 2026", None).unwrap();
        assert_eq!(xml, console.sheet_export(SOURCE, Some("student")).unwrap());
        console.sheet_import("copy", &xml).unwrap();
        console.sheet_import("copy", &xml).unwrap();
        let names: Vec<Value> = console.sheets().unwrap().iter().map(|sheet| sheet["name"].clone()).collect();
        assert_eq!(names, ["copy", "Élèves 2026"]);

        let by_source = changes(&farm, "role_sync", &json!({"source": SOURCE, "role": "student"}));
        assert_eq!(by_source.len(), 6);
        for wish in [json!({"sheet": "copy"}), json!({"sheet": "Élèves 2026", "role": "student"}), json!({"preset": xml})] {
            assert_eq!(changes(&farm, "role_sync", &wish), by_source, "{wish}");
        }
        let other = json!({"sheet": "copy", "role": "pupil", "create": 1});
        assert!(changes(&farm, "role_sync", &other)[0].starts_with("pupil role: null -> {name:Élève"));
        for (wrong, code) in [
            (json!({"sheet": "nothing"}), "sheet_not_found"),
            (json!({"sheet": "copy", "source": SOURCE}), "bad_parameter"),
            (json!({"source": SOURCE}), "bad_parameter"),
            (json!({"sheet": "copy", "parts": "all"}), "bad_parameter"),
            (json!({"sheet": "copy", "role": "x'; DROP"}), "bad_parameter"),
            (json!({"preset": "<!DOCTYPE a [<!ENTITY b \"c\">]><role><shortname>&b;</shortname></role>"}), "bad_parameter"),
        ] {
            assert_eq!(plan(&farm, "role_sync", &wrong)["errorcode"], code, "{wrong}");
        }

        let dead = Database { name: format!("{}_dead", here.name), ..here.clone() };
        add(&farm, "dead.example.org", &dead);
        let twin = Database::shared(engine, &format!("{}_twin", here.name)).unwrap();
        moodle::fill(&twin, "Twin");
        add(&farm, "twin.example.org", &twin);
        let filter = json!({"role": "student,tutor", "differences": true});
        let found = Value::Object(console.role_compare(&["all".into()], &map(filter)).unwrap());
        assert_eq!(found["tenants"], json!([HERE, SOURCE, "twin.example.org"].map(|host| format!("https://{host}"))));
        assert_eq!((&found["failed"][0]["tenant"], &found["failed"][0]["errorcode"]), (&json!("https://dead.example.org"), &json!("tenant_unreachable")));
        let student = &found["roles"][0];
        let row = |part: &str, name: &str| student["rows"].as_array().unwrap().iter().find(|row| row["part"] == part && row["name"] == name).cloned();
        let source = format!("https://{SOURCE}");
        assert_eq!(row("capability", "mod/forum:replypost").unwrap(), json!({
            "part": "capability", "name": "mod/forum:replypost", "component": "mod_forum", "majority": "allow",
            "counts": {"allow": 2, "prohibit": 1}, "odd": {source.clone(): "prohibit"},
        }));
        assert_eq!(row("capability", "mod/only:here").unwrap()["counts"], json!({"allow": 1, "missing": 2}));
        assert_eq!(row("contextlevel", "40").unwrap()["odd"], json!({source: "yes"}));
        assert_eq!(row("capability", "mod/quiz:attempt"), None, "it is the same everywhere");
        assert_eq!(found["roles"][1]["missing"], json!([HERE, "twin.example.org"].map(|host| format!("https://{host}"))));
        let part = console.role_compare(&["all".into()], &map(json!({"role": ["student"], "component": "mod_forum"}))).unwrap();
        let rows = part["roles"][0]["rows"].as_array().unwrap();
        assert!(rows.len() > 20 && rows.iter().all(|row| row["component"] == "mod_forum"));
        assert_eq!(console.role_compare(&["nobody".into()], &map(json!({}))).unwrap_err().kind(), Kind::JobRefused);
        assert_eq!(console.sheet_remove("copy").unwrap()["role"], "student");
        assert_eq!(console.sheet_remove("copy").unwrap_err().kind(), Kind::SheetNotFound);
    }
}
