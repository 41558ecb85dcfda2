//! `VMOODLE_HOST` and `CLI_VMOODLE_OVERRIDE`: the command line names its site, and never gets another one.

use serde_json::{Value, json};
use vmoodle_core::tenant::State;

use crate::site::Site;

fn site(test: &str) -> Option<Site> {
    let mut site = Site::new(test)?;
    for (number, state) in State::ALL.iter().enumerate() {
        site.tenant(&format!("https://s{number}.example.org")).state = *state;
    }
    site.tenant("https://one.example.org");
    site.tenant("https://paths.example.org/school1");
    let one = u32::try_from(State::ALL.len() + 1).unwrap();
    site.alias("www.one.example.org", one);
    site.alias("*.one.example.net", one);
    site.publish();
    Some(site)
}

fn is_refused(said: &Value) -> bool {
    said["thrown"]["class"] == "Vmoodle\\RefusedException"
        && said["thrown"]["getReason"] == "host_unknown"
        && said["thrown"]["code"] == 404
        && said["current"] == Value::Null
        && said["cfg"]["dbname"] == "control_of_test"
}

#[test]
fn the_environment_names_the_tenant_by_host_or_by_address() {
    let Some(site) = site("cli_host") else { return };
    for name in ["one.example.org", "https://one.example.org", "ONE.example.org.", " one.example.org "] {
        let said = site.ask_as(name, "command_line", "boot");
        assert_eq!(said["cfg"]["wwwroot"], "https://one.example.org", "{name}: {said}");
        assert_eq!(said["cfg"]["vhost"], "one");
    }
    let said = site.ask_as("paths.example.org/school1", "command_line", "boot");
    assert_eq!(said["tenant"]["wwwroot"], "https://paths.example.org/school1");
}

#[test]
fn without_a_name_and_by_its_own_name_it_is_the_control_site() {
    let Some(site) = site("cli_control") else { return };
    for said in [
        site.ask("command_line", "boot"),
        site.ask_as("control.example.org", "command_line", "boot"),
        site.ask_as("https://CONTROL.example.org/", "command_line", "boot"),
    ] {
        assert_eq!((&said["tenant"], &said["thrown"]), (&Value::Null, &Value::Null));
        assert_eq!(said["cfg"]["dbname"], "control_of_test");
    }
}

#[test]
fn a_name_that_is_empty_or_unknown_never_falls_back() {
    let Some(site) = site("cli_unknown") else { return };
    for name in [
        "",
        " ",
        "nobody.example.org",
        "*.one.example.net",
        "x'or'1'='1",
        "paths.example.org",
        "one.example.org/elsewhere",
        "0",
    ] {
        let said = site.ask_as(name, "command_line", "boot");
        assert!(is_refused(&said), "{name:?}: {said}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let Some(site) = site("cli_bytes") else { return };
    let mut command = site.php("command_line", "boot");
    let said = crate::site::json_of(command.env("VMOODLE_HOST", std::ffi::OsStr::from_bytes(b"one.example.org\xff")));
    assert!(is_refused(&said), "{said}");
}

#[test]
fn an_alias_simply_resolves() {
    let Some(site) = site("cli_alias") else { return };
    for name in ["www.one.example.org", "any.one.example.net"] {
        let said = site.ask_as(name, "command_line", "boot");
        assert_eq!(said["cfg"]["wwwroot"], "https://one.example.org", "{name}");
    }
}

#[test]
fn a_tenant_in_any_state_can_be_reached() {
    let Some(site) = site("cli_states") else { return };
    for (number, state) in State::ALL.iter().enumerate() {
        let said = site.ask_as(&format!("s{number}.example.org"), "command_line", "boot");
        assert_eq!(said["tenant"]["state"], state.word(), "{said}");
    }
}

#[test]
fn the_originals_constant_comes_before_the_environment() {
    let Some(site) = site("cli_override") else { return };
    let said = site.ask_as("s1.example.org", "command_line", "override one");
    assert_eq!(said["cfg"]["wwwroot"], "https://one.example.org");
    let said = site.ask_as("one.example.org", "command_line", "override true");
    assert_eq!((&said["tenant"], &said["thrown"]), (&Value::Null, &Value::Null), "`true` is the control site");
    for case in ["override false", "override empty", "override null", "override unknown"] {
        let said = site.ask_as("one.example.org", "command_line", case);
        assert!(is_refused(&said), "{case}: {said}");
    }
}

#[test]
fn moodles_own_test_runs_are_left_alone() {
    let Some(site) = site("cli_phpunit") else { return };
    for case in ["PHPUNIT_TEST", "PHPUNIT_UTIL", "BEHAT_UTIL", "BEHAT_TEST"] {
        let said = site.ask_as("one.example.org", "command_line", case);
        assert_eq!((&said["tenant"], &said["thrown"]), (&Value::Null, &Value::Null), "{case}");
        assert_eq!(said["cfg"], json!(site.cfg), "{case}: nothing but `vmoodle` changes");
    }
    let said = site.ask_as("one.example.org", "command_line", "PHPUNIT_TEST false");
    assert_eq!(said["tenant"]["wwwroot"], "https://one.example.org");
}

#[test]
fn a_test_of_moodles_own_run_may_boot_a_farm() {
    let Some(site) = site("cli_phpunit_farm") else { return };
    let said = site.ask_as("one.example.org", "command_line", "PHPUNIT_TEST farm");
    assert_eq!(said["with"]["tenant"]["wwwroot"], "https://one.example.org", "{said}");
    assert_eq!((&said["without"]["tenant"], &said["without"]["thrown"]), (&Value::Null, &Value::Null), "{said}");
}

#[test]
fn without_an_index_only_the_control_site_can_be_named() {
    let Some(site) = Site::new("cli_no_index") else { return };
    site.write_cfg();
    assert_eq!(site.ask("command_line", "boot")["thrown"], Value::Null);
    let said = site.ask_as("one.example.org", "command_line", "boot");
    assert_eq!((&said["thrown"]["getReason"], &said["thrown"]["code"]), (&json!("index_unreadable"), &json!(503)));
    assert_eq!(said["thrown"]["isRetryable"], true);
}
