//! Jobs over many tenants: fast facts, a plan, and a job that does nothing, each against one client call per tenant.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod farm;

use std::time::Instant;

use serde_json::{Map, Value, json};
use support::database::Engine;
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::is_trial;
use vmoodle_core::moodle::status::FACTS;

use farm::Farm;

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
             timed, and scaled), in pairs, each first every other time. The servers write without fsync.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench status`."
        ),
    );
    report.say("| engine | what | ours, seconds | loop, seconds | loop / ours, median (95 of 100 times between) | items a second |");
    report.say("|---|---|---|---|---|---|");
    for engine in Engine::ALL {
        let Some(farm) = Farm::new(engine, tenants, None) else { continue };
        measure(&mut report, &farm, pairs, "facts", |farm| seconds(|| farm.run("tenant_status", json!({}))));
        measure(&mut report, &farm, pairs, "plan", |farm| {
            seconds(|| {
                let plans = farm.console.plan("disable_tenant", &Map::new(), &["all".into()]).expect("a plan");
                assert_eq!(plans.len(), farm.tenants as usize);
            })
        });
        measure(&mut report, &farm, pairs, "a job that does nothing", |farm| {
            seconds(|| farm.run("rehearse", json!({"log": "/dev/null"})))
        });
    }
}

fn measure(report: &mut Report, farm: &Farm, pairs: usize, what: &str, ours: fn(&Farm) -> f64) {
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
        f64::from(farm.tenants) / Spread::of(&own).median,
    ));
}

/// The same facts as administrators ask for them today.
fn one_by_one(farm: &Farm) -> f64 {
    let quote = if farm.control.engine == Engine::MariaDb { "`" } else { "\"" };
    let sql = FACTS.replace('?', "1700000000").replace('{', &format!("{quote}mdl_")).replace('}', quote);
    let asked = SAMPLE.min(farm.tenants);
    let took = seconds(|| {
        for number in 1..=asked {
            assert!(farm.database(number).run(&sql).contains("users"));
        }
    });
    took * f64::from(farm.tenants) / f64::from(asked)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

impl Farm {
    /// Runs a job over all tenants; every item must be done.
    fn run(&self, operation: &str, parameters: Value) {
        let Value::Object(parameters) = parameters else { panic!("parameters are a map") };
        let job = self.console.job_submit(operation, &parameters, &["all".into()], &Map::new()).expect("a job");
        let counts = self.console.job_run(job, &mut |_| {}).expect("a run");
        assert_eq!(Value::Object(counts), json!({ "done": self.tenants }));
    }
}
