//! A full disk, a server that is lost, two administrators at once: a clear message, nothing half-made that a resume or an
//! undo does not clear.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::{moodle, wait};
use vmoodle_core::console::Console;

use crate::crash::{end_leases, is_killed};
use crate::life::{done, row, run, site, source, submit, tree};
use crate::{Farm, farm, map, on_both_engines};

/// A small disk of its own, which only root can mount.
struct Disk(PathBuf);

impl Disk {
    #[allow(clippy::print_stderr, reason = "a need that is missing is said")]
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("skipped: a small disk cannot be mounted here");
        None
    }

    /// Makes room.
    fn grow(&self) {
        support::process::output(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Files of three megabytes that cannot be packed.
fn fill(dataroot: &Path) {
    let mut octets = vec![0_u8; 3 * 1024 * 1024];
    let mut next = 1_u32;
    for octet in &mut octets {
        next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *octet = next.to_be_bytes()[0];
    }
    std::fs::write(dataroot.join("lang/fr/large.bin"), octets).unwrap();
}

/// What the only item of a job failed with.
fn failure(farm: &Farm, job: i64) -> String {
    assert_eq!(run(farm, job), json!({"failed": 1}));
    farm.console.job(job).unwrap()["items"][0]["error"].as_str().unwrap().to_owned()
}

fn again(farm: &Farm, job: i64) -> Value {
    let job = farm.console.job_retry(job).unwrap();
    run(farm, job)
}

on_both_engines! {
    fn a_full_disk_stops_a_copy_which_goes_on_or_is_cleared(engine: Engine) {
        let Some(farm) = farm("full_copy", engine) else { return };
        let Some(disk) = Disk::mount(&farm.folder.join("small")) else { return };
        source(&farm, "a.example.org");
        fill(&farm.folder.join("a.example.org"));
        let clone = |host: &str| {
            let node = json!({"vhostname": format!("https://{host}"), "vdatapath": disk.0.join(host)});
            submit(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": [node]}), &[]).unwrap()
        };
        let job = clone("fua.example.org");
        let error = failure(&farm, job);
        assert!(error.contains("the disk is full"), "{error}");
        assert_eq!(row(&farm, "fua.example.org")["state"], "creating");
        let name = site(&farm, "fua.example.org").name;
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}));
        assert_eq!((farm.keys().len(), std::fs::read_dir(&disk.0).unwrap().count()), (1, 0), "all of it is gone");
        let there = match engine {
            Engine::MariaDb => format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{name}'"),
            Engine::Postgres => format!("SELECT COUNT(*) FROM pg_database WHERE datname = '{name}'"),
        };
        assert_eq!(farm.database.run(&there).trim(), "0");

        let job = clone("fub.example.org");
        failure(&farm, job);
        disk.grow();
        assert_eq!(again(&farm, job), json!({"done": 1}));
        assert_eq!(row(&farm, "fub.example.org")["state"], "enabled");
        assert_eq!(std::fs::metadata(disk.0.join("fub.example.org/lang/fr/large.bin")).unwrap().len(), 3 * 1024 * 1024);
    }

    fn a_full_disk_stops_a_snapshot_before_it_stands_on_the_shelf(engine: Engine) {
        let Some(farm) = farm("full_snap", engine) else { return };
        let shelf = PathBuf::from(&farm.control.dataroot).join("vmoodle/snapshots");
        let Some(disk) = Disk::mount(&shelf) else { return };
        source(&farm, "a.example.org");
        fill(&farm.folder.join("a.example.org"));
        let job = submit(&farm, "snapshot_tenant", json!({}), &["a.example.org"]).unwrap();
        let error = failure(&farm, job);
        assert!(error.contains("disk is full") || error.contains("cannot be written"), "{error}");
        assert!(farm.console.snapshots().unwrap().is_empty());
        disk.grow();
        assert_eq!(again(&farm, job), json!({"done": 1}));
        let snapshots = farm.console.snapshots().unwrap();
        assert_eq!(snapshots.len(), 1);
        farm.console.snapshot_verify(snapshots[0]["id"].as_str().unwrap()).unwrap();
    }

    fn a_full_disk_stops_a_restoration_which_goes_on(engine: Engine) {
        let Some(farm) = farm("full_rest", engine) else { return };
        let Some(disk) = Disk::mount(&farm.folder.join("small")) else { return };
        disk.grow();
        source(&farm, "a.example.org");
        fill(&farm.folder.join("a.example.org"));
        let node = json!({"vhostname": "https://fur.example.org", "vdatapath": disk.0.join("fur")});
        done(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": [node]}), &[]);
        done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["fur.example.org"]);
        let mut files = tree(&disk.0.join("fur"));
        files.retain(|(name, _)| !name.contains("cache"));
        std::fs::write(disk.0.join("fur/lang/fr/later.php"), "later").unwrap();
        // No room for a second set of files beside the first.
        let size = ["-o", "remount,size=4m"];
        support::process::output(Command::new("mount").args(size).arg(&disk.0));
        let job = submit(&farm, "restore_tenant", json!({"snapshot": "basic"}), &["fur.example.org"]).unwrap();
        let error = failure(&farm, job);
        assert!(error.contains("the disk is full"), "{error}");
        assert!(disk.0.join("fur/climaintenance.html").exists(), "nobody sees the half of it");
        disk.grow();
        assert_eq!(again(&farm, job), json!({"done": 1}));
        let mut now = tree(&disk.0.join("fur"));
        now.retain(|(name, _)| !name.contains("cache"));
        assert_eq!(now, files);
        let aside = disk.0.join(".vmoodle-aside");
        assert_eq!(std::fs::read_dir(aside).map_or(0, Iterator::count), 0);
        let jobs = farm.console.jobs(&map(json!({"operation": "restore_tenant"}))).unwrap();
        let undo = farm.console.job_undo(jobs[0]["id"].as_i64().unwrap()).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}), "what was there is kept under the number that it was put away by");
        assert!(disk.0.join("fur/lang/fr/later.php").exists());
    }

    fn two_administrators_of_one_tenant_do_not_make_a_mixture(engine: Engine) {
        let Some(farm) = farm("two_admins", engine) else { return };
        source(&farm, "a.example.org");
        let nodes = json!([{"vhostname": "https://twa.example.org"}]);
        done(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": nodes}), &[]);
        done(&farm, "retire_tenant", json!({}), &["twa.example.org"]);
        let rename = submit(&farm, "rename_tenant", json!({"wwwroot": "https://twb.example.org"}), &["twa.example.org"]).unwrap();
        let destroy = submit(&farm, "destroy_tenant", json!({"hosts": "twa.example.org"}), &["twa.example.org"]).unwrap();
        std::thread::scope(|scope| {
            for job in [rename, destroy] {
                let control = farm.control.clone();
                scope.spawn(move || Console::new(control).job_run(job, &mut |_| {}).unwrap());
            }
        });
        let status = |job: i64| farm.console.job(job).unwrap()["items"][0]["status"].as_str().unwrap().to_owned();
        let is_renamed = farm.keys().contains(&"twb.example.org".to_owned());
        let host = if is_renamed { "twb.example.org" } else { "twa.example.org" };
        let (state, ends) = (row(&farm, host)["state"].clone(), (status(rename), status(destroy)));
        let dataroot = PathBuf::from(row(&farm, host)["vdatapath"].as_str().unwrap());
        if is_renamed {
            assert_eq!((ends, state), (("done".into(), "failed".into()), json!("retired")), "its host was not confirmed any more");
            assert!(dataroot.exists());
        } else {
            assert_eq!((ends, state), (("failed".into(), "done".into()), json!("trashed")), "the trash has no other address");
            assert!(!dataroot.exists());
        }
        let locks = farm.database.run("SELECT COUNT(*) FROM mdl_local_vmoodle WHERE lockitem IS NOT NULL");
        assert_eq!(locks.trim(), "0");
    }
}

