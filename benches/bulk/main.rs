//! One change on many tenants, journal and caches included, through the console: against PHP that writes or reads the same
//! rows, and against a loop of Moodle's own scripts, of which some runs are sampled and scaled.
//! `-- --full` takes tenants with all tables, `-- --operation=NAME` measures one operation alone.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod scripts;

use std::cell::Cell;
use std::time::Instant;

use serde_json::{Map, Value, json};
use support::need::{self, Need};
use support::process::output;
use support::{php, root};
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::many::Many;
use vmoodle_benches::{engines, is_trial};

/// The tables that the operations touch; a tenant has no others unless `-- --full` asks for all of them.
const TABLES: &[&str] = &[
    "block",
    "block_instances",
    "cache_flags",
    "capabilities",
    "config",
    "config_log",
    "config_plugins",
    "context",
    "course",
    "course_modules",
    "filter_active",
    "message_processors",
    "modules",
    "repository",
    "role",
    "role_allow_assign",
    "role_allow_override",
    "role_allow_switch",
    "role_allow_view",
    "role_assignments",
    "role_capabilities",
    "role_context_levels",
    "role_names",
    "sessions",
    "task_adhoc",
    "task_scheduled",
    "user",
    "user_preferences",
];
/// What is measured.
const OPERATIONS: [&str; 6] =
    ["set_config", "maintenance", "plugin_state", "capability_sync", "purge_caches", "role_compare"];
/// How many items run at once: as many as a job takes by itself.
const AT_ONCE: u32 = 4;
/// How many runs tell the seconds at one number of items at once.
const RUNS: usize = 5;

fn main() {
    if need::all(&[Need::Php, Need::Dumps]).is_none() {
        return;
    }
    let full = std::env::args().any(|argument| argument == "--full");
    let only = std::env::args().find_map(|argument| argument.strip_prefix("--operation=").map(str::to_owned));
    let (count, pairs) = match (is_trial(), full) {
        (true, _) => (3, 2),
        (false, true) => (100, 20),
        (false, false) => (1000, 20),
    };
    let tables = if full { "all 494 tables of a fresh Moodle" } else { "the tables that are touched" };
    let mut report = Report::new(
        &format!(
            "bulk{}{}",
            if full { "-full" } else { "" },
            only.as_ref().map(|name| format!("-{name}")).unwrap_or_default()
        ),
        &format!(
            "Seconds for one change on {count} tenants with {tables}, {AT_ONCE} at once, journal and caches included; PHP \
             (mysqli, pgsql) writes or reads the bare rows of one tenant after the other; in pairs, each first every other \
             time. Moodle's script: one run on a full site ({} sampled), times {count}; without and with opcache.file_cache.\n\n\
             Repeat: `cargo bench -p vmoodle-benches --bench bulk`.",
            scripts::sampled(),
        ),
    );
    for engine in engines() {
        let Some(farm) = Many::new(engine, "bulk", if full { &[] } else { TABLES }, count) else { continue };
        let measured = |operation: &str| only.as_ref().is_none_or(|only| only == operation);
        let scripts = if full || only.is_some() { Map::new() } else { scripts::seconds(&mut report, engine) };
        rows(&mut report, &farm, pairs, &scripts, measured);
        if !full && measured("set_config") {
            by_concurrency(&mut report, &farm);
        }
    }
}

fn rows(report: &mut Report, farm: &Many, pairs: usize, scripts: &Map<String, Value>, measured: impl Fn(&str) -> bool) {
    let engine = farm.control.engine.dbtype();
    report.say(&format!(
        "\n| {engine} | ours, seconds | PHP, seconds | PHP / ours, median (95 of 100 times between) | Moodle's script / ours | with file_cache |"
    ));
    report.say("|---|---|---|---|---|---|");
    for operation in OPERATIONS.into_iter().filter(|operation| measured(operation)) {
        // Odd and even numbers ask for opposite states: every run, whoever's, has something to change that the last one left.
        let last = Cell::new(0);
        let next = || {
            last.set(last.get() + 1);
            last.get()
        };
        let (own, php) =
            alternate(pairs, || ours(farm, operation, next(), AT_ONCE), || by_php(farm, operation, next()));
        report.keep(&format!("{engine}-{operation}-seconds"), &own);
        report.keep(&format!("{engine}-{operation}-php-seconds"), &php);
        let median = Spread::of(&own).median;
        let script = |how: &str| match scripts.get(operation).and_then(|seconds| seconds[how].as_f64()) {
            Some(seconds) => format!("{:.0}", seconds * f64::from(farm.count) / median),
            None => "-".to_owned(),
        };
        let ratios = ratios(&php, &own);
        let (low, high) = median_between(&ratios);
        report.say(&format!(
            "| {operation} | {} | {} | {:.1} ({low:.1} to {high:.1}) | {} | {} |",
            Spread::of(&own).show(2),
            Spread::of(&php).show(2),
            Spread::of(&ratios).median,
            script("plain"),
            script("file_cache"),
        ));
    }
}

fn by_concurrency(report: &mut Report, farm: &Many) {
    let engine = farm.control.engine.dbtype();
    report.say(&format!("\n| {engine}, set_config, so many at once | seconds |"));
    report.say("|---|---|");
    let runs = if is_trial() { 1 } else { RUNS };
    let mut number = 1000;
    for at_once in [1, 2, 4, 8, 16, 32, 64] {
        let mut seconds = Vec::new();
        for _ in 0..runs {
            number += 1;
            seconds.push(ours(farm, "set_config", number, at_once));
        }
        report.keep(&format!("{engine}-set_config-{at_once}-at-once-seconds"), &seconds);
        report.say(&format!("| {at_once} | {} |", Spread::of(&seconds).show(2)));
    }
}

fn ours(farm: &Many, operation: &str, number: u32, at_once: u32) -> f64 {
    let odd = !number.is_multiple_of(2);
    let either = |yes: &str, no: &str| if odd { yes.to_owned() } else { no.to_owned() };
    let start = Instant::now();
    match operation {
        "set_config" => {
            farm.job(operation, json!({"name": "vmoodlebench", "value": format!("ours {number}")}), at_once);
        }
        "maintenance" => farm.job(operation, json!({ "mode": either("on", "off") }), at_once),
        "plugin_state" => {
            farm.job(operation, json!({"plugin": "block_html", "state": either("disabled", "enabled")}), at_once);
        }
        "capability_sync" => {
            let permission = either("prevent", "allow");
            let what = json!({"capability": "mod/forum:replypost", "roles": "student", "permission": permission});
            farm.job(operation, what, at_once);
        }
        "role_compare" => {
            let compared = farm.console.role_compare(&["all".into()], &Map::new()).expect("a comparison");
            assert_eq!(compared["tenants"].as_array().map(Vec::len), Some(farm.count as usize));
        }
        _ => farm.job(operation, json!({}), at_once),
    }
    start.elapsed().as_secs_f64()
}

fn by_php(farm: &Many, operation: &str, number: u32) -> f64 {
    let mut command = php::without_extension();
    command.arg(root::workspace().join("benches/bulk/rows.php")).arg(farm.control.engine.dbtype());
    command.arg(&farm.control.socket).arg(farm.control.port.to_string());
    command.args([farm.control.user(), farm.control.password(), &farm.base()]);
    command.args([farm.count.to_string(), operation.to_owned(), number.to_string()]).arg(farm.dataroots());
    let start = Instant::now();
    output(&mut command);
    start.elapsed().as_secs_f64()
}
