//! Every operation on a tenant's life, done and then undone, leaves the world as it was: the whole database, every file,
//! the registry.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};

use crate::adopt::Plain;
use crate::life::{dataroot, done, row, site, source, tree, undo};
use crate::transfer::picture;
use crate::{Farm, farm, on_both_engines};

/// What Moodle itself counts up, whoever asks it to: not part of what an undo puts back.
const COUNTED: &str = "'themerev', 'jsrev', 'langrev', 'templaterev', 'localcachedirpurged', 'scheduledtaskreset'";

/// Its database, its files, the registry, the aliases.
type Picture = (String, Vec<(String, String)>, Vec<Map<String, Value>>, String);

/// A tenant of a farm with an account and files of its own, and everything that may change.
struct World {
    farm: Farm,
    database: Database,
    folder: PathBuf,
}

impl World {
    fn new(test: &str, engine: Engine, label: &str) -> Option<Self> {
        let farm = farm(test, engine)?;
        let from = source(&farm, "a.example.org");
        for name in COUNTED.split(", ") {
            from.run(&format!("INSERT INTO mdl_config (name, value) VALUES ({name}, '1')"));
        }
        from.run("UPDATE mdl_course SET summary = 'see https://x.example.org and L''école 🌞' WHERE category = 0");
        let host = format!("{label}.example.org");
        done(
            &farm,
            "clone_tenant",
            json!({"source": "a.example.org", "nodes": [{"vhostname": format!("https://{host}")}]}),
            &[],
        );
        let (database, folder) = (site(&farm, &host), dataroot(&farm, &host));
        database.run(&format!("UPDATE mdl_course SET summary = 'see https://{host}/x' WHERE category = 0"));
        Some(Self { farm, database, folder })
    }

    fn registry(&self) -> Vec<Map<String, Value>> {
        let mut rows = self.farm.console.tenants(&Map::new()).unwrap();
        for row in &mut rows {
            row.retain(|name, _| !["timemodified", "lockitem", "lockuntil"].contains(&name.as_str()));
        }
        rows
    }

    fn picture(&self) -> Picture {
        let level =
            format!("UPDATE mdl_config SET value = '1' WHERE name IN ({COUNTED}); UPDATE mdl_course SET cacherev = 1");
        self.database.run(&level);
        let aliases = self.farm.database.run("SELECT host FROM mdl_local_vmoodle_alias");
        (picture(&self.database), tree(&self.folder), self.registry(), aliases)
    }

    /// Does it, looks that something is done, undoes it.
    fn there_and_back(&self, operation: &str, parameters: Value, targets: &[&str], is_done: impl Fn() -> bool) {
        let before = self.picture();
        assert!(!is_done(), "{operation}");
        let job = done(&self.farm, operation, parameters, targets);
        assert!(is_done(), "{operation}");
        undo(&self.farm, job);
        let after = self.picture();
        assert_eq!(before.2, after.2, "{operation}: registry");
        assert_eq!((before.1, before.3), (after.1, after.3), "{operation}: files and aliases");
        for (one, other) in before.0.lines().zip(after.0.lines()) {
            assert_eq!(one, other, "{operation}: database");
        }
        assert_eq!(before.0.len(), after.0.len(), "{operation}: database");
    }
}

on_both_engines! {
    fn states_names_and_the_trash(engine: Engine) {
        let Some(world) = World::new("undo_row", engine, "und") else { return };
        let own = ["und.example.org"];
        let state = |word: &'static str| { let farm = &world.farm; move || row(farm, "und.example.org")["state"] == word };
        world.there_and_back("disable_tenant", json!({}), &own, state("disabled"));
        done(&world.farm, "disable_tenant", json!({}), &own);
        world.there_and_back("enable_tenant", json!({}), &own, state("enabled"));
        done(&world.farm, "enable_tenant", json!({}), &own);
        world.there_and_back("retire_tenant", json!({}), &own, state("retired"));
        let keys = || world.farm.keys().contains(&"new.example.org".to_owned());
        world.there_and_back("rename_tenant", json!({"wwwroot": "http://new.example.org"}), &own, keys);
        done(&world.farm, "retire_tenant", json!({}), &own);
        let job = done(&world.farm, "destroy_tenant", json!({"hosts": own[0]}), &own);
        undo(&world.farm, job);
        let before = world.picture();
        let job = done(&world.farm, "destroy_tenant", json!({"hosts": own[0]}), &own);
        assert!(!world.folder.exists());
        undo(&world.farm, job);
        assert_eq!(before, world.picture());
    }

    fn snapshots_and_restorations(engine: Engine) {
        let Some(world) = World::new("undo_snap", engine, "uns") else { return };
        let own = ["uns.example.org"];
        let count = |number: usize| { let farm = &world.farm; move || farm.console.snapshots().unwrap().len() == number };
        world.there_and_back("snapshot_tenant", json!({}), &own, count(1));
        done(&world.farm, "snapshot_tenant", json!({"name": "basic"}), &own);
        world.database.run("UPDATE mdl_course SET fullname = 'Later' WHERE category = 0");
        std::fs::write(world.folder.join("lang/fr/later.php"), "later").unwrap();
        let is_early = || !world.folder.join("lang/fr/later.php").exists();
        world.there_and_back("restore_tenant", json!({"snapshot": "basic"}), &own, is_early);
    }

    fn what_is_made_written_out_or_taken_in(engine: Engine) {
        let Some(world) = World::new("undo_made", engine, "unm") else { return };
        let farm = &world.farm;
        let folder = farm.folder.join("out");
        std::fs::create_dir(&folder).unwrap();
        let out = folder.join("unm.example.org");
        world.there_and_back("devirtualise_tenant", json!({"folder": folder}), &["unm.example.org"], || out.join("config.php").exists());
        assert!(!out.exists());

        let plain = Plain::new(farm, "unp.example.org");
        let (facts, files) = (plain.facts(), tree(&plain.dataroot));
        let is_in = || farm.keys().contains(&"unp.example.org".to_owned());
        world.there_and_back("adopt_site", json!({"nodes": [plain.config]}), &[], is_in);
        let kept: Vec<_> = files.into_iter().filter(|(name, _)| !name.contains("cache")).collect();
        assert_eq!((plain.facts(), tree(&plain.dataroot)), (facts, kept), "caches are Moodle's to make anew");

        done(farm, "snapshot_tenant", json!({"name": "basic"}), &["unm.example.org"]);
        for (operation, host, from) in [("clone_tenant", "unc", json!({"source": "unm.example.org"})), ("create_tenant", "unt", json!({"template": "basic"}))] {
            let before = (picture(&world.database), tree(&world.folder));
            let mut wish = crate::map(from);
            wish.insert("nodes".into(), json!([{"vhostname": format!("https://{host}.example.org")}]));
            let job = done(farm, operation, Value::Object(wish), &[]);
            let made = dataroot(farm, &format!("{host}.example.org"));
            undo(farm, job);
            // It has been a site: it waits in the trash.
            assert_eq!((&row(farm, &format!("{host}.example.org"))["state"], made.exists()), (&json!("trashed"), false));
            assert_eq!(before, (picture(&world.database), tree(&world.folder)), "{operation}: its source");
        }
        done(farm, "purge_trash", json!({"young": 1}), &["unc.example.org"]);
        assert!(!Path::new(&farm.folder.join("unc.example.org")).exists() && farm.keys().len() == 3);
    }
}
