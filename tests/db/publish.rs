//! Publications: generations that only rise, one publisher at a time, refreshes of other nodes.

use std::time::{Duration, Instant};

use serde_json::{Map, json};
use support::database::Engine;
use vmoodle_core::Kind;
use vmoodle_core::console::Console;

use crate::{farm, map, on_both_engines};

on_both_engines! {
    fn each_publication_raises_the_generation(engine: Engine) {
        let Some(farm) = farm("pub_rise", engine) else { return };
        assert_eq!(farm.console.index_status()["state"], "missing");
        farm.add("a.example.org");
        assert_eq!(farm.generation(), 1);
        let published = farm.console.publish().unwrap();
        assert_eq!((&published["generation"], &published["tenants"], &published["warnings"]), (&json!(2), &json!(1), &json!([])));
        assert_eq!(published["path"].as_str().unwrap(), farm.index().display().to_string());
        let status = farm.console.index_status();
        assert_eq!((&status["state"], &status["generation"], &status["bytes"]), (&json!("good"), &json!(2), &published["bytes"]));
        // A control database from a backup: the generation still rises above that of the index in place.
        farm.database.run("UPDATE mdl_local_vmoodle_generation SET generation = 0");
        assert_eq!(farm.console.publish().unwrap()["generation"], 3);
        farm.database.run("DELETE FROM mdl_local_vmoodle_generation");
        assert_eq!(farm.console.publish().unwrap()["generation"], 4);
    }

    fn a_lower_generation_is_refused(engine: Engine) {
        let Some(farm) = farm("pub_lower", engine) else { return };
        for _ in 0..3 {
            farm.console.publish().unwrap();
        }
        let older = std::fs::read(farm.index()).unwrap();
        farm.console.publish().unwrap();
        farm.database.run("UPDATE mdl_local_vmoodle_generation SET generation = 1");
        let refreshed = farm.console.index_refresh().unwrap();
        assert_eq!((&refreshed["changed"], &refreshed["generation"]), (&json!(false), &json!(4)));
        assert_eq!(refreshed["warnings"].as_array().unwrap().len(), 1);
        assert_ne!(std::fs::read(farm.index()).unwrap(), older);
    }

    fn another_node_refreshes_its_copy(engine: Engine) {
        let Some(farm) = farm("pub_refresh", engine) else { return };
        let mut control = farm.control.clone();
        control.settings.index = farm.folder.folder("node2").join("index");
        let node = Console::new(control);
        assert_eq!(node.index_refresh().unwrap()["generation"], 1, "a registry never published is published");
        farm.add("a.example.org");
        let refreshed = node.index_refresh().unwrap();
        assert_eq!((&refreshed["changed"], &refreshed["generation"], &refreshed["tenants"]), (&json!(true), &json!(2), &json!(1)));
        let again = node.index_refresh().unwrap();
        assert_eq!((&again["changed"], &again["generation"]), (&json!(false), &json!(2)));
        std::fs::write(node.index_status()["path"].as_str().unwrap(), "torn").unwrap();
        assert_eq!(node.index_refresh().unwrap()["changed"], true);
        assert_eq!((&node.index_status()["state"], farm.generation()), (&json!("good"), 2));
    }

    fn administrators_who_write_at_once_take_turns(engine: Engine) {
        let Some(farm) = farm("pub_turns", engine) else { return };
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let farm = &farm;
                scope.spawn(move || {
                    for n in 0..5 {
                        farm.add(&format!("s{worker}-{n}.example.org"));
                    }
                });
            }
        });
        let status = farm.console.index_status();
        assert_eq!((&status["generation"], &status["tenants"]), (&json!(20), &json!(20)));
        assert_eq!(farm.database.run("SELECT generation FROM mdl_local_vmoodle_generation").trim(), "20");
    }

    fn the_same_host_is_given_to_one_of_two(engine: Engine) {
        let Some(farm) = farm("pub_race", engine) else { return };
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let add = |n: u32| {
                let mut row = farm.row(&format!("x{n}.example.org"));
                row["vhostname"] = json!("https://same.example.org");
                farm.console.tenant_add(&row).map_err(|e| e.kind())
            };
            let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || add(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|kind| *kind == Kind::HostTaken));
    }

    fn an_ambiguity_made_by_hand_keeps_the_last_index(engine: Engine) {
        let Some(farm) = farm("pub_ambiguous", engine) else { return };
        farm.add("a.example.org");
        farm.add("b.example.org");
        farm.database.run("INSERT INTO mdl_local_vmoodle_alias (host, tenantid) VALUES ('a.example.org', 2)");
        let before = farm.all();
        assert_eq!(farm.console.publish().unwrap_err().kind(), Kind::RegistryInvalid);
        assert_eq!(farm.console.tenant_add(&farm.row("c.example.org")).unwrap_err().kind(), Kind::RegistryInvalid);
        assert_eq!(farm.all(), before);
        farm.console.alias_remove("a.example.org").unwrap();
    }

    fn a_row_that_is_saved_but_not_published_says_so(engine: Engine) {
        let Some(farm) = farm("pub_unwritten", engine) else { return };
        let mut control = farm.control.clone();
        // A file stands where the folder should be.
        std::fs::write(farm.folder.join("file"), "").unwrap();
        control.settings.index = farm.folder.join("file/index");
        let error = Console::new(control).tenant_add(&farm.row("a.example.org")).unwrap_err();
        assert_eq!(error.kind(), Kind::IndexWriteFailed);
        assert!(error.to_string().contains("saved") && error.way_out().unwrap().contains("publish.php"), "{error}");
        assert_eq!(farm.keys(), ["a.example.org"]);
    }

    fn a_dead_control_database_is_told_quickly(engine: Engine) {
        let Some(farm) = farm("pub_dead", engine) else { return };
        let mut control = farm.control.clone();
        control.database.host = "127.0.0.1".into();
        control.database.socket = None;
        // Bound but never accepting: the port is nobody's afterwards.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        control.database.port = Some(closed);
        let started = Instant::now();
        let error = Console::new(control.clone()).tenants(&Map::new()).unwrap_err();
        assert_eq!((error.kind(), error.kind().is_retryable()), (Kind::ControlUnreachable, true), "{error}");
        assert!(started.elapsed() < Duration::from_secs(3));
        // A server that takes the connection and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        control.database.port = Some(silent.local_addr().unwrap().port());
        control.database.options = map(json!({"connecttimeout": 1}));
        let started = Instant::now();
        let error = Console::new(control).publish().unwrap_err();
        assert_eq!(error.kind(), Kind::ControlUnreachable, "{error}");
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}
