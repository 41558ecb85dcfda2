//! One broken tenant of ten, under every operation that works on tenants which are there: nine are done, and the tenth says
//! what is wrong.

use std::collections::BTreeSet;
use std::net::TcpListener;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use vmoodle_core::operation::OPERATIONS;

use crate::config::{job, site};
use crate::fleet::whole;
use crate::{Farm, farm, map, on_both_engines};

const BROKEN: usize = 4;

fn host(number: usize) -> String {
    format!("b{number}.example.org")
}

/// Where an operation finds out that a tenant is broken.
#[derive(Clone, Copy, PartialEq)]
enum Finds {
    /// In its database: the tenant fails.
    Database,
    /// In its database, and that is the fact that is collected.
    Fact,
    /// Nowhere: it works on the registry alone.
    Nothing,
    /// Nowhere, and the first item works for all.
    Policy,
}

/// Every operation, with what makes it do something on each tenant.
fn cases() -> Vec<(&'static str, Value, Finds)> {
    let hosts: Vec<String> = (0..10).map(host).collect();
    let preset = "<role><shortname>student</shortname><permissions><allow>mod/a:do</allow></permissions></role>";
    vec![
        ("tenant_status", json!({}), Finds::Fact),
        ("set_config", json!({"name": "theme", "value": "classic"}), Finds::Database),
        ("unset_config", json!({"names": "lang"}), Finds::Database),
        ("copy_plugin_config", json!({"source": "source.example.org", "plugin": "auth_manual"}), Finds::Database),
        ("maintenance", json!({"mode": "on"}), Finds::Database),
        ("purge_caches", json!({"kinds": "theme"}), Finds::Database),
        ("plugin_state", json!({"plugin": "mod_book", "state": "disabled"}), Finds::Database),
        ("plugin_sync", json!({"source": "source.example.org", "plugins": "mod_wiki"}), Finds::Database),
        ("role_sync", json!({"preset": preset}), Finds::Database),
        (
            "capability_sync",
            json!({"capability": "mod/a:see", "roles": "student", "permission": "allow"}),
            Finds::Database,
        ),
        ("allow_sync", json!({"source": "source.example.org", "kind": "assign"}), Finds::Database),
        ("kill_sessions", json!({}), Finds::Database),
        ("reset_admin", json!({}), Finds::Database),
        ("run_sql", json!({"sql": "SELECT COUNT(*) FROM {config}", "allow": "administrator"}), Finds::Database),
        ("enforce_config", json!({"policy": "p", "values": {"theme": "boost"}}), Finds::Policy),
        ("release_config", json!({"policy": "p"}), Finds::Policy),
        ("snapshot_tenant", json!({}), Finds::Database),
        ("disable_tenant", json!({}), Finds::Nothing),
        ("enable_tenant", json!({}), Finds::Nothing),
        ("disable_tenant", json!({}), Finds::Nothing),
        ("retire_tenant", json!({}), Finds::Nothing),
        ("destroy_tenant", json!({"hosts": hosts.join(",")}), Finds::Nothing),
        ("purge_trash", json!({"young": 1}), Finds::Nothing),
    ]
}

/// Not in the table, and why.
const APART: &[(&str, &str)] = &[
    ("adopt_site", "makes its tenants; `many.rs` has a file with one wrong line"),
    ("clone_tenant", "likewise"),
    ("create_tenant", "likewise"),
    ("rename_tenant", "one address is for one tenant; `life.rs`"),
    ("restore_tenant", "one snapshot is of one tenant; `life.rs`, `trouble.rs`"),
    ("replace_text", "`replace.rs`"),
    ("copy_table", "`table_copy.rs`"),
    ("copy_file", "`brought.rs`"),
    ("sync_language_customisation", "`brought.rs`"),
    ("run_script", "`scripts.rs`"),
    ("upgrade", "one fails in `upgrade.rs`, one of twenty in the tests of Moodle"),
    ("uninstall_plugin", "runs Moodle's script as `upgrade` does; `upgrade.rs`"),
    ("create_category", "asks Moodle's own code as `run_script` does; `courses.rs`, `scripts.rs`"),
    ("category_visibility", "likewise"),
    ("empty_category", "likewise"),
    ("delete_category", "likewise"),
    ("check_course", "likewise"),
    ("course_visibility", "likewise"),
    ("restore_course", "likewise"),
    ("delete_course", "likewise"),
    ("devirtualise_tenant", "writes a snapshot out as `snapshot_tenant` does; `shelf.rs`"),
];

