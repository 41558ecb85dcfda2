//! Databases written out, read in and poured: what arrives is what was there.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::database::{Database, Engine};
use support::moodle;
use support::need::{self, Need};
use support::wait as condition;
use vmoodle_core::Kind;
use vmoodle_core::db::admin::ServerAdmin;
use vmoodle_core::db::transfer::{Door, dump, load, pour};
use vmoodle_core::ident::DbName;
use vmoodle_core::secret::{Keyring, Secret};

use crate::admin::{account, beside, db_name, settings, tenant, wait};
use crate::{Farm, farm, on_both_engines};

/// An empty database of a new account of the same name, and the door to it.
pub(crate) fn own_database(farm: &Farm, name: &str) -> (DbName, Door) {
    let (database, user) = (db_name(name), account(name));
    // What `ps` and errors are searched for.
    let password = Secret::new(format!("Hidden-{name}"));
    wait(async {
        let admin = ServerAdmin::of_control(&farm.control).unwrap();
        admin.drop_database(&database).await.unwrap();
        admin.create_database(&database).await.unwrap();
        admin.create_account(&user, &password).await.unwrap();
        admin.grant(&database, &user).await.unwrap();
    });
    let door = Door::of_tenant(&tenant(farm, &database, name, &password), &settings(), &Keyring::none()).unwrap();
    (database, door)
}

/// The site of a fresh Moodle in a database, for the account that owns it.
pub(crate) fn fill(farm: &Farm, database: &DbName) {
    moodle::fill(&beside(farm, database), database.as_str());
    let user = account(database.as_str());
    wait(ServerAdmin::of_control(&farm.control).unwrap().grant(database, &user)).unwrap();
}

/// Everything that a database holds, as text: columns, indexes, next numbers, and each table's rows.
pub(crate) fn picture(database: &Database) -> String {
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = ";
    let lists = match database.engine {
        Engine::MariaDb => {
            "SELECT table_name, column_name, column_type, is_nullable, column_default, collation_name, extra
               FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position;
             SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics
              WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index;
             SELECT table_name, auto_increment, row_format, table_comment FROM information_schema.tables
              WHERE table_schema = DATABASE() ORDER BY table_name"
        }
        Engine::Postgres => {
            "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
               FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position;
             SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname;
             SELECT sequencename, last_value FROM pg_sequences ORDER BY sequencename;
             SELECT relname, obj_description(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
              ORDER BY relname"
        }
    };
    let mut picture = database.run(lists);
    let mut sums = String::new();
    match database.engine {
        Engine::MariaDb => {
            for table in database.run(&format!("{tables} DATABASE() ORDER BY table_name")).lines() {
                let _ = write!(sums, "SELECT '{table}'; CHECKSUM TABLE `{table}`; SELECT COUNT(*) FROM `{table}`;");
            }
            let sums = database.run(&sums);
            picture.push_str(&sums.replace(&format!("{}.", database.name), ""));
        }
        Engine::Postgres => {
            for table in database.run(&format!("{tables} 'public' ORDER BY table_name")).lines() {
                let _ = writeln!(
                    sums,
                    "SELECT '{table}', COUNT(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{table}\" t;"
                );
            }
            picture.push_str(&database.run(&sums));
        }
    }
    picture
}

/// Fails with the first lines that differ.
pub(crate) fn assert_same(one: &Database, other: &Database) {
    let (one, other) = (picture(one), picture(other));
    assert!(one.lines().count() > 5, "{one}");
    let differing: Vec<_> = one.lines().zip(other.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(one == other, "{differing:#?}");
}

/// Rows that are hard to carry: no UTF-8, ends of texts, a number 0, the next number far away.
pub(crate) fn difficult(database: &Database) {
    database.run(match database.engine {
        Engine::MariaDb => {
            r"CREATE TABLE mdl_t (id BIGINT AUTO_INCREMENT PRIMARY KEY, x LONGTEXT, y LONGBLOB, z DATETIME) DEFAULT CHARSET utf8mb4;
              SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
              INSERT INTO mdl_t VALUES (0, 'a;\'\\\n-- b\r\n#', X'00FF27C0', '0000-00-00'), (-1, 'é🌞`', NULL, NULL), (7, '', '', NULL);
              INSERT INTO mdl_t (id) VALUES (900); DELETE FROM mdl_t WHERE id = 900"
        }
        Engine::Postgres => {
            r#"CREATE TABLE mdl_t (id BIGSERIAL PRIMARY KEY, x TEXT, y BYTEA, z TEXT DEFAULT 'a;''b');
               CREATE FUNCTION mdl_f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
               CREATE VIEW mdl_v AS SELECT 'a;"b' AS c; CREATE TYPE mdl_e AS ENUM ('a;'); CREATE DOMAIN mdl_d AS TEXT;
               CREATE SEQUENCE mdl_s START 5;
               INSERT INTO mdl_t VALUES (0, E'a;\'\\\n\\.\n-- b\r\t', '\x00FF27C0'), (-1, 'é🌞`', NULL), (7, '', '');
               SELECT setval('mdl_t_id_seq', 900)"#
        }
    });
}

/// The arguments of all processes of this machine, again and again until told to stop.
fn watch(stop: &AtomicBool) -> String {
    let mut seen = String::new();
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains("dump") && !seen.contains(&line) {
                seen.push_str(&line);
            }
        }
    }
    seen
}

