//! What a process knows of its request: nothing before boot, and nothing of the one before.

use serde_json::{Value, json};
use support::http::Request;
use vmoodle_core::tenant::State;

use crate::site::{CONTROL, Site};

fn nothing() -> Value {
    json!({"current": null, "resolve": "not_booted", "console": "not_booted"})
}

fn site(test: &str) -> Option<Site> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org").tags = vec!["pilot".into()];
    site.tenant("https://off.example.org").state = State::Disabled;
    site.publish();
    Some(site)
}

#[test]
fn nothing_survives_a_request() {
    let Some(site) = site("current") else { return };
    let web = site.serve("current");
    let tenant = json!({"current": "one.example.org", "resolve": null, "console": "not_control_site"});
    let control = json!({"current": null, "resolve": null, "console": null});
    let refused = json!({"current": null, "resolve": null, "console": "not_booted"});
    for (host, after, thrown) in [
        ("one.example.org", &tenant, Value::Null),
        (CONTROL, &control, Value::Null),
        ("nobody.example.org", &refused, json!("host_unknown")),
        ("off.example.org", &refused, json!("tenant_unavailable")),
        ("one.example.org", &tenant, Value::Null),
    ] {
        let said = web.ask(host, "boot");
        assert_eq!(said, json!({"before": nothing(), "after": after, "thrown": thrown}), "{host}");
        assert_eq!(web.ask(host, "known"), nothing(), "after {host}");
    }
}

#[test]
fn what_a_script_does_to_its_copy_of_the_facts_changes_no_other() {
    let Some(site) = site("current_copy") else { return };
    let said = site.ask_as("one.example.org", "current", "a copy that was changed");
    assert_eq!((&said["key"], &said["wwwroot"]), (&json!("one.example.org"), &json!("https://one.example.org")));
    assert_eq!(said["tags"], json!(["pilot"]));
}

#[test]
fn a_boot_that_is_refused_ends_the_one_before() {
    let Some(site) = site("current_twice") else { return };
    let said = site.ask_as("one.example.org", "current", "twice");
    let after = json!({"current": null, "resolve": null, "console": "not_booted"});
    assert_eq!(said, json!({"thrown": "host_unknown", "after": after}));
}

#[test]
fn a_fatal_error_within_boot_leaves_the_worker_fit_for_the_next_request() {
    let Some(site) = site("current_fatal") else { return };
    let web = site.serve("current");
    for _ in 0..3 {
        let dead = web.send("a fatal error within boot", Request::new("GET", "one.example.org", "/"));
        assert_eq!((dead.status, dead.header("X-Reached")), (500, Some("yes")), "{dead:?}");
        let after: Value = serde_json::from_str(dead.header("X-After").unwrap()).unwrap();
        assert_eq!((&after["current"], &after["console"]), (&Value::Null, &json!("not_booted")), "{after}");
        assert_eq!(web.ask("one.example.org", "known"), nothing());
        assert_eq!(web.ask("one.example.org", "boot")["after"]["current"], "one.example.org");
        assert_eq!(web.ask(CONTROL, "boot")["after"]["console"], Value::Null);
    }
}
