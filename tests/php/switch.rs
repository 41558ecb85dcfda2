//! What `boot` makes of `$CFG`, value by value.

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};
use vmoodle_core::farm::Components;

use crate::site::Site;

#[test]
fn a_tenant_gets_exactly_what_the_design_says_and_keeps_the_rest() {
    let Some(mut site) = Site::new("switch") else { return };
    site.cfg.insert("vmoodle".into(), json!({"subpaths": false}));
    site.cfg.insert("admin".into(), json!("administration"));
    let tenant = site.tenant("http://one.example.org:8080");
    let options = json!({"dbcollation": "utf8mb4_bin", "connecttimeout": 5, "fetchbuffersize": 0.5, "ssl": true});
    tenant.options = options.as_object().unwrap().clone();
    tenant.database.port = Some(3307);
    tenant.database.socket = Some("/run/db.sock".into());
    tenant.persist = true;
    tenant.tags = vec!["pilot".into(), "fr".into()];
    tenant.mnet = -1;
    site.publish();
    let said = site.ask_as("one.example.org:8080", "switch", "boot");
    assert_eq!(said["thrown"], Value::Null);
    let prefix = site.farm.id.tenant_prefix(site.farm.tenants[0].id);
    let facts = json!({
        "id": 1, "name": "School 1", "shortname": "s1", "wwwroot": "http://one.example.org:8080",
        "key": "one.example.org:8080", "state": "enabled", "mnet": -1, "tags": ["pilot", "fr"], "cacheprefix": prefix,
        "generation": 1,
    });
    assert_eq!((&said["tenant"], &said["current"]), (&facts, &facts));
    let mut expected = site.cfg.clone();
    expected.remove("vmoodle");
    let word = prefix.trim_end_matches('_');
    let set = json!({
        "dbtype": "mariadb", "dblibrary": "native", "dbhost": "db.example.org", "dbname": "moodle_1", "dbuser": "user1",
        "dbpass": "secret-of-1", "prefix": "mdl_",
        "dboptions": {
            "dbpersist": true, "dbport": 3307, "dbsocket": "/run/db.sock", "dbcollation": "utf8mb4_bin", "connecttimeout": 5,
            "fetchbuffersize": 0.5, "ssl": true,
        },
        "wwwroot": "http://one.example.org:8080", "dataroot": "/var/moodledata/1",
        "session_redis_prefix": prefix, "session_memcached_prefix": prefix, "sessioncookie": word,
        "sslproxy": false, "preventexecpath": true, "disableupdateautodeploy": true, "uninstallclionly": true,
        "mainwwwroot": "https://control.example.org", "vmoodleroot": "http://one.example.org:8080",
        "vmoodlename": "one.example.org:8080", "vhost": "one",
    });
    expected.extend(set.as_object().unwrap().clone());
    let set = said["cfg"].as_object().unwrap();
    for (name, value) in &expected {
        assert_eq!(set.get(name), Some(value), "{name}");
    }
    assert_eq!(set.len(), expected.len(), "{:?}", set.keys());
}

#[test]
fn the_control_site_keeps_its_own_and_gets_the_names_only() {
    let Some(mut site) = Site::new("switch_control") else { return };
    site.cfg.insert("vmoodle".into(), json!({"control": "serve"}));
    site.publish();
    let said = site.ask("switch", "boot");
    assert_eq!((&said["tenant"], &said["thrown"], &said["current"]), (&Value::Null, &Value::Null, &Value::Null));
    let mut expected = site.cfg.clone();
    expected.remove("vmoodle");
    for (name, value) in [
        ("mainwwwroot", "https://control.example.org"),
        ("vmoodleroot", "https://control.example.org"),
        ("vmoodlename", "control.example.org"),
    ] {
        expected.insert(name.into(), value.into());
    }
    assert_eq!(said["cfg"], Value::Object(expected));
}

#[test]
fn folders_that_the_control_site_moved_are_parted_and_its_cache_stores_taken_away() {
    let Some(mut site) = Site::new("switch_folders") else { return };
    site.tenant("https://one.example.org");
    site.tenant("https://two.example.org");
    site.publish();
    let one = site.ask_as("one.example.org", "switch", "moved folders")["cfg"].clone();
    let two = site.ask_as("two.example.org", "switch", "moved folders")["cfg"].clone();
    for name in ["cachedir", "localcachedir", "tempdir", "filedir", "session_file_save_path"] {
        let folder = one[name].as_str().unwrap();
        assert!(folder.starts_with("/fast/") && !folder.contains("//"), "{name}: {folder}");
        assert_ne!(one[name], two[name], "{name}");
    }
    assert_eq!(one["backuptempdir"], "");
    assert!(one.get("altcacheconfigpath").is_none());
    let control = site.ask("switch", "moved folders")["cfg"].clone();
    assert_eq!(
        (&control["cachedir"], &control["altcacheconfigpath"]),
        (&json!("/fast/cache/"), &json!("/fast/muc.php"))
    );
}

