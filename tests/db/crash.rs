//! A runner that is killed (kill -9) at every boundary between two steps of every operation on a tenant's life: a resume
//! ends in the same state as a run that nobody cut off.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::wait;
use vmoodle_core::console::{Console, ControlSite};
use vmoodle_core::moodle::account;
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::Given;

use crate::adopt::Plain;
use crate::life::{dataroot, done, row, site, source, submit, tree};
use crate::purge::{preferences, sealed};
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
    let given = Given { keyfile: told["keyfile"].as_str().map(str::to_owned), ..Given::default() };
    let mut control = ControlSite { dirroot: text("dirroot"), ..control(&database, text("dataroot"), given) };
    if let Some(php) = told["php"].as_str() {
        php.clone_into(&mut control.php);
        control.dirroot = text("dataroot");
    }
    let console = Console::new(control);
    if let Some(snapshot) = told["trial"].as_str() {
        console.snapshot_trial(snapshot, None).unwrap();
        return;
    }
    console.job_run(told["job"].as_i64().unwrap(), &mut |_| {}).unwrap();
}

/// Runs a job in a process that is killed at a boundary; whether it was.
pub(crate) fn is_killed(farm: &Farm, job: i64, boundary: u32) -> bool {
    is_killed_in(farm, json!({ "job": job }), boundary)
}

/// Tries a snapshot in a process that is killed at a boundary; whether it was.
pub(crate) fn is_killed_in_a_trial(farm: &Farm, snapshot: &str, boundary: u32) -> bool {
    is_killed_in(farm, json!({ "trial": snapshot }), boundary)
}

fn is_killed_in(farm: &Farm, work: Value, boundary: u32) -> bool {
    let output = runner(farm, work).env("VMOODLE_CRASH_AT", boundary.to_string()).output().unwrap();
    match output.status.signal() {
        Some(9) => true,
        _ if output.status.success() => false,
        _ => panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    }
}

