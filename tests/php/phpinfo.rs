//! The table in `phpinfo()`: what an administrator looks for, and no secret.

use serde_json::Value;
use vmoodle_core::secret::{Keyring, Secret};

use crate::site::{CONTROL, Site, json_of};

fn site(test: &str) -> Option<Site> {
    let mut site = Site::new(test)?;
    let key = site.folder().join("key");
    let keyring = Keyring::create(&key).unwrap();
    site.tenant("https://one.example.org");
    site.tenant("https://two.example.org").database.password =
        Some(keyring.seal(&Secret::new("secret-sealed")).unwrap());
    site.publish();
    Some(site)
}

fn assert_shows_no_secret(site: &Site, said: &Value) {
    let all = said.to_string();
    assert!(all.contains("vmoodle.index"), "{all}");
    let key = std::fs::read_to_string(site.folder().join("key")).unwrap();
    for secret in ["secret-", "enc:v1:", key.trim()] {
        assert!(!all.contains(secret), "`{secret}` in {all}");
    }
}

#[test]
fn the_table_tells_version_settings_and_index() {
    let Some(site) = site("phpinfo") else { return };
    let entries = ["vmoodle.dbuser=farm-account", "vmoodle.trusted_proxies=10.0.0.0/8"];
    let mut command = site.php_with(&entries, "phpinfo", "ini");
    let said = json_of(command.env("VMOODLE_HOST", "one.example.org"));
    let table = said["table"].as_str().unwrap();
    for part in [
        "vmoodle => enabled",
        env!("CARGO_PKG_VERSION"),
        "vmoodle.dbuser => farm-account",
        "vmoodle.trusted_proxies => 10.0.0.0/8",
        "Index of https://control.example.org => generation 1, 2 tenants",
    ] {
        assert!(table.contains(part), "`{part}` in {table}");
    }
    assert!(!table.contains("dbpass"), "{table}");
}

#[test]
fn no_secret_is_shown_wherever_one_stands() {
    let Some(site) = site("phpinfo_secrets") else { return };
    for (case, entries) in [
        ("tenant", &[][..]),
        ("own accounts", &[][..]),
        // No entry of ours: PHP takes it, nobody reads it, and nobody shows it.
        ("own accounts", &["vmoodle.dbpass=secret-of-ini"][..]),
        ("ini", &["vmoodle.dbuser=farm-account"][..]),
    ] {
        for host in ["one.example.org", "two.example.org", "control.example.org", "nobody.example.org"] {
            let mut command = site.php_with(entries, "phpinfo", case);
            assert_shows_no_secret(&site, &json_of(command.env("VMOODLE_HOST", host)));
        }
    }
    let web = site.serve("phpinfo");
    for host in ["one.example.org", "two.example.org", CONTROL, "nobody.example.org"] {
        for case in ["tenant", "own accounts"] {
            assert_shows_no_secret(&site, &web.ask(host, case));
        }
    }
}

#[test]
fn a_damaged_index_is_told() {
    let Some(site) = site("phpinfo_torn") else { return };
    std::fs::write(site.index(), b"VMOODLE\n").unwrap();
    let said = site.ask("phpinfo", "own accounts");
    let table = said["table"].as_str().unwrap();
    assert!(table.contains("Index of https://control.example.org => none; "), "{table}");
}
