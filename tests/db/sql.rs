//! Scripts and questions: what a read-only one cannot do, what a writing one leaves behind, and what clients would have
//! done.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use vmoodle_core::Kind;
use vmoodle_core::console::Heard;
use vmoodle_core::db::{Came, Db, More, Session};
use vmoodle_core::ident::DbName;
use vmoodle_core::secret::{Keyring, Secret};
use vmoodle_core::sqlscript::Script;
use vmoodle_core::tenant::Tenant;

use crate::crash::{at_every_boundary, is_killed};
use crate::life::submit;
use crate::{Farm, farm, map, on_both_engines};

/// Everything that may be allowed.
const ALL: &str = "administrator,code,conditional,delete_all,drop,files,locks,other_schema,rights,server,session,\
                   shared_account,transaction,truncate,unparsed,update_all";
const PASSWORD: &str = "Aa1!secret";

/// A small site whose account owns its database and nothing else.
fn site(farm: &Farm, host: &str) -> Database {
    let name = format!("{}_{}", farm.database.name, host.split('.').next().unwrap());
    let database = Database::shared(farm.database.engine, &name).unwrap();
    let account = account(&database);
    let auto = match database.engine {
        Engine::MariaDb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        Engine::Postgres => "BIGSERIAL PRIMARY KEY",
    };
    let own = match database.engine {
        Engine::MariaDb => String::new(),
        Engine::Postgres => format!("SET ROLE {account};"),
    };
    database.run(&format!(
        "{own} CREATE TABLE mdl_config (id {auto}, name VARCHAR(100), value TEXT, UNIQUE (name));
         CREATE TABLE mdl_config_plugins (id {auto}, plugin VARCHAR(100), name VARCHAR(100), value TEXT,
             UNIQUE (plugin, name));
         INSERT INTO mdl_config (name, value) VALUES ('lang', 'en'), ('theme', 'boost'), ('n', '0');"
    ));
    add(farm, host, &database, &account);
    database
}

fn account(database: &Database) -> String {
    let account = format!("u_{}", database.name);
    let account: String = account.chars().rev().take(30).collect::<String>().chars().rev().collect();
    let account = format!("a{}", account.trim_start_matches('_'));
    match database.engine {
        Engine::MariaDb => {
            for host in ["localhost", "%"] {
                database.run(&format!(
                    "CREATE OR REPLACE USER '{account}'@'{host}' IDENTIFIED BY '{PASSWORD}';
                     GRANT ALL ON `{}`.* TO '{account}'@'{host}';",
                    database.name.replace('_', "\\_")
                ));
            }
        }
        Engine::Postgres => {
            database.run(&format!("DROP ROLE IF EXISTS {account}"));
            database.run(&format!("CREATE ROLE {account} LOGIN PASSWORD '{PASSWORD}'"));
            database.run(&format!("ALTER DATABASE \"{}\" OWNER TO {account}", database.name));
            database.run(&format!("ALTER SCHEMA public OWNER TO {account}"));
        }
    }
    account
}

fn add(farm: &Farm, host: &str, database: &Database, account: &str) {
    let mut row = map(database.registry_columns());
    row.extend(map(json!({
        "vhostname": format!("https://{host}"), "vdatapath": farm.folder.folder(host), "vdblogin": account,
        "vdbpass": PASSWORD,
    })));
    farm.console.tenant_add(&row).unwrap();
}

/// Everything that a run could change.
fn state(database: &Database) -> String {
    let rows =
        "SELECT name, value FROM mdl_config ORDER BY id; SELECT plugin, name FROM mdl_config_plugins ORDER BY id;";
    let own = match database.engine {
        Engine::MariaDb => {
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1;
             SELECT next_not_cached_value FROM seq; SELECT @@global.general_log, @@global.max_connections;
             SELECT COUNT(*) FROM mysql.user WHERE user = 'somebody'"
        }
        Engine::Postgres => {
            "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1;
             SELECT last_value, is_called FROM seq; SELECT COUNT(*) FROM pg_largeobject_metadata;
             SELECT COUNT(*) FROM pg_roles WHERE rolname = 'somebody'; SELECT COUNT(*) FROM pg_proc"
        }
    };
    database.run(&format!("{rows}{own}"))
}

