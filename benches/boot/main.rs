//! `Vmoodle\boot` in a web request against the other ways to switch `$CFG`, in one php-fpm worker, in turn.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::fmt::Write as _;

use support::fpm::{Fpm, Pool};
use support::http::Request;
use support::mariadb::{MariaDb, PASSWORD, USER};
use support::need::{self, Need};
use support::nginx::{Nginx, Site};
use support::scratch::Scratch;
use vmoodle_benches::figures::{Report, Spread, alternate};
use vmoodle_benches::{extension, host, is_trial, original_registry, put_index};

/// What a bench of this kind has to show: at most so many microseconds more than the same assignments.
const BUDGET_US: f64 = 2.0;

fn main() {
    if need::all(&[Need::MariaDb, Need::Fpm, Need::Nginx]).is_none() {
        return;
    }
    let (sizes, pairs, loops): (&[u32], usize, u32) =
        if is_trial() { (&[10], 2, 50) } else { (&[10, 1_000, 10_000, 100_000], 25, 4_000) };
    let database = MariaDb::start().expect("needed");
    let folder = Scratch::new("bench-boot");
    std::fs::copy(support::root::workspace().join("benches/boot/boot.php"), folder.join("boot.php")).expect("a script");
    for count in sizes {
        put_index(&folder.folder(format!("{count}")).join("index"), *count, 1);
        std::fs::write(folder.join(format!("hosts-{count}.php")), array_of_hosts(*count)).expect("a file");
        if *count <= 10_000 {
            for indexed in [false, true] {
                database.run("", &original_registry(*count, indexed));
            }
        }
    }
    let ini = [
        ("extension", extension().display().to_string()),
        ("opcache.enable", "1".into()),
        ("opcache.validate_timestamps", "0".into()),
        ("opcache.memory_consumption", "256".into()),
        ("max_execution_time", "0".into()),
    ];
    let ini = ini.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let fpm = Fpm::start(&Pool { workers: 1, extension: false, ini });
    let nginx = Nginx::start(&[Site { root: folder.path().to_owned(), fpm: fpm.socket(), port: None }]);
    let socket = support::http::percent_encode(&database.socket().display().to_string());
    let password = support::http::percent_encode(PASSWORD);
    let measure = |way: &str, count: u32, loops: u32| {
        let target = format!(
            "/boot.php?way={way}&tenants={count}&loops={loops}&socket={socket}&user={USER}&password={password}"
        );
        let response = Request::new("GET", host(count / 2), &target).send(nginx.address(0));
        let body = response.body.trim().to_owned();
        body.parse::<f64>().unwrap_or_else(|_| panic!("{way}: {} {body}\n{}", response.status, fpm.log()))
    };

    let mut report = Report::new(
        "boot",
        "Time of one switch of `$CFG` inside a php-fpm worker with opcache, in nanoseconds: median (min to max) of \
         alternated runs. `added` is ours less the same assignments written out in PHP, pair by pair.\n\n\
         Repeat: `cargo bench -p vmoodle-benches --bench boot`.",
    );
    report.say("| tenants | assignments in PHP | ours | added | opcached PHP array | connection + SELECT | ... with an index |");
    report.say("|---|---|---|---|---|---|---|");
    for count in sizes {
        measure("ours", *count, 100);
        let (ours, plain) = alternate(pairs, || measure("ours", *count, loops), || measure("plain", *count, loops));
        let added: Vec<f64> = ours.iter().zip(&plain).map(|(ours, plain)| ours - plain).collect();
        let array = [0; 7].map(|_| measure("array", *count, loops));
        let select = |way: &str| {
            if *count > 10_000 {
                return None;
            }
            let values = [0; 9].map(|_| measure(way, *count, (loops / 40).max(5)));
            Some(values)
        };
        let (select, indexed) = (select("select"), select("select_indexed"));
        let show = |values: &Option<[f64; 9]>| values.map_or("-".to_owned(), |v| Spread::of(&v).show(0));
        report.say(&format!(
            "| {count} | {} | {} | {} | {} | {} | {} |",
            Spread::of(&plain).show(0),
            Spread::of(&ours).show(0),
            Spread::of(&added).show(0),
            Spread::of(&array).show(0),
            show(&select),
            show(&indexed),
        ));
        report.keep(&format!("plain-{count}"), &plain);
        report.keep(&format!("ours-{count}"), &ours);
        report.keep(&format!("array-{count}"), &array);
        for (name, values) in [("select", &select), ("select_indexed", &indexed)] {
            report.keep(&format!("{name}-{count}"), values.as_ref().map_or(&[], |values| values.as_slice()));
        }
        let added_us = Spread::of(&added).median / 1_000.0;
        let times =
            select.map(|values| (Spread::of(&values).median - Spread::of(&plain).median) / (added_us * 1_000.0));
        println!(
            "  {count} tenants: adds {added_us:.2} microseconds (budget {BUDGET_US}); the original's way adds {} times that",
            times.map_or("-".to_owned(), |times| format!("{times:.0}"))
        );
    }
}

/// The host names as a PHP array: what a hand-written multi-site config.php would include.
fn array_of_hosts(count: u32) -> String {
    let mut text = "<?php return [\n".to_owned();
    for number in 1..=count {
        let _ = writeln!(
            text,
            "'{}' => ['mariadb', 'db.example.org', 'moodle_{number}', 'moodle_{number}', 'secret-of-school-{number}', \
             '/var/moodledata/school{number}'],",
            host(number)
        );
    }
    text.push_str("];\n");
    text
}
