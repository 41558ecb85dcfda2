//! Requests per second through nginx and php-fpm: a hand-written static config.php, ours, and the original's way; on a
//! script that does nothing else, and on a real Moodle's login page.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod instructions;
mod moodle;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use support::fpm::{Fpm, Pool};
use support::http::Request;
use support::mariadb::{MariaDb, PASSWORD, USER};
use support::need::{self, Need};
use support::nginx::{Nginx, Site};
use support::scratch::Scratch;
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::{extension, host, is_trial, original_registry, put_index};

fn main() {
    if need::all(&[Need::MariaDb, Need::Fpm, Need::Nginx]).is_none() || !there_is("wrk") {
        println!("skipped: it needs MariaDB, php-fpm, nginx and wrk");
        return;
    }
    let mut report = Report::new(
        "requests",
        "Requests per second through nginx and php-fpm with two workers and opcache, driven by `wrk -t1 -c2`: median \
         (min to max); the ratio is taken pair by pair of alternated runs.\n\n\
         Repeat: `cargo bench -p vmoodle-benches --bench requests` (with `MOODLE_DIR` and `VMOODLE_DUMPS` for Moodle; \
         `-- script` or `-- login` for one part).",
    );
    let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked = |part: &str| only.is_empty() || only.iter().any(|word| word == part);
    if asked("script") {
        nothing_else(&mut report);
    }
    if asked("login") {
        moodle::login_page(&mut report);
    }
}

fn there_is(program: &str) -> bool {
    need::program(program).is_some()
}