/// Starts the runner of a job, in a process of its own.
pub(crate) fn run_apart(farm: &Farm, job: i64) -> Child {
    runner(farm, json!({ "job": job })).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The process of a runner.
fn runner(farm: &Farm, work: Value) -> Command {
    let database = &farm.database;
    let mut told = crate::map(json!({
        "engine": database.engine.dbtype(), "name": database.name, "socket": database.socket, "port": database.port,
        "dataroot": farm.control.dataroot, "dirroot": farm.control.dirroot, "keyfile": farm.control.settings.keyfile,
    }));
    told.extend(crate::map(work));
    let told = Value::Object(told);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::a_runner", "--ignored"]).env(TOLD, told.to_string());
    command
}

/// A dead runner's time is over.
pub(crate) fn end_leases(farm: &Farm) {
    farm.database.run("UPDATE mdl_local_vmoodle_item SET leaseuntil = 1 WHERE status = 'running'");
    farm.database.run("UPDATE mdl_local_vmoodle SET lockuntil = 1 WHERE lockitem IS NOT NULL");
}

/// Makes a job for each boundary, kills its runner there, resumes it and looks; gives how often it was killed.
pub(crate) fn at_every_boundary(farm: &Farm, job: impl Fn(u32) -> i64, look: impl Fn(u32)) -> u32 {
    for boundary in 1.. {
        let job = job(boundary);
        let killed = is_killed(farm, job, boundary);
        if killed {
            end_leases(farm);
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

#[test]
fn an_installer_ends_with_its_runner() {
    let Some(farm) = farm("crash_php", Engine::MariaDb) else { return };
    let (php, noted) = (farm.folder.join("standin.sh"), farm.folder.join("pid"));
    // What outlived its runner would go on in the database that the next runner empties.
    let script = format!("#!/bin/sh\necho $$ > {}\nwhile :; do sleep 0.1; done\n", noted.display());
    std::fs::write(&php, script).unwrap();
    std::fs::set_permissions(&php, std::fs::Permissions::from_mode(0o755)).unwrap();
    let nodes = json!([{"vhostname": "https://fresh.example.org"}]);
    let job = submit(&farm, "create_tenant", json!({ "nodes": nodes }), &[]).unwrap();
    let mut runner = runner(&farm, json!({ "job": job, "php": php })).stdout(Stdio::null()).spawn().unwrap();
    let pid = || std::fs::read_to_string(&noted).ok().filter(|text| text.ends_with('\n'));
    wait::until(Duration::from_secs(30), "the installer to run", || pid().is_some());
    runner.kill().unwrap();
    runner.wait().unwrap();
    let stat = format!("/proc/{}/stat", pid().unwrap().trim());
    let gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z"));
    wait::until(Duration::from_secs(10), "the installer to end with its runner", gone);
}

fn aside(farm: &Farm) -> usize {
    std::fs::read_dir(farm.folder.join(".vmoodle-aside")).map_or(0, Iterator::count)
}

fn has_database_like(farm: &Farm, beginning: &str) -> bool {
    let sql = match farm.database.engine {
        Engine::MariaDb => "SELECT schema_name FROM information_schema.schemata",
        Engine::Postgres => "SELECT datname FROM pg_database",
    };
    farm.database.run(sql).lines().any(|name| name.starts_with(beginning))
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
            assert!(farm.console.tenant(&host(boundary)).is_err() && !has_database_like(&farm, &format!("k{boundary}_")));
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

    fn a_site_of_a_template_and_its_undo_survive_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_make", engine) else { return };
        source(&farm, "a.example.org");
        done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
        let named = |boundary: u32| format!("m{boundary}.example.org");
        let create = |boundary: u32| {
            let nodes = json!([{"vhostname": format!("https://{}", named(boundary)), "name": "Made"}]);
            submit(&farm, "create_tenant", json!({"template": "basic", "nodes": nodes}), &[]).unwrap()
        };
        let mut made = tree(&dataroot(&farm, "a.example.org"));
        made.retain(|(name, _)| !name.starts_with("sessions"));
        let jobs = std::cell::RefCell::new(Vec::new());
        let create_noted = |boundary| {
            jobs.borrow_mut().push(create(boundary));
            *jobs.borrow().last().unwrap()
        };
        let killed = at_every_boundary(&farm, create_noted, |boundary| {
            let host = named(boundary);
            let name = site(&farm, &host).run("SELECT fullname FROM mdl_course WHERE category = 0");
            assert_eq!((name.trim(), row(&farm, &host)["state"].as_str()), ("Made", Some("enabled")), "{boundary}");
            assert_eq!(tree(&dataroot(&farm, &host)), made, "{boundary}");
        });
        assert!(killed >= 10, "{killed}");

        // Finished sites go to the trash; what was never finished goes for good.
        let undone = std::cell::RefCell::new(jobs.borrow().clone());
        let undo = |boundary: u32| {
            let job = undone.borrow_mut().pop().unwrap_or_else(|| {
                let job = create(100 + boundary);
                farm.console.job_run(job, &mut |_| {}).unwrap();
                job
            });
            farm.console.job_undo(job).unwrap()
        };
        let before = farm.keys().len();
        let killed = at_every_boundary(&farm, undo, |_| ());
        let rows = farm.console.tenants(&crate::map(json!({"state": "trashed"}))).unwrap();
        assert_eq!((rows.len(), aside(&farm)), (killed as usize + 1, killed as usize + 1));
        assert!(killed >= 6 && farm.keys().len() == before, "{killed}");

        let half = |boundary: u32| {
            let job = create(200 + boundary);
            // Dead in the middle, and nobody resumes it.
            assert!(is_killed(&farm, job, 6));
            farm.database.run("UPDATE mdl_local_vmoodle_item SET leaseuntil = 1, status = 'failed' WHERE status = 'running'");
            farm.database.run("UPDATE mdl_local_vmoodle SET lockuntil = 1 WHERE lockitem IS NOT NULL");
            farm.console.job_undo(job).unwrap()
        };
        let killed = at_every_boundary(&farm, half, |boundary| {
            let host = named(200 + boundary);
            assert!(farm.console.tenant(&host).is_err() && !has_database_like(&farm, &format!("m{}_", 200 + boundary)), "{host}");
        });
        assert!(killed >= 6, "{killed}");
    }

    fn a_password_that_is_made_survives_any_kill_and_is_told_once(engine: Engine) {
        let Some((farm, _keys)) = sealed("crash_pass", engine) else { return };
        preferences(&source(&farm, "a.example.org"), engine);
        done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
        let host = |boundary: u32| format!("p{boundary}.example.org");
        let last = std::cell::Cell::new(0);
        let create = |boundary: u32| {
            let nodes = json!([{"vhostname": format!("https://{}", host(boundary))}]);
            let wish = json!({"template": "basic", "admin": "generate", "nodes": nodes});
            last.set(submit(&farm, "create_tenant", wish, &[]).unwrap());
            last.get()
        };
        let user = if engine == Engine::MariaDb { "`mdl_user`" } else { "\"mdl_user\"" };
        let killed = at_every_boundary(&farm, create, |boundary| {
            let told = farm.console.job_passwords(last.get()).unwrap();
            let password = told[&format!("https://{}", host(boundary))].as_str().unwrap();
            let hash = site(&farm, &host(boundary)).run(&format!("SELECT password FROM {user} WHERE id = 2"));
            assert!(account::verifies(&Secret::new(password), hash.trim()), "boundary {boundary}");
            assert!(farm.console.job_passwords(last.get()).unwrap().is_empty());
        });
        assert!(killed >= 10, "{killed}");
    }

    fn an_adoption_and_its_undo_survive_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_adopt", engine) else { return };
        let plain = Plain::new(&farm, "cra.example.org");
        let facts = plain.facts();
        let last = std::cell::Cell::new(0);
        let adopt = |_| {
            if last.get() > 0 {
                let undo = farm.console.job_undo(last.get()).unwrap();
                farm.console.job_run(undo, &mut |_| {}).unwrap();
            }
            last.set(submit(&farm, "adopt_site", json!({"nodes": [plain.config]}), &[]).unwrap());
            last.get()
        };
        let killed = at_every_boundary(&farm, adopt, |boundary| {
            let state = row(&farm, "cra.example.org")["state"].clone();
            assert_eq!((state, plain.facts()), (json!("enabled"), facts.clone()), "{boundary}");
        });
        assert!(killed >= 4, "two steps have four boundaries: {killed}");
        let undo = |_| {
            if farm.keys().is_empty() {
                last.set(done(&farm, "adopt_site", json!({"nodes": [plain.config]}), &[]));
            }
            farm.console.job_undo(last.get()).unwrap()
        };
        let killed = at_every_boundary(&farm, undo, |_| {
            assert_eq!((farm.keys().len(), plain.facts()), (0, facts.clone()));
            assert!(plain.dataroot.join("filedir/aa/bb/x").exists());
        });
        assert!(killed >= 2, "{killed}");
    }

    fn a_site_that_is_written_out_survives_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_out", engine) else { return };
        source(&farm, "a.example.org");
        let folder = farm.folder.folder("out");
        let out = folder.join("a.example.org");
        let last = std::cell::Cell::new(0);
        let leave = |_| {
            if last.get() > 0 {
                std::fs::remove_dir_all(&out).unwrap();
            }
            last.set(submit(&farm, "devirtualise_tenant", json!({"folder": folder}), &["a.example.org"]).unwrap());
            last.get()
        };
        let mut files = tree(&dataroot(&farm, "a.example.org"));
        files.retain(|(name, _)| !name.starts_with("sessions"));
        let killed = at_every_boundary(&farm, leave, |boundary| {
            assert_eq!(tree(&out.join("moodledata")), files, "{boundary}");
            let mut names: Vec<String> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            assert_eq!(names, ["README.txt", "config.php", "database.sql.zst", "moodledata"], "{boundary}");
        });
        assert!(killed >= 8, "{killed}");
        let undo = |_| {
            if !out.exists() {
                last.set(done(&farm, "devirtualise_tenant", json!({"folder": folder}), &["a.example.org"]));
            }
            farm.console.job_undo(last.get()).unwrap()
        };
        let killed = at_every_boundary(&farm, undo, |_| assert!(!out.exists()));
        assert!(killed >= 2, "{killed}");
    }

    fn an_undo_of_a_restoration_survives_any_kill(engine: Engine) {
        let Some(farm) = farm("crash_back", engine) else { return };
        let database = source(&farm, "a.example.org");
        let folder = dataroot(&farm, "a.example.org");
        done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
        let undo = |boundary| {
            database.run(&format!("UPDATE mdl_course SET fullname = 'Changed {boundary}' WHERE category = 0"));
            std::fs::write(folder.join("lang/fr/new.php"), "new").unwrap();
            let job = done(&farm, "restore_tenant", json!({"snapshot": "basic"}), &["a.example.org"]);
            farm.console.job_undo(job).unwrap()
        };
        let killed = at_every_boundary(&farm, undo, |boundary| {
            let name = database.run("SELECT fullname FROM mdl_course WHERE category = 0");
            assert_eq!((name.trim(), aside(&farm)), (format!("Changed {boundary}").as_str(), 0));
            assert!(folder.join("lang/fr/new.php").exists() && !folder.join("climaintenance.html").exists());
        });
        assert!(killed >= 10, "{killed}");
    }
}
