//! What two sites may not share is refused, and nothing is changed.

use serde_json::json;
use support::database::Engine;
use vmoodle_core::Kind;

use crate::{farm, map, on_both_engines};

on_both_engines! {
    fn a_host_belongs_to_one_site(engine: Engine) {
        let Some(farm) = farm("collide_host", engine) else { return };
        farm.add("a.example.org");
        farm.add("b.example.org");
        farm.console.alias_add("alias.example.org", "a.example.org").unwrap();
        farm.console.alias_add("*.wild.example.org", "a.example.org").unwrap();
        let before = farm.all();
        for host in ["A.example.org.", "a.example.org:443/", "alias.example.org", "control.example.org"] {
            let mut row = farm.row("c.example.org");
            row["vhostname"] = json!(format!("https://{host}"));
            assert_eq!(farm.console.tenant_add(&row).unwrap_err().kind(), Kind::HostTaken, "{host}");
            let change = map(json!({"vhostname": format!("http://{host}")}));
            assert_eq!(farm.console.tenant_update("b.example.org", &change).unwrap_err().kind(), Kind::HostTaken, "{host}");
            assert_eq!(farm.console.alias_add(host, "b.example.org").unwrap_err().kind(), Kind::HostTaken, "{host}");
        }
        let change = map(json!({"host": "b.example.org"}));
        assert_eq!(farm.console.alias_update("alias.example.org", &change).unwrap_err().kind(), Kind::HostTaken);
        assert_eq!(farm.console.alias_add("*.wild.example.org", "b.example.org").unwrap_err().kind(), Kind::HostTaken);
        assert_eq!(farm.all(), before);
        // An exact name below a wildcard wins, and another port or path is another site.
        farm.console.alias_add("x.wild.example.org", "b.example.org").unwrap();
        farm.add("y.wild.example.org");
        farm.add("a.example.org:8443");
        farm.add("a.example.org/sub");
    }

    fn a_database_belongs_to_one_site_unless_said(engine: Engine) {
        let Some(farm) = farm("collide_db", engine) else { return };
        farm.add("a.example.org");
        let before = farm.all();
        let mut row = farm.row("b.example.org");
        row["vdbname"] = json!("t_a_example_org");
        let error = farm.console.tenant_add(&row).unwrap_err();
        assert_eq!(error.kind(), Kind::DatabaseTaken);
        assert!(error.to_string().contains("https://a.example.org"), "{error}");
        let mut control = farm.row("b.example.org");
        control.extend(farm.database.registry_columns().as_object().cloned().unwrap());
        assert_eq!(farm.console.tenant_add(&control).unwrap_err().kind(), Kind::DatabaseTaken);
        assert_eq!(farm.all(), before);
        row.insert("vdbprefix".into(), json!("m2_"));
        farm.console.tenant_add(&row).unwrap();
        let mut row = farm.row("c.example.org");
        row.extend(map(json!({"vdbname": "t_a_example_org", "allowshared": true})));
        farm.console.tenant_add(&row).unwrap();
        // What was allowed once is not asked again by a change of something else.
        farm.console.tenant_update("c.example.org", &map(json!({"name": "Shared"}))).unwrap();
    }

    fn a_dataroot_belongs_to_one_site(engine: Engine) {
        let Some(farm) = farm("collide_dir", engine) else { return };
        let a = farm.add("a.example.org");
        farm.add("b.example.org");
        let before = farm.all();
        let own = a["vdatapath"].as_str().unwrap();
        let inside = format!("{own}/sub");
        let around = farm.folder.path().display().to_string();
        let controls = format!("{}/x", farm.control.dataroot);
        for path in [own, &format!("{own}/"), &inside, &around, &farm.control.dataroot, &controls] {
            let mut row = farm.row("c.example.org");
            row["vdatapath"] = json!(path);
            assert_eq!(farm.console.tenant_add(&row).unwrap_err().kind(), Kind::DatarootTaken, "{path}");
            let change = map(json!({"vdatapath": path}));
            assert_eq!(farm.console.tenant_update("b.example.org", &change).unwrap_err().kind(), Kind::DatarootTaken, "{path}");
        }
        assert_eq!(farm.all(), before);
        let mut row = farm.row("c.example.org");
        row["vdatapath"] = json!(format!("{own}2"));
        farm.console.tenant_add(&row).unwrap();
    }
}
