use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::error::Kind;
use crate::ident::Prefix;

const BOTH: [Engine; 2] = [Engine::MariaDb, Engine::Postgres];

fn cut(text: &str, engine: Engine) -> Vec<String> {
    Script::read(text, engine).unwrap().texts().map(str::to_owned).collect()
}

fn needs(text: &str, engine: Engine) -> Vec<&'static str> {
    let script = Script::read(text, engine).unwrap();
    let own = ["moodle".to_owned(), "public".to_owned()];
    let verdicts = script.judge(&Prefix::parse("mdl_").unwrap(), &own).unwrap();
    verdicts.into_iter().flat_map(|verdict| verdict.needs).collect()
}

fn class(text: &str, engine: Engine) -> Class {
    Script::read(text, engine).unwrap().judge(&Prefix::parse("mdl_").unwrap(), &[]).unwrap()[0].class
}

#[test]
fn quotes_and_comments_hide_what_ends_a_statement() {
    let both = "SELECT 'a;''b' -- ; '\n, 1; /* ; ' */ SELECT \"x;\" ;; \n SELECT '🌞;'";
    for engine in BOTH {
        assert_eq!(cut(both, engine), ["SELECT 'a;''b' -- ; '\n, 1", "SELECT \"x;\"", "SELECT '🌞;'"]);
    }
    assert_eq!(cut(r"SELECT 'a\';', `b;` # ; '", Engine::MariaDb), [r"SELECT 'a\';', `b;`"]);
    assert_eq!(cut("SELECT 1--1; SELECT 2", Engine::MariaDb), ["SELECT 1--1", "SELECT 2"]);
    assert_eq!(cut("SELECT 1--1; SELECT 2\n; SELECT 3", Engine::Postgres), ["SELECT 1", "SELECT 3"]);
    assert_eq!(cut(r"SELECT '\'; SELECT E'a\';'", Engine::Postgres), [r"SELECT '\'", r"SELECT E'a\';'"]);
    assert_eq!(cut("SELECT 1 /* /* ; */ ; */; SELECT 2", Engine::Postgres), ["SELECT 1", "SELECT 2"]);
    assert_eq!(cut("SELECT 1 /* /* ; */; SELECT 2", Engine::MariaDb), ["SELECT 1", "SELECT 2"]);
    assert_eq!(cut("DO $a$ ; $$ ; $a$; SELECT a$b$c; SELECT $$;$$", Engine::Postgres).len(), 3);
}

#[test]
fn a_text_with_escapes_goes_on_with_them_on_the_next_line() {
    assert_eq!(cut("SELECT E'a' -- c\n'\\';' ; SELECT 2", Engine::Postgres).len(), 2);
    assert_eq!(cut("SELECT E'a'\n-- c\n'\\';' ; SELECT 2", Engine::Postgres).len(), 2);
    assert_eq!(cut("SELECT 'a'\n'\\' ; SELECT 2", Engine::Postgres).len(), 2);
}

#[test]
fn delimiters_parentheses_and_bodies_cut_as_the_clients_do() {
    let routine = "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT ';//'; END//\ndelimiter ;\nSELECT 2;";
    let found = cut(routine, Engine::MariaDb);
    assert_eq!(found, ["CREATE PROCEDURE p() BEGIN SELECT 1; SELECT ';//'; END", "SELECT 2"]);
    let body = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3";
    assert_eq!(cut(body, Engine::Postgres).len(), 2);
    assert_eq!(cut("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", Engine::Postgres).len(), 2);
    assert_eq!(cut("SELECT (1; SELECT 2)", Engine::MariaDb).len(), 2);
    let script = Script::read("SELECT 1;\n\n-- x\nSELECT 2", Engine::MariaDb).unwrap();
    assert_eq!((script.line(0), script.line(1)), (1, 4));
}

