//! Boot behind a web server: the request picks the site, and nothing else does.

use serde_json::{Value, json};
use support::http::Request;
use vmoodle_core::tenant::State;

use crate::site::{CONTROL, Site, Web};

fn site(test: &str) -> Option<(Site, Web)> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org");
    site.tenant("https://two.example.org");
    site.tenant("https://off.example.org").state = State::Disabled;
    site.tenant("https://gone.example.org").state = State::Trashed;
    site.tenant("https://paths.example.org/school1");
    site.alias("www.one.example.org", 1);
    site.publish();
    let web = site.serve("web");
    Some((site, web))
}

#[test]
fn the_host_picks_the_tenant_and_an_unknown_one_nobody() {
    let Some((_site, web)) = site("web_host") else { return };
    for (host, name) in [("one.example.org", "moodle_1"), ("TWO.example.org.:443", "moodle_2")] {
        let said = web.ask(host, "boot");
        assert_eq!((&said["cfg"]["dbname"], &said["thrown"]), (&json!(name), &Value::Null), "{said}");
        assert_eq!(said["current"], said["tenant"]);
        assert_eq!(said["cfg"].get("vhost"), None, "only a named command line has it");
    }
    let unknown: [&[u8]; 7] = [
        b"nobody.example.org",
        b"one.example.org:8080",
        b"x'or'1'='1",
        b"gone.example.org",
        b"one.example.org\xff",
        b"\xff\xfe\xfd",
        b"127.0.0.1",
    ];
    for host in unknown {
        let said = web.ask(host, "boot");
        assert_eq!((&said["thrown"]["code"], &said["thrown"]["getReason"]), (&json!(404), &json!("host_unknown")));
        assert_eq!((&said["cfg"]["dbname"], &said["current"]), (&json!("control_of_test"), &Value::Null));
        assert!(said["thrown"]["message"].as_str().unwrap().is_ascii(), "{said}");
    }
}

#[test]
fn the_control_site_is_served_unless_its_settings_refuse_it() {
    let Some((_site, web)) = site("web_control") else { return };
    let said = web.ask(CONTROL, "boot");
    assert_eq!((&said["tenant"], &said["thrown"]), (&Value::Null, &Value::Null));
    let said = web.ask(CONTROL, "control refused");
    assert_eq!(said["thrown"]["code"], 404);
    assert_eq!(web.ask("one.example.org", "control refused")["cfg"]["dbname"], "moodle_1");
}

#[test]
fn a_tenant_that_is_not_serving_says_when_to_come_back() {
    let Some((_site, web)) = site("web_state") else { return };
    let thrown = &web.ask("off.example.org", "boot")["thrown"];
    assert_eq!((&thrown["code"], &thrown["getReason"]), (&json!(503), &json!("tenant_unavailable")));
    assert_eq!((&thrown["getRetryAfter"], &thrown["isRetryable"]), (&json!(600), &json!(true)));
    assert_eq!((&thrown["getTenant"], &thrown["getLocation"]), (&json!("https://off.example.org"), &Value::Null));
}

#[test]
fn an_alias_leads_to_the_same_path_on_the_tenants_own_address() {
    let Some((_site, web)) = site("web_alias") else { return };
    for (method, status) in [("GET", 301), ("POST", 308)] {
        let request = Request::new(method, "www.one.example.org", "/course/view.php?id=2&x=%20");
        let thrown = &web.send("boot", request).json()["thrown"];
        assert_eq!((&thrown["code"], &thrown["getReason"]), (&json!(status), &json!("alias_redirect")), "{method}");
        assert_eq!(thrown["getLocation"], "https://one.example.org/course/view.php?id=2&x=%20");
        assert_eq!(thrown["getRetryAfter"], Value::Null);
    }
}

#[test]
fn what_names_a_site_on_the_command_line_does_not_on_the_web() {
    let Some((_site, web)) = site("web_words") else { return };
    assert_eq!(web.ask("one.example.org", "words of the command line")["cfg"]["dbname"], "moodle_1");
    assert_eq!(web.ask("nobody.example.org", "words of the command line")["thrown"]["code"], 404);
}

#[test]
fn paths_take_part_where_the_settings_say_so() {
    let Some((_site, web)) = site("web_paths") else { return };
    let said = |case, path| web.send(case, Request::new("GET", "paths.example.org", path)).json();
    assert_eq!(said("sub-paths", "/school1/course/?id=1")["cfg"]["wwwroot"], "https://paths.example.org/school1");
    assert_eq!(said("sub-paths", "/school2/")["thrown"]["code"], 404);
    assert_eq!(said("boot", "/school1/")["thrown"]["code"], 404);
}

#[test]
fn a_forwarded_host_counts_from_a_trusted_proxy_only() {
    let Some((_site, web)) = site("web_proxy") else { return };
    let said = |case, host| {
        let request = Request::new("GET", host, "/").header("X-Forwarded-Host", "one.example.org");
        web.send(case, request).json()["cfg"]["dbname"].clone()
    };
    assert_eq!(said("a trusted proxy", "inside"), "moodle_1");
    assert_eq!(said("boot", "two.example.org"), "moodle_2");
}

#[test]
fn a_load_balancer_gets_its_answer_from_boot() {
    let Some((_site, web)) = site("web_health") else { return };
    let thrown = &web.send("boot", Request::new("GET", "10.0.0.1", "/local/vmoodle/health.php")).json()["thrown"];
    assert_eq!((&thrown["code"], &thrown["getReason"]), (&json!(200), &json!("node_health")));
}

#[test]
fn behats_own_site_is_left_alone() {
    let Some((site, web)) = site("web_behat") else { return };
    let said = web.ask("behat.example.org", "behat");
    assert_eq!((&said["tenant"], &said["thrown"]), (&Value::Null, &Value::Null));
    assert_eq!(said["cfg"]["dbname"], site.cfg["dbname"]);
    assert_eq!(web.ask("one.example.org", "behat")["cfg"]["dbname"], "moodle_1");
}

#[test]
fn the_request_is_what_the_script_left_of_it() {
    let Some((_site, web)) = site("web_server") else { return };
    assert_eq!(web.ask("one.example.org", "a script that wrote into $_SERVER")["cfg"]["dbname"], "moodle_2");
    assert_eq!(web.ask("one.example.org", "no $_SERVER")["thrown"]["code"], 404);
}
