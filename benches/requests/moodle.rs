//! The login page of a real Moodle: with a config.php of its own, and as a tenant.

use serde_json::json;
use support::code::{Code, Kind};
use support::database::{Database, Engine};
use support::farm::Farm;
use support::fpm::{Fpm, Pool};
use support::http::Request;
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::nginx::{Nginx, Site};
use support::process::output;
use vmoodle_benches::figures::{Report, Spread, alternate, ratios};
use vmoodle_benches::{extension, is_trial};

use crate::load;

const HOST: &str = "one.example.org";

/// Adds the figures.
pub(crate) fn login_page(report: &mut Report) {
    if need::all(&[Need::Moodle, Need::Dumps]).is_none() {
        report.say("A real Moodle's login page: skipped, no `MOODLE_DIR` or no `VMOODLE_DUMPS`.");
        return;
    }
    let (pairs, seconds) = if is_trial() { (1, 1) } else { (20, 3) };
    let control = MariaDb::start().expect("needed");
    let farm = Farm::new(Kind::Moodle, "bench-moodle", control.database("control"), json!({}));
    farm.upgrade();
    let database = Database::shared(Engine::MariaDb, "one").expect("needed");
    let row = farm.add(HOST, &database);
    output(&mut farm.script("local/vmoodle/cli/publish.php", None));
    output(&mut farm.script("local/vmoodle/cli/upgrade.php", None));

    // The same site with a plain config.php: same database, same dataroot, code at another path.
    let fixed = Code::new(Kind::Moodle, &farm.folder().join("fixed"));
    fixed.replace("config.php", static_config(&database, &row, &farm).as_bytes());
    let ini = [
        ("extension", extension().display().to_string()),
        ("opcache.validate_timestamps", "0".into()),
        ("opcache.memory_consumption", "512".into()),
        ("opcache.max_accelerated_files", "40000".into()),
    ];
    let ini = ini.map(|(name, value)| (name.to_owned(), value)).to_vec();
    // A pool each, so that neither warms or crowds the other's opcache.
    let pools = [farm.code(), &fixed].map(|code| {
        let fpm = Fpm::start(&Pool { workers: 2, extension: false, ini: ini.clone() });
        let site = Site { root: code.path().to_owned(), fpm: fpm.socket(), port: None };
        (Nginx::start(&[site]), fpm)
    });
    let address = |way: usize| pools[way].0.address(0);
    for way in [0, 1] {
        let page = Request::new("GET", HOST, "/login/index.php").send(address(way));
        assert!(page.status == 200 && page.body.contains("logintoken"), "{}: {}", page.status, pools[way].1.log());
        load(address(way), HOST, "/login/index.php", 2);
    }
    let (ours, plain) = alternate(
        pairs,
        || load(address(0), HOST, "/login/index.php", seconds),
        || load(address(1), HOST, "/login/index.php", seconds),
    );
    report.say("## The login page of a real Moodle 4.5\n");
    report.say("| way | requests per second | share of static |");
    report.say("|---|---|---|");
    report.say(&format!("| static config.php | {} | 1 |", Spread::of(&plain).show(1)));
    report.say(&format!("| ours | {} | {} |", Spread::of(&ours).show(1), Spread::of(&ratios(&ours, &plain)).show(3)));
    report.keep("moodle-static", &plain);
    report.keep("moodle-ours", &ours);
}

fn static_config(database: &Database, row: &serde_json::Value, farm: &Farm) -> String {
    let mut settings = database.config();
    settings["wwwroot"] = row["vhostname"].clone();
    settings["dataroot"] = json!(farm.dataroot(HOST));
    let literal = serde_json::to_string(&settings.to_string()).expect("JSON").replace('$', "\\$");
    format!(
        "<?php\nunset($CFG);\nglobal $CFG;\n$CFG = new stdClass();\n\
         foreach (json_decode({literal}, true) as $name => $value) {{ $CFG->$name = $value; }}\n\
         $CFG->admin = 'admin';\n$CFG->directorypermissions = 02777;\n$CFG->dirroot = __DIR__;\n\
         require_once(__DIR__ . '/lib/setup.php');\n"
    )
}
