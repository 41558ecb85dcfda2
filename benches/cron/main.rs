//! How long the farm cron takes to find that nobody has anything to do, against a PHP process for each tenant.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::need::program;
use support::scratch::Scratch;
use support::{root, schema, tenant};
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::many::control_site;
use vmoodle_benches::{engines, is_trial};
use vmoodle_core::console::Console;

/// How many tenants share a database, each with a prefix of its own.
const PER_DATABASE: u32 = 100;
/// How many processes stand for all.
const SAMPLE: u32 = 20;

fn main() {
    let (tenants, pairs) = if is_trial() { (50, 1) } else { (1000, 20) };
    let mut report = Report::new(
        "cron",
        &format!(
            "Seconds to ask {tenants} idle tenants whether cron has anything to do, one connection and one query each, \
             against starting a bare `php` for each of them (no Moodle in it, {SAMPLE} processes one after the other, \
             scaled), in pairs, each first every other time.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench cron`."
        ),
    );
    report.say("| engine | ours, seconds | processes, seconds | processes / ours, median (95 of 100 times between) |");
    report.say("|---|---|---|---|");
    let Some(php) = program("php") else { return };
    for engine in engines() {
        let Some(farm) = Farm::new(engine, tenants) else { continue };
        let processes = || {
            let start = Instant::now();
            for _ in 0..SAMPLE {
                let mut command = Command::new(&php);
                let status = command.args(["-r", "exit(0);"]).stdin(Stdio::null()).status();
                assert!(status.is_ok_and(|status| status.success()), "php runs");
            }
            start.elapsed().as_secs_f64() * f64::from(tenants) / f64::from(SAMPLE)
        };
        let (own, theirs) = alternate(pairs, || farm.round(tenants), processes);
        report.keep(&format!("{}-seconds", engine.dbtype()), &own);
        report.keep(&format!("{}-processes-seconds", engine.dbtype()), &theirs);
        let ratios = ratios(&theirs, &own);
        let (low, high) = median_between(&ratios);
        report.say(&format!(
            "| {} | {} | {} | {:.1} ({low:.1} to {high:.1}) |",
            engine.dbtype(),
            Spread::of(&own).show(2),
            Spread::of(&theirs).show(1),
            Spread::of(&ratios).median,
        ));
    }
}

/// A farm whose tenants have nothing to do.
struct Farm {
    console: Console,
    _folder: Scratch,
}

impl Farm {
    /// `None` (said on stderr) where the engine is not installed.
    fn new(engine: Engine, tenants: u32) -> Option<Self> {
        let control = Database::durable(engine, "cron_control")?;
        let install_xml = root::workspace().join("php/local/vmoodle/db/install.xml");
        control.run(&schema::statements(&install_xml, engine, "mdl_"));
        let folder = Scratch::new("cron");
        let site = control_site(&control, &folder.folder("control"));
        let console = Console::new(site);
        let mut database = None;
        for number in 0..tenants {
            if number % PER_DATABASE == 0 {
                database = Database::durable(engine, &format!("cron_{}", number / PER_DATABASE));
            }
            let database = database.as_ref()?;
            let prefix = format!("t{number}_");
            database.run(&tables(&prefix));
            let Value::Object(mut row) = database.registry_columns() else { continue };
            row.insert("vhostname".to_owned(), json!(format!("https://t{number}.example.org")));
            row.insert("vdatapath".to_owned(), json!(format!("/nonexistent/t{number}")));
            row.insert("vdbprefix".to_owned(), json!(prefix));
            console.tenant_add(&row).expect("a tenant");
        }
        Some(Self { console, _folder: folder })
    }

    /// The seconds of one round, in which all must be idle.
    fn round(&self, tenants: u32) -> f64 {
        let start = Instant::now();
        let report = self.console.cron(&Map::new(), &mut |_| true).expect("a round");
        assert_eq!(report.get("idle"), Some(&json!(tenants)), "{report:?}");
        start.elapsed().as_secs_f64()
    }
}

/// The tables that are asked, with as many tasks as a fresh Moodle has.
fn tables(prefix: &str) -> String {
    let tasks: Vec<String> = (1..=120).map(|id| format!("({id}, 9999999999)")).collect();
    format!(
        "CREATE TABLE {prefix}config (id BIGINT PRIMARY KEY, name VARCHAR(255), value TEXT);
         CREATE TABLE {prefix}task_scheduled (id BIGINT PRIMARY KEY, nextruntime BIGINT, lastruntime BIGINT,
             timestarted BIGINT, disabled INT DEFAULT 0);
         CREATE TABLE {prefix}task_adhoc (id BIGINT PRIMARY KEY, nextruntime BIGINT, timestarted BIGINT,
             attemptsavailable INT);
         CREATE INDEX {prefix}next ON {prefix}task_adhoc (nextruntime, timestarted);
         INSERT INTO {prefix}config VALUES (1, 'cron_enabled', '1'), (2, 'version', '{}');
         INSERT INTO {prefix}task_scheduled (id, nextruntime) VALUES {};",
        tenant::VERSION,
        tasks.join(", ")
    )
}
