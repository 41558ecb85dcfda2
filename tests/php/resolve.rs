//! `Vmoodle\resolve`: the cases that the core runs too, and what only PHP can hand over.

use serde_json::{Value, json};
use support::root;
use vmoodle_core::tenant::State;

use crate::site::Site;

fn fixture() -> Value {
    serde_json::from_slice(&std::fs::read(root::fixture("hosts.json")).unwrap()).unwrap()
}

/// The farm of the fixture.
fn site(test: &str) -> Option<Site> {
    let cases = fixture();
    let mut site = Site::at(test, cases["control"].as_str().unwrap())?;
    site.cfg.insert("vmoodle".into(), cases["settings"].clone());
    for (number, row) in (1..).zip(cases["tenants"].as_array().unwrap()) {
        assert_eq!(row["id"], number, "the fixture numbers its tenants in order");
        let state = row["state"].as_str().map_or(State::Enabled, |word| State::parse(word).unwrap());
        site.tenant(row["wwwroot"].as_str().unwrap()).state = state;
    }
    for row in cases["aliases"].as_array().unwrap() {
        site.alias(row["host"].as_str().unwrap(), u32::try_from(row["tenant"].as_u64().unwrap()).unwrap());
    }
    site.publish();
    Some(site)
}

#[test]
fn every_shared_case_is_for_whom_it_says() {
    let Some(site) = site("resolve") else { return };
    let answers = site.ask("resolve", "cases");
    let cases = fixture();
    let cases = cases["cases"].as_array().unwrap();
    assert_eq!(answers.as_array().unwrap().len(), cases.len());
    for (case, answer) in cases.iter().zip(answers.as_array().unwrap()) {
        let name = &case["name"];
        assert_eq!(answer["outcome"], case["outcome"], "{name}: {answer}");
        assert_eq!(answer["tenant"]["id"], case["tenant"], "{name}");
        let status = case["status"].as_u64().unwrap_or(match case["outcome"].as_str().unwrap() {
            "tenant" | "control" => 200,
            "unavailable" => 503,
            _ => 404,
        });
        assert_eq!(answer["status"], status, "{name}");
        assert_eq!(answer["location"], case["location"], "{name}");
    }
}

#[test]
fn what_boot_would_decide_is_told_with_the_key_and_the_public_facts() {
    let Some(site) = site("resolve_facts") else { return };
    let told = site.ask("resolve", "facts");
    assert_eq!(told["key"], "two.example.org:8443");
    assert_eq!(told["tenant"]["wwwroot"], "https://two.example.org:8443");
    assert_eq!(told["tenant"]["state"], "enabled");
    let mut names: Vec<&str> = told["tenant"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let public = ["cacheprefix", "generation", "id", "key", "mnet", "name", "shortname", "state", "tags", "wwwroot"];
    assert_eq!(names, public);
}

#[test]
fn bytes_that_are_no_utf_8_are_a_host_like_any_other() {
    let Some(site) = site("resolve_bytes") else { return };
    for answer in site.ask("resolve", "bytes").as_array().unwrap() {
        assert_eq!(answer["outcome"], "unknown", "{answer}");
        assert_eq!(answer["key"], Value::Null, "{answer}");
    }
}

#[test]
fn entries_of_another_type_do_not_count() {
    let Some(site) = site("resolve_types") else { return };
    let answers = site.ask("resolve", "types");
    for answer in answers.as_array().unwrap() {
        assert_eq!(answer["outcome"], "tenant", "{answer}");
    }
}

#[test]
fn a_refused_boot_tells_which_farm_is_meant_and_none_does_not() {
    let Some(site) = site("resolve_refused") else { return };
    let told = site.ask("resolve", "after a refusal");
    assert_eq!(told["thrown"]["getReason"], "host_unknown");
    assert_eq!(told["outcome"], "tenant");
    assert_eq!(site.ask("resolve", "before boot")["getReason"], json!("not_booted"));
}