/// One run of the load tool: requests per second.
fn load(address: SocketAddr, host: &str, path: &str, seconds: u32) -> f64 {
    let output = Command::new("wrk")
        .args(["-t1", "-c2", &format!("-d{seconds}s"), "-H", &format!("Host: {host}")])
        .arg(format!("http://{address}{path}"))
        .output()
        .expect("wrk runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// The script that does nothing but switch, in a document root of its own.
fn nothing_else(report: &mut Report) {
    let (pairs, seconds) = if is_trial() { (1, 1) } else { (60, 1) };
    let folder = Scratch::new("bench-requests");
    let database = MariaDb::start().expect("needed");
    for count in [10, 1_000] {
        database.run("", &original_registry(count, false));
    }
    put_index(&folder.folder("data/vmoodle").join("index"), 1_000, 1);
    let root = folder.folder("root");
    write_scripts(&root, &folder.join("data"), &database);
    let ini = [
        ("extension", extension().display().to_string()),
        ("opcache.enable", "1".into()),
        ("opcache.validate_timestamps", "0".into()),
    ];
    let ini = ini.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let fpm = Fpm::start(&Pool { workers: 2, extension: false, ini });
    let nginx = Nginx::start(&[Site { root: root.clone(), fpm: fpm.socket(), port: None }]);
    let (address, host) = (nginx.address(0), host(5));
    for script in ["static.php", "ours.php", "select.php?registry=10", "select.php?registry=1000"] {
        let answer = Request::new("GET", &host, &format!("/{script}")).send(address);
        assert_eq!(answer.body.trim(), "moodle_5", "{script}: {}", fpm.log());
        load(address, &host, &format!("/{script}"), 1);
    }

    let (ours, fixed) = alternate(
        pairs,
        || load(address, &host, "/ours.php", seconds),
        || load(address, &host, "/static.php", seconds),
    );
    report.say("## A script that does nothing else (1,000 tenants)\n");
    report.say("| way | requests per second | share of static |");
    report.say("|---|---|---|");
    report.say(&format!("| static config.php | {} | 1 |", Spread::of(&fixed).show(0)));
    let shares = ratios(&ours, &fixed);
    report.say(&format!("| ours | {} | {} |", Spread::of(&ours).show(0), Spread::of(&shares).show(3)));
    report.keep("static", &fixed);
    report.keep("ours", &ours);
    for count in [10, 1_000] {
        let path = format!("/select.php?registry={count}");
        let (select, fixed) = alternate(
            (pairs / 8).max(1),
            || load(address, &host, &path, seconds),
            || load(address, &host, "/static.php", seconds),
        );
        let (rate, share) = (Spread::of(&select).show(0), Spread::of(&ratios(&select, &fixed)).show(3));
        report.say(&format!("| connection + SELECT, {count} rows | {rate} | {share} |"));
        report.keep(&format!("select-{count}"), &select);
    }
    let ((low, high), quarters) = (median_between(&shares), Spread::of(&shares));
    let total = ours.iter().sum::<f64>() / fixed.iter().sum::<f64>();
    report.say(&format!(
        "\nOurs against static: half of the {pairs} pairs lie between {:.3} and {:.3}; the median lies between {low:.3} and \
         {high:.3} with 95 % confidence; all requests of ours by all of static: {total:.3}.\n",
        quarters.lower, quarters.upper
    ));
    instructions::per_request(report, &root, &host);
}

fn write_scripts(root: &Path, dataroot: &Path, database: &MariaDb) {
    let control = format!(
        "<?php\n$CFG = new stdClass();\n$CFG->dbtype = 'mariadb'; $CFG->dblibrary = 'native'; $CFG->dbhost = 'localhost';\n\
         $CFG->dbname = 'control'; $CFG->dbuser = 'control'; $CFG->dbpass = 'secret'; $CFG->prefix = 'mdl_';\n\
         $CFG->dboptions = ['dbpersist' => false]; $CFG->wwwroot = 'https://farm.example.org';\n\
         $CFG->dataroot = '{}'; $CFG->admin = 'admin'; $CFG->directorypermissions = 02777;\n",
        dataroot.display()
    );
    let fixed = "<?php\n$CFG = new stdClass();\n$CFG->dbtype = 'mariadb'; $CFG->dblibrary = 'native';\n\
                 $CFG->dbhost = 'db.example.org'; $CFG->dbname = 'moodle_5'; $CFG->dbuser = 'moodle_5';\n\
                 $CFG->dbpass = 'secret-of-school-5'; $CFG->prefix = 'mdl_';\n\
                 $CFG->dboptions = ['dbpersist' => false, 'dbport' => 3306]; $CFG->wwwroot = 'https://school5.example.org';\n\
                 $CFG->dataroot = '/var/moodledata/school5'; $CFG->admin = 'admin'; $CFG->directorypermissions = 02777;\n\
                 echo $CFG->dbname;\n";
    let ours = format!("{control}\\Vmoodle\\boot($CFG);\necho $CFG->dbname;\n");
    // What the original does in a request (bootlib.php): a second connection, one SELECT, and no closing of it.
    let select = format!(
        "{control}$link = mysqli_connect(null, '{USER}', '{}', 'registry_' . (int) $_GET['registry'], 0, '{}');\n\
         $root = 'https://' . $_SERVER['HTTP_HOST'];\n\
         $result = mysqli_query($link, \"SELECT * FROM mdl_local_vmoodle WHERE vhostname = '$root'\");\n\
         $row = mysqli_fetch_object($result);\n\
         $CFG->dbtype = $row->vdbtype; $CFG->dbhost = $row->vdbhost; $CFG->dbname = $row->vdbname;\n\
         $CFG->dbuser = $row->vdblogin; $CFG->dbpass = $row->vdbpass; $CFG->prefix = $row->vdbprefix;\n\
         $CFG->wwwroot = $root; $CFG->dataroot = $row->vdatapath;\necho $CFG->dbname;\n",
        PASSWORD.replace('\\', "\\\\").replace('\'', "\\'"),
        database.socket().display()
    );
    for (name, text) in [("static.php", fixed), ("ours.php", &ours), ("select.php", &select)] {
        std::fs::write(root.join(name), text).expect("a script");
    }
}
