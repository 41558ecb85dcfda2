//! Facts of tenants: collected in one job, told with their age.

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::tenant;

use crate::life::{dataroot, done, source, submit};
use crate::{Farm, farm, map, on_both_engines};

fn facts(farm: &Farm, target: &str) -> Map<String, Value> {
    let told = farm.console.status(&[target.to_owned()]).unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    map(told[0]["facts"].clone())
}

fn value<'a>(facts: &'a Map<String, Value>, name: &str) -> &'a str {
    facts[name]["value"].as_str().unwrap_or("-")
}

on_both_engines! {
    fn the_facts_of_a_site_are_told_with_their_age_and_sizes_keep_theirs(engine: Engine) {
        let Some(mut farm) = farm("status_all", engine) else { return };
        let database = source(&farm, "a.example.org");
        let told = farm.console.status(&[]).unwrap();
        assert_eq!((told.len(), &told[0]["facts"]), (1, &json!({})), "nothing was collected yet");
        database.run("INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('tool_task', 'lastcronstart', '77');
                      INSERT INTO mdl_config (name, value) VALUES ('maintenance_enabled', '1'), ('allversionshash', 'h1');
                      INSERT INTO mdl_task_scheduled (id, nextruntime, faildelay, disabled) VALUES (1, 5, 60, 0), (2, 5, 0, 1)");
        std::fs::create_dir_all(dataroot(&farm, "a.example.org").join("muc")).unwrap();
        let stores = "'stores' => array ('x' => array ('plugin' => 'redis')), 'modemappings' =>";
        std::fs::write(dataroot(&farm, "a.example.org").join("muc/config.php"), stores).unwrap();

        database.run("CREATE TABLE mdl_files (id BIGINT, contenthash VARCHAR(40), filesize BIGINT);
                      INSERT INTO mdl_files VALUES (1, 'x', 7), (2, 'x', 7), (3, 'y', 5)");
        done(&farm, "tenant_status", json!({"sizes": 1}), &["all"]);
        let first = facts(&farm, "a.example.org");
        let expected = [
            ("reachable", "1"), ("error", "-"), ("version", tenant::VERSION), ("branch", "405"), ("courses", "0"),
            ("users", "2"), ("activeusers", "0"), ("lastcron", "77"), ("duetasks", "1"), ("failingtasks", "1"),
            ("maintenance", "1"), ("upgrading", "0"), ("cachestores", "redis"), ("pending", "-"),
        ];
        for (name, expected) in expected {
            assert_eq!(value(&first, name), expected, "{name}: {}", value(&first, "error"));
        }
        assert!(value(&first, "diskfree").parse::<u64>().unwrap() > 0);
        assert!(value(&first, "databaseoctets").parse::<u64>().unwrap() > 10_000, "{first:?}");
        assert_eq!(value(&first, "fileoctets"), "12");

        farm.database.run("UPDATE mdl_local_vmoodle_status SET collected = 1000");
        done(&farm, "tenant_status", json!({}), &["all"]);
        let second = facts(&farm, "a.example.org");
        assert_eq!(second["fileoctets"]["collected"], 1000, "sizes are not collected every time");
        assert!(second["users"]["collected"].as_i64().unwrap() > 1000 && second["users"]["age"].as_i64().unwrap() < 1000);
        assert_eq!(second.len(), first.len(), "one row for each fact");

        // The control site is up to date with the code, so its hash is what the code asks for.
        farm.control.dirroot = farm.folder.folder("code").display().to_string();
        let version = format!("<?php $version = {}; $release = 'x'; $branch = '405';", tenant::VERSION);
        std::fs::write(farm.folder.join("code/version.php"), version).unwrap();
        farm.console = vmoodle_core::console::Console::new(farm.control.clone());
        let text = if engine == Engine::MariaDb { "LONGTEXT" } else { "TEXT" };
        farm.database.run(&format!("CREATE TABLE mdl_config (id BIGINT, name VARCHAR(255), value {text});
            INSERT INTO mdl_config VALUES (1, 'version', '{}'), (2, 'allversionshash', 'h1')", tenant::VERSION));
        done(&farm, "tenant_status", json!({}), &["all"]);
        assert_eq!(value(&facts(&farm, "a.example.org"), "pending"), "0");
        database.run("UPDATE mdl_config SET value = 'h0' WHERE name = 'allversionshash'");
        done(&farm, "tenant_status", json!({}), &["all"]);
        assert_eq!(value(&facts(&farm, "a.example.org"), "pending"), "1");
    }

    fn a_tenant_that_does_not_answer_keeps_what_was_known(engine: Engine) {
        let Some(farm) = farm("status_gone", engine) else { return };
        let database = source(&farm, "a.example.org");
        let empty = Database::shared(engine, &format!("{}_none", farm.database.name)).unwrap();
        let mut row = map(empty.registry_columns());
        row.extend(map(json!({"vhostname": "https://b.example.org", "vdatapath": farm.folder.folder("b")})));
        farm.console.tenant_add(&row).unwrap();
        let job = submit(&farm, "tenant_status", json!({}), &["all"]).unwrap();
        farm.console.job_run(job, &mut |_| {}).unwrap();
        assert_eq!(farm.console.job(job).unwrap()["counts"], json!({"done": 2}));
        let none = facts(&farm, "b.example.org");
        assert_eq!(value(&none, "reachable"), "0");
        assert!(value(&none, "error").contains("no Moodle") && !none.contains_key("users"), "{none:?}");

        database.run("DROP TABLE mdl_config");
        done(&farm, "tenant_status", json!({}), &["a.example.org"]);
        let gone = facts(&farm, "a.example.org");
        assert_eq!((value(&gone, "reachable"), value(&gone, "users")), ("0", "2"));
        assert_eq!(farm.console.status(&["none.example.org".into()]).unwrap().len(), 0);
    }

    fn a_plan_over_many_tenants_is_in_their_order(engine: Engine) {
        let Some(farm) = farm("status_plan", engine) else { return };
        for number in 0..40 {
            farm.add(&format!("t{number:02}.example.org"));
        }
        let plans = farm.console.plan("disable_tenant", &Map::new(), &["all".into()]).unwrap();
        let tenants: Vec<&str> = plans.iter().map(|plan| plan["tenant"].as_str().unwrap()).collect();
        let expected: Vec<String> = (0..40).map(|number| format!("https://t{number:02}.example.org")).collect();
        assert_eq!(tenants, expected);
        assert!(plans.iter().all(|plan| plan["changes"][0]["after"] == "disabled"));
    }
}
