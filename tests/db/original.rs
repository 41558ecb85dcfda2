//! A registry of the original VMoodle: read as it is, upgraded in place.

use serde_json::{Map, json};
use support::database::Engine;
use support::{root, schema};
use vmoodle_core::Kind;
use vmoodle_core::settings::Given;

use crate::{Farm, farm, farm_with, map, on_both_engines};

const ROWS: &str = "INSERT INTO mdl_local_vmoodle
    (name, shortname, vhostname, vdbtype, vdbhost, vdblogin, vdbpass, vdbname, vdbprefix, vdatapath, mnet, enabled) VALUES
    ('Zone d''été', 'ete', 'HTTP://Ete.Example.org/', 'postgres7', 'db.example.org:5433', 'u', 'p''w', 'd1', 'mdl_', '/d/1', -1, 1),
    ('Two', 'two', 'http://two.example.org', 'mysqli', 'localhost', 'u', '', 'd2', 'mdl_', '/d/2', 0, 0),
    ('Double', 'double', 'https://ete.example.org', 'mariadb', 'localhost', 'u', 'x', 'd3', 'mdl_', '/d/3', 1, 1),
    ('Bad', 'bad', 'http://bad.example.org', 'oci', 'localhost', 'u', 'x', 'd4', 'mdl_', '/d/4', 1, 1),
    ('Lost', 'lost', 'no address', 'mysqli', 'localhost', 'u', 'x', 'd5', 'mdl_', '/d/5', 1, 1)";

fn state_of(farm: &Farm, name: &str) -> serde_json::Value {
    farm.console.tenants(&map(json!({"search": name}))).unwrap()[0]["state"].clone()
}

on_both_engines! {
    fn its_twenty_columns_are_read_as_they_are(engine: Engine) {
        let original = root::fixture("schema/original.xml");
        let Some(farm) = farm_with("orig_read", engine, &original, Given::default()) else { return };
        farm.database.run(ROWS);
        let before = farm.database.run("SELECT * FROM mdl_local_vmoodle ORDER BY id");
        let row = farm.console.tenant("ete.example.org").unwrap();
        assert_eq!((&row["name"], &row["state"], &row["mnet"]), (&json!("Zone d'été"), &json!("enabled"), &json!(-1)));
        assert_eq!(state_of(&farm, "two"), "disabled");
        assert_eq!(state_of(&farm, "bad"), "broken");
        assert_eq!(farm.console.tenants(&Map::new()).unwrap().len(), 5);
        let published = farm.console.publish().unwrap();
        // Two are served or known, the unreadable one whose address is one answers 503, the other two are left out.
        assert_eq!((&published["tenants"], published["warnings"].as_array().unwrap().len()), (&json!(3), 3));
        assert_eq!(farm.database.run("SELECT * FROM mdl_local_vmoodle ORDER BY id"), before);
        let error = farm.console.tenant_add(&farm.row("a.example.org")).unwrap_err();
        assert_eq!(error.kind(), Kind::RegistryMissing);
        assert!(error.way_out().unwrap().contains("upgrade"));
        assert!(farm.console.publish().unwrap()["generation"].as_u64() > published["generation"].as_u64());
    }

    fn its_rows_are_upgraded_in_place(engine: Engine) {
        let Some(farm) = farm("orig_upgrade", engine) else { return };
        farm.database.run(ROWS);
        let published = farm.console.publish().unwrap();
        let warnings: Vec<&str> = published["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings.iter().any(|w| w.starts_with("tenant #3 `https://ete.example.org`")), "{warnings:?}");
        let rows = farm.database.run(
            "SELECT id, hostkey, state, enabled, vhostname, vdbtype, vdbhost, vdbport FROM mdl_local_vmoodle ORDER BY id",
        );
        let rows: Vec<Vec<&str>> = rows.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(
            rows[0],
            ["1", "ete.example.org", "enabled", "1", "http://ete.example.org", "pgsql", "db.example.org", "5433"]
        );
        assert_eq!(rows[1][..5], ["2", "two.example.org", "disabled", "0", "http://two.example.org"]);
        assert_eq!(rows[2][2..5], ["broken", "0", "https://ete.example.org"]);
        assert_eq!(rows[3][1], "bad.example.org");
        let again = farm.console.publish().unwrap();
        assert_eq!(again["warnings"], published["warnings"]);

        // The duplicate is repaired by its number, and the unreadable one by its host.
        assert_eq!(farm.console.tenant_update("#3", &map(json!({"name": "x"}))).unwrap_err().kind(), Kind::HostTaken);
        let change = map(json!({"vhostname": "https://three.example.org", "state": "enabled"}));
        assert_eq!(farm.console.tenant_update("#3", &change).unwrap()["key"], "three.example.org");
        let change = map(json!({"vdbtype": "mariadb"}));
        assert_eq!(farm.console.tenant_update("bad.example.org", &change).unwrap()["state"], "enabled");
        farm.console.tenant_remove("#5").unwrap();
        assert_eq!(farm.console.publish().unwrap()["warnings"], json!([]));
    }

    fn an_address_changed_by_hand_is_followed(engine: Engine) {
        let Some(farm) = farm("orig_hand", engine) else { return };
        farm.add("a.example.org");
        farm.add("b.example.org");
        // Each takes the other's host: the unique column must not stand in the way.
        farm.database.run(
            "UPDATE mdl_local_vmoodle SET enabled = 0, vhostname = CASE WHEN hostkey = 'a.example.org'
                THEN 'https://b.example.org' ELSE 'https://a.example.org' END",
        );
        assert_eq!(farm.console.publish().unwrap()["warnings"], json!([]));
        assert_eq!(farm.console.tenant("b.example.org").unwrap()["vdbname"], "t_a_example_org");
        assert_eq!(farm.database.run("SELECT SUM(enabled) FROM mdl_local_vmoodle").trim(), "2");
    }

    fn without_a_registry_the_way_out_is_told(engine: Engine) {
        let empty = root::fixture("schema/405.xml");
        let Some(farm) = farm_with("orig_none", engine, &empty, Given::default()) else { return };
        let error = farm.console.publish().unwrap_err();
        assert_eq!(error.kind(), Kind::RegistryMissing);
        assert!(error.way_out().is_some());
        assert!(!schema::columns(&empty).is_empty());
    }
}