#[test]
fn what_a_client_would_do_by_itself_is_refused() {
    for (text, engine) in [
        ("SELECT 1\\G", Engine::MariaDb),
        ("\\! id", Engine::MariaDb),
        ("\\copy t from 'x'", Engine::Postgres),
        ("SELECT 'a", Engine::Postgres),
        ("SELECT /* a", Engine::MariaDb),
        ("SELECT $$a", Engine::Postgres),
        ("SELECT ?", Engine::MariaDb),
        ("SELECT $1", Engine::Postgres),
        ("SELECT U&'x'", Engine::Postgres),
        ("SELECT {d '2026-01-01'}", Engine::MariaDb),
        ("SELECT [[?a b]]", Engine::MariaDb),
        ("DELIMITER \nSELECT 1", Engine::MariaDb),
        ("--SELECT 1; SELECT 2", Engine::MariaDb),
    ] {
        assert_eq!(Script::read(text, engine).unwrap_err().kind(), Kind::SqlRefused, "{text}");
    }
}

#[test]
fn tables_get_the_prefix_and_values_become_parameters() {
    let text = "SELECT '{config} [[?a]]', \"{x}\" FROM {config} WHERE name = [[?a]] AND value = [[?b:c]] -- {x} [[?d]]";
    let values = json!({"a": "x'; DROP TABLE t", "b": {"c": true}});
    let bind = |engine| {
        let prefix = Prefix::parse("mdl_").unwrap();
        Script::read(text, engine).unwrap().bind(&prefix, values.as_object().unwrap()).unwrap().remove(0)
    };
    let mysql = bind(Engine::MariaDb);
    assert_eq!(mysql.text(), "SELECT '{config} [[?a]]', \"{x}\" FROM `mdl_config` WHERE name = ? AND value = ?");
    assert_eq!(mysql.values(), [json!("x'; DROP TABLE t"), json!(1)]);
    let postgres = bind(Engine::Postgres);
    assert!(postgres.text().ends_with("FROM \"mdl_config\" WHERE name = $1 AND value = $2"));
    assert!(!format!("{mysql:?}").contains("DROP"));
    let script = Script::read("SELECT [[?a]]", Engine::MariaDb).unwrap();
    for bad in [json!({}), json!({"a": [1]}), json!({"a": 1, "b": 2}), json!({"a": u64::MAX})] {
        let refused = script.bind(&Prefix::parse("").unwrap(), bad.as_object().unwrap()).unwrap_err();
        assert_eq!(refused.kind(), Kind::BadParameter);
    }
}

#[test]
fn what_is_harmless_needs_nothing() {
    for engine in BOTH {
        for text in [
            "SELECT id, name FROM {config} c WHERE c.name LIKE 'a%' ORDER BY 1 LIMIT 3",
            "SELECT COUNT(*) AS n FROM information_schema.tables",
            "WITH a AS (SELECT 1 AS x) SELECT * FROM a UNION ALL SELECT 2",
            "UPDATE {config} SET value = [[?v]] WHERE name = 'x'",
            "DELETE FROM {config} WHERE name = 'x'",
            "INSERT INTO {config} (name, value) VALUES ('a', 'b'), ('c', NULL), ('drop', -1)",
            "CREATE TABLE x (id INT PRIMARY KEY)",
            "ALTER TABLE {config} ADD COLUMN x INT",
        ] {
            assert!(needs(text, engine).is_empty(), "{text}: {:?}", needs(text, engine));
        }
    }
    assert!(needs("SHOW TABLES", Engine::MariaDb).is_empty());
    assert!(needs("EXPLAIN SELECT 1", Engine::Postgres).is_empty());
    assert!(needs("SELECT c.x FROM public.mdl_config c", Engine::Postgres).is_empty());
    assert!(needs("SELECT moodle.c.x FROM moodle.c", Engine::MariaDb).is_empty());
}

