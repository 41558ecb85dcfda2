//! A tenant's life, as jobs: snapshot, the files of a clone, a claim from the standby pool, many tenants of one file; each
//! against what administrators do today.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod farm;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::need::{self, Need};
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::many::map;
use vmoodle_benches::{engines, is_trial};
use vmoodle_core::files::copy_tree;

use farm::{Farm, SCHOOL, TEMPLATE, dump, load, own_octets};

fn main() {
    if need::all(&[Need::Dumps]).is_none() {
        return;
    }
    let (pairs, few, files, tenants) = if is_trial() { (1, 1, 50, 2) } else { (20, 1, 5000, 50) };
    let mut report = Report::new(
        "life",
        &format!(
            "Seconds of jobs on a tenant with the database of a fresh Moodle 4.5 (494 tables) and {files} files, from the \
             submission to the end, journal and index included; against what is done today, in pairs, each first every \
             other time ({few} for {tenants} tenants of a file, {pairs} for all else).\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench life`."
        ),
    );
    report
        .say("| engine | what | seconds | against | its seconds | against / ours, median (95 of 100 times between) |");
    report.say("|---|---|---|---|---|---|");
    let mut octets = Vec::new();
    let farms: Vec<Farm> = engines().filter_map(|engine| Farm::new(engine, files)).collect();
    for farm in &farms {
        let engine = farm.school.engine;
        octets.push(snapshots(&mut report, farm, pairs));
        let (ours, theirs) = alternate(pairs, || copied(farm), || copied_by_cp(farm));
        tell(&mut report, engine, "files of a clone", "cp -a", &ours, &theirs);
        let copy = farm.folder.join("copy");
        copy_tree(&farm.dataroot(), &copy).expect("a copy");
        let taken = own_octets(&copy) / 1000;
        octets.push(format!("On disk, {}: the files of a clone take {taken} kB of their own.", engine.dbtype()));
        farm.run("snapshot_tenant", json!({ "name": TEMPLATE }), &[SCHOOL]);
        claims(&mut report, farm, pairs);
        let (ours, theirs) = alternate(few, || many(farm, tenants), || many_by_hand(farm, tenants));
        tell(&mut report, engine, &format!("{tenants} tenants of a file"), "a loop of load and cp -a", &ours, &theirs);
    }
    report.say("");
    for line in octets {
        report.say(&line);
    }
}

fn tell(report: &mut Report, engine: Engine, what: &str, against: &str, ours: &[f64], theirs: &[f64]) {
    let engine = engine.dbtype();
    report.keep(&format!("{engine}-{what}-seconds"), ours);
    report.keep(&format!("{engine}-{what}-{against}-seconds"), theirs);
    let ratios = ratios(theirs, ours);
    let (low, high) = median_between(&ratios);
    report.say(&format!(
        "| {engine} | {what} | {} | {against} | {} | {:.1} ({low:.1} to {high:.1}) |",
        Spread::of(ours).show(2),
        Spread::of(theirs).show(2),
        Spread::of(&ratios).median,
    ));
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The first snapshot of a site and the second, each against a dump and an archive; gives what they take on the disk.
fn snapshots(report: &mut Report, farm: &Farm, pairs: usize) -> String {
    let (shelf, engine) = (farm.shelf(), farm.school.engine);
    let archives = farm.folder.folder("archives");
    let snapshot = || timed(|| _ = farm.run("snapshot_tenant", json!({}), &[SCHOOL]));
    let archive = || {
        timed(|| {
            dump(&farm.school, &archives.join("database.sql.gz"));
            let mut tar = Command::new("tar");
            tar.arg("-czf").arg(archives.join("files.tar.gz")).arg("-C").arg(farm.dataroot()).arg(".");
            assert!(tar.status().is_ok_and(|status| status.success()));
        })
    };
    let against = "dump, tar and gzip";
    let mut first = 0;
    let fresh = || {
        let _ = std::fs::remove_dir_all(&shelf);
        let seconds = snapshot();
        first = own_octets(&shelf);
        seconds
    };
    let (ours, theirs) = alternate(pairs, fresh, archive);
    tell(report, engine, "first snapshot", against, &ours, &theirs);
    let mut second = 0;
    let again = || {
        let before = own_octets(&shelf);
        let seconds = snapshot();
        second = own_octets(&shelf) - before;
        seconds
    };
    let (ours, theirs) = alternate(pairs, again, archive);
    tell(report, engine, "second snapshot", against, &ours, &theirs);
    format!(
        "On disk, {}: the first snapshot takes {} kB, the second {} kB, an archive {} kB (files that a snapshot shares \
         with the site's dataroot take no space and are not counted).",
        engine.dbtype(),
        first / 1000,
        second / 1000,
        own_octets(&archives) / 1000,
    )
}

/// A dataroot copied as a clone gets it.
fn copied(farm: &Farm) -> f64 {
    let target = farm.folder.join(format!("copy_{}", farm.number()));
    timed(|| _ = copy_tree(&farm.dataroot(), &target).expect("a copy"))
}

fn copied_by_cp(farm: &Farm) -> f64 {
    let target = farm.folder.join(format!("copy_{}", farm.number()));
    timed(|| copy(&farm.dataroot(), &target))
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    // Ours waits until the disk has it.
    let synced = Command::new("sync").arg("-f").arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()) && synced.is_ok_and(|status| status.success()));
}

