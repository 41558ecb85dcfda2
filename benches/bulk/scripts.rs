//! Moodle's own scripts on a full site: what a loop over the tenants would cost.

use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::extension;
use support::farm::Farm;
use support::need::{self, Need};
use support::process::output;
use support::scratch::Scratch;
use vmoodle_benches::figures::{Report, Spread};
use vmoodle_benches::is_trial;

const HOST: &str = "one.example.org";

/// For each operation that Moodle has a script for: the script, and its arguments on odd and on even runs.
const SCRIPTS: [(&str, &str, [&[&str]; 2]); 3] = [
    ("set_config", "admin/cli/cfg.php", [&["--name=vmoodlebench", "--set=1"], &["--name=vmoodlebench", "--set=2"]]),
    ("maintenance", "admin/cli/maintenance.php", [&["--enableold"], &["--disable"]]),
    ("purge_caches", "admin/cli/purge_caches.php", [&[], &[]]),
];

/// How many runs of a script stand for the loop.
pub(crate) fn sampled() -> usize {
    if is_trial() { 1 } else { 50 }
}

/// By operation, the seconds of one run, `plain` and with `file_cache`; empty where there is no Moodle.
pub(crate) fn seconds(report: &mut Report, engine: Engine) -> Map<String, Value> {
    let Some(farm) = site(engine) else { return Map::new() };
    let folder = Scratch::new("bulk_opcache");
    let cached = file_cache(folder.path());
    let mut seconds = Map::new();
    report.say(&format!("\n| {}, one run of | seconds | with opcache.file_cache |", engine.dbtype()));
    report.say("|---|---|---|");
    for (operation, script, arguments) in SCRIPTS {
        let plain = runs(&farm, script, arguments, None);
        let with_cache = runs(&farm, script, arguments, Some(&cached));
        report.keep(&format!("{}-{script}-seconds", engine.dbtype()), &plain);
        report.keep(&format!("{}-{script}-file-cache-seconds", engine.dbtype()), &with_cache);
        let [plain, with_cache] = [Spread::of(&plain), Spread::of(&with_cache)];
        report.say(&format!("| `{script}` | {} | {} |", plain.show(3), with_cache.show(3)));
        seconds.insert(operation.into(), json!({ "plain": plain.median, "file_cache": with_cache.median }));
    }
    seconds
}

fn site(engine: Engine) -> Option<Farm> {
    need::all(&[Need::Moodle, Need::Dumps])?;
    let name = |what: &str| format!("bulk_moodle_{what}_{}", engine.dbtype());
    let farm = Farm::new(Kind::Moodle, &name("farm"), Database::durable(engine, &name("control"))?, json!({}));
    farm.upgrade();
    farm.add(HOST, &Database::durable(engine, &name("one"))?);
    Some(farm)
}

fn runs(farm: &Farm, script: &str, arguments: [&[&str]; 2], settings: Option<&str>) -> Vec<f64> {
    // The first run fills the site's caches.
    let all = (0..=sampled()).map(|number| {
        let mut command = farm.script(script, Some(HOST));
        command.args(arguments[number % 2]);
        if let Some(folders) = settings {
            command.env("PHP_INI_SCAN_DIR", folders);
        }
        let start = Instant::now();
        output(&mut command);
        start.elapsed().as_secs_f64()
    });
    all.skip(1).collect()
}

/// PHP's folders of settings, with one more that keeps compiled scripts in this folder.
fn file_cache(folder: &Path) -> String {
    let (scripts, settings) = (folder.join("scripts"), folder.join("settings"));
    for made in [&scripts, &settings] {
        std::fs::create_dir_all(made).expect("a folder");
    }
    let text = format!(
        "opcache.enable=1\nopcache.enable_cli=1\nopcache.file_cache={}\nopcache.file_cache_only=1\n",
        scripts.display()
    );
    std::fs::write(settings.join("file_cache.ini"), text).expect("a file");
    format!(":{}:{}", extension::ini_folder().display(), settings.display())
}
