//! On which of a thousand tenants an upgrade is pending, against Moodle's own script, which finds nothing to do.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use serde_json::{Map, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::process::output;
use support::tenant::VERSION;
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::many::Many;
use vmoodle_benches::{engines, is_trial};

/// The tables that are read.
const TABLES: [&str; 6] = ["config", "config_plugins", "user", "course", "task_scheduled", "task_adhoc"];
/// The tenant that is a whole Moodle.
const HOST: &str = "one.example.org";

fn main() {
    if need::all(&[Need::Moodle, Need::Dumps, Need::MariaDb, Need::Php]).is_none() {
        return;
    }
    // Twenty pairs with three each are the sample.
    let (tenants, pairs, each) = if is_trial() { (20, 1, 1) } else { (1000, 20, 3) };
    let server = MariaDb::start().expect("needed");
    let site = support::farm::Farm::new(Kind::Moodle, "bench-pending", server.database("control"), json!({}));
    site.upgrade();
    site.add(HOST, &Database::shared(Engine::MariaDb, "pending_one").expect("needed"));
    output(site.script("local/vmoodle/cli/upgrade.php", None).arg("--no-checks"));
    let hash = output(site.script("local/vmoodle/cli/upgrade_check.php", None).arg("--hash"));
    let hash = hash.trim();

    let up_to_date = format!(
        "UPDATE mdl_config SET value = '{hash}' WHERE name = 'allversionshash';
         UPDATE mdl_config SET value = '{VERSION}' WHERE name = 'version'"
    );
    let mut report = Report::new(
        "pending",
        &format!(
            "Seconds to find on which of {tenants} tenants an upgrade is pending (`plan` of `upgrade`: the hash of the code base \
             included), all on one server, against `admin/cli/upgrade.php` on a real Moodle that is up to date: {each} runs in \
             each of {pairs} pairs, scaled to as many tenants. Each first every other time.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench pending` with `MOODLE_DIR` and `VMOODLE_DUMPS`."
        ),
    );
    report
        .say("| engine | ours, seconds | Moodle's script, seconds | script / ours, median (95 of 100 times between) |");
    report.say("|---|---|---|---|");
    for engine in engines() {
        let code = site.code().path();
        let Some(farm) = Many::like(engine, "pending", &TABLES, tenants, &up_to_date, code) else { continue };
        farm.control.run(&format!(
            "CREATE TABLE mdl_config (id BIGINT, name VARCHAR(255), value TEXT);
             INSERT INTO mdl_config VALUES (1, 'version', '{VERSION}'), (2, 'allversionshash', '{hash}')"
        ));
        assert_eq!(pending(&farm), 0);
        let (own, scripts) = alternate(
            pairs,
            || seconds(|| assert_eq!(pending(&farm), 0)),
            || {
                let run = || output(site.script("admin/cli/upgrade.php", Some(HOST)).arg("--non-interactive"));
                seconds(|| (0..each).for_each(|_| drop(run()))) * f64::from(tenants) / f64::from(each)
            },
        );
        // What is found is what is there.
        farm.database(7).run("UPDATE mdl_config SET value = 'old' WHERE name = 'allversionshash'");
        assert_eq!(pending(&farm), 1);
        let dbtype = engine.dbtype();
        report.keep(&format!("{dbtype}-seconds"), &own);
        report.keep(&format!("{dbtype}-script-seconds"), &scripts);
        let ratios = ratios(&scripts, &own);
        let (low, high) = median_between(&ratios);
        report.say(&format!(
            "| {dbtype} | {} | {} | {:.0} ({low:.0} to {high:.0}) |",
            Spread::of(&own).show(2),
            Spread::of(&scripts).show(0),
            Spread::of(&ratios).median,
        ));
    }
}

/// How many tenants a plan finds something to do on.
fn pending(farm: &Many) -> usize {
    let plans = farm.console.plan("upgrade", &Map::new(), &["all".into()]).expect("a plan");
    assert_eq!(plans.len(), farm.count as usize);
    plans
        .iter()
        .filter(|plan| {
            assert!(plan.get("error").is_none(), "{plan}");
            plan["changes"] != json!([])
        })
        .count()
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
