//! Publishing while requests run: no wrong answer, no error, and soon everybody has the new index.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::fpm::Pool;
use support::process::{output, signal};
use support::{need, php, wait};

use crate::{row, setup, setup_with};

const HOSTS: [&str; 4] = ["t0.example.org", "t1.example.org", "t2.example.org", "t3.example.org"];
const SWAPS: u64 = 1000;

/// What the workers have shown so far: when by their own clock, and which round.
#[derive(Default)]
struct Seen {
    workers: Mutex<BTreeMap<u64, Vec<(u64, u64)>>>,
}

impl Seen {
    /// Checks that one answer is the right tenant's, and keeps its round.
    fn check(&self, host: &str, expected: &Value, answer: &Value) {
        let cfg = &answer["cfg"];
        assert_eq!(cfg["wwwroot"], expected["vhostname"], "{host}");
        assert_eq!(cfg["dbname"], expected["vdbname"], "{host}");
        assert_eq!(cfg["dataroot"], expected["vdatapath"], "{host}");
        let round = cfg["swapround"].as_u64().unwrap();
        let (pid, time) = (answer["pid"].as_u64().unwrap(), answer["time"].as_u64().unwrap());
        self.workers.lock().unwrap().entry(pid).or_default().push((time, round));
    }

    /// Whether each of these workers has answered since `SWAPS` was published, and from it.
    fn all_follow(&self, workers: &BTreeSet<u32>) -> bool {
        let seen = self.workers.lock().unwrap();
        workers.iter().all(|pid| {
            seen.get(&u64::from(*pid))
                .and_then(|answers| answers.iter().max())
                .is_some_and(|(_, round)| *round == SWAPS)
        })
    }

    /// Answers kept; no worker may ever have gone back.
    fn count(&self) -> usize {
        let mut seen = self.workers.lock().unwrap();
        for (pid, answers) in seen.iter_mut() {
            answers.sort_unstable();
            assert!(answers.is_sorted_by_key(|(_, round)| *round), "worker {pid} went back: {answers:?}");
        }
        seen.values().map(Vec::len).sum()
    }
}

#[test]
fn a_thousand_swaps_under_load_give_no_wrong_answer_and_all_workers_follow() {
    let pool = Pool { workers: 6, ..Pool::default() };
    let Some(setup) = setup_with("swaps", &HOSTS, json!({}), &pool) else { return };
    let rows = HOSTS.map(|host| row(&setup.farm, host));
    let policy = |round: u64| json!(["round", {"settings": {"swapround": round}}]);
    let first = json!([{"name": "round", "targets": "all", "settings": {"swapround": 0}}]);
    setup.farm.call("policy_add", first).unwrap();

    let (seen, done) = (Seen::default(), AtomicBool::new(false));
    let finished = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (seen, done, setup, rows) = (&seen, &done, &setup, &rows);
            scope.spawn(move || {
                let mut number = thread;
                while !done.load(Ordering::Relaxed) {
                    let host = HOSTS[number % HOSTS.len()];
                    let response = setup.web.get(host, "/");
                    if response.status != 200 {
                        done.store(true, Ordering::Relaxed);
                        panic!("{host}: {response:?}");
                    }
                    seen.check(host, &rows[number % HOSTS.len()], &response.json());
                    number += 1;
                }
            });
        }
        let publisher = scope.spawn(|| {
            let calls: Vec<(&str, Value)> = (1..=SWAPS).map(|round| ("policy_update", policy(round))).collect();
            let results = setup.farm.calls(&calls);
            done.store(true, Ordering::Relaxed);
            results
        });
        publisher.join().unwrap()
    });
    let last = Instant::now();
    for result in finished {
        result.unwrap();
    }
    // All at once, so that no worker stays idle.
    let ask = &|number: usize| {
        let host = HOSTS[number % HOSTS.len()];
        seen.check(host, &rows[number % HOSTS.len()], &setup.web.get(host, "/").json());
    };
    wait::until(Duration::from_secs(1), "every worker on the last index", || {
        std::thread::scope(|scope| (0..12).for_each(|number| drop(scope.spawn(move || ask(number)))));
        seen.all_follow(&setup.web.fpm.workers())
    });
    let answers = seen.count();
    eprintln!("{answers} answers over {SWAPS} swaps; all workers followed within {:?}", last.elapsed());
    assert!(answers > 500, "only {answers} answers: no load");
    assert!(!setup.web.fpm.log().contains("exited on signal"), "{}", setup.web.fpm.log());
}

