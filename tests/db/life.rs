//! A tenant's life through jobs: copied, put away, brought back, renamed, destroyed; and the same with a runner that is
//! killed at every boundary between two steps.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::tenant;
use vmoodle_core::Kind;

use crate::{Farm, farm, map, on_both_engines};

/// A small site of the farm, with files.
pub(crate) fn source(farm: &Farm, host: &str) -> Database {
    let database = Database { name: format!("{}_src", farm.database.name), ..farm.database.clone() };
    let database = Database::shared(database.engine, &database.name).unwrap();
    tenant::fill(&database, "Source");
    let dataroot = farm.folder.folder(host);
    for (name, text) in [
        ("filedir/04/0f/040f06fd774092478d450774f5ba30c5da78acc8", "content"),
        ("lang/fr/x.php", "<?php"),
        ("sessions/sess_1", "no"),
    ] {
        std::fs::create_dir_all(dataroot.join(name).parent().unwrap()).unwrap();
        std::fs::write(dataroot.join(name), text).unwrap();
    }
    let mut row = map(database.registry_columns());
    row.extend(map(json!({ "vhostname": format!("https://{host}"), "vdatapath": dataroot })));
    farm.console.tenant_add(&row).unwrap();
    database
}

pub(crate) fn submit(farm: &Farm, operation: &str, parameters: Value, targets: &[&str]) -> vmoodle_core::Result<i64> {
    let targets: Vec<String> = targets.iter().map(|word| (*word).to_owned()).collect();
    farm.console.job_submit(operation, &map(parameters), &targets, &map(json!({"confirm": true})))
}

pub(crate) fn run(farm: &Farm, job: i64) -> Value {
    Value::Object(farm.console.job_run(job, &mut |_| {}).unwrap())
}

pub(crate) fn done(farm: &Farm, operation: &str, parameters: Value, targets: &[&str]) -> i64 {
    let job = submit(farm, operation, parameters, targets).unwrap();
    let counts = run(farm, job);
    assert_eq!(counts, json!({"done": 1}), "{operation}: {:#?}", farm.console.job(job).unwrap()["items"]);
    job
}

pub(crate) fn undo(farm: &Farm, job: i64) {
    let job = farm.console.job_undo(job).unwrap();
    assert_eq!(run(farm, job), json!({"done": 1}), "undo");
}

pub(crate) fn row(farm: &Farm, host: &str) -> Map<String, Value> {
    farm.console.tenant(host).unwrap()
}

pub(crate) fn site(farm: &Farm, host: &str) -> Database {
    Database { name: row(farm, host)["vdbname"].as_str().unwrap().to_owned(), ..farm.database.clone() }
}

/// Whether the server has an account of this name.
pub(crate) fn is_account(farm: &Farm, name: &str) -> bool {
    let sql = match farm.database.engine {
        Engine::MariaDb => format!("SELECT COUNT(*) FROM mysql.user WHERE user = '{name}'"),
        Engine::Postgres => format!("SELECT COUNT(*) FROM pg_roles WHERE rolname = '{name}'"),
    };
    farm.database.run(&sql).trim() != "0"
}

fn config(database: &Database, name: &str) -> String {
    database.run(&format!("SELECT value FROM mdl_config WHERE name = '{name}'")).trim().to_owned()
}

pub(crate) fn dataroot(farm: &Farm, host: &str) -> PathBuf {
    PathBuf::from(row(farm, host)["vdatapath"].as_str().unwrap())
}

