//! Maintenance of both kinds on many tenants.

use std::fs;

use serde_json::json;
use support::database::Engine;

use crate::config::{add, item, job, plan, settings, site, undo};
use crate::{farm, on_both_engines};

on_both_engines! {
    fn the_gentle_kind_is_switched_on_announced_and_off(engine: Engine) {
        let Some(farm) = farm("maint_web", engine) else { return };
        let database = site(&farm, "a.example.org");
        let before = settings(&database);
        let on = json!({"mode": "on", "message": "Back at <b>5</b>"});
        let planned = plan(&farm, "maintenance", on.clone(), "a.example.org");
        assert_eq!(planned[0]["changes"], json!([
            {"what": "maintenance_enabled", "before": null, "after": "1"},
            {"what": "maintenance_message", "before": null, "after": "Back at <b>5</b>"},
        ]));
        assert_eq!(settings(&database), before);
        let (first, counts) = job(&farm, "maintenance", on.clone(), &["all"]);
        assert_eq!(counts, json!({"done": 1}));
        assert_eq!(job(&farm, "maintenance", on, &["all"]).1, json!({"skipped": 1}));
        assert!(settings(&database).contains("maintenance_enabled\t1\nmaintenance_message\tBack at <b>5</b>\n"));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(settings(&database), before);

        let later = json!({"mode": "later", "minutes": 30});
        assert_eq!(job(&farm, "maintenance", later.clone(), &["all"]).1, json!({"done": 1}));
        assert!(settings(&database).contains("maintenance_later\t"));
        let second = job(&farm, "maintenance", json!({"mode": "later", "minutes": 60}), &["all"]);
        assert_eq!(second.1, json!({"skipped": 1}), "it is announced for earlier");
        assert_eq!(job(&farm, "maintenance", json!({"mode": "off"}), &["all"]).1, json!({"done": 1}));
        let end = settings(&database);
        assert!(end.contains("maintenance_enabled\t0\n") && !end.contains("maintenance_later"), "{end}");
        assert_eq!(job(&farm, "maintenance", json!({"mode": "off"}), &["all"]).1, json!({"skipped": 1}));
    }

    fn the_page_that_shuts_a_site_comes_whole_and_goes(engine: Engine) {
        let Some(farm) = farm("maint_cli", engine) else { return };
        let database = site(&farm, "a.example.org");
        let root = farm.folder.folder("a.example.org");
        let page = root.join("climaintenance.html");
        let shut = json!({"mode": "cli-on"});
        plan(&farm, "maintenance", shut.clone(), "a.example.org");
        assert!(!page.exists(), "a plan changes nothing");
        database.run("INSERT INTO mdl_config (name, value) VALUES ('maintenance_later', '5')");
        let before = settings(&database);
        let (first, counts) = job(&farm, "maintenance", shut.clone(), &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(fs::read_to_string(&page).unwrap().contains("a.example.org under maintenance"));
        assert!(!settings(&database).contains("maintenance_later"));
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_config_log").trim(), "0", "as Moodle's script");
        assert_eq!(job(&farm, "maintenance", shut, &["all"]).1, json!({"skipped": 1}));
        let refused = job(&farm, "maintenance", json!({"mode": "later"}), &["all"]);
        assert_eq!((refused.1, item(&farm, refused.0)["errorcode"].clone()), (json!({"failed": 1}), json!("state_refused")));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!((page.exists(), settings(&database)), (false, before));

        let (_, counts) = job(&farm, "maintenance", json!({"mode": "cli-on", "message": "Soon"}), &["all"]);
        assert_eq!(counts, json!({"done": 1}));
        assert!(fs::read_to_string(&page).unwrap().contains("<div class='alert-danger'>Soon</div>"));
        assert_eq!(job(&farm, "maintenance", json!({"mode": "cli-off"}), &["all"]).1, json!({"done": 1}));
        assert!(!page.exists() && fs::read_dir(&root).unwrap().count() == 0);
    }

    fn one_broken_tenant_of_ten_leaves_nine_in_maintenance(engine: Engine) {
        let Some(farm) = farm("maint_ten", engine) else { return };
        let database = site(&farm, "s0.example.org");
        for number in 1..10 {
            let mut other = database.clone();
            if number == 4 {
                "no_such_database".clone_into(&mut other.name);
            } else {
                other = site(&farm, &format!("s{number}.example.org"));
            }
            if number == 4 {
                add(&farm, "s4.example.org", &other);
            }
        }
        let (first, counts) = job(&farm, "maintenance", json!({"mode": "cli-on"}), &["all"]);
        assert_eq!(counts, json!({"done": 9, "failed": 1}));
        assert!(farm.folder.folder("s9.example.org").join("climaintenance.html").exists());
        assert!(!farm.folder.folder("s4.example.org").join("climaintenance.html").exists());
        assert_eq!(undo(&farm, first), json!({"done": 9}));
    }
}
