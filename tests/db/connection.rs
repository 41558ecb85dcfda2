//! A connection: values there and back, transactions, causes of faults.

use serde_json::json;
use support::database::Engine;
use vmoodle_core::Kind;
use vmoodle_core::db::{Cause, Cell, Db, Param};

use crate::{Farm, farm, map, on_both_engines};

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn open(farm: &Farm) -> Db {
    Db::open_control(&farm.control).await.unwrap()
}

on_both_engines! {
    fn values_come_back_as_they_went(engine: Engine) {
        let Some(farm) = farm("conn_values", engine) else { return };
        let text = "l'été \"🌞\" \\ % _ ? $1 {x} -- /*\n\r\t";
        wait(async {
            let mut db = open(&farm).await;
            let sql = "INSERT INTO {local_vmoodle_server} (name, engine, host, login, password, port, connections) VALUES (?, ?, ?, ?, ?, ?, ?)";
            let params = [text.into(), "x".into(), "".into(), "x".into(), Param::Text(None), Param::Int(None), 32767.into()];
            let id = db.insert(sql, &params).await.unwrap();
            let sql = "SELECT s.*, '?{x}' AS literal FROM {local_vmoodle_server} s WHERE id = ? AND name = ?";
            let row = db.fetch_one(sql, &[id.into(), text.into()]).await.unwrap().unwrap();
            assert_eq!((row.text("name"), row.text("literal"), row.int("id")), (Some(text), Some("?{x}"), Some(id)));
            assert_eq!((row.int("connections"), row.int("port"), row.cell("password") == &Cell::Null), (Some(32767), None, true));
            assert_eq!((row.int("no_such_column"), row.text("host")), (None, None));
            db.close().await;
        });
    }

    fn integers_of_any_width_and_sign_are_read(engine: Engine) {
        let Some(farm) = farm("conn_ints", engine) else { return };
        farm.database.run(match engine {
            Engine::MariaDb => {
                "CREATE TABLE mdl_n (id INT UNSIGNED, a TINYINT(1), b TINYINT UNSIGNED, c SMALLINT, d MEDIUMINT, e BIGINT UNSIGNED, f BIGINT);
                 INSERT INTO mdl_n VALUES (4294967295, 2, 255, -3, -4, 18446744073709551615, -6)"
            }
            Engine::Postgres => {
                "CREATE TABLE mdl_n (id BIGINT, a SMALLINT, b SMALLINT, c SMALLINT, d INTEGER, e NUMERIC, f BIGINT);
                 INSERT INTO mdl_n VALUES (4294967295, 2, 255, -3, -4, 18446744073709551615, -6)"
            }
        });
        let row = wait(async { open(&farm).await.fetch_one("SELECT * FROM {n}", &[]).await.unwrap().unwrap() });
        let numbers = ["id", "a", "b", "c", "d", "e", "f"].map(|column| row.int(column));
        assert_eq!(numbers, [Some(4_294_967_295), Some(2), Some(255), Some(-3), Some(-4), None, Some(-6)]);
    }

    fn a_dropped_transaction_changes_nothing(engine: Engine) {
        let Some(farm) = farm("conn_rollback", engine) else { return };
        let insert = "INSERT INTO {local_vmoodle_alias} (host, tenantid) VALUES (?, ?)";
        let left = wait(async {
            let mut db = open(&farm).await;
            let mut dropped = db.begin().await.unwrap();
            dropped.insert(insert, &["dropped".into(), 1.into()]).await.unwrap();
            drop(dropped);
            let mut kept = db.begin().await.unwrap();
            kept.insert(insert, &["kept".into(), 1.into()]).await.unwrap();
            kept.commit().await.unwrap();
            let mut failed = db.begin().await.unwrap();
            failed.insert(insert, &["failed".into(), 1.into()]).await.unwrap();
            let fault = failed.insert(insert, &["kept".into(), 1.into()]).await.unwrap_err();
            assert_eq!(fault.cause(), Cause::DuplicateKey);
            drop(failed);
            db.fetch("SELECT host FROM {local_vmoodle_alias}", &[]).await.unwrap()
        });
        assert_eq!(left.iter().map(|row| row.text("host").unwrap()).collect::<Vec<_>>(), ["kept"]);
    }

    fn a_fault_says_what_happened(engine: Engine) {
        let Some(farm) = farm("conn_faults", engine) else { return };
        wait(async {
            let mut db = open(&farm).await;
            let fault = db.fetch("SELECT * FROM {not_there}", &[]).await.unwrap_err();
            assert_eq!(fault.cause(), Cause::NoTable, "{fault}");
            let fault = db.fetch("SELEKT", &[]).await.unwrap_err();
            assert_eq!(fault.cause(), Cause::Other, "{fault}");
            let mut control = farm.control.clone();
            control.database.database = vmoodle_core::ident::DbName::parse("not_there").unwrap();
            let error = Db::open_control(&control).await.unwrap_err();
            assert_eq!(vmoodle_core::db::Fault::of(&error).unwrap().cause(), Cause::NoDatabase, "{error}");
            let mut control = farm.control.clone();
            control.database.user = "nobody_here".into();
            let error = Db::open_control(&control).await.unwrap_err();
            assert_eq!(vmoodle_core::db::Fault::of(&error).unwrap().cause(), Cause::BadCredentials, "{error}");
        });
    }

    fn every_way_in_leads_to_the_same_database(engine: Engine) {
        let Some(farm) = farm("conn_ways", engine) else { return };
        let socket = farm.database.socket.display().to_string();
        for (host, port, socket) in [
            ("localhost", Some(farm.database.port), Some(socket.clone())),
            ("127.0.0.1", Some(farm.database.port), Some(socket)),
            ("127.0.0.1", Some(farm.database.port), None),
            ("localhost", Some(farm.database.port), None),
        ] {
            let mut control = farm.control.clone();
            (control.database.host, control.database.port, control.database.socket) = (host.into(), port, socket);
            let there = wait(async { Db::open_control(&control).await.unwrap().count_tables().await.unwrap() });
            assert_eq!(there, i64::try_from(vmoodle_core::registry::shape::TABLES.len()).unwrap());
        }
    }

    fn a_server_without_encryption_is_refused_where_it_is_wanted(engine: Engine) {
        let Some(farm) = farm("conn_tls", engine) else { return };
        let mut control = farm.control.clone();
        (control.database.host, control.database.socket) = ("127.0.0.1".into(), None);
        control.database.port = Some(farm.database.port);
        for (mode, kind) in [("require", Kind::ControlUnreachable), ("verify-full", Kind::ControlUnreachable), ("x", Kind::BadConfiguration)] {
            control.database.options = map(json!({"ssl": mode}));
            let error = wait(async { Db::open_control(&control).await.map(|_| ()).unwrap_err() });
            assert_eq!(error.kind(), kind, "{mode}: {error}");
        }
        control.database.options = serde_json::Map::new();
        // On a unix socket there is nobody to listen.
        if engine == Engine::MariaDb {
            control.database.options = map(json!({"ssl": "require"}));
            control.database.host = "localhost".into();
            control.database.socket = Some(farm.database.socket.display().to_string());
            wait(async { Db::open_control(&control).await.map(|_| ()).unwrap() });
        }
        control.database.host = "localhost".into();
        control.database.socket = Some("/nonexistent/socket".into());
        let error = wait(async { Db::open_control(&control).await.map(|_| ()).unwrap_err() });
        assert_eq!(error.kind(), Kind::ControlUnreachable, "{error}");
    }

    fn the_session_is_as_moodle_wants_it(engine: Engine) {
        let Some(farm) = farm("conn_session", engine) else { return };
        wait(async {
            let mut db = open(&farm).await;
            if engine == Engine::MariaDb {
                let row = db.fetch_one("SELECT @@sql_mode AS mode, @@time_zone AS zone, @@character_set_client AS charset", &[]);
                let row = row.await.unwrap().unwrap();
                assert_eq!((row.text("mode"), row.text("zone")), (Some("STRICT_ALL_TABLES"), Some("SYSTEM")));
                assert_eq!(row.text("charset"), Some("utf8mb4"));
            }
            assert!(db.charset().await.unwrap().to_lowercase().starts_with("utf8"));
            assert!(db.count_tables().await.unwrap() >= 5);
        });
    }
}