#[test]
fn every_operation_is_in_the_table_or_said_to_be_apart() {
    let all: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.meta().name).collect();
    let here: BTreeSet<&str> =
        cases().iter().map(|(name, ..)| *name).chain(APART.iter().map(|(name, _)| *name)).collect();
    assert_eq!(all.symmetric_difference(&here).collect::<Vec<_>>(), [&""; 0]);
}

/// A farm of ten sites, one of which has lost its tables, and a source that differs from them.
fn ten(test: &str, engine: Engine) -> Option<(Farm, Vec<Database>)> {
    let farm = farm(test, engine)?;
    let sites: Vec<Database> = (0..10).map(|number| whole(&farm, &host(number))).collect();
    for site in &sites {
        site.run(
            "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, 'x', 2, 0, 0);
             INSERT INTO mdl_config (name, value) VALUES ('themerev', '1')",
        );
    }
    let source = whole(&farm, "source.example.org");
    source.run(
        "INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('auth_manual', 'colour', 'red');
         UPDATE mdl_modules SET visible = 0 WHERE name = 'wiki';
         INSERT INTO mdl_role_allow_assign (roleid, allowassign) SELECT a.id, b.id FROM mdl_role a, mdl_role b
             WHERE a.shortname = 'teacher' AND b.shortname = 'student'",
    );
    farm.console.tenant_update("source.example.org", &map(json!({"tags": ["source"]}))).unwrap();
    let user = if engine == Engine::MariaDb { "`mdl_user`" } else { "\"mdl_user\"" };
    for table in ["mdl_config", "mdl_config_plugins", "mdl_context", "mdl_sessions", "mdl_course", "mdl_role", user] {
        sites[BROKEN].run(&format!("DROP TABLE {table}"));
    }
    Some((farm, sites))
}

