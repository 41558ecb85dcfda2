//! One component cache for the farm: the first page of a fresh tenant and the opcache it takes, with and without.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{Farm, Web};
use support::fpm::Pool;
use support::http::Request;
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::process::output;
use vmoodle_benches::figures::{Report, Spread, alternate, ratios};
use vmoodle_benches::{extension, is_trial};

const HOST: &str = "one.example.org";

fn main() {
    if need::all(&[Need::Moodle, Need::Dumps, Need::MariaDb, Need::Fpm, Need::Nginx, Need::Php]).is_none() {
        return;
    }
    let pairs = if is_trial() { 1 } else { 20 };
    let control = MariaDb::start().expect("needed");
    let farm = Farm::new(Kind::Moodle, "bench-components", control.database("control"), json!({}));
    farm.upgrade();
    let database = Database::shared(Engine::MariaDb, "one").expect("needed");
    farm.add(HOST, &database);
    output(&mut farm.script("local/vmoodle/cli/publish.php", None));
    output(&mut farm.script("local/vmoodle/cli/upgrade.php", None));
    let probe = "<?php header('Content-Type: application/json'); \
                 echo json_encode(opcache_get_status(false)['memory_usage']);";
    farm.code().replace("opcache.php", probe.as_bytes());
    let ini = [
        ("extension", extension().display().to_string()),
        ("opcache.memory_consumption", "512".into()),
        // The files are younger than the two seconds that opcache waits before it takes one.
        ("opcache.file_update_protection", "0".into()),
        ("opcache.max_accelerated_files", "40000".into()),
    ];
    let ini = ini.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let web = farm.serve(&Pool { workers: 1, extension: false, ini });
    // The code itself is warm: only what belongs to the tenant is fresh.
    for shared in [true, false, true] {
        first_page(&farm, &web, shared);
    }
    let (mut taken_with, mut taken_without) = (Vec::new(), Vec::new());
    let (with, without) = alternate(
        pairs,
        || measured(&farm, &web, true, &mut taken_with),
        || measured(&farm, &web, false, &mut taken_without),
    );

    let mut report = Report::new(
        "components",
        "The first page (login) of a tenant with an empty dataroot, and the opcache that its own files take: median (min \
         to max) of alternated runs on a real Moodle 4.5, the code itself warm.\n\n\
         Repeat: `cargo bench -p vmoodle-benches --bench components` with `MOODLE_DIR` and `VMOODLE_DUMPS`.",
    );
    report.say("| component cache | first page, ms | opcache for the tenant, MB |");
    report.say("|---|---|---|");
    for (name, times, taken) in [("one for the farm", &with, &taken_with), ("one per tenant", &without, &taken_without)]
    {
        report.say(&format!("| {name} | {} | {} |", Spread::of(times).show(0), Spread::of(taken).show(2)));
        report.keep(&format!("{name}-ms"), times);
        report.keep(&format!("{name}-mb"), taken);
    }
    report.say(&format!("\nThe first page takes {} of the time.", Spread::of(&ratios(&with, &without)).show(2)));
}

fn measured(farm: &Farm, web: &Web, shared: bool, taken: &mut Vec<f64>) -> f64 {
    let (time, memory) = first_page(farm, web, shared);
    taken.push(memory);
    time
}

/// Empties the tenant's dataroot, and gives the time of its first page in milliseconds and the opcache it took in MB.
fn first_page(farm: &Farm, web: &Web, shared: bool) -> (f64, f64) {
    let descriptor = farm.index().with_file_name("components.json");
    let aside = descriptor.with_extension("aside");
    let (from, to) = if shared { (&aside, &descriptor) } else { (&descriptor, &aside) };
    if from.exists() {
        std::fs::rename(from, to).expect("a descriptor");
    }
    farm.call("publish", json!([])).expect("a publication");
    let dataroot = farm.dataroot(HOST);
    std::fs::remove_dir_all(&dataroot).expect("a dataroot");
    std::fs::create_dir(&dataroot).expect("a dataroot");
    let before = opcache(web);
    let start = Instant::now();
    let page = Request::new("GET", HOST, "/login/index.php").send(web.address());
    let time = start.elapsed().as_secs_f64() * 1_000.0;
    assert!(page.status == 200 && page.body.contains("logintoken"), "{}: {}", page.status, web.fpm.log());
    assert_eq!(dataroot.join("cache/core_component.php").exists(), !shared, "the farm's cache is used, or is not");
    (time, opcache(web) - before)
}

/// The opcache that files have taken so far, replaced ones included, in MB.
fn opcache(web: &Web) -> f64 {
    let memory: Value = Request::new("GET", HOST, "/opcache.php").send(web.address()).json();
    let bytes = |name: &str| memory[name].as_f64().expect("a number");
    (bytes("used_memory") + bytes("wasted_memory")) / 1e6
}
