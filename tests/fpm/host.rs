//! Which tenant a host name picks.

use serde_json::json;
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{CONTROL, Farm};
use support::fpm::Pool;
use support::http::Request;
use support::mariadb::MariaDb;
use support::need::{self, Need};

use crate::{farm, row, setup, wwwroot};

const ONE: &str = "http://one.example.org";

#[test]
fn each_host_is_served_from_its_own_database_and_files() {
    let Some(farm) = farm("own_database", json!({})) else { return };
    let Some(one) = Database::shared(Engine::MariaDb, "fpm_own_database_one") else { return };
    let Some(two) = Database::shared(Engine::Postgres, "fpm_own_database_two") else { return };
    farm.add("one.example.org", &one);
    farm.add("two.example.org", &two);
    let web = farm.serve(&Pool::default());

    for (host, database) in [("one.example.org", &one), ("two.example.org", &two)] {
        let answer = web.get(host, "/?site").json();
        assert_eq!(answer["site"], format!("Site {host}"));
        assert_eq!(answer["cfg"]["wwwroot"], format!("http://{host}"));
        assert_eq!(answer["cfg"]["dbname"], database.name);
        assert_eq!(answer["cfg"]["dbtype"], database.engine.dbtype());
        assert_eq!(answer["cfg"]["dataroot"], json!(farm.dataroot(host)));
        assert_eq!(answer["current"]["wwwroot"], format!("http://{host}"));
    }
    let control = web.get(CONTROL, "/?site").json();
    assert_eq!(control["site"], "Control site");
    assert_eq!(control["current"], json!(null));
    assert_eq!(control["cfg"]["dbname"], farm.control().name);
}

#[test]
fn capitals_a_final_dot_and_default_ports_pick_the_same_tenant_and_leave_no_trace() {
    let Some(setup) = setup("spelling", &["one.example.org", "two.example.org"], json!({})) else { return };
    for host in [
        "one.example.org",
        "ONE.Example.ORG",
        "one.example.org.",
        "one.example.org:80",
        "one.example.org:443",
        "One.EXAMPLE.org.:80",
    ] {
        assert_eq!(wwwroot(&setup.web.get(host, "/")).as_deref(), Some(ONE), "{host}");
    }
}

#[test]
fn a_port_of_its_own_makes_another_site() {
    let hosts = ["one.example.org", "one.example.org:8443", "xn--cole-9oa.example.org"];
    let Some(setup) = setup("ports", &hosts, json!({})) else { return };
    let served = |host: &str| wwwroot(&setup.web.get(host, "/"));
    assert_eq!(served("one.example.org").as_deref(), Some(ONE));
    assert_eq!(served("one.example.org:8443").as_deref(), Some("http://one.example.org:8443"));
    assert_eq!(served("one.example.org:8444"), None);
    assert_eq!(served("one.example.org:"), Some(ONE.to_owned()), "an empty port is none");
    assert_eq!(served("École.example.org").as_deref(), Some("http://xn--cole-9oa.example.org"));
}

#[test]
fn an_injected_host_is_unknown_and_reaches_no_database() {
    let Some(()) = need::all(&[Need::Php, Need::Fpm, Need::Nginx]) else { return };
    // Its own server: nobody else may add to the number of connections.
    let Some(server) = MariaDb::start() else { return };
    let farm = Farm::new(Kind::Mini, "injected", server.database("injected"), json!({}));
    let tenant = server.database("injected_one");
    farm.add("one.example.org", &tenant);
    let web = farm.serve(&Pool::default());
    let union = "x'UNION(SELECT(1),2,3,4,5,'mariadb','localhost','root','','evil','mdl_',0,'/',0,1,0,0,0,0,'')#";
    let long = "a".repeat(3000);
    let attacks: [&[u8]; 16] = [
        b"x'or'1'='1",
        union.as_bytes(),
        b"one.example.org'--",
        b"one.example.org%00",
        b"one.example.org one.example.org",
        b"one.example.org,two.example.org",
        b"one.example.org@two.example.org",
        b"*.example.org",
        b"\xff\xfe\xfd",
        b"",
        b".",
        b"..",
        b"[::1]",
        b"127.0.0.1",
        b"one.example.org:99999",
        long.as_bytes(),
    ];
    let connections = || server.run("", "SHOW GLOBAL STATUS LIKE 'Connections'");
    let count = |line: &str| line.trim().rsplit('\t').next().unwrap().parse::<u64>().unwrap();
    let before = count(&connections());
    for host in attacks {
        let shown = String::from_utf8_lossy(host);
        let response = web.send(&Request::new("GET", host, "/?site"));
        assert!(matches!(response.status, 400 | 404), "{shown}: {response:?}");
        assert!(!response.body.contains("example.org"), "{shown}: {response:?}");
    }
    assert_eq!(count(&connections()), before + 1, "only our own look");
    assert_eq!(wwwroot(&web.get("one.example.org", "/?site")).as_deref(), Some(ONE));
    assert_eq!(count(&connections()), before + 3, "the tenant's connection and our look");
}