#[test]
fn a_publisher_killed_at_any_point_leaves_a_good_index() {
    let Some(setup) = setup("killed", &HOSTS, json!({})) else { return };
    // A registry of some size, so that writing takes a while.
    let rows = (0..3000).map(|number| {
        format!(
            "('N{number}', 'n{number}', 'http://n{number}.example.org', 'n{number}.example.org', 'mariadb', 'localhost', \
             'u', 'p', 'n{number}', 'mdl_', '/nowhere/n{number}', 1, 'enabled')"
        )
    });
    setup.farm.control().run(&format!(
        "INSERT INTO mdl_local_vmoodle (name, shortname, vhostname, hostkey, vdbtype, vdbhost, vdblogin, vdbpass, \
         vdbname, vdbprefix, vdatapath, enabled, state) VALUES {}",
        rows.collect::<Vec<_>>().join(",")
    ));
    let whole = Instant::now();
    let published = setup.farm.call("publish", json!([])).unwrap();
    assert_eq!(published["tenants"], json!(3000 + HOSTS.len()), "{published}");
    let whole = whole.elapsed();

    let mut killed = 0;
    for number in 0..60 {
        let mut victim = php::command()
            .arg(support::root::fixture("call.php"))
            .arg(setup.farm.code().path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let calls = json!([["publish", []]]);
        std::io::Write::write_all(&mut victim.stdin.take().unwrap(), calls.to_string().as_bytes()).unwrap();
        // Spread over the whole of a publication, its start and its end included.
        let moment = whole.mul_f64(f64::from(number) / 50.0);
        if !wait::holds_within(moment, || victim.try_wait().unwrap().is_some()) {
            killed += 1;
            signal(victim.id(), "KILL");
        }
        victim.wait().unwrap();

        let status = setup.farm.call("index_status", json!([])).unwrap();
        assert_eq!(status["state"], "good", "killed after {moment:?}: {status}");
        assert_eq!(status["tenants"], published["tenants"], "{status}");
        for host in [HOSTS[0], "n2999.example.org"] {
            assert_eq!(setup.web.get(host, "/").status, 200, "{host}, killed after {moment:?}");
        }
    }
    assert!(killed > 20, "only {killed} publishers were caught at work");
    setup.farm.call("publish", json!([])).unwrap();
    let left: Vec<String> = std::fs::read_dir(setup.farm.index().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !["index", "index.previous", "index.lock"].contains(&name.as_str()))
        .collect();
    assert!(left.len() <= 1, "{killed} killed publishers left files behind: {left:?}");
}

#[test]
fn publishers_at_the_same_time_take_turns_and_nothing_is_lost() {
    let Some(setup) = setup("turns", &HOSTS, json!({})) else { return };
    let adders = 4;
    std::thread::scope(|scope| {
        for adder in 0..adders {
            let farm = &setup.farm;
            scope.spawn(move || {
                let calls: Vec<(&str, Value)> = (0..10)
                    .map(|number| ("tenant_add", json!([row(farm, &format!("a{adder}n{number}.example.org"))])))
                    .collect();
                for result in farm.calls(&calls) {
                    result.unwrap();
                }
            });
        }
    });
    let status = setup.farm.call("index_status", json!([])).unwrap();
    assert_eq!(status["tenants"], json!(HOSTS.len() + adders * 10), "{status}");
    let rows = setup.farm.control().run("SELECT COUNT(*) FROM mdl_local_vmoodle");
    assert_eq!(rows.trim(), (HOSTS.len() + adders * 10).to_string());
}

#[test]
fn a_restarted_pool_and_a_new_process_read_the_index_in_place() {
    let Some(setup) = setup("restart", &HOSTS, json!({})) else { return };
    assert!(need::program("php").is_some());
    let mode = output(std::process::Command::new("stat").args(["-c", "%a"]).arg(setup.farm.index()));
    assert_eq!(mode.trim(), "600", "it holds passwords");
    let web = setup.farm.serve(&Pool { workers: 1, ..Pool::default() });
    for host in HOSTS {
        assert_eq!(web.get(host, "/").status, 200);
    }
}
