//! An index that is torn, foreign or gone, and a control database that does not answer.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::code::Kind;
use support::farm::{CONTROL, Farm, Web};
use support::fpm::Pool;
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::wait;

use crate::{Setup, register, setup, wwwroot};

/// Longer than the second after which a worker looks at the file again.
const A_LOOK: Duration = Duration::from_millis(2500);

/// Puts other bytes in the index's place, as a rename does.
fn replace(index: &Path, bytes: &[u8]) {
    let new = index.with_extension("damage");
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(new, index).unwrap();
}

fn damages(good: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let mut middle = good.to_vec();
    middle[good.len() / 2] ^= 0x80;
    vec![
        ("missing", None),
        ("empty", Some(Vec::new())),
        ("half", Some(good[..good.len() / 2].to_vec())),
        ("the last byte cut off", Some(good[..good.len() - 1].to_vec())),
        ("a bit of the last byte flipped", Some(flipped)),
        ("a bit in the middle flipped", Some(middle)),
        ("a byte too many", Some([good, b"x"].concat())),
        ("no index at all", Some(b"<?php echo 'hello';".repeat(1000))),
        ("zeros", Some(vec![0; good.len()])),
    ]
}

fn hosts_serve(web: &Web) -> bool {
    ["one.example.org", "two.example.org"]
        .iter()
        .all(|host| wwwroot(&web.get(host, "/")) == Some(format!("http://{host}")))
}

#[test]
fn running_workers_keep_the_last_good_index() {
    let Some(setup) = setup("last_good", &["one.example.org", "two.example.org"], json!({})) else { return };
    let (index, good) = (setup.farm.index(), std::fs::read(setup.farm.index()).unwrap());
    // Every worker must have looked at the good one before.
    wait::until(Duration::from_secs(20), "all workers to serve", || seen_workers(&setup) == 4);
    for (what, bytes) in damages(&good) {
        match &bytes {
            Some(bytes) => replace(&index, bytes),
            None => std::fs::remove_file(&index).unwrap(),
        }
        let always = !wait::holds_within(A_LOOK, || !hosts_serve(&setup.web));
        assert!(always, "{what}: a tenant was refused\n{}", setup.web.fpm.log());
        replace(&index, &good);
    }
    assert!(!setup.web.fpm.log().contains("exited on signal"), "{}", setup.web.fpm.log());

    setup.farm.call("publish", json!([])).unwrap();
    register(&setup.farm, &["three.example.org"]);
    wait::until(A_LOOK, "the new tenant on every worker", || {
        (0..8).all(|_| setup.web.get("three.example.org", "/").status == 200)
    });
}

/// How many different workers answer ten questions at once.
fn seen_workers(setup: &Setup) -> usize {
    let pids: std::collections::BTreeSet<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|_| scope.spawn(|| setup.web.get("one.example.org", "/").json()["pid"].as_u64().unwrap()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    pids.len()
}

#[test]
fn fresh_workers_fall_back_to_the_index_before() {
    let Some(setup) = setup("fall_back", &["one.example.org", "two.example.org"], json!({})) else { return };
    // Twice, so that the previous index holds both tenants too.
    setup.farm.call("publish", json!([])).unwrap();
    let (index, good) = (setup.farm.index(), std::fs::read(setup.farm.index()).unwrap());
    for (what, bytes) in damages(&good) {
        match &bytes {
            Some(bytes) => replace(&index, bytes),
            None => std::fs::remove_file(&index).unwrap(),
        }
        let web = setup.farm.serve(&Pool { workers: 1, ..Pool::default() });
        assert!(hosts_serve(&web), "{what}\n{}", web.fpm.log());
        assert_eq!(web.get("nobody.example.org", "/").status, 404, "{what}");
        let status = setup.farm.call("index_status", json!([])).unwrap();
        assert_eq!(status["state"], "previous", "{what}: {status}");
        assert_ne!(status["message"], Value::Null, "{what}");
        // The publisher mends it.
        setup.farm.call("publish", json!([])).unwrap();
        assert_eq!(setup.farm.call("index_status", json!([])).unwrap()["state"], "good", "{what}");
        wait::until(A_LOOK, "the mended index", || hosts_serve(&web));
    }
}

#[test]
fn with_no_index_at_all_the_control_host_alone_is_served() {
    let Some(setup) = setup("no_index", &["one.example.org"], json!({})) else { return };
    let folder = setup.farm.index().parent().unwrap().to_owned();
    std::fs::remove_dir_all(folder).unwrap();
    let web = setup.farm.serve(&Pool { workers: 2, ..Pool::default() });
    assert_eq!(wwwroot(&web.get(CONTROL, "/")), Some(format!("http://{CONTROL}")));
    for host in ["one.example.org", "nobody.example.org"] {
        let response = web.get(host, "/");
        assert_eq!(response.status, 503, "{response:?}");
        assert!(response.header("Retry-After").is_some());
    }
    setup.farm.call("publish", json!([])).unwrap();
    wait::until(A_LOOK, "the new index", || web.get("one.example.org", "/").status == 200);
    // The other worker may look up to a second later.
    wait::until(A_LOOK, "the new index in each worker", || web.get("nobody.example.org", "/").status == 404);
}

#[test]
fn tenants_keep_serving_while_the_control_database_is_down() {
    let Some(()) = need::all(&[Need::Php, Need::Fpm, Need::Nginx]) else { return };
    let (Some(mut control), Some(tenants)) = (MariaDb::start(), MariaDb::shared()) else { return };
    let farm = Farm::new(Kind::Mini, "control_down", control.database("control"), json!({}));
    farm.add("one.example.org", &tenants.database("fpm_control_down_one"));
    farm.add("two.example.org", &tenants.database("fpm_control_down_two"));
    farm.call("alias_add", json!(["alias.example.org", "http://one.example.org"])).unwrap();
    let running = farm.serve(&Pool::default());
    assert!(hosts_serve(&running));
    control.kill();
    let fresh = farm.serve(&Pool::default());
    for web in [&running, &fresh] {
        for host in ["one.example.org", "two.example.org"] {
            assert_eq!(web.get(host, "/?site").json()["site"], format!("Site {host}"));
        }
        assert_eq!(web.get("alias.example.org", "/").status, 301);
        assert_eq!(web.get("nobody.example.org", "/").status, 404);
        assert_eq!(web.get(CONTROL, "/?site").status, 500, "the control site itself needs its database");
    }
    let thrown = farm.call("publish", json!([])).unwrap_err();
    assert_eq!(thrown.reason, "control_unreachable");
    assert!(hosts_serve(&fresh), "a publication that failed leaves the index as it was");
}
