//! One change on many tenants, journal and caches included, through the console: against PHP that writes the same rows by
//! mysqli, and against a loop of Moodle's own script, of which some runs are sampled and scaled.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod farm;

use std::time::Instant;

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::Farm as MoodleFarm;
use support::need::{self, Need};
use support::process::output;
use support::{php, root};
use vmoodle_benches::figures::{Report, Spread, alternate, ratios};
use vmoodle_benches::is_trial;

use farm::Farm;

/// How many tenants there are.
const TENANTS: usize = 1000;
/// How many items run at once.
const AT_ONCE: u64 = 8;
/// How many runs of Moodle's script stand for the loop.
const SAMPLED: usize = 50;

fn main() {
    if need::all(&[Need::Php, Need::MariaDb]).is_none() {
        return;
    }
    let (count, pairs) = if is_trial() { (3, 1) } else { (TENANTS, 20) };
    let Some(farm) = Farm::new(count) else { return };
    let mut report = Report::new(
        "bulk",
        &format!(
            "Seconds for one change on {count} tenants on MariaDB, with the tables that it touches, {AT_ONCE} at once; ours \
             with journal and caches, PHP with mysqli one after the other, in pairs, each first every other time. Moodle's \
             script: {SAMPLED} runs on one full site, scaled.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench bulk`."
        ),
    );
    let script = moodles_script(&mut report, count);
    report.say("| operation | ours, seconds | PHP and mysqli, seconds | PHP / ours | Moodle's script / ours |");
    report.say("|---|---|---|---|---|");
    for operation in ["set_config", "maintenance", "purge_caches"] {
        let (mut one, mut other) = (0, 0);
        let (own, php) = alternate(
            pairs,
            || {
                one += 1;
                ours(&farm, operation, one)
            },
            || {
                other += 1;
                by_php(&farm, operation, other)
            },
        );
        report.keep(&format!("{operation}-seconds"), &own);
        report.keep(&format!("{operation}-mysqli-seconds"), &php);
        let against = match (operation, script) {
            ("set_config", Some(seconds)) => format!("{:.0}", seconds / Spread::of(&own).median),
            _ => "-".to_owned(),
        };
        report.say(&format!(
            "| {operation} | {} | {} | {:.1} | {against} |",
            Spread::of(&own).show(2),
            Spread::of(&php).show(2),
            Spread::of(&ratios(&php, &own)).median,
        ));
    }
}

fn parameters(operation: &str, number: usize) -> Value {
    match operation {
        "set_config" => json!({"name": "vmoodlebench", "value": format!("ours {number}")}),
        "maintenance" => json!({"mode": if number.is_multiple_of(2) { "off" } else { "on" }}),
        _ => json!({}),
    }
}

fn ours(farm: &Farm, operation: &str, number: usize) -> f64 {
    let start = Instant::now();
    let counts = farm.job(operation, &parameters(operation, number), AT_ONCE);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(counts.get("failed"), None, "{counts:?}");
    seconds
}

fn by_php(farm: &Farm, operation: &str, number: usize) -> f64 {
    let mut command = php::without_extension();
    command.arg(root::workspace().join("benches/bulk/rows.php"));
    command.arg(&farm.control.socket).args([farm.control.user(), farm.control.password(), farm::BASE]);
    command.args([farm.count.to_string(), operation.to_owned(), format!("php {number}")]).arg(farm.dataroots());
    let start = Instant::now();
    output(&mut command);
    start.elapsed().as_secs_f64()
}

/// Seconds that a loop of Moodle's own script would take over all tenants; `None` where there is no Moodle.
fn moodles_script(report: &mut Report, count: usize) -> Option<f64> {
    const HOST: &str = "one.example.org";
    need::all(&[Need::Moodle, Need::Dumps])?;
    let farm =
        MoodleFarm::new(Kind::Moodle, "bulk", Database::shared(Engine::MariaDb, "bulk_moodle_control")?, json!({}));
    farm.upgrade();
    farm.add(HOST, &Database::shared(Engine::MariaDb, "bulk_moodle_one")?);
    let runs = if is_trial() { 1 } else { SAMPLED };
    let mut seconds = Vec::new();
    // The first one fills the site's caches.
    for number in 0..=runs {
        let mut script = farm.script("admin/cli/cfg.php", Some(HOST));
        script.args(["--name=vmoodlebench", &format!("--set={number}")]);
        let start = Instant::now();
        output(&mut script);
        seconds.push(start.elapsed().as_secs_f64());
    }
    let seconds = &seconds[1..];
    report.keep("cfg.php-seconds", seconds);
    report.say(&format!("`php admin/cli/cfg.php`, one run: {} seconds.\n", Spread::of(seconds).show(3)));
    #[allow(clippy::cast_precision_loss, reason = "a thousand tenants")]
    Some(Spread::of(seconds).median * count as f64)
}
