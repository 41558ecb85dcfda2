//! A clone of a tenant's database on its own server: the quiet copy, and the pour of a live one, each against the
//! engine's own programs piped into one another.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod site;

use std::process::{Command, Stdio};
use std::time::Instant;

use support::database::{Database, Engine};
use support::need::{self, Need, program};
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::{engines, is_trial};
use vmoodle_core::db::admin::{CloneOrder, Leftover};
use vmoodle_core::db::transfer::pour;

use site::{Site, wait};

/// Rows of the log of a site that has been used: `-- --used`.
const LOG_ROWS: u32 = 1_000_000;

fn main() {
    if need::all(&[Need::Dumps]).is_none() {
        return;
    }
    let used = std::env::args().any(|argument| argument == "--used");
    let log_rows = match (used, is_trial()) {
        (false, _) => 0,
        (true, true) => 1000,
        (true, false) => LOG_ROWS,
    };
    let pairs = if is_trial() { 1 } else { 20 };
    let mut report = Report::new(
        if used { "clone-used" } else { "clone" },
        &format!(
            "Seconds to clone the database of a Moodle 4.5 (494 tables, {log_rows} rows of log added), on one server: ours \
             against `mariadb-dump | mariadb` and `pg_dump | psql`, in pairs, each first every other time. The quiet copy \
             includes its account's rights and, on PostgreSQL, the change of every object's owner.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench clone`."
        ),
    );
    report.say("| engine | ours | seconds | programs, seconds | programs / ours, median (95 of 100 times between) |");
    report.say("|---|---|---|---|---|");
    let sites: Vec<Site> = engines().filter_map(|engine| Site::new(engine, log_rows)).collect();
    for site in &sites {
        measure(&mut report, site, pairs, "quiet copy", quiet);
        // The pour of a used site takes a minute, and a fifth of its pairs tell enough: the quiet copy is what is promised.
        measure(&mut report, site, if used { pairs.div_ceil(5) } else { pairs }, "pour", poured);
    }
}

fn measure(report: &mut Report, site: &Site, pairs: usize, what: &str, ours: fn(&Site) -> f64) {
    let (own, programs) = alternate(pairs, || ours(site), || piped(site));
    let engine = site.source.engine.dbtype();
    report.keep(&format!("{engine}-{what}-seconds"), &own);
    report.keep(&format!("{engine}-{what}-programs-seconds"), &programs);
    let ratios = ratios(&programs, &own);
    let (low, high) = median_between(&ratios);
    report.say(&format!(
        "| {engine} | {what} | {} | {} | {:.1} ({low:.1} to {high:.1}) |",
        Spread::of(&own).show(2),
        Spread::of(&programs).show(2),
        Spread::of(&ratios).median,
    ));
}

/// A clone of a source in which nobody works.
fn quiet(site: &Site) -> f64 {
    let target = site.target();
    let (source, name) = (Site::name(&site.source), Site::name(&target));
    settle();
    let order = CloneOrder { source: &source, target: &name, account: &site.account, leftover: Leftover::Refuse };
    let start = Instant::now();
    wait(site.admin.clone_quiet(&order)).expect("a clone");
    seconds(site, &target, start)
}

/// A clone of a source in which somebody may work.
fn poured(site: &Site) -> f64 {
    let target = site.empty_target();
    let (source, door) = (Site::door(&site.source), Site::door(&target));
    settle();
    let start = Instant::now();
    wait(pour(&source, &door)).expect("a clone");
    seconds(site, &target, start)
}

/// A clone as administrators make it today.
fn piped(site: &Site) -> f64 {
    let target = site.empty_target();
    settle();
    let (mut dump, mut load) = (client(&site.source, true), client(&target, false));
    let start = Instant::now();
    let mut dumping = dump.stdout(Stdio::piped()).spawn().expect("the engine's programs");
    let loaded = load.stdin(dumping.stdout.take().expect("piped")).stdout(Stdio::null()).status();
    assert!(dumping.wait().is_ok_and(|status| status.success()) && loaded.is_ok_and(|status| status.success()));
    seconds(site, &target, start)
}

/// Waits until the disk has the last clone: the next one is not to pay for it.
fn settle() {
    assert!(Command::new("sync").status().is_ok_and(|status| status.success()), "`sync` of coreutils");
}

/// The time that has passed; the copy must be whole.
fn seconds(site: &Site, target: &Database, start: Instant) -> f64 {
    let passed = start.elapsed().as_secs_f64();
    let count = "SELECT COUNT(*) FROM mdl_config UNION ALL SELECT COUNT(*) FROM mdl_logstore_standard_log";
    assert_eq!(target.run(count), site.source.run(count));
    passed
}

fn client(database: &Database, dumps: bool) -> Command {
    let name = match (database.engine, dumps) {
        (Engine::MariaDb, true) => "mariadb-dump",
        (Engine::MariaDb, false) => "mariadb",
        (Engine::Postgres, true) => "pg_dump",
        (Engine::Postgres, false) => "psql",
    };
    let mut command = Command::new(program(name).unwrap_or_else(|| panic!("no `{name}`")));
    match database.engine {
        Engine::MariaDb => {
            command.args(["--no-defaults", "--user=root", "--socket"]).arg(&database.socket);
            command.args(dumps.then_some("--single-transaction"));
        }
        Engine::Postgres => {
            command.arg("--host").arg(&database.socket).arg(format!("--port={}", database.port));
            command.arg(format!("--username={}", database.user())).args((!dumps).then_some("--quiet"));
        }
    }
    command.arg(&database.name);
    command
}