#[test]
fn two_host_headers_do_not_pick_twice() {
    let Some(setup) = setup("two_headers", &["one.example.org", "two.example.org"], json!({})) else { return };
    let request = Request::new("GET", "one.example.org", "/").header("Host", "two.example.org");
    let response = setup.web.send(&request);
    assert!(response.status == 400 || wwwroot(&response).as_deref() == Some(ONE), "{response:?}");
}

#[test]
fn a_forwarded_host_counts_only_from_a_trusted_proxy() {
    let hosts = ["one.example.org", "two.example.org"];
    let ask = || {
        Request::new("GET", "one.example.org", "/")
            .header("X-Forwarded-Host", "two.example.org")
            .header("X-Forwarded-Proto", "https")
    };
    for (test, proxies, expected) in [
        ("no_proxy", json!([]), ONE),
        ("other_proxy", json!(["10.0.0.0/8"]), ONE),
        ("our_proxy", json!(["127.0.0.0/8"]), "http://two.example.org"),
    ] {
        let Some(setup) = setup(test, &hosts, json!({"trusted_proxies": proxies})) else { return };
        assert_eq!(wwwroot(&setup.web.send(&ask())).as_deref(), Some(expected), "{test}");
        let unknown = Request::new("GET", "one.example.org", "/").header("X-Forwarded-Host", "nobody.example.org");
        assert_eq!(setup.web.send(&unknown).status == 404, test == "our_proxy", "{test}");
    }
}

#[test]
fn the_longest_path_picks_the_tenant_where_sub_paths_are_on() {
    let hosts = ["one.example.org", "one.example.org/school1", "one.example.org/school1/annex"];
    let Some(setup) = setup("subpaths", &hosts, json!({"subpaths": true})) else { return };
    for (target, expected) in [
        ("/", ""),
        ("/index.php", ""),
        ("/school1", "/school1"),
        ("/school1/", "/school1"),
        ("/school1?x=1", "/school1"),
        ("/school1/course/view.php?id=1", "/school1"),
        ("/school1/annex", "/school1/annex"),
        ("/school1/annex/x.php", "/school1/annex"),
        ("/school1/annexe", "/school1"),
        ("/school10/", ""),
        ("/other/school1/", ""),
        ("/?x=/school1", ""),
    ] {
        let answer = setup.web.get("one.example.org", target);
        assert_eq!(wwwroot(&answer), Some(format!("{ONE}{expected}")), "{target}");
    }
    let cookie = |target: &str| setup.web.get("one.example.org", target).json()["cfg"]["sessioncookie"].clone();
    assert!(cookie("/").is_string());
    assert_ne!(cookie("/"), cookie("/school1/"), "sites of one origin have cookies of their own");
}

#[test]
fn paths_take_no_part_where_sub_paths_are_off() {
    let hosts = ["one.example.org", "one.example.org/school1"];
    let Some(setup) = setup("no_subpaths", &hosts, json!({})) else { return };
    assert_eq!(wwwroot(&setup.web.get("one.example.org", "/school1/")).as_deref(), Some(ONE));
}

#[test]
fn the_command_line_picks_by_vmoodle_host_and_never_falls_back() {
    let Some(farm) = farm("command_line", json!({})) else { return };
    let rows = ["one.example.org", "off.example.org"].map(|host| {
        let mut row = row(&farm, host);
        row["state"] = json!(if host.starts_with("off") { "disabled" } else { "enabled" });
        row
    });
    for result in farm.calls(&rows.map(|row| ("tenant_add", json!([row])))) {
        result.unwrap();
    }
    farm.call("alias_add", json!(["alias.example.org", ONE])).unwrap();
    let run = |host: Option<&str>| {
        let mut command = farm.script("index.php", host);
        command.args(["-n"]).output().unwrap()
    };
    let root = |host: Option<&str>| {
        let output = run(host);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["cfg"]["wwwroot"].clone()
    };
    assert_eq!(root(None), format!("http://{CONTROL}"));
    assert_eq!(root(Some("one.example.org")), ONE);
    assert_eq!(root(Some("http://one.example.org")), ONE);
    assert_eq!(root(Some("alias.example.org")), ONE, "on the command line an alias simply resolves");
    assert_eq!(root(Some("off.example.org")), "http://off.example.org", "any state can be repaired");
    for host in ["nobody.example.org", "", "x'or'1'='1"] {
        let output = run(Some(host));
        assert_eq!(output.status.code(), Some(1), "{host}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{host}: {output:?}");
    }
}

#[test]
fn a_web_request_cannot_bring_its_own_vmoodle_host() {
    let pool = Pool { ini: vec![("variables_order".into(), "EGPCS".into())], ..Pool::default() };
    let hosts = ["one.example.org", "two.example.org"];
    let Some(setup) = crate::setup_with("web_variable", &hosts, json!({}), &pool) else { return };
    let request = Request::new("GET", "one.example.org", "/?VMOODLE_HOST=two.example.org")
        .header("VMOODLE_HOST", "two.example.org")
        .header("VMOODLE-HOST", "two.example.org")
        .header("Cookie", "VMOODLE_HOST=two.example.org");
    assert_eq!(wwwroot(&setup.web.send(&request)).as_deref(), Some(ONE));
}
