//! INI entries and `$CFG->vmoodle`: who wins, and what is refused.

use serde_json::{Value, json};
use vmoodle_core::index::{compile, publish};

use crate::site::{Site, json_of};

fn site(test: &str) -> Option<Site> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org");
    site.publish();
    Some(site)
}

/// Asks with INI entries as `php -d` gives them; the tenant by `VMOODLE_HOST`.
fn asked(site: &Site, case: &str, entries: &[&str]) -> Value {
    json_of(site.php_with(entries, "settings", case).env("VMOODLE_HOST", "one.example.org"))
}

#[test]
fn an_ini_entry_stands_in_for_what_cfg_leaves_out() {
    let Some(site) = site("settings_ini") else { return };
    let moved = site.folder().join("elsewhere/index");
    let mut farm = Site::new("settings_ini_other").unwrap();
    farm.tenant("https://one.example.org").dataroot = "/var/elsewhere".into();
    publish(&moved, &compile(&farm.farm).unwrap()).unwrap();
    let entry = format!("vmoodle.index={}", moved.display());
    assert_eq!(asked(&site, "boot", &[])["cfg"]["dataroot"], "/var/moodledata/1");
    assert_eq!(asked(&site, "boot", &[&entry])["cfg"]["dataroot"], "/var/elsewhere");
    assert_eq!(asked(&site, "null is not said", &[&entry])["cfg"]["dataroot"], "/var/elsewhere");
    assert_eq!(asked(&site, "cfg wins", &[&entry])["cfg"]["dataroot"], "/var/moodledata/1");
    let said = asked(&site, "ini", &[&entry, "vmoodle.dbuser=farm"]);
    assert_eq!(
        (&said["all"]["vmoodle.index"], &said["set"]),
        (&json!(moved), &json!(false)),
        "a script may not set it"
    );
    assert_eq!((&said["cfg"]["dbuser"], &said["cfg"]["dbpass"]), (&json!("farm"), &json!("")));
}

#[test]
fn a_wrong_ini_entry_is_named() {
    let Some(site) = site("settings_ini_wrong") else { return };
    for (entry, word) in [
        ("vmoodle.index=relative", "vmoodle.index"),
        ("vmoodle.control=perhaps", "vmoodle.control"),
        ("vmoodle.trusted_proxies=everyone", "vmoodle.trusted_proxies"),
        ("vmoodle.keyfile=relative", "vmoodle.keyfile"),
    ] {
        let thrown = &asked(&site, "boot", &[entry])["thrown"];
        assert_eq!(thrown["getReason"], "bad_configuration", "{entry}");
        assert!(thrown["message"].as_str().unwrap().contains(word), "{entry}: {thrown}");
    }
}

#[test]
fn one_account_may_serve_all_tenants() {
    let Some(site) = site("settings_account") else { return };
    let said = asked(&site, "account", &[]);
    assert_eq!((&said["cfg"]["dbuser"], &said["cfg"]["dbpass"]), (&json!("farm"), &json!("secret-of-farm")));
    assert_eq!(said["cfg"].get("vmoodle"), None);
}

#[test]
fn a_setting_that_cannot_be_used_is_refused_without_its_secret() {
    let Some(site) = site("settings_wrong") else { return };
    for (number, refused) in asked(&site, "wrong", &[]).as_array().unwrap().iter().enumerate() {
        assert_eq!(refused[0], "Vmoodle\\ControlException", "{number}: {refused}");
        assert_eq!((&refused[1], &refused[2]), (&json!("bad_configuration"), &json!(503)), "{number}");
        let message = refused[3].as_str().unwrap();
        assert!(message.contains("vmoodle") && !message.contains("secret"), "{number}: {message}");
        assert!(!message.contains('\n'), "{number}: {message}");
    }
}

#[test]
fn settings_may_be_given_in_each_of_their_forms() {
    let Some(site) = site("settings_right") else { return };
    assert_eq!(asked(&site, "right", &[]), json!([null, null, null, null, null]));
}

#[test]
fn more_settings_than_a_worker_remembers_are_served_all_the_same() {
    let Some(site) = site("settings_many") else { return };
    assert_eq!(asked(&site, "many farms", &[]), json!(["one.example.org"]));
}