/// Routines that were in the site already, and would change it.
fn traps(database: &Database) {
    database.run(match database.engine {
        Engine::MariaDb => {
            "CREATE SEQUENCE seq;
             DELIMITER //
             CREATE FUNCTION f_write() RETURNS INT BEGIN INSERT INTO mdl_config (name) VALUES ('f'); RETURN 1; END//
             CREATE FUNCTION f_open() RETURNS INT BEGIN SET SESSION tx_read_only = 0; RETURN 1; END//
             CREATE PROCEDURE p_write() BEGIN COMMIT; SET SESSION TRANSACTION READ WRITE; START TRANSACTION READ WRITE;
                 INSERT INTO mdl_config (name) VALUES ('p'); COMMIT; END//
             DELIMITER ;"
        }
        Engine::Postgres => {
            "CREATE SEQUENCE seq;
             CREATE FUNCTION f_write() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
                 $$ BEGIN INSERT INTO mdl_config (name) VALUES ('f'); RETURN 1; END $$;
             CREATE FUNCTION f_open() RETURNS text LANGUAGE sql AS
                 $$ SELECT set_config('transaction_read_only', 'off', false) $$;
             CREATE FUNCTION f_large() RETURNS oid LANGUAGE sql SECURITY DEFINER AS $$ SELECT lo_create(0) $$;
             CREATE PROCEDURE p_write() LANGUAGE plpgsql AS
                 $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO mdl_config (name) VALUES ('p'); COMMIT; END $$;"
        }
    });
}

/// What somebody may try in a script that was only meant to read.
fn attacks(engine: Engine) -> Vec<&'static str> {
    let both = [
        "INSERT INTO mdl_config (name) VALUES ('x')",
        "UPDATE mdl_config SET value = 'x' WHERE id > 0",
        "DELETE FROM mdl_config WHERE id > 0",
        "TRUNCATE TABLE mdl_config",
        "DROP TABLE mdl_config",
        "CREATE TABLE x (id INT)",
        "ALTER TABLE mdl_config ADD COLUMN x INT",
        "CREATE VIEW v AS SELECT 1",
        "COMMIT; INSERT INTO mdl_config (name) VALUES ('x')",
        "ROLLBACK; INSERT INTO mdl_config (name) VALUES ('x')",
        "START TRANSACTION; INSERT INTO mdl_config (name) VALUES ('x'); COMMIT",
        "START TRANSACTION READ WRITE; INSERT INTO mdl_config (name) VALUES ('x'); COMMIT",
        "SET TRANSACTION READ WRITE; INSERT INTO mdl_config (name) VALUES ('x')",
        "SELECT f_write()",
        "SELECT f_open(); SELECT f_write()",
        "CALL p_write()",
        "SELECT nextval('seq')",
        "SELECT setval('seq', 99)",
        "SELECT 1; INSERT INTO mdl_config (name) VALUES ('x')",
        "SELECT * FROM mdl_config FOR UPDATE",
        "GRANT ALL ON mdl_config TO somebody",
        "CREATE USER somebody",
    ];
    let mariadb = [
        "SET SESSION TRANSACTION READ WRITE; COMMIT; INSERT INTO mdl_config (name) VALUES ('x')",
        "SET SESSION tx_read_only = 0; COMMIT; INSERT INTO mdl_config (name) VALUES ('x')",
        "SET STATEMENT max_statement_time = 0 FOR INSERT INTO mdl_config (name) VALUES ('x')",
        "PREPARE s FROM 'INSERT INTO mdl_config (name) VALUES (''x'')'; EXECUTE s",
        "EXECUTE IMMEDIATE 'INSERT INTO mdl_config (name) VALUES (''x'')'",
        "BEGIN NOT ATOMIC COMMIT; INSERT INTO mdl_config (name) VALUES ('x'); END",
        "SELECT 1 INTO OUTFILE '/tmp/vmoodle_attack'",
        "SELECT 1 INTO DUMPFILE '/tmp/vmoodle_attack'",
        "SELECT LOAD_FILE('/etc/passwd')",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE mdl_config (name)",
        "SET GLOBAL general_log = 1",
        "SET @@global.max_connections = 99",
        "SELECT GET_LOCK('x', 1)",
        "CREATE TEMPORARY TABLE x (id INT)",
        "DO f_write()",
        "HANDLER mdl_config OPEN",
        "LOCK TABLES mdl_config WRITE; INSERT INTO mdl_config (name) VALUES ('x')",
        "/*!50000 INSERT INTO mdl_config (name) VALUES ('x') */",
        "SELECT 1 /*! UNION SELECT 2 */ INTO OUTFILE '/tmp/vmoodle_attack'",
        "ANALYZE INSERT INTO mdl_config (name) VALUES ('x')",
        "SELECT NEXT VALUE FOR seq",
        "SELECT `nextval` (seq)",
        "XA START 'x'; INSERT INTO mdl_config (name) VALUES ('x')",
        "KILL 1",
        "SHUTDOWN",
        "FLUSH TABLES",
    ];
    let postgres = [
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; COMMIT; INSERT INTO mdl_config (name) VALUES ('x')",
        "SET default_transaction_read_only = off; COMMIT; INSERT INTO mdl_config (name) VALUES ('x')",
        "SELECT set_config('transaction_read_only', 'off', true); INSERT INTO mdl_config (name) VALUES ('x')",
        "WITH i AS (INSERT INTO mdl_config (name) VALUES ('x') RETURNING id) SELECT * FROM i",
        "WITH d AS (DELETE FROM mdl_config RETURNING id) SELECT * FROM d",
        "PREPARE s AS INSERT INTO mdl_config (name) VALUES ('x'); EXECUTE s",
        "EXPLAIN ANALYZE INSERT INTO mdl_config (name) VALUES ('x')",
        "DO $$ BEGIN INSERT INTO mdl_config (name) VALUES ('x'); END $$",
        "DO $$ BEGIN COMMIT; INSERT INTO mdl_config (name) VALUES ('x'); COMMIT; END $$",
        "DO $$ BEGIN PERFORM set_config('transaction_read_only', 'off', false); INSERT INTO mdl_config (name) VALUES ('x'); END $$",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT f_large()",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM dblink('dbname=postgres', 'CREATE TABLE x (id int)') AS t(x text)",
        "COPY mdl_config TO PROGRAM 'touch /tmp/vmoodle_attack'",
        "COPY (SELECT 1) TO '/tmp/vmoodle_attack'",
        "COPY mdl_config (name) FROM '/etc/passwd'",
        "SELECT * INTO x FROM mdl_config",
        "CREATE TEMP TABLE x (id int)",
        "SELECT query_to_xml('INSERT INTO mdl_config (name) VALUES (''x'')', true, true, '')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT pg_advisory_lock(1)",
        "LOCK TABLE mdl_config",
        "NOTIFY x",
        "SAVEPOINT s; ROLLBACK TO s; SET TRANSACTION READ WRITE; INSERT INTO mdl_config (name) VALUES ('x')",
        "CREATE EXTENSION dblink",
        "ALTER SYSTEM SET work_mem = '1MB'",
    ];
    let own: &[_] = if engine == Engine::MariaDb { &mariadb } else { &postgres };
    both.into_iter().chain(own.iter().copied()).collect()
}

