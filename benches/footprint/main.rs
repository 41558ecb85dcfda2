//! What 100,000 tenants cost: private memory of a php-fpm worker, and the time to publish.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use serde_json::json;
use support::code::Kind;
use support::farm::{CONTROL, Farm};
use support::fpm::{Fpm, Pool};
use support::http::Request;
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::nginx::{Nginx, Site};
use support::scratch::Scratch;
use vmoodle_benches::figures::{Report, Spread};
use vmoodle_benches::{extension, host, is_trial, put_index};

fn main() {
    if need::all(&[Need::MariaDb, Need::Fpm, Need::Nginx, Need::Php]).is_none() {
        return;
    }
    let count = if is_trial() { 1_000 } else { 100_000 };
    let mut report = Report::new(
        "footprint",
        "Private memory of php-fpm workers after 400 requests to as many tenants, and the time to publish the registry.\n\n\
         Repeat: `cargo bench -p vmoodle-benches --bench footprint`.",
    );
    memory(&mut report, count);
    publication(&mut report, count);
}

fn memory(report: &mut Report, count: u32) {
    let folder = Scratch::new("bench-footprint");
    let mut privates = Vec::new();
    report.say("| tenants | index, MiB | private memory of a worker, MiB |");
    report.say("|---|---|---|");
    for tenants in [10, count] {
        let root = folder.folder(format!("{tenants}"));
        let bytes = put_index(&root.join("index"), tenants, 1);
        let script = format!(
            "<?php $CFG = new stdClass(); $CFG->dbname = 'control'; $CFG->prefix = 'mdl_';\n\
             $CFG->wwwroot = 'https://farm.example.org'; $CFG->dataroot = '/nowhere';\n\
             $CFG->vmoodle = ['index' => '{}']; \\Vmoodle\\boot($CFG); echo $CFG->dbname;",
            root.join("index").display()
        );
        std::fs::write(root.join("index.php"), script).expect("a script");
        let ini = vec![("extension".to_owned(), extension().display().to_string())];
        let fpm = Fpm::start(&Pool { workers: 4, extension: false, ini });
        let nginx = Nginx::start(&[Site { root, fpm: fpm.socket(), port: None }]);
        for number in 0..400 {
            let tenant = 1 + number * tenants / 400;
            let answer = Request::new("GET", host(tenant), "/index.php").send(nginx.address(0));
            assert_eq!(answer.body.trim(), format!("moodle_{tenant}"), "{}", fpm.log());
        }
        let values: Vec<f64> = fpm.workers().into_iter().map(private_mib).collect();
        report.keep(&format!("private-mib-{tenants}"), &values);
        let spread = Spread::of(&values);
        privates.push(spread.median);
        #[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
        let size = bytes as f64 / 1_048_576.0;
        report.say(&format!("| {tenants} | {size:.2} | {} |", spread.show(2)));
    }
    report.say(&format!("\n{count} tenants cost a worker {:+.2} MiB of private memory.\n", privates[1] - privates[0]));
}

fn private_mib(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("a worker");
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0)
    };
    (kib("Private_Clean:") + kib("Private_Dirty:")) / 1024.0
}

fn publication(report: &mut Report, count: u32) {
    let server = MariaDb::start().expect("needed");
    let farm = Farm::new(Kind::Mini, "bench-publish", server.database("control"), json!({}));
    server.run(
        "control",
        &format!(
            "INSERT INTO mdl_local_vmoodle (name, shortname, vhostname, hostkey, vdbtype, vdbhost, vdblogin, vdbpass, vdbname,
               vdbprefix, vdatapath, enabled, state, timecreated, timemodified)
             SELECT CONCAT('School ', seq), CONCAT('school', seq), CONCAT('https://school', seq, '.example.org'),
               CONCAT('school', seq, '.example.org'), 'mariadb', 'db.example.org', CONCAT('moodle_', seq), 'secret',
               CONCAT('moodle_', seq), 'mdl_', CONCAT('/var/moodledata/school', seq), 1, 'enabled', 0, 0
             FROM seq_1_to_{count};"
        ),
    );
    let script = "require 'config.php'; $s = hrtime(true); \\Vmoodle\\publish(); echo hrtime(true) - $s;";
    let seconds: Vec<f64> = (0..if is_trial() { 1 } else { 7 })
        .map(|_| {
            let start = Instant::now();
            let output = support::php::without_extension()
                .args(["-d", &format!("extension={}", extension().display()), "-d", "memory_limit=256M", "-r"])
                .arg(format!("define('VMOODLE_TEST_NO_SETUP', 1); {script}"))
                .current_dir(farm.code().path())
                .output()
                .expect("php runs");
            let text = String::from_utf8_lossy(&output.stdout);
            let nanoseconds: f64 = text.trim().parse().unwrap_or_else(|_| {
                panic!("{CONTROL}: {text}{}", String::from_utf8_lossy(&output.stderr));
            });
            assert!(start.elapsed().as_secs_f64() > nanoseconds / 1e9, "measured inside the process");
            nanoseconds / 1e9
        })
        .collect();
    report.keep("publish-seconds", &seconds);
    let spread = Spread::of(&seconds).show(2);
    report.say(&format!("Publishing {count} tenants from a local MariaDB takes {spread} seconds."));
}