on_both_engines! {
    fn a_creation_whose_server_never_answered_is_taken_back(engine: Engine) {
        let Some(farm) = farm("never", engine) else { return };
        let dead = json!({"name": "dead", "engine": engine.dbtype(), "host": "127.0.0.1", "port": 1, "login": "x", "password": "y"});
        farm.console.server_add(&map(dead)).unwrap();
        let node = json!({"vhostname": "https://nev.example.org", "server": "dead", "vdatapath": farm.folder.join("nev")});
        let job = submit(&farm, "create_tenant", json!({"nodes": [node]}), &[]).unwrap();
        failure(&farm, job);
        assert_eq!(farm.console.job(job).unwrap()["items"][0]["errorcode"], "server_unreachable");
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}), "{:#?}", farm.console.job(undo).unwrap()["items"]);
        let said = farm.console.job(undo).unwrap()["items"][0]["warnings"].to_string();
        assert!(said.contains("never answered"), "{said}");
        assert!(farm.keys().is_empty() && !farm.folder.join("nev").exists(), "its row and its folder are gone");
    }

    fn an_undo_removes_nothing_that_was_somebody_elses(engine: Engine) {
        let Some(farm) = farm("theirs", engine) else { return };
        source(&farm, "a.example.org");
        done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
        let theirs = Database::shared(engine, &format!("{}_other", farm.database.name)).unwrap();
        theirs.run("CREATE TABLE precious (id INT); INSERT INTO precious VALUES (7)");
        let folder = farm.folder.folder("theirs");
        std::fs::write(folder.join("precious"), "theirs").unwrap();
        // As another farm on this server has one, whose tenant of the same name has the same number.
        let (account, hash) = match engine {
            Engine::MariaDb => (
                "CREATE OR REPLACE USER 'thc_4'@'localhost' IDENTIFIED BY 'theirs'",
                "SELECT authentication_string FROM mysql.user WHERE user = 'thc_4'",
            ),
            Engine::Postgres => (
                "CREATE ROLE thc_4 LOGIN PASSWORD 'theirs'",
                "SELECT rolpassword FROM pg_authid WHERE rolname = 'thc_4'",
            ),
        };
        farm.database.run(account);
        let before = farm.database.run(hash);
        let nodes = json!([
            {"vhostname": "https://tha.example.org", "vdbname": theirs.name},
            {"vhostname": "https://thb.example.org", "vdatapath": folder},
            {"vhostname": "https://thc.example.org"},
        ]);
        let job = submit(&farm, "create_tenant", json!({"template": "basic", "nodes": nodes}), &[]).unwrap();
        assert_eq!(run(&farm, job), json!({"failed": 3}));
        let items = farm.console.job(job).unwrap()["items"].clone();
        let codes: Vec<&Value> = items.as_array().unwrap().iter().map(|item| &item["errorcode"]).collect();
        assert_eq!(codes, ["not_empty", "not_empty", "name_taken"], "{items}");
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 3}), "{:#?}", farm.console.job(undo).unwrap()["items"]);
        assert!(before.trim().len() > 20 && farm.database.run(hash) == before, "their account is there, with its password");
        assert_eq!(theirs.run("SELECT id FROM precious").trim(), "7");
        assert_eq!(std::fs::read_to_string(folder.join("precious")).unwrap(), "theirs");
        let said = farm.console.job(undo).unwrap()["items"].to_string();
        assert_eq!(said.matches("were not made for this tenant: it stays").count(), 2, "{said}");
        assert_eq!(farm.keys(), ["a.example.org"]);
    }

    fn a_purge_that_was_killed_leaves_a_tenant_that_was_brought_back(engine: Engine) {
        let Some(farm) = farm("killed_purge", engine) else { return };
        source(&farm, "kpa.example.org");
        let own = ["kpb.example.org"];
        let nodes = json!([{"vhostname": "https://kpb.example.org"}]);
        done(&farm, "clone_tenant", json!({"source": "kpa.example.org", "nodes": nodes}), &[]);
        done(&farm, "retire_tenant", json!({}), &own);
        let destroyed = done(&farm, "destroy_tenant", json!({"hosts": own[0]}), &own);
        let purge = submit(&farm, "purge_trash", json!({"young": 1}), &own).unwrap();
        assert!(is_killed(&farm, purge, 1));
        end_leases(&farm);
        let undo = farm.console.job_undo(destroyed).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}));
        done(&farm, "enable_tenant", json!({}), &own);
        assert_eq!(run(&farm, purge), json!({"failed": 1}));
        assert_eq!(farm.console.job(purge).unwrap()["items"][0]["errorcode"], "state_refused");
        assert_eq!(row(&farm, own[0])["state"], "enabled");
        assert_eq!(site(&farm, own[0]).run("SELECT COUNT(*) FROM mdl_course WHERE category = 0").trim(), "1");
    }

    fn a_broken_site_is_restored_and_an_undo_can_be_taken_back(engine: Engine) {
        let Some(farm) = farm("broken_rest", engine) else { return };
        let (database, own) = (source(&farm, "bra.example.org"), ["bra.example.org"]);
        let taken = done(&farm, "snapshot_tenant", json!({}), &own);
        let id = farm.console.job(taken).unwrap()["items"][0]["afterimage"][0]["after"].as_str().unwrap().to_owned();
        let warnings = |job: i64| farm.console.job(job).unwrap()["items"][0]["warnings"].clone();
        let name = || database.run("SELECT fullname FROM mdl_course WHERE category = 0").trim().to_owned();

        database.run("DROP TABLE mdl_config");
        let restored = done(&farm, "restore_tenant", json!({"snapshot": id}), &own);
        assert_eq!((warnings(restored)[0]["code"].as_str(), name()), (Some("snapshot_missing"), "Source".to_owned()));

        let restored = done(&farm, "restore_tenant", json!({"snapshot": id}), &own);
        database.run("UPDATE mdl_course SET fullname = 'Three weeks later' WHERE category = 0");
        let undo = farm.console.job_undo(restored).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1}));
        let told = warnings(undo);
        assert_eq!((told[0]["code"].as_str(), name()), (Some("snapshot_kept"), "Source".to_owned()), "{told}");
        let kept = told[0]["message"].as_str().unwrap().split('`').nth(1).unwrap();
        done(&farm, "restore_tenant", json!({"snapshot": kept}), &own);
        assert_eq!(name(), "Three weeks later");

        farm.console.snapshot_name(&id, "basic").unwrap();
        let undo = farm.console.job_undo(taken).unwrap();
        assert_eq!(run(&farm, undo), json!({"failed": 1}), "it has become a template");
        farm.console.snapshot_verify("basic").unwrap();
    }

    fn a_database_in_which_somebody_else_lives_is_neither_replaced_nor_dropped(engine: Engine) {
        let Some(farm) = farm("flat", engine) else { return };
        let database = source(&farm, "fla.example.org");
        let taken = done(&farm, "snapshot_tenant", json!({}), &["fla.example.org"]);
        let id = farm.console.job(taken).unwrap()["items"][0]["afterimage"][0]["after"].clone();
        let refused = |who: &str| {
            let job = submit(&farm, "restore_tenant", json!({"snapshot": id}), &["fla.example.org"]).unwrap();
            assert_eq!(run(&farm, job), json!({"failed": 1}));
            let item = farm.console.job(job).unwrap()["items"][0].clone();
            assert_eq!(item["errorcode"], "database_taken", "{item}");
            assert!(item["error"].as_str().unwrap().contains(who), "{item}");
        };
        let plan = |id: &Value| farm.console.plan("restore_tenant", &map(json!({"snapshot": id})), &["fla.example.org".into()]).unwrap();
        assert_eq!(plan(&id)[0]["changes"][0]["after"], id);
        done(&farm, "restore_tenant", json!({"snapshot": id}), &["fla.example.org"]);
        database.run("CREATE TABLE wp_posts (id INT); INSERT INTO wp_posts VALUES (7)");
        assert_eq!(plan(&id)[0]["errorcode"], "database_taken");
        refused("1 tables whose names do not begin with `mdl_`");

        database.run("DROP TABLE wp_posts; CREATE TABLE flb_config (id INT); INSERT INTO flb_config VALUES (8)");
        let mut other = map(database.registry_columns());
        other.extend(map(json!({
            "vhostname": "https://flb.example.org", "vdatapath": farm.folder.folder("flb"), "vdbprefix": "flb_",
        })));
        farm.console.tenant_add(&other).unwrap();
        refused("the tenant `https://flb.example.org`");

        done(&farm, "retire_tenant", json!({}), &["fla.example.org"]);
        done(&farm, "destroy_tenant", json!({"hosts": "fla.example.org"}), &["fla.example.org"]);
        let purged = done(&farm, "purge_trash", json!({"young": 1}), &["fla.example.org"]);
        let said = farm.console.job(purged).unwrap()["items"][0]["warnings"].to_string();
        assert!(said.contains("holds the tenant `https://flb.example.org` too: it stays"), "{said}");
        assert_eq!(database.run("SELECT id FROM flb_config").trim(), "8");
        assert_eq!(farm.keys(), ["flb.example.org"]);
    }
}

