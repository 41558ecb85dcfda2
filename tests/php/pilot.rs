//! The functions of the control site: only there, and only with parameters of their types.

use serde_json::{Value, json};

use crate::site::Site;

fn site(test: &str) -> Option<Site> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org");
    site.publish();
    Some(site)
}

fn assert_each(said: &Value, class: &str, reason: &str) {
    let said = said.as_object().unwrap();
    assert!(said.len() >= 17, "{said:?}");
    for (function, thrown) in said.iter().filter(|(name, _)| *name != "thrown") {
        assert_eq!(thrown, &json!([class, reason]), "{function}");
    }
}

#[test]
fn without_boot_every_function_says_so() {
    let Some(site) = site("pilot_not_booted") else { return };
    assert_each(&site.ask("pilot", "without boot"), "Vmoodle\\ControlException", "not_booted");
    let refused = site.ask_as("nobody.example.org", "pilot", "booted");
    assert_eq!(refused["thrown"], "host_unknown");
    assert_each(&refused, "Vmoodle\\ControlException", "not_booted");
}

#[test]
fn in_a_tenants_process_every_function_is_refused() {
    let Some(site) = site("pilot_tenant") else { return };
    let said = site.ask_as("one.example.org", "pilot", "booted");
    assert_each(&said, "Vmoodle\\ControlException", "not_control_site");
    let said = site.serve("pilot").ask("one.example.org", "booted");
    assert_each(&said, "Vmoodle\\ControlException", "not_control_site");
}

#[test]
fn with_the_control_database_down_the_control_site_says_so_and_its_index_is_told() {
    let Some(site) = site("pilot_down") else { return };
    let said = site.ask("pilot", "booted");
    for (function, thrown) in said.as_object().unwrap().iter().filter(|(name, _)| *name != "thrown") {
        let expected = match function.as_str() {
            // None of these reads the database.
            "index_status" | "operations" | "nodes" | "snapshots" | "snapshot_originals" => json!([null, null]),
            "snapshot_verify" | "snapshot_delete" | "snapshot_trial" | "snapshot_name" => {
                json!(["Vmoodle\\NotFoundException", "snapshot_not_found"])
            }
            // What is wrong with these is found before the database is asked.
            "key_create" | "config_compare" | "sheet_import" => json!(["Vmoodle\\InvalidException", "bad_parameter"]),
            "key_renew" => json!(["Vmoodle\\ControlException", "bad_configuration"]),
            _ => json!(["Vmoodle\\ControlException", "control_unreachable"]),
        };
        assert_eq!(thrown, &expected, "{function}");
    }
}

#[test]
fn an_argument_of_another_type_is_a_type_error() {
    let Some(site) = site("pilot_types") else { return };
    for call in site.ask("pilot", "types").as_array().unwrap() {
        assert_eq!(call[1], "TypeError", "{call}");
    }
    for call in site.ask("pilot", "counts").as_array().unwrap() {
        assert_eq!(call[1], "ArgumentCountError", "{call}");
    }
}

#[test]
fn values_that_no_row_can_hold_are_refused() {
    let Some(site) = site("pilot_values") else { return };
    for reason in site.ask("pilot", "values").as_array().unwrap() {
        assert_eq!(reason, "bad_parameter");
    }
    for class in site.ask("pilot", "bytes").as_array().unwrap() {
        let class = class.as_str().unwrap();
        assert!(["TypeError", "Vmoodle\\InvalidException", "Vmoodle\\ControlException"].contains(&class), "{class}");
    }
}