fn run(farm: &Farm, job: i64) -> (Value, Map<String, Value>) {
    let counts = farm.console.job_run(job, &mut |_| {}).unwrap();
    let job = farm.console.job(job).unwrap();
    (Value::Object(counts), map(job["items"][0].clone()))
}

fn run_sql(farm: &Farm, parameters: Value, host: &str) -> (Value, Map<String, Value>) {
    run(farm, submit(farm, "run_sql", parameters, &[host]).unwrap())
}

fn done(farm: &Farm, parameters: Value, host: &str) -> Map<String, Value> {
    let (counts, item) = run_sql(farm, parameters, host);
    assert_eq!(counts, json!({"done": 1}), "{item:#?}");
    item
}

fn tenant(farm: &Farm, database: &Database) -> Tenant {
    let name = DbName::parse(&database.name).unwrap();
    crate::admin::tenant(farm, &name, database.user(), &Secret::new(database.password()))
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

on_both_engines! {
    fn no_attack_in_a_script_that_reads_changes_anything(engine: Engine) {
        let Some(farm) = farm("sql_attack", engine) else { return };
        let database = site(&farm, "a.example.org");
        traps(&database);
        let before = state(&database);
        for attack in attacks(engine) {
            let given = json!({"sql": attack, "allow": ALL});
            let (counts, item) = run_sql(&farm, given, "a.example.org");
            // Before version 16 a large object is made in a read-only transaction too; it goes with it.
            assert!(counts == json!({"failed": 1}) || attack == "SELECT f_large()", "{attack}: {item:#?}");
            assert_eq!(state(&database), before, "{attack}");
            let asked = farm.console.query(attack, &Map::new(), &["all".into()], &map(json!({"allow": ALL})));
            let refused = asked.is_err() || !asked.unwrap()["errors"].as_array().unwrap().is_empty();
            assert!(refused || attack == "SELECT f_large()", "{attack}");
            assert_eq!(state(&database), before, "{attack}");
            assert!(!std::path::Path::new("/tmp/vmoodle_attack").exists(), "{attack}");
        }
    }

    fn the_server_alone_keeps_a_session_that_reads_from_changing_anything(engine: Engine) {
        let Some(farm) = farm("sql_server", engine) else { return };
        let database = site(&farm, "a.example.org");
        traps(&database);
        let before = state(&database);
        // Here nobody judges words. What ends the transaction, or stops the server, is the judge's alone.
        let judged = ["COMMIT", "ROLLBACK", "START", "SET ", "KILL", "SHUTDOWN", "XA", "NOT ATOMIC", "CALL", "LOCK", "GRANT",
            "CREATE USER", "INTO OUTFILE", "DUMPFILE", "pg_terminate", "PROGRAM", "COPY", "dblink", "SYSTEM", "FLUSH",
            "LOAD DATA", "SAVEPOINT"];
        let tenant = tenant(&farm, &database);
        for attack in attacks(engine) {
            let calls = engine == Engine::Postgres && (attack.starts_with("DO") || attack.starts_with("CALL"));
            if judged.iter().any(|word| attack.contains(word)) && !calls {
                continue;
            }
            wait(async {
                let mut db = Db::open_tenant(&tenant, &farm.control.settings, &Keyring::none()).await.unwrap();
                let limit = Duration::from_secs(5);
                db.begin_session(Session { writes: false, statement: limit, rows: 10 }).await.unwrap();
                let script = Script::read(attack, tenant.database.engine).unwrap();
                for bound in script.bind(&tenant.prefix, &Map::new()).unwrap() {
                    let _ = db.run_bound(&bound, limit, &mut |_: Came<'_>| More::Yes).await;
                }
                db.end_session(false).await.unwrap();
                db.close().await;
            });
            assert_eq!(state(&database), before, "{attack}");
        }
    }

    fn one_message_takes_one_statement(engine: Engine) {
        let Some(farm) = farm("sql_one", engine) else { return };
        let database = site(&farm, "a.example.org");
        let tenant = tenant(&farm, &database);
        // Cut as the other engine cuts, this is one statement: what the server finds behind it does not run.
        let (cut_as, text) = match engine {
            Engine::MariaDb => ("pgsql", "SELECT ''; DELETE FROM mdl_config; SELECT ''"),
            Engine::Postgres => ("mariadb", r"SELECT '\'; DELETE FROM mdl_config; SELECT '"),
        };
        let text = if engine == Engine::MariaDb { text.replace("''; DELETE", "$$''; DELETE").replace("SELECT ''", "SELECT ''$$") } else { text.to_owned() };
        let script = Script::read(text.as_str(), vmoodle_core::tenant::Engine::parse(cut_as).unwrap()).unwrap();
        assert_eq!(script.len(), 1);
        let bound = script.bind(&tenant.prefix, &Map::new()).unwrap();
        wait(async {
            let mut db = Db::open_tenant(&tenant, &farm.control.settings, &Keyring::none()).await.unwrap();
            let limit = Duration::from_secs(5);
            db.begin_session(Session { writes: true, statement: limit, rows: 10 }).await.unwrap();
            for one in &bound {
                assert!(db.run_bound(one, limit, &mut |_| More::Yes).await.is_err(), "{one:?}");
            }
            db.close().await;
        });
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_config").trim(), "3");
    }

    fn an_account_of_the_server_and_one_for_all_tenants_must_be_allowed(engine: Engine) {
        let Some(farm) = farm("sql_account", engine) else { return };
        let database = site(&farm, "a.example.org");
        let changes = json!({"vdblogin": database.user(), "vdbpass": database.password()});
        farm.console.tenant_update("a.example.org", &map(changes)).unwrap();
        let (_, item) = run_sql(&farm, json!({"sql": "SELECT 1"}), "a.example.org");
        assert_eq!(item["errorcode"], "sql_refused");
        assert!(item["error"].as_str().unwrap().contains("`administrator`"), "{item:#?}");
        done(&farm, json!({"sql": "SELECT 1", "allow": "administrator"}), "a.example.org");

        let mut control = farm.control.clone();
        control.settings.account =
            Some((database.user().to_owned(), Some(Secret::new(database.password()))));
        let shared = vmoodle_core::console::Console::new(control);
        let write = |allow: &str| {
            let given = map(json!({"sql": "UPDATE {config} SET value = 1 WHERE name = 'n'", "mode": "write", "allow": allow}));
            shared.plan("run_sql", &given, &["all".into()]).unwrap().remove(0)
        };
        assert!(write("administrator")["error"].as_str().unwrap().contains("`shared_account`"));
        assert_eq!(write("administrator,shared_account")["changes"].as_array().unwrap().len(), 1);
    }

    fn rows_come_with_their_types_and_their_limits(engine: Engine) {
        let Some(farm) = farm("sql_rows", engine) else { return };
        let database = site(&farm, "a.example.org");
        let (kinds, rows) = match engine {
            Engine::MariaDb => ("a TINYINT, b BIGINT UNSIGNED, c DECIMAL(12,4), d DOUBLE, e DATETIME(3), f BLOB, g TEXT, h DATE, i TIME",
                "(-1, 18446744073709551615, 12.5, 0.5, '2026-11-24 01:02:03.5', X'00ff', '🌞', '2026-01-02', '10:20:30')"),
            Engine::Postgres => ("a SMALLINT, b BOOLEAN, c NUMERIC(12,4), d DOUBLE PRECISION, e TIMESTAMP(3), f BYTEA, g TEXT, h DATE, i TEXT[]",
                "(-1, true, 12.5, 0.5, '2026-11-24 01:02:03.5', '\\x00ff', '🌞', '2026-01-02', '{a,NULL}')"),
        };
        let own = match engine {
            Engine::MariaDb => String::new(),
            Engine::Postgres => format!("SET ROLE {};", account_of(&farm)),
        };
        database.run(&format!("{own} CREATE TABLE mdl_kinds ({kinds}); INSERT INTO mdl_kinds VALUES {rows};"));
        let item = done(&farm, json!({"sql": "SELECT * FROM {kinds}; SELECT name FROM {config} ORDER BY id; SELECT [[?a]] AS a",
            "values": {"a": null}, "row_limit": 2}), "a.example.org");
        let found = item["output"]["statements"].as_array().unwrap();
        let (b, last) = match engine {
            Engine::MariaDb => (json!(u64::MAX), json!("10:20:30")),
            Engine::Postgres => (json!(true), json!(["a", null])),
        };
        let e = if engine == Engine::MariaDb { "2026-11-24 01:02:03.500000" } else { "2026-11-24 01:02:03.5" };
        assert_eq!(found[0]["rows"], json!([[-1, b, "12.5000", 0.5, e, "0x00ff", "🌞", "2026-01-02", last]]));
        assert_eq!(found[0]["columns"], json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"]));
        assert_eq!((&found[1]["rows"], &found[1]["truncated"]), (&json!([["lang"], ["theme"]]), &json!(true)));
        assert_eq!(found[2]["rows"], json!([[null]]));
        let sleep = if engine == Engine::MariaDb { "SELECT SLEEP(60)" } else { "SELECT pg_sleep(60)" };
        let began = std::time::Instant::now();
        let (counts, item) = run_sql(&farm, json!({"sql": sleep, "time_limit": 1}), "a.example.org");
        // MariaDB's SLEEP ends early without a fault; what counts is that it ends.
        assert!(counts == json!({"failed": 1}) || engine == Engine::MariaDb, "{item:#?}");
        assert!(began.elapsed() < Duration::from_secs(50));
    }

    fn a_writing_script_is_planned_run_whole_and_leaves_no_mark(engine: Engine) {
        let Some(farm) = farm("sql_write", engine) else { return };
        let database = site(&farm, "a.example.org");
        let before = database.run("SELECT * FROM mdl_config");
        let script = "UPDATE {config} SET value = [[?v]] WHERE name = [[?n:x]];\n-- a comment;\nINSERT INTO {config} (name, value) VALUES ('x;', [[?v]])";
        let given = json!({"sql": script, "mode": "write", "values": {"v": "it's; DROP TABLE", "n": {"x": "lang"}}});
        let plan = farm.console.plan("run_sql", &map(given.clone()), &["all".into()]).unwrap();
        let changes = plan[0]["changes"].as_array().unwrap();
        assert_eq!((changes.len(), &changes[1]["what"]), (2, &json!("statement 2 (write, insert)")));
        assert_eq!(database.run("SELECT * FROM mdl_config"), before, "a plan changes nothing");
        let unconfirmed = |given: Value| farm.console.job_submit("run_sql", &map(given), &["all".into()], &Map::new());
        assert_eq!(unconfirmed(given.clone()).unwrap_err().kind(), Kind::JobRefused);
        unconfirmed(json!({"sql": "SELECT 1"})).expect("what only reads needs no confirmation");
        let item = done(&farm, given, "a.example.org");
        assert_eq!(item["output"]["affected"], 2);
        assert_eq!(database.run("SELECT value FROM mdl_config WHERE name IN ('lang', 'x;')").lines().collect::<Vec<_>>(),
            ["it's; DROP TABLE", "it's; DROP TABLE"]);
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_config_plugins").trim(), "0", "the mark is gone");

        let fails = json!({"sql": "UPDATE {config} SET value = 'half' WHERE name = 'lang'; INSERT INTO {config} (name) VALUES ('lang')",
            "mode": "write"});
        let (counts, item) = run_sql(&farm, fails, "a.example.org");
        assert_eq!((counts, &item["errorcode"]), (json!({"failed": 1}), &json!("sql_failed")), "{item:#?}");
        assert!(item["error"].as_str().unwrap().contains("statement 2 of 2"));
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_config WHERE value = 'half'").trim(), "0", "all or nothing");
        for (sql, code) in [("DROP TABLE {config}", "drop"), ("DELETE FROM {config}", "delete_all"), ("TRUNCATE TABLE {config}", "truncate")] {
            let (_, item) = run_sql(&farm, json!({"sql": sql, "mode": "write"}), "a.example.org");
            assert!(item["error"].as_str().unwrap().contains(&format!("`{code}`")), "{item:#?}");
        }
        done(&farm, json!({"sql": "DELETE FROM {config}", "mode": "write", "allow": "delete_all"}), "a.example.org");
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_config").trim(), "0");
        for bad in [json!({"sql": "SELECT 1", "allow": "everything"}), json!({"sql": "SELECT 1", "time_limit": 0}), json!({"sql": " -- x"})] {
            let (counts, _) = run_sql(&farm, bad.clone(), "a.example.org");
            assert_eq!(counts, json!({"failed": 1}), "{bad}");
        }
    }

    fn a_script_survives_any_kill_and_runs_once(engine: Engine) {
        let Some(farm) = farm("sql_crash", engine) else { return };
        let database = site(&farm, "a.example.org");
        let count = match engine {
            Engine::MariaDb => "UPDATE {config} SET value = value + 1 WHERE name = 'n'",
            Engine::Postgres => "UPDATE {config} SET value = value::int + 1 WHERE name = 'n'",
        };
        let job = |_| submit(&farm, "run_sql", json!({"sql": count, "mode": "write"}), &["a.example.org"]).unwrap();
        let killed = at_every_boundary(&farm, job, |boundary| {
            let n = database.run("SELECT value FROM mdl_config WHERE name = 'n'");
            assert_eq!(n.trim(), boundary.to_string(), "run once for each job");
            assert_eq!(database.run("SELECT COUNT(*) FROM mdl_config_plugins").trim(), "0", "no mark stays: {boundary}");
        });
        assert_eq!(killed, 3, "before, after the commit, after the journal");
    }

    fn a_killed_script_that_cannot_be_taken_back_ends_as_unknown(engine: Engine) {
        let Some(farm) = farm("sql_unknown", engine) else { return };
        let database = site(&farm, "a.example.org");
        let sql = match engine {
            Engine::MariaDb => "CREATE TABLE x (id INT); INSERT INTO x VALUES (1)",
            Engine::Postgres => "CREATE TABLE x (id INT); COMMIT; INSERT INTO x VALUES (1)",
        };
        let given = json!({"sql": sql, "mode": "write", "allow": "transaction"});
        let plan = farm.console.plan("run_sql", &map(given.clone()), &["all".into()]).unwrap();
        assert_eq!(plan[0]["changes"][0]["what"], "atomic");
        let job = submit(&farm, "run_sql", given, &["a.example.org"]).unwrap();
        assert!(is_killed(&farm, job, 1));
        farm.database.run("UPDATE mdl_local_vmoodle_item SET leaseuntil = 1 WHERE status = 'running'");
        farm.database.run("UPDATE mdl_local_vmoodle SET lockuntil = 1 WHERE lockitem IS NOT NULL");
        let (counts, item) = run(&farm, job);
        assert_eq!((counts, &item["errorcode"]), (json!({"unknown": 1}), &json!("outcome_unknown")));
        assert_eq!(database.run(&format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'x' AND table_schema IN ('public', '{}')", database.name)).trim(), "0", "it was not run a second time");
        // On PostgreSQL tables are made within the transaction.
        if engine == Engine::Postgres {
            let whole = json!({"sql": "CREATE TABLE y (id INT); INSERT INTO y VALUES (1)", "mode": "write"});
            let plan = farm.console.plan("run_sql", &map(whole), &["all".into()]).unwrap();
            assert_eq!(plan[0]["changes"].as_array().unwrap().len(), 2);
        }
    }

    fn a_nasty_script_has_the_effects_that_the_engines_client_gives_it(engine: Engine) {
        let Some(farm) = farm("sql_nasty", engine) else { return };
        let (ours, theirs) = (site(&farm, "a.example.org"), site(&farm, "b.example.org"));
        let script = nasty(engine);
        assert!(script.len() > 10 << 20);
        theirs.run(&script);
        let item = done(&farm, json!({"sql": script, "mode": "write", "allow": ALL, "time_limit": 300}), "a.example.org");
        let read = match engine {
            Engine::MariaDb => "SELECT id, HEX(x) FROM mdl_nasty ORDER BY id",
            Engine::Postgres => "SELECT id, encode(convert_to(x, 'UTF8'), 'hex') FROM mdl_nasty ORDER BY id",
        };
        let (own, other) = (ours.run(read), theirs.run(read));
        assert!(own == other && own.lines().count() > 100, "{} {}", own.lines().count(), other.lines().count());
        assert!(item["parameters"].get("sql").is_none(), "a long script is not copied to every item");
    }

    fn a_question_is_answered_by_ninety_nine_tenants_while_one_is_down(engine: Engine) {
        let Some(farm) = farm("sql_query", engine) else { return };
        let database = Database::shared(engine, &format!("{}_all", farm.database.name)).unwrap();
        let account = account(&database);
        let mut tables: String = match engine {
            Engine::MariaDb => String::new(),
            Engine::Postgres => format!("SET ROLE {account};"),
        };
        for n in 0..100 {
            let rows = format!("(1, 'lang', 'l{n}'), (2, 'n', '{n}')");
            let columns = "id BIGINT, name VARCHAR(100), value TEXT";
            write!(tables, "CREATE TABLE t{n}_config ({columns}); INSERT INTO t{n}_config VALUES {rows};").unwrap();
        }
        database.run(&tables);
        for n in 0..100 {
            let mut row = map(database.registry_columns());
            row.extend(map(json!({"vhostname": format!("https://t{n}.example.org"), "vdatapath": farm.folder.folder(format!("t{n}")),
                "vdblogin": account, "vdbpass": PASSWORD, "vdbprefix": format!("t{n}_")})));
            if n == 50 {
                row.insert("vdbname".into(), json!("nobody_is_here"));
            }
            farm.console.tenant_add(&row).unwrap();
        }
        let values = map(json!({"name": "lang"}));
        let sql = "SELECT name AS host, value, id FROM {config} WHERE name = [[?name]]";
        let answer = farm.console.query(sql, &values, &["all".into()], &Map::new()).unwrap();
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!((rows.len(), &answer["answered"], &answer["failed"]), (99, &json!(99), &json!(1)));
        for row in rows {
            let row = row.as_object().unwrap();
            let number = row["host"].as_str().unwrap().trim_start_matches('t').split('.').next().unwrap();
            assert_eq!(row.keys().collect::<Vec<_>>(), ["host", "host_2", "value", "id"]);
            assert_eq!((&row["value"], &row["id"]), (&json!(format!("l{number}")), &json!(1)));
        }
        let error = &answer["errors"][0];
        assert_eq!((&error["host"], &error["errorcode"]), (&json!("t50.example.org"), &json!("tenant_unreachable")));

        let limit = map(json!({"row_limit": 1}));
        let cut = farm.console.query("SELECT id FROM {config}", &Map::new(), &["t1.example.org".into()], &limit).unwrap();
        assert_eq!((&cut["rows"].as_array().unwrap().len(), &cut["truncated"]), (&1, &json!(["t1.example.org"])));
        let mut heard = 0;
        let stop = farm.console.query_each("SELECT id FROM {config}", &Map::new(), &["all".into()], &Map::new(), &mut |one| {
            heard += i32::from(matches!(one, Heard::Row(_)));
            heard < 5
        });
        assert!(stop.is_ok() && heard == 5, "{heard}");
        for (sql, kind) in [("SELECT 1; SELECT 2", Kind::SqlRefused), ("DELETE FROM {config} WHERE id = 1", Kind::SqlRefused),
            ("SELECT [[?nothing]]", Kind::BadParameter)] {
            let refused = farm.console.query(sql, &Map::new(), &["all".into()], &Map::new()).unwrap_err();
            assert_eq!(refused.kind(), kind, "{sql}");
        }
    }
}

fn account_of(farm: &Farm) -> String {
    farm.console.tenant("a.example.org").unwrap()["vdblogin"].as_str().unwrap().to_owned()
}

/// More than 10 MB that a naive reader would cut in the wrong places.
fn nasty(engine: Engine) -> String {
    let filler = "it''s; -- no comment /* nor this */ # or that 🌞 é ".repeat(2000);
    let text = if engine == Engine::MariaDb { "MEDIUMTEXT CHARACTER SET utf8mb4" } else { "TEXT" };
    let begin = "-- first; 'comment\n/* second; \" ' */\nCREATE TABLE mdl_nasty";
    let mut script = format!("{begin} (id INT, x {text});;\n");
    for n in 0..105 {
        writeln!(script, "INSERT INTO mdl_nasty VALUES ({n}, '{filler}'); /* ; */ -- ; '").unwrap();
    }
    script.push_str(match engine {
        Engine::MariaDb => {
            r#"INSERT INTO mdl_nasty VALUES (1001, 'a\'; b'), (1002, "c\"; 'd"), (1003, 'e\\'), (1004, "f;""g");
INSERT INTO mdl_nasty VALUES (1005, 5--2); # a comment; with '
INSERT INTO mdl_nasty /*! VALUES */ /*M! (1006, 'run') */;
/*!99999 INSERT INTO mdl_nasty VALUES (1007, 'not run') */;
DELIMITER //
CREATE PROCEDURE p_nasty()
BEGIN
  DECLARE t TEXT DEFAULT ';//'; -- ; //
  INSERT INTO mdl_nasty VALUES (1008, t);
  INSERT INTO mdl_nasty VALUES (1009, '🌞;');
END//
delimiter $$
CALL p_nasty()$$
INSERT INTO mdl_nasty VALUES (1010, ';'), (1011, '$')$$
DELIMITER ;
INSERT INTO mdl_nasty SELECT 1012 AS `a;b`, 'last'"#
        }
        Engine::Postgres => {
            r#"INSERT INTO mdl_nasty VALUES (1001, 'a\'), (1002, E'b\'; c'), (1003, $$d; '$$), (1004, $x$e; $$ ; $y$ $x$);
INSERT INTO mdl_nasty VALUES (1005, E'f'
  '\';g'); /* nested /* ; */ ; */
INSERT INTO mdl_nasty SELECT 1006 AS "a;""b", 'h' /* -- */;
DO $do$ BEGIN INSERT INTO mdl_nasty VALUES (1007, ';'); INSERT INTO mdl_nasty VALUES (1008, '🌞;'); END $do$;
CREATE FUNCTION f_nasty() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1009 END; END;
INSERT INTO mdl_nasty VALUES (f_nasty(), 'i');
CREATE RULE r_nasty AS ON UPDATE TO mdl_nasty DO ALSO (INSERT INTO mdl_nasty VALUES (1010, 'j'); INSERT INTO mdl_nasty VALUES (1011, 'k'));
UPDATE mdl_nasty SET x = x || '!' WHERE id = 1009;
INSERT INTO mdl_nasty VALUES (1012, B'101'::text), (1013, 'a'--;
 'b')"#
        }
    });
    script.push('\n');
    script
}
