//! The shelf beyond taking and restoring: trials, names, the original's templates, and what copies are made of them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::{tenant, wait};
use vmoodle_core::Kind;

use crate::crash::is_killed_in_a_trial;
use crate::life::{dataroot, done, row, run, site, source, submit};
use crate::{Farm, farm, map, on_both_engines};

/// The databases and accounts of trials on the farm's server.
fn trials(farm: &Farm) -> (String, String) {
    let (databases, accounts) = match farm.database.engine {
        Engine::MariaDb => (
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'vtrial%'",
            "SELECT user FROM mysql.user WHERE user LIKE 'vtrial%'",
        ),
        Engine::Postgres => (
            "SELECT datname FROM pg_database WHERE datname LIKE 'vtrial%'",
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'vtrial%'",
        ),
    };
    (farm.database.run(databases), farm.database.run(accounts))
}

/// What of the trials that this farm has noted is still to be dropped.
fn noted(farm: &Farm) -> Vec<String> {
    let folder = PathBuf::from(&farm.control.dataroot).join("vmoodle/trials");
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn snapshot(farm: &Farm, parameters: Value, host: &str) -> String {
    let job = done(farm, "snapshot_tenant", parameters, &[host]);
    farm.console.job(job).unwrap()["items"][0]["afterimage"][0]["after"].as_str().unwrap().to_owned()
}

fn tables(database: &Database) -> u64 {
    let own = match database.engine {
        Engine::MariaDb => "DATABASE()",
        Engine::Postgres => "'public'",
    };
    let sql = format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {own}");
    database.run(&sql).trim().parse().unwrap()
}

on_both_engines! {
    fn a_trial_reads_the_database_in_and_leaves_nothing(engine: Engine) {
        let Some(farm) = farm("shelf_trial", engine) else { return };
        let database = source(&farm, "a.example.org");
        let id = snapshot(&farm, json!({}), "a.example.org");
        let tried = farm.console.snapshot_trial(&id, None).unwrap();
        assert_eq!((&tried["server"], &tried["tables"]), (&json!("control"), &json!(tables(&database))));
        assert!(tried["rows"].as_u64().unwrap() > 10, "{tried:?}");
        assert!(noted(&farm).is_empty());
        let other = farm.console.snapshot_trial(&id, Some("nowhere")).unwrap_err();
        assert_eq!(other.kind(), Kind::ServerNotFound);

        // Sound to the octet, and yet no database: only a trial tells.
        let folder = PathBuf::from(&farm.control.dataroot).join("vmoodle/snapshots").join(&id);
        let text = zstd::encode_all("THIS IS NO SQL;\n".as_bytes(), 3).unwrap();
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        std::fs::write(folder.join("database.sql.zst"), text).unwrap();
        let sum = support::process::output(std::process::Command::new("sha256sum").arg(folder.join("database.sql.zst")));
        manifest["database"]["sha256"] = json!(&sum[..64]);
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        farm.console.snapshot_verify(&id).unwrap();
        assert_eq!(farm.console.snapshot_trial(&id, None).unwrap_err().kind(), Kind::TransferFailed);
        assert!(noted(&farm).is_empty(), "a trial that fails leaves nothing either");
    }

    fn so_many_snapshots_of_a_tenant_are_kept_and_every_template(engine: Engine) {
        let Some(farm) = farm("shelf_keep", engine) else { return };
        source(&farm, "a.example.org");
        let other = Database::shared(engine, &format!("{}_b", farm.database.name)).unwrap();
        tenant::fill(&other, "Other");
        crate::config::add(&farm, "b.example.org", &other);
        let others = snapshot(&farm, json!({}), "b.example.org");
        let template = snapshot(&farm, json!({"name": "basic"}), "a.example.org");
        // Their age counts in seconds.
        let aged = |parameters: Value| {
            let id = snapshot(&farm, parameters, "a.example.org");
            let made: u64 = id.split('-').next().unwrap().parse().unwrap();
            let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            wait::until(Duration::from_secs(5), "another second", || now() > made);
            id
        };
        let old: Vec<String> = (0..3).map(|_| aged(json!({}))).collect();
        let ids = || -> Vec<String> {
            let all = farm.console.snapshots().unwrap();
            let mut ids: Vec<String> = all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let before = ids();
        let planned = farm.console.plan("snapshot_tenant", &map(json!({"keep": 2})), &["a.example.org".into()]).unwrap();
        assert_eq!((planned[0]["changes"].as_array().unwrap().len(), ids()), (3, before), "one comes, two go: {planned:?}");
        let job = done(&farm, "snapshot_tenant", json!({"keep": 2}), &["a.example.org"]);
        let newest = farm.console.job(job).unwrap()["items"][0]["afterimage"][0]["after"].as_str().unwrap().to_owned();
        let mut wanted = vec![others.clone(), template.clone(), old[2].clone(), newest];
        wanted.sort();
        assert_eq!(ids(), wanted);
        for id in &wanted {
            farm.console.snapshot_verify(id).unwrap();
        }
        // Its undo takes the new one away; what went before it stays gone, and that is said.
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}));
        assert!(farm.console.job(undo).unwrap()["items"][0]["warnings"].to_string().contains("stay gone"));
        assert_eq!(ids().len(), 3);
        for bad in [json!(0), json!(-1), json!("x")] {
            let refused = submit(&farm, "snapshot_tenant", json!({"keep": bad}), &["a.example.org"]).unwrap_err();
            assert_eq!(refused.kind(), Kind::BadParameter);
        }
    }

    fn what_a_killed_trial_leaves_is_dropped_by_the_next_look(engine: Engine) {
        let Some(farm) = farm("shelf_kill", engine) else { return };
        source(&farm, "a.example.org");
        let id = snapshot(&farm, json!({}), "a.example.org");
        let mut killed = 0;
        while is_killed_in_a_trial(&farm, &id, killed + 1) {
            killed += 1;
            let left = noted(&farm);
            assert_eq!(left.len(), 1, "{left:?}");
            assert_eq!(trials(&farm).0.contains(&left[0]), killed > 1, "it was noted before it was made");
            let swept = farm.console.snapshot_sweep().unwrap();
            assert_eq!((&swept["trials"], noted(&farm).len()), (&json!(1), 0));
            let (databases, accounts) = trials(&farm);
            assert!(!databases.contains(&left[0]) && !accounts.contains(&left[0]), "{databases} {accounts}");
        }
        assert_eq!(killed, 3);
        assert_eq!(farm.console.snapshot_sweep().unwrap()["trials"], json!(0));
    }

    fn a_snapshot_gets_a_name_and_loses_it_and_the_newest_of_a_name_counts(engine: Engine) {
        let Some(farm) = farm("shelf_name", engine) else { return };
        source(&farm, "a.example.org");
        let (one, two) = (snapshot(&farm, json!({"name": "basic"}), "a.example.org"), snapshot(&farm, json!({}), "a.example.org"));
        assert_eq!(farm.console.snapshot_verify("basic").unwrap()["id"], json!(one));
        farm.console.snapshot_name(&two, "basic").unwrap();
        let of_name = || farm.console.snapshot_verify("basic").map(|found| found["id"].clone());
        // Two snapshots of one second are told apart by their numbers.
        assert!([json!(one), json!(two)].contains(&of_name().unwrap()));
        farm.console.snapshot_name(&one, "").unwrap();
        assert_eq!(of_name().unwrap(), json!(two));
        farm.console.snapshot_name("basic", "").unwrap();
        assert_eq!(of_name().unwrap_err().kind(), Kind::SnapshotNotFound);
        assert_eq!(farm.console.snapshot_name(&one, "../x").unwrap_err().kind(), Kind::BadParameter);
        assert_eq!(farm.console.snapshots().unwrap().len(), 2);
    }

    fn a_template_of_the_original_becomes_a_snapshot_and_sites_are_made_of_it(engine: Engine) {
        let Some(farm) = farm("shelf_orig", engine) else { return };
        let database = source(&farm, "a.example.org");
        let id = snapshot(&farm, json!({}), "a.example.org");
        let own = PathBuf::from(&farm.control.dataroot).join("vmoodle");
        let (files, sql) = (own.join("Tpl_example_org_vmoodledata"), own.join("Tpl_example_org_sql"));
        for (path, text) in [("filedir/aa/bb/x", "content"), ("localcache/y", "no"), ("lang/fr/z", "<?php")] {
            std::fs::create_dir_all(files.join(path).parent().unwrap()).unwrap();
            std::fs::write(files.join(path), text).unwrap();
        }
        std::fs::create_dir_all(&sql).unwrap();
        let dump = std::fs::read(own.join("snapshots").join(&id).join("database.sql.zst")).unwrap();
        // Its tables begin otherwise than the control site's, whose prefix the original wrote down.
        let text = String::from_utf8(zstd::decode_all(&dump[..]).unwrap()).unwrap().replace("mdl_", "tpl_");
        std::fs::write(sql.join("vmoodle_master.sql"), text).unwrap();
        assert!(farm.console.snapshot_originals().contains(&"Tpl_example_org".to_owned()));
        let without = farm.console.snapshot_import("Tpl_example_org", None).unwrap_err();
        assert_eq!(without.kind(), Kind::FilesFailed, "there is no manifest yet");
        std::fs::write(
            sql.join("manifest.php"),
            "<?php\n\n$templatewwwroot = 'http://tpl.example.org';\n$templatevdbprefix = 'mdl_';\nsystem('touch /tmp/never');\n",
        )
        .unwrap();
        let snapshots = farm.console.snapshots().unwrap().len();
        let imported = farm.console.snapshot_import("Tpl_example_org", None).unwrap();
        assert_eq!((&imported["name"], &imported["prefix"]), (&json!("tpl_example_org"), &json!("tpl_")));
        assert_eq!((&imported["wwwroot"], &imported["files"]), (&json!("http://tpl.example.org"), &json!(2)));
        assert_eq!(imported["moodle"]["version"], json!(tenant::VERSION));
        assert_eq!(farm.console.snapshots().unwrap().len(), snapshots + 1);
        assert!(noted(&farm).is_empty());

        let nodes = json!([{"vhostname": "https://sha.example.org", "name": "Of the original"}]);
        done(&farm, "create_tenant", json!({"template": "tpl_example_org", "nodes": nodes}), &[]);
        assert_eq!(row(&farm, "sha.example.org")["vdbprefix"], "tpl_");
        let made = site(&farm, "sha.example.org");
        assert_eq!(made.run("SELECT fullname FROM tpl_course WHERE category = 0").trim(), "Of the original");
        assert!(dataroot(&farm, "sha.example.org").join("lang/fr/z").exists());
        let wrong = json!([{"vhostname": "https://shb.example.org", "vdbprefix": "mdl_"}]);
        let job = submit(&farm, "create_tenant", json!({"template": "tpl_example_org", "nodes": wrong}), &[]).unwrap();
        assert_eq!(run(&farm, job), json!({"failed": 1}));
        assert!(farm.console.job(job).unwrap()["items"][0]["error"].as_str().unwrap().contains("`tpl_`"));

        for (key, kind) in [("nobody", Kind::SnapshotNotFound), ("../x", Kind::SnapshotNotFound), ("", Kind::SnapshotNotFound)] {
            assert_eq!(farm.console.snapshot_import(key, None).unwrap_err().kind(), kind, "{key}");
        }
        std::fs::write(sql.join("vmoodle_master.sql"), "CREATE TABLE x (id INT);\n").unwrap();
        let unfit = farm.console.snapshot_import("Tpl_example_org", None).unwrap_err();
        assert_eq!(unfit.kind(), Kind::SnapshotUnfit);
        assert_eq!(farm.console.snapshots().unwrap().len(), snapshots + 1);
        assert_eq!(tables(&database), tables(&made));
    }

    fn a_copy_signs_lti_messages_with_keys_of_its_own(engine: Engine) {
        let Some(farm) = farm("shelf_lti", engine) else { return };
        let database = source(&farm, "a.example.org");
        database.run(
            "INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('mod_lti', 'privatekey', 'OLD'), ('mod_lti', 'kid', 'k'),
             ('enrol_lti', 'lti_13_privatekey', 'OLD'), ('enrol_lti', 'lti_13_kid', 'k')",
        );
        let nodes = json!([{"vhostname": "https://shl.example.org"}]);
        done(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": nodes}), &[]);
        let key = |database: &Database, name: &str| {
            database.run(&format!("SELECT value FROM mdl_config_plugins WHERE name = '{name}'"))
        };
        let copy = site(&farm, "shl.example.org");
        for name in ["privatekey", "lti_13_privatekey"] {
            assert!(key(&copy, name).starts_with("-----BEGIN PRIVATE KEY-----"), "{name}");
            assert_eq!(key(&database, name).trim(), "OLD", "{name}");
        }
        assert_ne!(key(&copy, "kid").trim(), "k");
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item");
        assert!(!journal.contains("PRIVATE KEY"), "keys are kept nowhere else");
    }
}