#[test]
fn what_is_dangerous_needs_its_code() {
    for (text, code) in [
        ("DROP TABLE {config}", "drop"),
        ("ALTER TABLE {config} DROP COLUMN value", "drop"),
        ("TRUNCATE TABLE {config}", "truncate"),
        ("DELETE FROM {config}", "delete_all"),
        ("DELETE FROM {config} WHERE 1 = 1", "delete_all"),
        ("UPDATE {config} SET value = 1", "update_all"),
        ("SELECT * FROM other.mdl_config", "other_schema"),
        ("INSERT INTO other.t VALUES (1)", "other_schema"),
        ("GRANT ALL ON x TO y", "rights"),
        ("REVOKE ALL ON x FROM y", "rights"),
        ("CREATE USER x", "rights"),
        ("CREATE DATABASE x", "server"),
        ("COMMIT", "transaction"),
        ("ROLLBACK", "transaction"),
        ("START TRANSACTION", "transaction"),
        ("SET TRANSACTION READ WRITE", "session"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "session"),
        ("CALL p()", "code"),
        ("PREPARE x AS SELECT 1", "code"),
        ("EXECUTE x", "code"),
        ("SELECT nextval('x')", "locks"),
        ("SELECT * FROM {config} FOR UPDATE", "locks"),
        ("frobnicate", "unparsed"),
        ("SELECT FROM WHERE (", "unparsed"),
    ] {
        for engine in BOTH {
            assert!(needs(text, engine).contains(&code), "{text} on {engine:?}: {:?}", needs(text, engine));
        }
    }
    for (text, code) in [
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "files"),
        ("SELECT * FROM t INTO DUMPFILE '/tmp/x'", "files"),
        ("SELECT LOAD_FILE('/etc/passwd')", "files"),
        ("SELECT `load_file` ('/etc/passwd')", "files"),
        ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "files"),
        ("SELECT GET_LOCK('x', 1)", "locks"),
        ("SET GLOBAL general_log = 1", "server"),
        ("SET @@global.general_log = 1", "server"),
        ("KILL 1", "server"),
        ("SHUTDOWN", "server"),
        ("FLUSH PRIVILEGES", "server"),
        ("USE mysql", "session"),
        ("/*!50003 DROP TABLE x */", "conditional"),
        ("SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "conditional"),
        ("CREATE TABLE x (a INT) ENGINE=CONNECT FILE_NAME='/etc/passwd'", "files"),
        ("CREATE OR REPLACE TABLE x (a INT)", "drop"),
        ("CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1", "code"),
        ("EXECUTE IMMEDIATE 'DROP TABLE x'", "code"),
        ("LOCK TABLES x WRITE", "transaction"),
    ] {
        assert!(needs(text, Engine::MariaDb).contains(&code), "{text}: {:?}", needs(text, Engine::MariaDb));
    }
    for (text, code) in [
        ("COPY t TO PROGRAM 'id'", "files"),
        ("COPY t FROM '/etc/passwd'", "files"),
        ("SELECT lo_import('/etc/passwd')", "files"),
        ("SELECT pg_catalog.\"pg_read_file\"('x')", "files"),
        ("SELECT * FROM dblink('x', 'y') AS t(a int)", "server"),
        ("SELECT set_config('statement_timeout', '0', false)", "session"),
        ("DO $$ BEGIN COMMIT; END $$", "code"),
        ("ALTER SYSTEM SET x = 1", "server"),
        ("WITH d AS (DELETE FROM t RETURNING 1) SELECT * FROM d", "delete_all"),
        ("SELECT query_to_xml('delete from t', true, true, '')", "code"),
        ("SELECT pg_advisory_lock(1)", "locks"),
        ("SELECT other.f()", "other_schema"),
        ("CREATE EXTENSION dblink", "server"),
    ] {
        assert!(needs(text, Engine::Postgres).contains(&code), "{text}: {:?}", needs(text, Engine::Postgres));
    }
    let changes = "WITH d AS (DELETE FROM t WHERE a = 1 RETURNING 1) SELECT * FROM d";
    assert_eq!(class(changes, Engine::Postgres), Class::Write);
    assert_eq!(class("EXPLAIN ANALYZE DELETE FROM t WHERE a = 1", Engine::Postgres), Class::Write);
    assert_ne!(class("SELECT * INTO x FROM t", Engine::Postgres), Class::Read);
}