/// Every file below a folder with its contents, to see that nothing changed.
pub(crate) fn tree(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(entry.path()).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

on_both_engines! {
    fn a_copy_is_a_site_of_its_own_with_its_own_account(engine: Engine) {
        let Some(farm) = farm("life_clone", engine) else { return };
        let from = source(&farm, "a.example.org");
        let identifier = config(&from, "siteidentifier");
        let node = json!({"vhostname": "https://cb.example.org", "name": "L'école d'été 🌞", "shortname": "été"});
        let wish = json!({"source": "a.example.org", "nodes": [node]});
        let plan = farm.console.plan("clone_tenant", &map(wish.clone()), &[]).unwrap();
        assert_eq!(plan[0]["changes"][0]["after"], "https://a.example.org");
        assert_eq!(farm.keys(), ["a.example.org"], "a plan leaves no row");

        done(&farm, "clone_tenant", wish.clone(), &[]);
        let copy = row(&farm, "cb.example.org");
        assert_eq!((&copy["state"], &copy["name"]), (&json!("enabled"), &json!("L'école d'été 🌞")));
        let own = site(&farm, "cb.example.org");
        assert_eq!(own.run("SELECT fullname FROM mdl_course WHERE category = 0").trim(), "L'école d'été 🌞");
        assert_ne!(config(&own, "siteidentifier"), identifier);
        assert_eq!(config(&own, "noemailever"), "1", "a copy writes to nobody");
        assert_eq!(config(&from, "siteidentifier"), identifier, "the source is as it was");
        let (theirs, ours) = (dataroot(&farm, "a.example.org"), dataroot(&farm, "cb.example.org"));
        let inode = |root: &Path| std::fs::metadata(root.join("filedir/04/0f/040f06fd774092478d450774f5ba30c5da78acc8")).unwrap().ino();
        assert_eq!(inode(&theirs), inode(&ours), "contents take no space");
        assert!(!ours.join("sessions/sess_1").exists());
        assert!(farm.console.index_status()["tenants"] == 2);

        let again = submit(&farm, "clone_tenant", wish, &[]).unwrap();
        assert_eq!(farm.console.job_run(again, &mut |_| {}).unwrap(), Map::new(), "the same wish changes nothing");
        let checks = farm.console.tenant_check(&row(&farm, "cb.example.org")).unwrap();
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item");
        let password = farm.database.run("SELECT vdbpass FROM mdl_local_vmoodle WHERE hostkey = 'cb.example.org'");
        assert!(!journal.contains(password.trim()) && password.trim().len() >= 40, "{checks:?}");
    }

    fn what_is_made_can_be_taken_back_and_thrown_away(engine: Engine) {
        let Some(farm) = farm("life_trash", engine) else { return };
        source(&farm, "a.example.org");
        let nodes = json!([{"vhostname": "https://tb.example.org"}]);
        let made = done(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": nodes}), &[]);
        let (database, folder) = (site(&farm, "tb.example.org"), dataroot(&farm, "tb.example.org"));
        let account = row(&farm, "tb.example.org")["vdblogin"].as_str().unwrap().to_owned();
        assert!(is_account(&farm, &account));
        let before = tree(&folder);
        let hosts = json!({"hosts": "tb.example.org"});
        let early = submit(&farm, "destroy_tenant", hosts.clone(), &["tb.example.org"]).unwrap();
        assert_eq!(run(&farm, early), json!({"failed": 1}), "it is not retired");
        done(&farm, "retire_tenant", json!({}), &["tb.example.org"]);
        let other = submit(&farm, "destroy_tenant", json!({"hosts": "a.example.org"}), &["tb.example.org"]).unwrap();
        assert_eq!(run(&farm, other), json!({"failed": 1}), "its host is not confirmed");
        let destroyed = done(&farm, "destroy_tenant", hosts.clone(), &["tb.example.org"]);
        assert_eq!(row(&farm, "tb.example.org")["state"], "trashed");
        assert!(!folder.exists());
        undo(&farm, destroyed);
        assert_eq!((&row(&farm, "tb.example.org")["state"], tree(&folder)), (&json!("retired"), before));
        done(&farm, "destroy_tenant", hosts, &["tb.example.org"]);
        let kept = submit(&farm, "purge_trash", json!({}), &["any"]).unwrap();
        assert_eq!(run(&farm, kept), json!({"skipped": 2}), "its time is not over");
        let purged = submit(&farm, "purge_trash", json!({"young": 1}), &["any"]).unwrap();
        assert_eq!(run(&farm, purged), json!({"done": 1, "skipped": 1}));
        assert_eq!(farm.keys(), ["a.example.org"]);
        let there = match engine {
            Engine::MariaDb => format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{}'", database.name),
            Engine::Postgres => format!("SELECT COUNT(*) FROM pg_database WHERE datname = '{}'", database.name),
        };
        assert_eq!(farm.database.run(&there).trim(), "0");
        assert!(!is_account(&farm, &account), "it was made for this tenant");
        let gone = farm.console.job_undo(made).unwrap_err();
        assert_eq!(gone.kind(), Kind::JobRefused, "there is nothing left to take back");
    }

    fn a_tenant_written_in_by_hand_that_is_purged_leaves_its_account(engine: Engine) {
        let Some(farm) = farm("life_hand", engine) else { return };
        source(&farm, "hand.example.org");
        // It ends with the tenant's number, as one that is made for a tenant does.
        farm.database.run(match engine {
            Engine::MariaDb => "CREATE OR REPLACE USER 'by_hand_1'@'localhost' IDENTIFIED BY 'pw'; GRANT ALL ON *.* TO 'by_hand_1'@'localhost'",
            Engine::Postgres => "CREATE ROLE by_hand_1 LOGIN SUPERUSER PASSWORD 'pw'",
        });
        let login = json!({"vdblogin": "by_hand_1", "vdbpass": "pw"});
        farm.console.tenant_update("hand.example.org", &map(login)).unwrap();
        done(&farm, "retire_tenant", json!({}), &["hand.example.org"]);
        done(&farm, "destroy_tenant", json!({"hosts": "hand.example.org"}), &["hand.example.org"]);
        done(&farm, "purge_trash", json!({"young": 1}), &["hand.example.org"]);
        assert!(farm.keys().is_empty() && is_account(&farm, "by_hand_1"), "it may serve others");
    }

    fn a_snapshot_brings_back_what_was_changed_since_and_an_undo_the_change(engine: Engine) {
        let Some(farm) = farm("life_snap", engine) else { return };
        let database = source(&farm, "a.example.org");
        let folder = dataroot(&farm, "a.example.org");
        let taken = done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
        let id = farm.console.job(taken).unwrap()["items"][0]["afterimage"][0]["after"].as_str().unwrap().to_owned();
        database.run("UPDATE mdl_course SET fullname = 'Changed' WHERE category = 0");
        std::fs::write(folder.join("lang/fr/new.php"), "new").unwrap();
        let restored = done(&farm, "restore_tenant", json!({"snapshot": id}), &["a.example.org"]);
        let name = || database.run("SELECT fullname FROM mdl_course WHERE category = 0").trim().to_owned();
        assert_eq!((name().as_str(), folder.join("lang/fr/new.php").exists()), ("Source", false));
        assert!(!folder.join("climaintenance.html").exists());
        undo(&farm, restored);
        assert_eq!((name().as_str(), folder.join("lang/fr/new.php").exists()), ("Changed", true));

        let nodes = json!([{"vhostname": "https://t.example.org", "name": "Of a template"}]);
        done(&farm, "create_tenant", json!({"template": "basic", "nodes": nodes}), &[]);
        let made = site(&farm, "t.example.org");
        assert_eq!(made.run("SELECT fullname FROM mdl_course WHERE category = 0").trim(), "Of a template");

        let shelf = PathBuf::from(&farm.control.dataroot).join("vmoodle/snapshots");
        std::fs::write(shelf.join(&id).join("database.sql.zst"), "damaged").unwrap();
        let bad = submit(&farm, "restore_tenant", json!({"snapshot": id}), &["a.example.org"]).unwrap();
        assert_eq!(run(&farm, bad), json!({"failed": 1}));
        assert_eq!(farm.console.job(bad).unwrap()["items"][0]["errorcode"], "snapshot_damaged");
        assert_eq!(name(), "Changed", "a damaged snapshot touches nothing");
    }

    fn a_site_that_somebody_had_closed_stays_closed_when_it_is_restored(engine: Engine) {
        let Some(farm) = farm("life_page", engine) else { return };
        source(&farm, "a.example.org");
        let page = dataroot(&farm, "a.example.org").join("climaintenance.html");
        let taken = done(&farm, "snapshot_tenant", json!({}), &["a.example.org"]);
        let id = farm.console.job(taken).unwrap()["items"][0]["afterimage"][0]["after"].clone();
        std::fs::write(&page, "closed by hand").unwrap();
        let restored = done(&farm, "restore_tenant", json!({"snapshot": id}), &["a.example.org"]);
        assert_eq!(std::fs::read_to_string(&page).unwrap(), "closed by hand");
        undo(&farm, restored);
        assert_eq!(std::fs::read_to_string(&page).unwrap(), "closed by hand");
        std::fs::remove_file(&page).unwrap();
        done(&farm, "restore_tenant", json!({"snapshot": id}), &["a.example.org"]);
        assert!(!page.exists(), "what was open is open again");
    }

    fn a_spare_of_the_pool_becomes_the_tenant_without_a_copy(engine: Engine) {
        let Some(farm) = farm("life_pool", engine) else { return };
        source(&farm, "a.example.org");
        done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
        let spare = json!([{"vhostname": "https://spare1.invalid"}]);
        done(&farm, "create_tenant", json!({"template": "basic", "spare": 1, "nodes": spare}), &[]);
        let database = row(&farm, "spare1.invalid")["vdbname"].clone();
        assert_eq!(row(&farm, "spare1.invalid")["state"], "spare");
        let nodes = json!([{"vhostname": "https://pb.example.org", "name": "B"}, {"vhostname": "https://pc.example.org"}]);
        let job = submit(&farm, "create_tenant", json!({"template": "basic", "nodes": nodes}), &[]).unwrap();
        assert_eq!(run(&farm, job), json!({"done": 2}));
        let claimed = row(&farm, "pb.example.org");
        assert_eq!((&claimed["vdbname"], &claimed["state"], &claimed["tags"]), (&database, &json!("enabled"), &json!([])));
        assert_ne!(row(&farm, "pc.example.org")["vdbname"], database, "there was one spare only");
        assert_eq!(site(&farm, "pb.example.org").run("SELECT fullname FROM mdl_course WHERE category = 0").trim(), "B");
    }

    fn a_renamed_tenant_answers_at_its_new_address_and_redirects_the_old(engine: Engine) {
        let Some(farm) = farm("life_name", engine) else { return };
        let database = source(&farm, "a.example.org");
        let link = "see https://a.example.org/x and https://a.example.org.evil/";
        database.run(&format!("UPDATE mdl_course SET summary = '{link}' WHERE category = 0"));
        let renamed = done(&farm, "rename_tenant", json!({"wwwroot": "https://b.example.org"}), &["a.example.org"]);
        let summary = || database.run("SELECT summary FROM mdl_course WHERE category = 0").trim().to_owned();
        assert_eq!(summary(), "see https://b.example.org/x and https://a.example.org.evil/");
        assert_eq!((farm.keys(), farm.console.index_status()["tenants"].clone()), (vec!["b.example.org".into()], json!(1)));
        let aliases = || farm.database.run("SELECT host FROM mdl_local_vmoodle_alias").trim().to_owned();
        assert_eq!(aliases(), "a.example.org");
        undo(&farm, renamed);
        assert_eq!((summary().as_str(), aliases().as_str()), (link, ""));
    }

    fn a_node_that_is_not_to_be_open_is_made_and_disabled(engine: Engine) {
        let Some(farm) = farm("life_shut", engine) else { return };
        source(&farm, "a.example.org");
        let file = b"vhostname;name;shortname;enabled;vdatapath;vdbname\n\
            https://open.example.org;Open;open;1;/nowhere/open;x\nhttps://shut.example.org;Shut;shut;0;/nowhere/shut;y\n";
        let read = farm.console.nodes(file, &Map::new());
        assert_eq!(read["faults"], json!([]));
        let mut nodes = read["nodes"].clone();
        for node in nodes.as_array_mut().unwrap() {
            for given in ["vdatapath", "vdbname", "vdbtype"] {
                node.as_object_mut().unwrap().remove(given);
            }
        }
        let job = submit(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": nodes}), &[]).unwrap();
        assert_eq!(run(&farm, job), json!({"done": 2}), "{:#?}", farm.console.job(job).unwrap()["items"]);
        let state = |host| row(&farm, host)["state"].clone();
        assert_eq!((state("open.example.org"), state("shut.example.org")), (json!("enabled"), json!("disabled")));
    }

    fn one_bad_node_stops_itself_only_or_all_where_that_is_asked(engine: Engine) {
        let Some(farm) = farm("life_bad", engine) else { return };
        source(&farm, "a.example.org");
        let nodes = json!([{"vhostname": "https://bb.example.org"}, {"vhostname": "https://"}]);
        let all = json!({"source": "a.example.org", "nodes": nodes, "all_or_nothing": 1});
        assert_eq!(submit(&farm, "clone_tenant", all, &[]).unwrap_err().kind(), Kind::BadHost);
        assert_eq!(farm.keys(), ["a.example.org"]);
        let some = submit(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": nodes}), &[]).unwrap();
        assert_eq!(run(&farm, some), json!({"done": 1, "failed": 1}));
        assert_eq!(farm.keys(), ["a.example.org", "bb.example.org"]);
    }
}