on_both_engines! {
    fn one_broken_tenant_of_ten_leaves_nine_done_whatever_the_operation(engine: Engine) {
        let Some((farm, _sites)) = ten("broken_ten", engine) else { return };
        for (operation, parameters, finds) in cases() {
            let (number, counts) = job(&farm, operation, parameters, &["any", "!tag:source"]);
            let read = farm.console.job(number).unwrap();
            let items = read["items"].as_array().unwrap();
            let expected = match finds {
                Finds::Database => json!({"done": 9, "failed": 1}),
                Finds::Nothing | Finds::Fact => json!({"done": 10}),
                Finds::Policy => json!({"done": counts["done"], "skipped": counts["skipped"]}),
            };
            let counts: Value = Value::Object(counts.as_object().unwrap().iter().filter(|(name, _)| *name != "passwords").map(|(n, v)| (n.clone(), v.clone())).collect());
            assert_eq!(counts, expected, "{operation}: {items:#?}");
            for item in items.iter().filter(|item| item["status"] == "failed") {
                assert_eq!(item["wwwroot"], format!("https://{}", host(BROKEN)), "{operation}");
                let (code, error) = (item["errorcode"].as_str().unwrap(), item["error"].as_str().unwrap());
                assert!(!["", "internal"].contains(&code) && error.len() > 10, "{operation}: {code} {error}");
            }
            if finds == Finds::Fact {
                let silent = "SELECT wwwroot FROM mdl_local_vmoodle_status s JOIN mdl_local_vmoodle_item i ON i.tenantid = s.tenantid WHERE s.fact = 'reachable' AND s.value = '0'";
                assert_eq!(farm.database.run(silent).trim(), format!("https://{}", host(BROKEN)));
            }
            let locks = farm.database.run("SELECT COUNT(*) FROM mdl_local_vmoodle WHERE lockitem IS NOT NULL");
            assert_eq!(locks.trim(), "0", "{operation}");
        }
    }

    fn a_tenant_that_is_down_slow_or_of_another_version_costs_the_others_nothing(engine: Engine) {
        let Some(farm) = farm("broken_kinds", engine) else { return };
        let sites: Vec<Database> = (0..6).map(|number| site(&farm, &host(number))).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = listener.local_addr().unwrap().port();
        let nobody = { let gone = TcpListener::bind("127.0.0.1:0").unwrap(); gone.local_addr().unwrap().port() };
        for (number, port) in [(0, nobody), (1, silent)] {
            let place = json!({"vdbhost": "127.0.0.1", "vdbport": port, "vdbsocket": "", "vdboptions": {"connecttimeout": 1}});
            farm.console.tenant_update(&host(number), &map(place)).unwrap();
        }
        // Half upgraded: a table that the code knows is not there yet. Another version: an old one's tables are the same here.
        sites[2].run("DROP TABLE mdl_config_log");
        sites[3].run("UPDATE mdl_config SET value = '2021051799.00' WHERE name = 'version'; UPDATE mdl_config SET value = '311' WHERE name = 'branch'");
        let began = std::time::Instant::now();
        let (number, counts) = job(&farm, "set_config", json!({"name": "theme", "value": "classic"}), &["any"]);
        assert_eq!(counts, json!({"done": 3, "failed": 3}));
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
        let read = farm.console.job(number).unwrap();
        let said = |number: usize| {
            let item = read["items"].as_array().unwrap().iter().find(|item| item["wwwroot"] == format!("https://{}", host(number))).unwrap();
            (item["status"].as_str().unwrap().to_owned(), item["errorcode"].as_str().unwrap_or_default().to_owned(), item["error"].to_string())
        };
        for number in [0, 1] {
            let (status, code, error) = said(number);
            assert_eq!((status.as_str(), code.as_str()), ("failed", "tenant_unreachable"), "{error}");
        }
        assert!(said(1).2.contains("no answer within 1 seconds"), "{}", said(1).2);
        let (_, code, error) = said(2);
        assert!(!["", "internal"].contains(&code.as_str()), "{code}: {error}");
        let theme = |number: usize| sites[number].run("SELECT value FROM mdl_config WHERE name = 'theme'").trim().to_owned();
        assert_eq!([2, 3, 4, 5].map(theme), ["boost", "classic", "classic", "classic"], "half of a change is none");
        let (number, counts) = job(&farm, "tenant_status", json!({}), &[&host(3), &host(4)]);
        assert_eq!(counts, json!({"done": 2}), "{:#?}", farm.console.job(number).unwrap()["items"]);
        let facts = farm.database.run("SELECT value FROM mdl_local_vmoodle_status WHERE fact = 'version' ORDER BY value");
        assert!(facts.contains("2021051799"), "an old site says so: {facts}");
        drop(listener);
    }
}

/// An item opens one connection to its tenant, whatever its operation reads and writes there.
#[test]
fn an_item_of_a_job_opens_one_connection_to_its_tenant() {
    const SITES: usize = 24;
    let Some(farm) = farm("broken_connects", Engine::MariaDb) else { return };
    let Some(server) = support::mariadb::MariaDb::start() else { return };
    let databases: Vec<Database> = (0..SITES)
        .map(|number| {
            let database = server.database(&format!("connects_{number}"));
            support::tenant::fill(&database, "Site");
            crate::config::add(&farm, &host(number), &database);
            database
        })
        .collect();
    let connections = || {
        let status = databases[0].run("SHOW GLOBAL STATUS LIKE 'Connections'");
        status.trim().rsplit('\t').next().unwrap().parse::<usize>().unwrap()
    };
    for (operation, parameters) in [
        ("set_config", json!({"values": {"theme": "classic", "auth_manual/x": 1}})),
        ("copy_plugin_config", json!({"source": &host(0), "plugin": "auth_manual"})),
        ("maintenance", json!({"mode": "later", "message": "Back at 5"})),
        ("kill_sessions", json!({})),
        ("unset_config", json!({"names": "theme"})),
    ] {
        if operation == "copy_plugin_config" {
            databases[0].run("UPDATE mdl_config_plugins SET value = '2' WHERE name = 'x'");
        }
        for database in databases.iter().filter(|_| operation == "kill_sessions") {
            database.run(
                "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, 'x', 2, 0, 0)",
            );
        }
        let before = connections();
        let (_, counts) = job(&farm, operation, parameters, &["all"]);
        // The question itself is one, and the source of a copy another.
        let opened = connections() - before - 1;
        let items = |state: &str| usize::try_from(counts[state].as_u64().unwrap_or(0)).unwrap();
        let expected = items("done");
        assert!((expected..=expected + 1).contains(&opened), "{operation}: {opened} connections for {counts}");
    }
}
