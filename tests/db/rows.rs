//! Adding, changing, listing and removing rows.

use serde_json::{Map, json};
use support::database::Engine;
use vmoodle_core::Kind;

use crate::{farm, map, on_both_engines};

on_both_engines! {
    fn a_tenant_is_added_changed_and_removed(engine: Engine) {
        let Some(farm) = farm("rows_life", engine) else { return };
        let mut row = farm.row("l-ecole.example.org");
        row.extend(map(json!({
            "name": "L'école d'été \"🌞\" \\ %", "description": "Élèves\nà l'œuvre", "mnet": "2", "tags": ["pilot", "été"],
            "settings": {"theme": "boost", "forced_plugin_settings": {"auth_manual": {"expiration": 0}}},
            "vdboptions": {"dbcollation": "utf8mb4_unicode_ci"}, "vdbhost": "db.example.org:3307", "state": "disabled",
        })));
        let added = farm.console.tenant_add(&row).unwrap();
        assert_eq!(added["name"], "L'école d'été \"🌞\" \\ %");
        assert_eq!(added["key"], "l-ecole.example.org");
        assert_eq!(added["shortname"], "l-ecole");
        assert_eq!((&added["vdbhost"], &added["vdbport"]), (&json!("db.example.org"), &json!(3307)));
        assert_eq!((&added["mnet"], &added["state"], &added["enabled"]), (&json!(2), &json!("disabled"), &json!(0)));
        assert_eq!((&added["tags"], &added["settings"]["theme"]), (&json!(["pilot", "été"]), &json!("boost")));
        assert_eq!(added["vdboptions"], json!({"dbcollation": "utf8mb4_unicode_ci"}));
        assert_eq!((&added["haspassword"], added.get("vdbpass")), (&json!(true), None));
        assert_eq!(farm.console.tenant("https://L-Ecole.example.org/").unwrap(), added);

        let change = map(json!({"enabled": true, "name": "O'Brien", "vdbport": null, "tags": "a b"}));
        let changed = farm.console.tenant_update("l-ecole.example.org", &change).unwrap();
        assert_eq!((&changed["state"], &changed["enabled"], &changed["name"]), (&json!("enabled"), &json!(1), &json!("O'Brien")));
        assert_eq!((&changed["vdbport"], &changed["description"]), (&json!(null), &added["description"]));
        assert_eq!((&changed["tags"], &changed["id"]), (&json!(["a", "b"]), &added["id"]));

        farm.console.alias_add("www.l-ecole.example.org", "l-ecole.example.org").unwrap();
        let removed = farm.console.tenant_remove("https://l-ecole.example.org").unwrap();
        assert_eq!(removed["name"], "O'Brien");
        assert_eq!(farm.console.tenant("l-ecole.example.org").unwrap_err().kind(), Kind::TenantNotFound);
        assert_eq!(farm.database.run("SELECT COUNT(*) FROM mdl_local_vmoodle_alias").trim(), "0");
        assert_eq!(farm.console.index_status()["tenants"], 0);
    }

    fn a_moved_tenant_is_found_by_its_new_address_only(engine: Engine) {
        let Some(farm) = farm("rows_move", engine) else { return };
        farm.add("old.example.org");
        let moved = farm.console.tenant_update("old.example.org", &map(json!({"vhostname": "http://New.example.org:8080/x"})));
        assert_eq!(moved.unwrap()["vhostname"], "http://new.example.org:8080/x");
        assert_eq!(farm.keys(), ["new.example.org:8080/x"]);
        assert_eq!(farm.console.tenant("old.example.org").unwrap_err().kind(), Kind::TenantNotFound);
        let mut row = farm.row("next.example.org");
        row["vhostname"] = json!("https://old.example.org");
        farm.console.tenant_add(&row).unwrap();
    }

    fn a_list_is_filtered_and_cut(engine: Engine) {
        let Some(farm) = farm("rows_list", engine) else { return };
        for host in ["a.school.edu", "b.school.edu", "c.example.org"] {
            farm.add(host);
        }
        let changes = map(json!({"state": "retired", "tags": "pilot", "name": "Été"}));
        farm.console.tenant_update("b.school.edu", &changes).unwrap();
        let keys = |filter: serde_json::Value| -> Vec<String> {
            let rows = farm.console.tenants(&map(filter)).unwrap();
            rows.iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(keys(json!({})).len(), 3);
        assert_eq!(keys(json!({"targets": ["all"]})), ["a.school.edu", "c.example.org"]);
        assert_eq!(keys(json!({"targets": ["*.school.edu"]})), ["a.school.edu", "b.school.edu"]);
        assert_eq!(keys(json!({"targets": ["any", "!tag:pilot"]})), ["a.school.edu", "c.example.org"]);
        assert_eq!(keys(json!({"state": "retired"})), ["b.school.edu"]);
        assert_eq!(keys(json!({"search": "éT"})), ["b.school.edu"]);
        assert_eq!(keys(json!({"search": "SCHOOL", "limit": 1, "offset": 1})), ["b.school.edu"]);
        assert_eq!(keys(json!({"limit": 0})), [""; 0]);
        assert!(farm.console.tenants(&map(json!({"colour": 1}))).is_err());
    }

    fn what_cannot_be_a_tenant_is_refused_and_named(engine: Engine) {
        let Some(farm) = farm("rows_refuse", engine) else { return };
        farm.add("a.example.org");
        let before = farm.all();
        for (change, kind) in [
            (json!({"vdbhots": "x"}), Kind::BadParameter),
            (json!({"id": 7}), Kind::BadParameter),
            (json!({"vhostname": "b.example.org"}), Kind::BadWwwroot),
            (json!({"vhostname": "https://b example.org"}), Kind::BadHost),
            (json!({"vdbname": "a`b"}), Kind::BadIdentifier),
            (json!({"vdbprefix": "MDL_"}), Kind::BadIdentifier),
            (json!({"vdbtype": "oci"}), Kind::BadParameter),
            (json!({"vdbhost": "h' user='x"}), Kind::BadParameter),
            (json!({"vdbport": 70000}), Kind::BadParameter),
            (json!({"vdatapath": "relative"}), Kind::BadParameter),
            (json!({"vdatapath": "/var/../etc"}), Kind::BadParameter),
            (json!({"settings": {"dbname": "other"}}), Kind::BadSetting),
            (json!({"settings": "[1]"}), Kind::BadParameter),
            (json!({"vdboptions": {"dbport": 1}}), Kind::BadSetting),
            (json!({"vdboptions": {"a": {"b": 1}}}), Kind::BadSetting),
            (json!({"mnet": -2}), Kind::BadParameter),
            (json!({"state": "lost"}), Kind::BadParameter),
            (json!({"state": "enabled", "enabled": 0}), Kind::BadParameter),
            (json!({"name": ""}), Kind::BadParameter),
            (json!({"shortname": "x".repeat(81)}), Kind::BadParameter),
            (json!({"tags": ["a b"]}), Kind::BadParameter),
            (json!({"vdblogin": ""}), Kind::BadParameter),
        ] {
            let mut row = farm.row("b.example.org");
            row.extend(map(change.clone()));
            assert_eq!(farm.console.tenant_add(&row).unwrap_err().kind(), kind, "{change}");
            assert_eq!(farm.console.tenant_update("a.example.org", &map(change.clone())).unwrap_err().kind(), kind, "{change}");
        }
        assert_eq!(farm.console.tenant_update("x.example.org", &Map::new()).unwrap_err().kind(), Kind::TenantNotFound);
        assert_eq!(farm.console.tenant_remove("#4711").unwrap_err().kind(), Kind::TenantNotFound);
        assert_eq!(farm.all(), before);
        let error = farm.console.tenant_add(&map(json!({"vdbhots": "x"}))).unwrap_err();
        assert_eq!(error.way_out(), Some("did you mean `vdbhost`?"));
    }

    fn aliases_and_policies_are_added_changed_and_removed(engine: Engine) {
        let Some(farm) = farm("rows_alias", engine) else { return };
        let (a, b) = (farm.add("a.example.org"), farm.add("b.example.org"));
        let alias = farm.console.alias_add("WWW.A.example.org.", "https://a.example.org").unwrap();
        assert_eq!((&alias["host"], &alias["tenantid"]), (&json!("www.a.example.org"), &a["id"]));
        let change = map(json!({"host": "*.b.example.org", "tenant": "b.example.org"}));
        let alias = farm.console.alias_update("www.a.example.org", &change).unwrap();
        assert_eq!((&alias["host"], &alias["tenant"], &alias["tenantid"]), (&json!("*.b.example.org"), &b["vhostname"], &b["id"]));
        assert_eq!(farm.console.alias_remove("www.a.example.org").unwrap_err().kind(), Kind::AliasNotFound);
        assert_eq!(farm.console.publish().unwrap()["aliases"], 1);
        assert_eq!(farm.console.alias_remove("*.b.example.org").unwrap()["tenantid"], b["id"]);
        assert_eq!(farm.console.alias_add("x.example.org", "y.example.org").unwrap_err().kind(), Kind::TenantNotFound);

        let row = map(json!({"name": "No guests", "targets": "all !tag:pilot", "settings": {"guestloginbutton": 0}}));
        let policy = farm.console.policy_add(&row).unwrap();
        assert_eq!((&policy["targets"], &policy["enabled"]), (&json!(["all", "!tag:pilot"]), &json!(1)));
        assert_eq!(farm.console.policy_add(&row).unwrap_err().kind(), Kind::NameTaken);
        let policy = farm.console.policy_update("No guests", &map(json!({"enabled": false, "settings": {"theme": "classic"}})));
        assert_eq!(policy.unwrap()["settings"], json!({"theme": "classic"}));
        for bad in [json!({"settings": {"wwwroot": "x"}}), json!({"targets": ["net:x"]}), json!({"targets": []})] {
            assert!(farm.console.policy_update("No guests", &map(bad)).is_err());
        }
        farm.console.policy_remove("No guests").unwrap();
        assert_eq!(farm.console.policy_remove("No guests").unwrap_err().kind(), Kind::PolicyNotFound);
    }

    fn servers_are_added_changed_and_removed_without_a_publication(engine: Engine) {
        let Some(farm) = farm("rows_server", engine) else { return };
        farm.add("a.example.org");
        let before = farm.generation();
        let row = map(json!({"name": "db 1", "engine": "postgres", "login": "admin", "password": "hidden!", "port": 5433}));
        let server = farm.console.server_add(&row).unwrap();
        assert_eq!((&server["engine"], &server["host"], &server["haspassword"]), (&json!("pgsql"), &json!("localhost"), &json!(true)));
        assert!(!server.contains_key("password"));
        assert_eq!(farm.console.server_add(&row).unwrap_err().kind(), Kind::NameTaken);
        let server = farm.console.server_update("db 1", &map(json!({"weight": 3, "password": null}))).unwrap();
        assert_eq!((&server["weight"], &server["haspassword"]), (&json!(3), &json!(false)));
        assert!(farm.console.server_add(&map(json!({"name": "db 2", "engine": "oci", "login": "x"}))).is_err());
        farm.console.server_remove("db 1").unwrap();
        assert_eq!(farm.console.server_remove("db 1").unwrap_err().kind(), Kind::ServerNotFound);
        assert_eq!(farm.generation(), before);
    }

    fn a_farm_with_one_account_needs_none_in_its_rows(engine: Engine) {
        let install_xml = support::root::workspace().join("php/local/vmoodle/db/install.xml");
        let given = vmoodle_core::settings::Given { dbuser: Some("farm".into()), ..Default::default() };
        let Some(farm) = crate::farm_with("rows_account", engine, &install_xml, given) else { return };
        let mut row = farm.row("a.example.org");
        row.remove("vdblogin");
        row.remove("vdbpass");
        let added = farm.console.tenant_add(&row).unwrap();
        assert_eq!((&added["vdblogin"], &added["haspassword"]), (&json!(""), &json!(false)));
    }
}