#[test]
fn a_proxy_that_ends_tls_counts_for_https_addresses_only() {
    let Some(mut site) = Site::new("switch_proxy") else { return };
    site.tenant("https://one.example.org");
    site.tenant("http://two.example.org");
    site.publish();
    for (host, sslproxy) in [("one.example.org", true), ("two.example.org", false)] {
        assert_eq!(site.ask_as(host, "switch", "behind a proxy")["cfg"]["sslproxy"], sslproxy);
    }
}

#[test]
fn policies_and_a_tenants_own_settings_arrive_with_their_types_and_the_tenants_win() {
    let Some(mut site) = Site::new("switch_overrides") else { return };
    let own = json!({
        "theme": "moove", "debug": 0, "ratio": 2.5, "nothing": null, "preventexecpath": false,
        "list": [1, "zwei", [true, null], {"a": {"b": "ç"}}], "empty": [],
        "forced_plugin_settings": {"auth_manual": {"expiration": 1, "note": "own"}, "mod_quiz": {"x": false}},
    });
    site.tenant("https://one.example.org").settings = own.as_object().unwrap().clone();
    site.tenant("https://two.example.org").tags = vec!["pilot".into()];
    site.policy(
        &["all"],
        &json!({"theme": "boost", "maxbytes": 1_048_576,
            "forced_plugin_settings": {"auth_manual": {"expiration": 0, "warning": 5}}}),
    );
    site.policy(&["tag:pilot"], &json!({"theme": "classic"}));
    site.publish();
    let one = site.ask_as("one.example.org", "switch", "boot")["cfg"].clone();
    for (name, expected) in [
        ("theme", json!("moove")),
        ("debug", json!(0)),
        ("ratio", json!(2.5)),
        ("nothing", Value::Null),
        ("preventexecpath", json!(false)),
        ("maxbytes", json!(1_048_576)),
        ("list", json!([1, "zwei", [true, null], {"a": {"b": "ç"}}])),
        ("empty", json!([])),
        (
            "forced_plugin_settings",
            json!({"auth_manual": {"expiration": 1, "warning": 5, "note": "own"}, "mod_quiz": {"x": false}}),
        ),
    ] {
        assert_eq!(one.get(name), Some(&expected), "{name}");
    }
    let two = site.ask_as("two.example.org", "switch", "boot")["cfg"].clone();
    assert_eq!((&two["theme"], two.get("debug")), (&json!("classic"), None));
    assert_eq!(two["forced_plugin_settings"], json!({"auth_manual": {"expiration": 0, "warning": 5}}));
    let control = site.ask("switch", "boot")["cfg"].clone();
    assert_eq!(control.get("theme"), None, "policies are for tenants");
}

#[test]
fn the_shared_component_cache_is_set_unless_moodle_validates_its_own() {
    let Some(mut site) = Site::new("switch_components") else { return };
    site.tenant("https://one.example.org");
    let (code, cache) = (site.folder().join("code"), site.folder().join("core_component.php"));
    std::fs::write(code.join("version.php"), "<?php").unwrap();
    std::fs::write(&cache, "<?php").unwrap();
    let version = std::fs::metadata(code.join("version.php")).unwrap();
    site.farm.components = Some(Components {
        path: cache.to_str().unwrap().into(),
        dirroot: code.to_str().unwrap().into(),
        versionmtime: version.mtime(),
        versionsize: version.size(),
    });
    site.publish();
    let set = |case| site.ask_as("one.example.org", "switch", case)["cfg"]["alternative_component_cache"].clone();
    assert_eq!(set("boot"), json!(cache));
    assert_eq!(set("CACHE_DISABLE_ALL"), Value::Null);
    assert_eq!(set("IGNORE_COMPONENT_CACHE"), Value::Null);
    assert_eq!(set("a cache of its own"), "/own.php");
    assert_eq!(site.ask("switch", "boot")["cfg"]["alternative_component_cache"], json!(cache));
    std::fs::write(code.join("version.php"), "<?php // New.").unwrap();
    assert_eq!(set("boot"), Value::Null, "the code changed");
}

#[test]
fn no_password_but_the_tenants_own_can_be_reached_after_boot() {
    let Some(mut site) = Site::new("switch_passwords") else { return };
    site.tenant("https://one.example.org");
    site.tenant("https://two.example.org");
    site.publish();
    let with_account = "passwords with an account for all";
    assert_eq!(site.ask_as("one.example.org", "switch", "passwords"), json!(["secret-of-1"]));
    assert_eq!(site.ask_as("one.example.org", "switch", with_account), json!(["secret-of-farm"]));
    assert_eq!(site.ask("switch", "passwords"), json!(["secret-of-control"]));
    assert_eq!(site.ask("switch", with_account), json!(["secret-of-control"]), "`$CFG->vmoodle` is gone");
}