#[test]
fn a_server_that_is_lost_in_the_middle_is_waited_for() {
    let Some(()) = need::all(&[Need::Dumps]) else { return };
    let Some(farm) = farm("lost_server", Engine::MariaDb) else { return };
    let Some(mut server) = MariaDb::start() else { return };
    let database: Database = server.database("lost_src");
    moodle::fill(&database, "Source");
    let dataroot = farm.folder.folder("lost.example.org");
    let mut columns = map(database.registry_columns());
    columns.extend(map(json!({"vhostname": "https://lost.example.org", "vdatapath": dataroot})));
    farm.console.tenant_add(&columns).unwrap();
    let administrator = json!({
        "name": "other", "engine": "mariadb", "host": "localhost", "socket": database.socket,
        "login": database.user(), "password": database.password(),
    });
    farm.console.server_add(&map(administrator)).unwrap();
    let nodes = json!([{"vhostname": "https://lod.example.org", "name": "Copy", "server": "other"}]);
    let job = submit(&farm, "clone_tenant", json!({"source": "lost.example.org", "nodes": nodes}), &[]).unwrap();
    let control = farm.control.clone();
    let runner = std::thread::spawn(move || Console::new(control).job_run(job, &mut |_| {}).unwrap());
    let steps = || farm.database.run("SELECT MAX(steps) FROM mdl_local_vmoodle_item").trim().parse().unwrap_or(0);
    wait::until(Duration::from_mins(1), "the first step", || steps() >= 1);
    server.kill();
    let said = || farm.database.run("SELECT errorcode FROM mdl_local_vmoodle_item ORDER BY id DESC LIMIT 1");
    let code = |code: &str| matches!(code, "server_unreachable" | "tenant_unreachable" | "transfer_failed");
    wait::until(Duration::from_mins(1), "the loss to be seen", || code(said().trim()) || steps() >= 5);
    server.restart();
    let counts = Value::Object(runner.join().unwrap());
    let counts = if counts == json!({"done": 1}) { counts } else { again(&farm, job) };
    assert_eq!(counts, json!({"done": 1}), "{:#?}", farm.console.job(job).unwrap()["items"]);
    let copy =
        Database { name: row(&farm, "lod.example.org")["vdbname"].as_str().unwrap().to_owned(), ..database.clone() };
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
    assert_eq!(copy.run(tables), database.run(tables));
    assert_eq!(copy.run("SELECT fullname FROM mdl_course WHERE category = 0").trim(), "Copy");
}