/// A tenant that waits in the pool, against one that is made of the same template, and against a copy of a quiet tenant.
fn claims(report: &mut Report, farm: &Farm, pairs: usize) {
    let engine = farm.school.engine;
    let node = || json!([{ "vhostname": format!("https://new{}.example.org", farm.number()), "name": "New" }]);
    let made = |parameters: Value| timed(|| _ = farm.run("create_tenant", parameters, &[]));
    let claim = || {
        let spare = json!([{ "vhostname": format!("https://spare{}.invalid", farm.number()) }]);
        farm.run("create_tenant", json!({ "template": TEMPLATE, "spare": 1, "nodes": spare }), &[]);
        made(json!({ "template": TEMPLATE, "nodes": node() }))
    };
    let build = || made(json!({ "template": TEMPLATE, "nodes": node() }));
    let (ours, theirs) = alternate(pairs, claim, build);
    tell(report, engine, "claim from the pool", "made of its template", &ours, &theirs);
    farm.run("disable_tenant", json!({}), &[SCHOOL]);
    let clone = || timed(|| _ = farm.run("clone_tenant", json!({ "source": SCHOOL, "nodes": node() }), &[]));
    let (ours, theirs) = alternate(pairs, claim, clone);
    tell(report, engine, "claim from the pool", "clone of a quiet tenant", &ours, &theirs);
    farm.run("enable_tenant", json!({}), &[SCHOOL]);
}

/// Tenants of one file, to the last one's identity.
fn many(farm: &Farm, tenants: usize) -> f64 {
    let batch = farm.number();
    let mut file = "vhostname;name;shortname;vdbtype;vtemplate;vdatapath;vdbname\n".to_owned();
    for number in 0..tenants {
        let _ = writeln!(
            file,
            "https://many{batch}x{number}.example.org;L'école {number};many-{batch}-{number};{};{TEMPLATE};{}/<%%INSTANCE%%>;<%%INSTANCE%%>",
            farm.school.engine.dbtype(),
            farm.folder.path().display(),
        );
    }
    let mut job = 0;
    let seconds = timed(|| {
        let read = farm.console.nodes(file.as_bytes(), &map(json!({})));
        assert_eq!(read["faults"], json!([]));
        job = farm.run("create_tenant", json!({ "nodes": read["nodes"] }), &[]);
    });
    let done = farm.console.job(job).expect("the job")["counts"]["done"].clone();
    assert_eq!(done, json!(tenants));
    seconds
}

/// The same databases and files, without rows, accounts and identities, as a loop of the engine's programs makes them.
fn many_by_hand(farm: &Farm, tenants: usize) -> f64 {
    let packed = farm.folder.join("template.sql.gz");
    dump(&farm.school, &packed);
    let batch = farm.number();
    timed(|| {
        for number in 0..tenants {
            let name = format!("by_hand_{batch}_{number}");
            let database = Database { name: name.clone(), ..farm.school.clone() };
            load(&database, &packed);
            copy(&farm.dataroot(), &farm.folder.join(name));
        }
    })
}
