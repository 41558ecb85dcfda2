//! A runner that is killed (kill -9) at every boundary between two steps of every operation on a tenant's life: a resume
//! ends in the same state as a run that nobody cut off.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use vmoodle_core::console::Console;
use vmoodle_core::settings::Given;

use crate::life::{dataroot, done, row, site, source, submit, tree};
use crate::{Farm, control, farm, on_both_engines};

/// What the process of a runner is told.
const TOLD: &str = "VMOODLE_TEST_RUN";

#[test]
#[ignore = "a runner in a process of its own, which the tests below start and kill"]
fn a_runner() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let database = Database {
        engine: if text("engine") == "pgsql" { Engine::Postgres } else { Engine::MariaDb },
        name: text("name"),
        socket: PathBuf::from(text("socket")),
        port: told["port"].as_u64().unwrap().try_into().unwrap(),
    };
    let console = Console::new(control(&database, text("dataroot"), Given::default()));
    console.job_run(told["job"].as_i64().unwrap(), &mut |_| {}).unwrap();
}

/// Runs a job in a process that is killed at a boundary; whether it was.
pub(crate) fn is_killed(farm: &Farm, job: i64, boundary: u32) -> bool {
    let database = &farm.database;
    let told = json!({
        "engine": database.engine.dbtype(), "name": database.name, "socket": database.socket, "port": database.port,
        "dataroot": farm.control.dataroot, "job": job,
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::a_runner", "--ignored"])
        .env(TOLD, told.to_string())
        .env("VMOODLE_CRASH_AT", boundary.to_string())
        .output()
        .unwrap();
    match output.status.signal() {
        Some(9) => true,
        _ if output.status.success() => false,
        _ => panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    }
}

/// Makes a job for each boundary, kills its runner there, resumes it and looks; gives how often it was killed.
pub(crate) fn at_every_boundary(farm: &Farm, job: impl Fn(u32) -> i64, look: impl Fn(u32)) -> u32 {
    for boundary in 1.. {
        let job = job(boundary);
        let killed = is_killed(farm, job, boundary);
        if killed {
            // The dead runner's time is over.
            farm.database.run("UPDATE mdl_local_vmoodle_item SET leaseuntil = 1 WHERE status = 'running'");
            farm.database.run("UPDATE mdl_local_vmoodle SET lockuntil = 1 WHERE lockitem IS NOT NULL");
            farm.console.job_run(job, &mut |_| {}).unwrap();
        }
        let read = farm.console.job(job).unwrap();
        assert_eq!(read["counts"], json!({"done": 1}), "boundary {boundary}: {:#?}", read["items"]);
        look(boundary);
        if !killed {
            return boundary - 1;
        }
    }
    unreachable!("a job has an end")
}

fn aside(farm: &Farm) -> usize {
    std::fs::read_dir(farm.folder.join(".vmoodle-aside")).map_or(0, Iterator::count)
}

fn has_database(farm: &Farm, name: &str) -> bool {
    let sql = match farm.database.engine {
        Engine::MariaDb => "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ",
        Engine::Postgres => "SELECT COUNT(*) FROM pg_database WHERE datname = ",
    };
    farm.database.run(&format!("{sql}'{name}'")).trim() == "1"
}

fn host(boundary: u32) -> String {
    format!("k{boundary}.example.org")
}

on_both_engines! {
    fn a_copy_a_stay_in_the_trash_and_a_removal_survive_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_life", engine) else { return };
        source(&farm, "a.example.org");
        let reference = || {
            let mut files = tree(&dataroot(&farm, "a.example.org"));
            files.retain(|(name, _)| !name.starts_with("sessions"));
            files
        };
        let clone = |boundary| {
            let nodes = json!([{"vhostname": format!("https://{}", host(boundary)), "name": "Copy"}]);
            submit(&farm, "clone_tenant", json!({"source": "a.example.org", "nodes": nodes}), &[]).unwrap()
        };
        let is_whole = |boundary, state: &str| {
            let host = host(boundary);
            let name = site(&farm, &host).run("SELECT fullname FROM mdl_course WHERE category = 0");
            assert_eq!((name.trim(), row(&farm, &host)["state"].as_str().unwrap()), ("Copy", state), "{boundary}");
            assert_eq!(tree(&dataroot(&farm, &host)), reference(), "{boundary}");
        };
        let killed = at_every_boundary(&farm, clone, |boundary| is_whole(boundary, "enabled"));
        assert!(killed >= 10, "five steps have ten boundaries: {killed}");

        let destroy = |boundary| {
            let host = host(boundary);
            done(&farm, "retire_tenant", json!({}), &[&host]);
            submit(&farm, "destroy_tenant", json!({"hosts": host}), &[&host]).unwrap()
        };
        let trashed = |boundary| {
            let row = row(&farm, &host(boundary));
            assert_eq!((row["state"].as_str(), Path::new(row["vdatapath"].as_str().unwrap()).exists()), (Some("trashed"), false));
        };
        let killed = at_every_boundary(&farm, destroy, trashed);
        assert!(killed >= 6 && aside(&farm) == killed as usize + 1, "{killed}");

        let last = std::cell::Cell::new(0);
        let undo = |boundary| {
            let host = host(boundary);
            if row(&farm, &host)["state"] != "trashed" {
                done(&farm, "retire_tenant", json!({}), &[&host]);
                done(&farm, "destroy_tenant", json!({"hosts": host}), &[&host]);
            }
            let jobs = farm.console.jobs(&crate::map(json!({"operation": "destroy_tenant", "limit": 1000}))).unwrap();
            let of_host = |job: &i64| farm.console.job(*job).unwrap()["items"][0]["wwwroot"] == format!("https://{host}");
            let job = jobs.iter().filter(|job| job["mode"] == "run").filter_map(|job| job["id"].as_i64()).find(of_host);
            last.set(boundary);
            farm.console.job_undo(job.unwrap()).unwrap()
        };
        let killed = at_every_boundary(&farm, undo, |boundary| is_whole(boundary, "retired"));
        assert!(killed >= 6, "{killed}");

        let purge = |boundary| {
            let host = host(boundary);
            if row(&farm, &host)["state"] == "retired" {
                done(&farm, "destroy_tenant", json!({"hosts": host}), &[&host]);
            }
            submit(&farm, "purge_trash", json!({"young": 1}), &[&host]).unwrap()
        };
        let before = farm.keys().len();
        let killed = at_every_boundary(&farm, purge, |boundary| {
            assert!(farm.console.tenant(&host(boundary)).is_err() && !has_database(&farm, &format!("k{boundary}_")));
        });
        assert!(killed >= 6 && farm.keys().len() == before - killed as usize - 1, "{killed}");
    }

    fn a_snapshot_and_a_restoration_survive_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_snap", engine) else { return };
        let database = source(&farm, "a.example.org");
        let folder = dataroot(&farm, "a.example.org");
        let take = |_| submit(&farm, "snapshot_tenant", json!({}), &["a.example.org"]).unwrap();
        let killed = at_every_boundary(&farm, take, |boundary| {
            let snapshots = farm.console.snapshots().unwrap();
            assert_eq!(snapshots.len(), boundary as usize, "one for each job, none of them half made");
            farm.console.snapshot_verify(snapshots.last().unwrap()["id"].as_str().unwrap()).unwrap();
        });
        assert!(killed >= 2, "{killed}");
        let id = farm.console.snapshots().unwrap()[0]["id"].clone();
        let mut files = tree(&folder);
        files.retain(|(name, _)| !name.starts_with("sessions"));
        let restore = |boundary| {
            database.run(&format!("UPDATE mdl_course SET fullname = 'Changed {boundary}' WHERE category = 0"));
            std::fs::write(folder.join("lang/fr/new.php"), "new").unwrap();
            submit(&farm, "restore_tenant", json!({"snapshot": id}), &["a.example.org"]).unwrap()
        };
        let killed = at_every_boundary(&farm, restore, |boundary| {
            let name = database.run("SELECT fullname FROM mdl_course WHERE category = 0");
            assert_eq!((name.trim(), tree(&folder), aside(&farm)), ("Source", files.clone(), 0), "{boundary}");
        });
        assert!(killed >= 12, "{killed}");
    }

    fn a_renaming_survives_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_name", engine) else { return };
        let database = source(&farm, "a.example.org");
        database.run("UPDATE mdl_course SET summary = 'https://a.example.org/x' WHERE category = 0");
        let rename = |boundary: u32| {
            let now = farm.keys()[0].clone();
            submit(&farm, "rename_tenant", json!({"wwwroot": format!("https://{}", host(boundary))}), &[&now]).unwrap()
        };
        let killed = at_every_boundary(&farm, rename, |boundary| {
            let summary = database.run("SELECT summary FROM mdl_course WHERE category = 0");
            assert_eq!((summary.trim(), farm.keys()), (format!("https://{}/x", host(boundary)).as_str(), vec![host(boundary)]));
        });
        assert!(killed >= 4, "{killed}");
    }
}
