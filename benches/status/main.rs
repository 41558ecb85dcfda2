//! Jobs over many tenants: fast facts, a plan, and a job that does nothing, each against one client call per tenant.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use serde_json::json;
use support::database::Engine;
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::many::{Many, map};
use vmoodle_benches::{engines, is_trial};
use vmoodle_core::moodle::status::FACTS;

/// The tables that are read; a tenant of the bench has no others.
const TABLES: [&str; 6] = ["config", "config_plugins", "user", "course", "task_scheduled", "task_adhoc"];

/// How many items run at once: as many as a job takes by itself.
const AT_ONCE: u32 = 4;
/// How many tenants the loop asks; its time is scaled to all of them.
const SAMPLE: u32 = 50;

fn main() {
    let tenants = if is_trial() { 20 } else { 1000 };
    let pairs = if is_trial() { 1 } else { 20 };
    let mut report = Report::new(
        "status",
        &format!(
            "Seconds for {tenants} tenants on one server, whose databases hold the tables that are read, journal included; \
             ours against a loop of one `mariadb` or `psql` call for each tenant with the same statement ({SAMPLE} of them \
             timed, and scaled), in pairs, each first every other time.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench status`."
        ),
    );
    report.say("| engine | what | ours, seconds | loop, seconds | loop / ours, median (95 of 100 times between) | items a second |");
    report.say("|---|---|---|---|---|---|");
    for engine in engines() {
        let Some(farm) = Many::new(engine, "status", &TABLES, tenants) else { continue };
        measure(&mut report, &farm, pairs, "facts", |farm| seconds(|| farm.job("tenant_status", json!({}), AT_ONCE)));
        measure(&mut report, &farm, pairs, "plan", |farm| {
            seconds(|| {
                let wish = map(json!({ "name": "vmoodlebench", "value": "1" }));
                let plans = farm.console.plan("set_config", &wish, &["all".into()]).expect("a plan");
                assert_eq!(plans.len(), farm.count as usize);
            })
        });
        measure(&mut report, &farm, pairs, "a job that does nothing", |farm| {
            seconds(|| farm.job("rehearse", json!({"log": "/dev/null"}), AT_ONCE))
        });
    }
}

fn measure(report: &mut Report, farm: &Many, pairs: usize, what: &str, ours: fn(&Many) -> f64) {
    let (own, looped) = alternate(pairs, || ours(farm), || one_by_one(farm));
    let engine = farm.control.engine.dbtype();
    report.keep(&format!("{engine}-{what}-seconds"), &own);
    report.keep(&format!("{engine}-{what}-loop-seconds"), &looped);
    let ratios = ratios(&looped, &own);
    let (low, high) = median_between(&ratios);
    report.say(&format!(
        "| {engine} | {what} | {} | {} | {:.1} ({low:.1} to {high:.1}) | {:.0} |",
        Spread::of(&own).show(2),
        Spread::of(&looped).show(2),
        Spread::of(&ratios).median,
        f64::from(farm.count) / Spread::of(&own).median,
    ));
}

/// The same facts as administrators ask for them today.
fn one_by_one(farm: &Many) -> f64 {
    let quote = if farm.control.engine == Engine::MariaDb { "`" } else { "\"" };
    let sql = FACTS.replace('?', "1700000000").replace('{', &format!("{quote}mdl_")).replace('}', quote);
    let asked = SAMPLE.min(farm.count);
    let took = seconds(|| {
        for number in 1..=asked {
            assert!(farm.database(number).run(&sql).contains("users"));
        }
    });
    took * f64::from(farm.count) / f64::from(asked)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
