//! Fifty tenants of one file, on both engines at once.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::tenant;

use crate::life::{done, row, submit};
use crate::{Farm, farm, map};

const TENANTS: usize = 50;

fn host(number: usize) -> String {
    format!("fifty{number}.example.org")
}

fn engine(number: usize) -> Engine {
    Engine::ALL[number % 2]
}

/// A template on each engine, made of a small site with a file, and the server that PostgreSQL's tenants are made on.
fn templates(farm: &Farm) -> Option<Vec<Database>> {
    Engine::ALL
        .iter()
        .map(|engine| {
            let word = engine.dbtype();
            let database = Database::shared(*engine, &format!("fifty_{word}_src"))?;
            tenant::fill(&database, "Template");
            let dataroot = farm.folder.folder(format!("template-{word}"));
            let file = dataroot.join("filedir/04/0f/040f06fd774092478d450774f5ba30c5da78acc8");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "content").unwrap();
            let mut columns = map(database.registry_columns());
            columns.extend(map(json!({ "vhostname": format!("https://{word}.example.org"), "vdatapath": dataroot })));
            farm.console.tenant_add(&columns).unwrap();
            if *engine != farm.database.engine {
                let server = json!({
                    "name": "other", "engine": word, "host": columns["vdbhost"], "port": columns["vdbport"],
                    "login": database.user(), "password": database.password(),
                });
                farm.console.server_add(&map(server)).unwrap();
            }
            done(farm, "snapshot_tenant", json!({ "name": word }), &[&format!("{word}.example.org")]);
            Some(database)
        })
        .collect()
}

/// A file of so many tenants, the engines in turn.
fn file(farm: &Farm, tenants: usize) -> String {
    let mut text = "vhostname;name;shortname;vdbtype;vtemplate;vdatapath;vdbname;config_supportname\n".to_owned();
    for number in 0..tenants {
        let word = engine(number).dbtype();
        let root = farm.folder.path().display();
        let _ = writeln!(
            text,
            "https://{};\"L'école \"\"{number}\"\" 🌞\";fifty-{number};{word};{word};{root}/<%%INSTANCE%%>;<%%INSTANCE%%>;Aide {number}",
            host(number)
        );
    }
    text
}

/// Makes the tenants of a file; gives the counts of the job and the number of lines that are wrong.
fn make(farm: &Farm, file: &str) -> (Map<String, Value>, usize) {
    let read = farm.console.nodes(file.as_bytes(), &Map::new());
    let job = submit(farm, "create_tenant", json!({ "nodes": read["nodes"] }), &[]).unwrap();
    (farm.console.job_run(job, &mut |_| {}).unwrap(), read["faults"].as_array().unwrap().len())
}

#[test]
fn one_file_makes_fifty_sites_on_both_engines_and_the_same_again_changes_nothing() {
    let Some(farm) = farm("fifty", Engine::MariaDb) else { return };
    let Some(templates) = templates(&farm) else { return };
    let bad = file(&farm, TENANTS).replace("https://fifty7.example.org", "https://fifty 7");
    assert_eq!(
        make(&farm, &bad),
        (map(json!({ "done": TENANTS - 1 })), 1),
        "one line is wrong, and the others are made"
    );
    assert_eq!(make(&farm, &file(&farm, TENANTS)), (map(json!({ "done": 1 })), 0), "mended, it makes what is missing");

    let mut identifiers = BTreeSet::new();
    for number in 0..TENANTS {
        let tenant = row(&farm, &host(number));
        assert_eq!((&tenant["state"], &tenant["vdbtype"]), (&json!("enabled"), &json!(engine(number).dbtype())));
        let name = tenant["vdbname"].as_str().unwrap().to_owned();
        assert_eq!(name, format!("fifty_{number}"));
        let database = Database { name, ..templates[number % 2].clone() };
        let site = database.run("SELECT fullname FROM mdl_course WHERE category = 0");
        assert_eq!(site.trim(), format!("L'école \"{number}\" 🌞"));
        let config = |name: &str| database.run(&format!("SELECT value FROM mdl_config WHERE name = '{name}'"));
        assert_eq!(config("supportname").trim(), format!("Aide {number}"));
        identifiers.insert(config("siteidentifier"));
        let content = "filedir/04/0f/040f06fd774092478d450774f5ba30c5da78acc8";
        let file = std::path::Path::new(tenant["vdatapath"].as_str().unwrap()).join(content);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "content");
    }
    assert_eq!(identifiers.len(), TENANTS);
    assert_eq!(farm.console.index_status()["tenants"], json!(TENANTS + 2));

    let registry = || farm.database.run("SELECT * FROM mdl_local_vmoodle ORDER BY id");
    let before = registry();
    assert_eq!(make(&farm, &file(&farm, TENANTS)), (Map::new(), 0));
    assert_eq!(registry(), before);
}
