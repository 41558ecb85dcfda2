//! What a tenant must not share with another one, or with the control site.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::farm::CONTROL;
use support::fpm::{Fpm, Pool};
use support::nginx::{Nginx, Site};

use crate::{farm, register, row, setup, setup_with, wwwroot};

/// Asks for every host in turn from several threads at once, and checks each answer.
fn ask_all(threads: usize, rounds: usize, hosts: &[String], check: impl Fn(&str, usize) + Sync) -> usize {
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (asked, check) = (&asked, &check);
            scope.spawn(move || {
                for round in 0..rounds {
                    // Neighbours in time are neighbours in no thread's order.
                    let host = &hosts[(round * 7 + thread * 3) % hosts.len()];
                    check(host, thread);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    asked.into_inner()
}

#[test]
fn no_tenant_is_ever_answered_for_another_one() {
    let hosts: Vec<String> = (0..20).map(|number| format!("t{number}.example.org")).collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let pool = Pool { workers: 8, ..Pool::default() };
    let Some(setup) = setup_with("mix_up", &names, json!({}), &pool) else { return };
    let asked = ask_all(8, 250, &hosts, |host, _| {
        let answer = setup.web.get(host, "/").json();
        let row = row(&setup.farm, host);
        let cfg = &answer["cfg"];
        assert_eq!(cfg["wwwroot"], row["vhostname"]);
        assert_eq!(cfg["dbname"], row["vdbname"]);
        assert_eq!(cfg["dataroot"], row["vdatapath"]);
        assert_eq!(answer["current"]["wwwroot"], row["vhostname"]);
    });
    assert_eq!(asked, 2000);
    assert!(!setup.web.fpm.log().contains("exited on signal"), "{}", setup.web.fpm.log());
}

#[test]
fn what_tenants_share_a_store_for_is_kept_apart_by_name() {
    let hosts = ["one.example.org", "two.example.org"];
    let Some(mut setup) = setup("apart", &hosts, json!({})) else { return };
    let cfg = |setup: &crate::Setup, host: &str| setup.web.get(host, "/").json()["cfg"].clone();
    for name in ["session_redis_prefix", "session_memcached_prefix", "sessioncookie"] {
        let values: BTreeSet<String> = hosts.iter().map(|host| cfg(&setup, host)[name].to_string()).collect();
        assert_eq!(values.len(), 2, "{name}: {values:?}");
        assert!(!values.contains("null") && !values.contains("\"\""), "{name}: {values:?}");
    }
    let one = cfg(&setup, "one.example.org");
    for name in ["cachedir", "localcachedir", "tempdir", "backuptempdir"] {
        assert_eq!(one[name], Value::Null, "{name}: Moodle puts it in the dataroot");
    }
    let forced = setup.farm.folder().join("forced");
    let forced = forced.display().to_string();
    setup.farm.configure(&json!({
        "cachedir": format!("{forced}/cache"), "localcachedir": format!("{forced}/local"),
        "tempdir": format!("{forced}/temp"), "backuptempdir": format!("{forced}/backup"),
    }));
    let (one, two) = (cfg(&setup, "one.example.org"), cfg(&setup, "two.example.org"));
    for (name, folder) in
        [("cachedir", "cache"), ("localcachedir", "local"), ("tempdir", "temp"), ("backuptempdir", "backup")]
    {
        let below = |value: &Value| value.as_str().unwrap().starts_with(&format!("{forced}/{folder}/"));
        assert!(below(&one[name]) && below(&two[name]), "{name}: {} {}", one[name], two[name]);
        assert_ne!(one[name], two[name], "{name}");
    }
}

#[test]
fn a_tenants_administrator_cannot_undo_what_protects_the_machine() {
    let Some(setup) = setup("forced", &["one.example.org"], json!({"dbuser": "shared", "dbpass": "secret"})) else {
        return;
    };
    let tenant = setup.web.get("one.example.org", "/").json()["cfg"].clone();
    for name in ["preventexecpath", "disableupdateautodeploy", "uninstallclionly"] {
        assert!(tenant[name] == json!(true) || tenant[name] == json!(1), "{name}: {}", tenant[name]);
    }
    let control = setup.web.get(CONTROL, "/").json()["cfg"].clone();
    assert_eq!(control["preventexecpath"], Value::Null);
    // The account of all tenants is in the tenant's own settings only, never where a page may print it.
    for cfg in [&tenant, &control] {
        assert_eq!(cfg["vmoodle"]["dbpass"], Value::Null, "{}", cfg["vmoodle"]);
    }
    assert!(!tenant.to_string().contains("pass'word"), "the control site's password shows on a tenant");
}

#[test]
fn overrides_and_policies_reach_the_next_request_and_may_not_set_everything() {
    let hosts = ["one.example.org", "two.example.org"];
    let Some(setup) = setup("overrides", &hosts, json!({})) else { return };
    let update =
        |settings: Value| setup.farm.call("tenant_update", json!(["http://one.example.org", {"settings": settings}]));
    update(json!({"theme": "classic", "forced_plugin_settings": {"auth_manual": {"expiration": 0}}})).unwrap();
    let policy = json!([{"name": "quiet", "targets": "all", "settings": {"noemailever": true, "theme": "boost"}}]);
    setup.farm.call("policy_add", policy).unwrap();
    let cfg = |host: &str| setup.web.get(host, "/").json()["cfg"].clone();
    let (one, two) = (cfg(hosts[0]), cfg(hosts[1]));
    assert_eq!((&one["theme"], &two["theme"]), (&json!("classic"), &json!("boost")), "one's own wins");
    assert_eq!((&one["noemailever"], &two["noemailever"]), (&json!(true), &json!(true)));
    assert_eq!(one["forced_plugin_settings"]["auth_manual"]["expiration"], json!(0));
    assert_eq!(cfg(CONTROL)["theme"], Value::Null, "a policy is for tenants");

    for name in [
        "dbname",
        "dbuser",
        "dbpass",
        "dboptions",
        "prefix",
        "dataroot",
        "dirroot",
        "wwwroot",
        "vmoodle",
        "customscripts",
        "altcacheconfigpath",
        "alternative_component_cache",
        "pathtophp",
        "DBNAME",
    ] {
        let thrown = update(json!({name: "x"})).unwrap_err();
        assert_eq!(thrown.reason, "bad_setting", "{name}");
        let thrown = setup
            .farm
            .call("policy_add", json!([{"name": name, "targets": "all", "settings": {name: "x"}}]))
            .unwrap_err();
        assert_eq!(thrown.reason, "bad_setting", "{name}");
    }
}

#[test]
fn two_farms_in_one_pool_do_not_mix() {
    let (Some(red), Some(blue)) = (farm("red", json!({})), farm("blue", json!({}))) else { return };
    // The same host names on both, so that only the farm can tell them apart.
    register(&red, &["one.example.org", "red.example.org"]);
    register(&blue, &["one.example.org", "blue.example.org"]);
    let fpm = Fpm::start(&Pool { workers: 3, ..Pool::default() });
    let sites = [&red, &blue].map(|farm| Site { root: farm.code().path().to_owned(), fpm: fpm.socket(), port: None });
    let nginx = Nginx::start(&sites);
    let farms = [&red, &blue];
    ask_all(6, 100, &["one.example.org".to_owned()], |host, thread| {
        let number = thread % 2;
        let answer = support::http::Request::new("GET", host, "/").send(nginx.address(number)).json();
        assert_eq!(answer["cfg"]["dataroot"], json!(farms[number].dataroot(host)));
    });
    let status =
        |host: &str, number: usize| support::http::Request::new("GET", host, "/").send(nginx.address(number)).status;
    assert_eq!((status("red.example.org", 0), status("red.example.org", 1)), (200, 404));
    assert_eq!((status("blue.example.org", 0), status("blue.example.org", 1)), (404, 200));
}

#[test]
fn another_farms_index_is_not_served() {
    let (Some(red), Some(blue)) = (farm("red_index", json!({})), farm("blue_index", json!({}))) else { return };
    register(&red, &["one.example.org"]);
    register(&blue, &["two.example.org"]);
    std::fs::copy(red.index(), blue.index()).unwrap();
    let _ = std::fs::remove_file(blue.index().with_extension("previous"));
    let web = blue.serve(&Pool::default());
    assert_eq!(wwwroot(&web.get("one.example.org", "/")), None);
    assert_eq!(wwwroot(&web.get(CONTROL, "/")), Some(format!("http://{CONTROL}")), "the control host alone is served");
}
