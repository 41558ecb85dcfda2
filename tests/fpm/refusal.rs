//! What a visitor is told when no tenant answers, and what the operator is told.

use serde_json::json;
use support::farm::CONTROL;
use support::fpm::Pool;
use support::http::{Request, Response};

use crate::{row, setup, setup_with, wwwroot};

/// Not even a word about the farm.
fn assert_says_nothing(response: &Response) {
    let text = format!("{:?} {}", response.headers, response.body).to_lowercase();
    for word in ["vmoodle", "tenant", "index.php", "mariadb", "mdl_", "one.example", CONTROL, "php/", "/tmp", "#0 "] {
        assert!(!text.contains(word), "the answer says `{word}`: {response:?}");
    }
}

#[test]
fn an_unknown_host_gets_404_and_learns_nothing() {
    let Some(setup) = setup("unknown", &["one.example.org"], json!({})) else { return };
    let response = setup.web.get("nobody.example.org", "/");
    assert_eq!(response.status, 404);
    assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(response.body.contains("<h1>"), "{response:?}");
    assert_says_nothing(&response);
    assert!(response.header("Retry-After").is_none());

    let response = setup.web.send(&Request::new("HEAD", "nobody.example.org", "/"));
    assert_eq!((response.status, response.body.as_str()), (404, ""));
    let response = setup.web.send(&Request::new("POST", "nobody.example.org", "/").form(&[("a", "b")]));
    assert_eq!(response.status, 404);
}

#[test]
fn the_operator_finds_the_host_in_the_log_with_nothing_raw_in_it() {
    let Some(setup) = setup("log", &["one.example.org"], json!({})) else { return };
    setup.web.send(&Request::new("GET", b"evil\xff\x1b[31mname".as_slice(), "/"));
    setup.web.get("nobody.example.org", "/");
    support::wait::until(std::time::Duration::from_secs(5), "the log line", || {
        setup.web.fpm.log().contains("nobody.example.org")
    });
    let log = setup.web.fpm.log();
    assert!(log.contains("vmoodle: 404 host_unknown"), "{log}");
    assert!(!log.contains('\x1b') && !log.contains('\u{fffd}'), "{log:?}");
}

#[test]
fn the_page_is_in_the_visitors_language() {
    let Some(setup) = setup("language", &[], json!({})) else { return };
    for (accept, language) in [
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de,fr;q=0.5,en;q=0.3", "fr"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("de", "en"),
        ("", "en"),
        ("fr;q=0", "en"),
        ("\"><script>", "en"),
    ] {
        let request = Request::new("GET", "nobody.example.org", "/").header("Accept-Language", accept);
        let response = setup.web.send(&request);
        assert_eq!(response.header("Content-Language"), Some(language), "{accept}");
        assert!(response.body.contains(&format!("<html lang=\"{language}\">")), "{accept}");
    }
    let page = |language: &str| {
        let request = Request::new("GET", "nobody.example.org", "/").header("Accept-Language", language);
        setup.web.send(&request).title().to_owned()
    };
    assert_ne!(page("fr"), page("en"));
}

#[test]
fn each_state_is_served_or_refused_as_designed() {
    let Some(setup) = setup("states", &[], json!({})) else { return };
    let states = [
        ("enabled", 200),
        ("creating", 503),
        ("disabled", 503),
        ("retired", 503),
        ("broken", 503),
        ("trashed", 404),
        ("spare", 404),
    ];
    let rows = states.map(|(state, _)| {
        let mut row = row(&setup.farm, &format!("{state}.example.org"));
        row["state"] = json!(state);
        ("tenant_add", json!([row]))
    });
    for result in setup.farm.calls(&rows) {
        result.unwrap();
    }
    for (state, status) in states {
        let response = setup.web.get(format!("{state}.example.org"), "/");
        assert_eq!(response.status, status, "{state}: {response:?}");
        let retry = response.header("Retry-After").and_then(|seconds| seconds.parse::<u32>().ok());
        assert_eq!(retry.is_some_and(|seconds| seconds > 0), status == 503, "{state}: {response:?}");
        if status != 200 {
            assert_says_nothing(&response);
        }
    }
}

#[test]
fn the_control_sites_own_host_can_be_refused() {
    let Some(served) = setup("control_served", &["one.example.org"], json!({"control": "serve"})) else { return };
    assert_eq!(wwwroot(&served.web.get(CONTROL, "/")), Some(format!("http://{CONTROL}")));

    let Some(refused) = setup("control_refused", &["one.example.org"], json!({"control": "refuse"})) else { return };
    let response = refused.web.get(CONTROL, "/");
    assert_eq!(response.status, 404, "{response:?}");
    assert_says_nothing(&response);
    assert_eq!(refused.web.get("one.example.org", "/").status, 200);
}

#[test]
fn without_the_extension_no_site_is_served_and_the_log_says_why() {
    let pool = Pool { extension: false, ..Pool::default() };
    let Some(setup) = setup_with("no_extension", &["one.example.org"], json!({}), &pool) else { return };
    for host in ["one.example.org", "nobody.example.org", CONTROL] {
        let response = setup.web.get(host, "/");
        assert_eq!(response.status, 503, "{host}: {response:?}");
        assert!(response.header("Retry-After").is_some());
        assert_says_nothing(&response);
    }
    let log = setup.web.fpm.log();
    assert!(log.contains("extension") && log.contains("vmoodle"), "{log}");

    let mut command = support::php::without_extension();
    command.arg("index.php").current_dir(setup.farm.code().path());
    for host in [None, Some("one.example.org")] {
        if let Some(host) = host {
            command.env("VMOODLE_HOST", host);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("extension"), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn a_mistake_in_the_settings_is_an_answer_of_503_and_a_line_in_the_log() {
    let Some(mut setup) = setup("bad_settings", &["one.example.org"], json!({})) else { return };
    setup.farm.configure(&json!({"vmoodle": {"control": "perhaps"}}));
    let response = setup.web.get("one.example.org", "/");
    assert_eq!(response.status, 503, "{response:?}");
    assert_says_nothing(&response);
    assert!(setup.web.fpm.log().contains("bad_configuration"), "{}", setup.web.fpm.log());
}

#[test]
fn a_load_balancer_learns_whether_this_node_serves_whatever_the_host() {
    let Some(setup) = setup("health", &["one.example.org"], json!({})) else { return };
    let ask = |host: &str| setup.web.get(host, "/local/vmoodle/health.php");
    for host in ["one.example.org", "nobody.example.org", "10.0.0.1"] {
        let response = ask(host);
        assert_eq!(response.status, 200, "{host}: {response:?}");
        assert_says_nothing(&response);
    }
    std::fs::remove_dir_all(setup.farm.index().parent().unwrap()).unwrap();
    let web = setup.farm.serve(&Pool { workers: 1, ..Pool::default() });
    assert_eq!(web.get("one.example.org", "/local/vmoodle/health.php").status, 503);
}
