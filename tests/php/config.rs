//! `$CFG` as an object that is not the plain one Moodle makes.

use serde_json::{Value, json};

use crate::site::Site;

fn asked(test: &str, case: &str) -> Option<Value> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org");
    site.publish();
    Some(site.ask_as("one.example.org", "config", case))
}

#[test]
fn an_object_with_code_of_its_own_is_switched_through_it() {
    let Some(said) = asked("config_magic", "magic") else { return };
    assert_eq!(said["tenant"]["key"], "one.example.org");
    for (name, value) in
        [("dbname", json!("moodle_1")), ("dbpass", json!("secret-of-1")), ("preventexecpath", json!(true))]
    {
        assert_eq!(said["values"][name], value, "{name}");
    }
    assert_eq!((&said["done"], said["values"].get("vmoodle")), (&json!(["unset vmoodle"]), None));
}

#[test]
fn classes_with_and_without_declared_properties_are_switched() {
    for (test, case) in [("config_child", "a child of stdClass"), ("config_declared", "declared properties")] {
        let Some(said) = asked(test, case) else { return };
        assert_eq!((&said["cfg"]["dbname"], &said["thrown"]), (&json!("moodle_1"), &Value::Null), "{case}");
        assert_eq!(said["cfg"].get("vmoodle"), None, "{case}");
    }
}

#[test]
fn a_property_that_refuses_its_value_fails_the_boot_and_leaves_nobody_booted() {
    for (test, case, class) in [
        ("config_typed", "a wrong type", "TypeError"),
        ("config_readonly", "a readonly property", "Error"),
        ("config_private", "a private property", "Error"),
        ("config_throws", "an exception from a write", "DomainException"),
    ] {
        let Some(said) = asked(test, case) else { return };
        assert_eq!(said["thrown"]["class"], class, "{case}: {said}");
        assert_eq!((&said["current"], &said["control"]), (&Value::Null, &json!("not_booted")), "{case}");
    }
}

#[test]
fn an_object_that_describes_no_control_site_is_refused() {
    for (test, case) in [
        ("config_empty", "an empty object"),
        ("config_closure", "a closure"),
        ("config_enum", "an enum"),
        ("config_generator", "a generator"),
        ("config_types", "no texts"),
    ] {
        let Some(said) = asked(test, case) else { return };
        let class = said["thrown"]["class"].as_str().unwrap();
        assert!(["Vmoodle\\ControlException", "Error"].contains(&class), "{case}: {said}");
        assert_eq!(said["control"], "not_booted", "{case}");
    }
}

#[test]
fn copies_of_cfg_stay_the_control_sites() {
    let Some(said) = asked("config_copies", "copies") else { return };
    let control = "control_of_test";
    assert_eq!(said, json!([control, control, control, control, "moodle_1"]));
    let Some(said) = asked("config_cast", "booted by a copy") else { return };
    assert_eq!(said, json!([control, control, "moodle_1", true, false]));
}

#[test]
fn a_loop_over_cfg_goes_on_when_it_is_switched_within() {
    let Some(said) = asked("config_loop", "in a loop over it") else { return };
    assert_eq!(said["dbname"], "moodle_1");
    assert_eq!(said["names"]["dbpass"], "secret-of-1");
}

#[test]
fn references_in_cfg_are_read_and_written() {
    let Some(said) = asked("config_references", "references") else { return };
    assert_eq!(said, json!(["moodle_1", "https://one.example.org", false]));
}

#[test]
fn code_that_runs_within_boot_may_call_the_extension() {
    let Some(said) = asked("config_reentrant", "called again from a write") else { return };
    assert_eq!((&said["outer"], &said["current"]), (&json!("one.example.org"), &json!("one.example.org")), "{said}");
    assert_eq!(said["inner after"], json!([null, "not_booted", "one.example.org"]));
    assert_eq!(said["resolve"], "tenant");
    let Some(said) = asked("config_destructor", "a destructor") else { return };
    assert_eq!(said, json!({"outer": "one.example.org", "said": ["one.example.org"], "dbhost": "db.example.org"}));
}