#[test]
fn only_a_few_things_can_be_allowed_while_reading() {
    let all = ALLOWED.iter().map(|(code, _)| (*code).to_owned());
    let reads = Rules::new(false, all.clone()).unwrap();
    let writes = Rules::new(true, all).unwrap();
    assert!(reads.allows("unparsed") && !reads.allows("files") && writes.allows("files"));
    assert_eq!(Rules::new(true, ["fils".to_owned()]).unwrap_err().kind(), Kind::BadParameter);
    let script = Script::read("SELECT 1; DELETE FROM {config} WHERE id = 1", Engine::MariaDb).unwrap();
    let verdicts = script.judge(&Prefix::parse("mdl_").unwrap(), &[]).unwrap();
    assert!(script.hold(&verdicts, &reads).unwrap_err().to_string().contains("statement 2 (line 1, `delete`)"));
    assert!(script.hold(&verdicts, &writes).is_ok());
}

#[test]
fn a_long_chain_and_deep_parentheses_are_refused_and_break_nothing() {
    let chain = format!("SELECT 1{}", " + 1".repeat(100_000));
    let deep = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let fair = format!("SELECT 1{}", " + 1".repeat(1_900));
    for engine in BOTH {
        assert_eq!(needs(&chain, engine), ["unparsed"]);
        assert_eq!(needs(&deep, engine), ["unparsed"]);
        assert!(needs(&fair, engine).is_empty());
    }
}

#[test]
fn a_script_of_ten_megabytes_is_read_in_one_pass() {
    let row = "('it''s; -- no comment', 1, NULL), ";
    let text = format!("INSERT INTO {{t}} VALUES {}('x', 2, NULL);\n", row.repeat(1000)).repeat(10_485_760 / 36_000);
    for engine in BOTH {
        let script = Script::read(text.as_str(), engine).unwrap();
        assert_eq!(script.len(), 10_485_760 / 36_000);
        let verdicts = script.judge(&Prefix::parse("mdl_").unwrap(), &[]).unwrap();
        assert!(verdicts.iter().all(|verdict| verdict.needs.is_empty() && verdict.class == Class::Write));
    }
}

proptest! {
    /// What is joined by the delimiter is cut there again, whatever stands in quotes and comments.
    #[test]
    fn what_was_joined_is_cut_again(
        mysql in any::<bool>(),
        pieces in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![
                "SELECT 1", "'a;''b'", "\"x;\"", "/* ; ' */", "-- ; '\n", "🌞", "$a", "{t}", "[[?v]]", "\n",
            ]), 1..6), 1..6)
    ) {
        let engine = if mysql { Engine::MariaDb } else { Engine::Postgres };
        // A statement begins and ends with a word, so that comments at its edges, which are no part of it, do not count.
        let statements: Vec<String> = pieces.iter().map(|parts| format!("SELECT {} AS z", parts.join(" "))).collect();
        prop_assert_eq!(cut(&statements.join(";\n"), engine), statements);
    }

    /// Nothing breaks, and no octet outside of comments and blanks is lost.
    #[test]
    fn any_text_is_read_or_refused(mysql in any::<bool>(), text in "[a-z0-9 ;'\"`$\\\\/*#\\-\\n{}\\[\\]?é🌞()]{0,60}") {
        let engine = if mysql { Engine::MariaDb } else { Engine::Postgres };
        if let Ok(script) = Script::read(text.as_str(), engine) {
            let mut at = 0;
            for statement in script.texts() {
                let found = text[at..].find(statement);
                prop_assert!(found.is_some());
                at += found.unwrap_or(0) + statement.len();
            }
            let own: &[String] = &[];
            prop_assert!(script.judge(&Prefix::parse("mdl_").unwrap(), own).is_ok());
            let _ = script.bind(&Prefix::parse("mdl_").unwrap(), &Map::new());
        }
    }
}