on_both_engines! {
    fn a_moodle_that_is_written_out_and_read_in_is_the_same(engine: Engine) {
        let Some(()) = need::all(&[Need::Dumps]) else { return };
        let Some(farm) = farm("trans_full", engine) else { return };
        let ((source, from), (target, to)) = (own_database(&farm, "trans_full_a"), own_database(&farm, "trans_full_b"));
        fill(&farm, &source);
        let file = farm.folder.join("site.sql.zst");
        let stop = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let watching = scope.spawn(|| watch(&stop));
            let size = wait(dump(&from, &file)).unwrap();
            assert_eq!(size, std::fs::metadata(&file).unwrap().len());
            stop.store(true, Ordering::Relaxed);
            watching.join().unwrap()
        });
        assert!(seen.contains("dump") && !seen.contains("Hidden-"), "{seen}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        wait(load(&to, &file)).unwrap();
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
        assert_eq!(wait(load(&to, &file)).unwrap_err().kind(), Kind::NotEmpty);
    }

    fn a_live_moodle_is_poured_into_another_database(engine: Engine) {
        let Some(()) = need::all(&[Need::Dumps]) else { return };
        let Some(farm) = farm("trans_pour", engine) else { return };
        let ((source, from), (target, to)) = (own_database(&farm, "trans_pour_a"), own_database(&farm, "trans_pour_b"));
        fill(&farm, &source);
        wait(pour(&from, &to)).unwrap();
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
        assert_eq!(wait(pour(&from, &to)).unwrap_err().kind(), Kind::NotEmpty);
    }

    fn rows_that_are_hard_to_carry_arrive(engine: Engine) {
        let Some(farm) = farm("trans_rows", engine) else { return };
        let ((source, from), (target, to)) = (own_database(&farm, "trans_rows_a"), own_database(&farm, "trans_rows_b"));
        difficult(&beside(&farm, &source));
        wait(ServerAdmin::of_control(&farm.control).unwrap().grant(&source, &account("trans_rows_a"))).unwrap();
        let file = farm.folder.join("x");
        wait(dump(&from, &file)).unwrap();
        wait(load(&to, &file)).unwrap();
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
    }

    fn a_transfer_that_is_cut_off_leaves_neither_a_file_nor_a_program(engine: Engine) {
        let Some(()) = need::all(&[Need::Dumps]) else { return };
        let Some(farm) = farm("trans_cut", engine) else { return };
        let ((source, from), (_, to)) = (own_database(&farm, "trans_cut_a"), own_database(&farm, "trans_cut_b"));
        fill(&farm, &source);
        let folder = farm.folder.folder("dumps");
        let mut cut_off = 0;
        for milliseconds in [5, 40, 80, 160] {
            let limit = Duration::from_millis(milliseconds);
            let path = folder.join("x.zst");
            cut_off += i32::from(wait(async { tokio::time::timeout(limit, Box::pin(dump(&from, &path))).await }).is_err());
            let _ = std::fs::remove_file(path);
        }
        let _ = wait(async { tokio::time::timeout(Duration::from_millis(200), Box::pin(pour(&from, &to))).await });
        assert!(cut_off > 0, "this machine is faster than any");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let sessions = match engine {
            Engine::MariaDb => "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'trans_cut_a'",
            Engine::Postgres => "SELECT COUNT(*) FROM pg_stat_activity WHERE usename = 'trans_cut_a'",
        };
        condition::until(Duration::from_mins(1), "the programs' end", || farm.database.run(sessions) == "0\n");
    }

    fn a_dump_with_commands_of_a_client_is_refused_and_nothing_of_it_runs(engine: Engine) {
        let Some(farm) = farm("trans_bad", engine) else { return };
        let (target, to) = own_database(&farm, "trans_bad_a");
        let (file, mark) = (farm.folder.join("bad.sql"), farm.folder.join("mark"));
        let refused = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let refusal = wait(load(&to, &file)).unwrap_err();
            assert_eq!(refusal.kind(), Kind::TransferFailed, "{text}: {refusal}");
            assert_eq!(refusal.tenant(), Some("https://a.example.org"));
            refusal.to_string()
        };
        let touch = format!("touch {}", mark.display());
        refused(&format!("\\! {touch}\n"));
        refused(&format!("SELECT 1;\n\\! {touch}\n"));
        refused(&format!("system {touch}\n;"));
        refused(&format!("COPY t FROM PROGRAM '{touch}';"));
        refused("CREATE DATABASE elsewhere;");
        refused("SELECT 'not ended");
        let told = refused("INSERT INTO nowhere VALUES ('Hidden-value');");
        assert!(told.contains("INSERT INTO nowhere VALUES") && !told.contains("Hidden-value"), "{told}");
        std::fs::write(&file, [b'S', b'E', b'L', 0xff, b';']).unwrap();
        assert!(wait(load(&to, &file)).unwrap_err().way_out().unwrap().contains("hex-blob"));
        assert_eq!(wait(load(&to, Path::new("/nowhere/x"))).unwrap_err().kind(), Kind::TransferFailed);
        assert!(!mark.exists());
        assert!(wait(ServerAdmin::of_control(&farm.control).unwrap().database_exists(&target)).unwrap());
    }

    fn what_a_failing_program_says_is_told_and_no_file_is_left(engine: Engine) {
        let Some(farm) = farm("trans_fail", engine) else { return };
        let (source, from) = own_database(&farm, "trans_fail_a");
        let (_, to) = own_database(&farm, "trans_fail_b");
        beside(&farm, &source).run(match engine {
            Engine::MariaDb => "CREATE TABLE gone (id INT); CREATE VIEW mdl_t AS SELECT * FROM gone; DROP TABLE gone",
            Engine::Postgres => "CREATE TABLE mdl_t (id INT)",
        });
        let folder = farm.folder.folder("dumps");
        for failure in [wait(dump(&from, &folder.join("x.zst"))).map(|_| ()), wait(pour(&from, &to))] {
            let failure = failure.unwrap_err();
            let told = format!("{failure} {failure:?}");
            assert_eq!(failure.kind(), Kind::TransferFailed);
            assert!(told.contains("mdl_t") && told.contains("dump") && !told.contains("Hidden-"), "{told}");
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let unwritable = wait(dump(&to, &folder.join("no/folder.zst"))).unwrap_err();
        assert_eq!((unwritable.kind(), unwritable.way_out().is_some()), (Kind::TransferFailed, true));
        // A device on which there is never any space.
        std::os::unix::fs::symlink("/dev/full", folder.join("full.part")).unwrap();
        let full = wait(dump(&to, &folder.join("full"))).unwrap_err();
        assert!(full.kind() == Kind::TransferFailed && full.way_out().unwrap().contains("free some space"), "{full:?}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let mut control = farm.control.clone();
        control.database.password = Secret::new("Hidden-wrong");
        if engine == Engine::Postgres {
            let refusal = wait(dump(&Door::of_control(&control).unwrap(), &folder.join("x"))).unwrap_err();
            assert!(refusal.kind() == Kind::BadConfiguration && !format!("{refusal:?}").contains("Hidden-"), "{refusal:?}");
        }
    }
}
