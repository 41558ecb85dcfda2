//! `tenant_check`: what an administrator is told before a tenant serves.

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::tenant;
use vmoodle_core::console::{Check, Status};

use crate::{Farm, farm, map, on_both_engines};

fn status(checks: &[Check], name: &str) -> Status {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check `{name}` in {checks:#?}")).status
}

fn row_in(farm: &Farm, host: &str, database: &Database) -> Map<String, Value> {
    let mut row = farm.row(host);
    row.extend(map(database.registry_columns()));
    row
}

on_both_engines! {
    fn a_sound_tenant_passes(engine: Engine) {
        let Some(farm) = farm("check_ok", engine) else { return };
        let site = Database::shared(engine, &format!("check_ok_site_{}", engine.dbtype())).unwrap();
        let row = row_in(&farm, "localhost", &site);
        let before = farm.console.tenant_check(&row).unwrap();
        assert_eq!(status(&before, "database_content"), Status::Ok, "an empty database: {before:#?}");
        assert_eq!(status(&before, "switch"), Status::Error, "no index yet: {before:#?}");
        tenant::fill(&site, "Check");
        let added = farm.console.tenant_add(&row).unwrap();
        // What `tenant` shows can be given back: the password comes from the registry.
        let checks = farm.console.tenant_check(&added).unwrap();
        let not_ok: Vec<_> = checks.iter().filter(|check| check.status != Status::Ok).collect();
        assert!(not_ok.is_empty(), "{not_ok:#?}");
        assert_eq!(checks.len(), 12);
        assert_eq!(checks[0].to_map().keys().collect::<Vec<_>>(), ["check", "status", "detail", "hint"]);
    }

    fn what_is_wrong_is_named(engine: Engine) {
        let Some(farm) = farm("check_bad", engine) else { return };
        let site = Database::shared(engine, &format!("check_bad_site_{}", engine.dbtype())).unwrap();
        farm.add("a.example.org");
        let checked = |change: Value| {
            let mut row = row_in(&farm, "localhost", &site);
            row.extend(map(change));
            farm.console.tenant_check(&row).unwrap()
        };
        let cases = [
            (json!({"vdbname": "not_there_at_all"}), "database_exists"),
            (json!({"vhostname": "ftp://x"}), "address"),
            (json!({"vdbtype": "oci"}), "row"),
            (json!({"vhostname": "https://a.example.org"}), "host_unique"),
            (json!({"vhostname": "https://a.example.org"}), "switch"),
            (json!({"vhostname": "https://localhost/sub"}), "switch"),
            (json!({"vdbname": farm.database.name}), "database_unique"),
            (json!({"vdatapath": farm.control.dataroot}), "dataroot_unique"),
            (json!({"vdatapath": "/proc/vmoodle/x"}), "dataroot_writable"),
            (json!({"vdbhost": "127.0.0.1", "vdbport": 1, "vdbsocket": null}), "database_reachable"),
        ];
        for (change, name) in cases {
            let checks = checked(change.clone());
            assert_eq!(status(&checks, name), Status::Error, "{change}: {checks:#?}");
        }
        let checks = checked(json!({"vhostname": "https://nowhere.invalid"}));
        assert_eq!(status(&checks, "host_resolves"), Status::Warning, "{checks:#?}");
        let checks = checked(json!({"vdbhost": "127.0.0.1", "vdbport": 1, "vdbsocket": null}));
        assert_eq!(status(&checks, "database_content"), Status::Skipped, "{checks:#?}");
    }

    fn the_version_of_the_site_counts(engine: Engine) {
        let Some(mut farm) = farm("check_version", engine) else { return };
        let site = Database::shared(engine, &format!("check_ver_site_{}", engine.dbtype())).unwrap();
        tenant::fill(&site, "Versions");
        let code = farm.folder.folder("code");
        std::fs::write(code.join("version.php"), "<?php\n$version  = 2024100706.00;   // comment\n$release = '4.5.6';\n").unwrap();
        farm.control.dirroot = code.display().to_string();
        farm.console = vmoodle_core::console::Console::new(farm.control.clone());
        let content = |version: &str, branch: &str| {
            site.run(&format!("UPDATE mdl_config SET value = '{version}' WHERE name = 'version'"));
            site.run(&format!("UPDATE mdl_config SET value = '{branch}' WHERE name = 'branch'"));
            status(&farm.console.tenant_check(&row_in(&farm, "localhost", &site)).unwrap(), "database_content")
        };
        assert_eq!(content("2024100706.00", "405"), Status::Ok);
        assert_eq!(content("2022112800.00", "401"), Status::Warning);
        assert_eq!(content("2024100706.01", "405"), Status::Error);
        assert_eq!(content("2021051700.00", "311"), Status::Error);
        let mut row = row_in(&farm, "localhost", &site);
        row["vdbprefix"] = json!("other_");
        assert_eq!(status(&farm.console.tenant_check(&row).unwrap(), "database_content"), Status::Warning);
        row["vdatapath"] = json!(code.join("data"));
        assert_eq!(status(&farm.console.tenant_check(&row).unwrap(), "dataroot_writable"), Status::Error);
    }
}

#[test]
fn an_ed25519_account_is_named() {
    let Some(farm) = farm("check_ed25519", Engine::MariaDb) else { return };
    let socket = support::mariadb::MariaDb::shared().unwrap();
    let plugins = socket.run("", "SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_name = 'ed25519'");
    if plugins.trim() == "0" && std::panic::catch_unwind(|| socket.run("", "INSTALL SONAME 'auth_ed25519'")).is_err() {
        return;
    }
    socket.run("", "CREATE OR REPLACE USER edwards@localhost IDENTIFIED VIA ed25519 USING PASSWORD('hidden!')");
    socket.run("", "GRANT ALL ON *.* TO edwards@localhost");
    let mut row = row_in(&farm, "localhost", &farm.database);
    row.extend(map(json!({"vdblogin": "edwards", "vdbpass": "hidden!"})));
    let checks = farm.console.tenant_check(&row).unwrap();
    let reachable = checks.iter().find(|check| check.name == "database_reachable").unwrap();
    assert_eq!(reachable.status, Status::Error);
    assert!(reachable.hint.as_deref().unwrap().contains("ed25519"), "{reachable:?}");
}
