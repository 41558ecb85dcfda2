//! Dumps cut at every octet give the same pieces.

use super::*;

/// The pieces of a script that comes in parts of so many octets; rows are joined.
fn pieces(engine: Engine, text: &str, size: usize) -> Result<Vec<Piece>> {
    let mut script = Script::new(engine);
    let mut parts = text.as_bytes().chunks(size);
    let mut found: Vec<Piece> = Vec::new();
    loop {
        match script.next()? {
            Some(Piece::Rows(rows)) => match found.last_mut() {
                Some(Piece::Rows(before)) => before.extend(rows),
                _ => found.push(Piece::Rows(rows)),
            },
            Some(piece) => found.push(piece),
            None if script.has_ended() => return Ok(found),
            None => script.feed(parts.next().unwrap_or_default())?,
        }
    }
}

fn statements(engine: Engine, text: &str) -> Vec<String> {
    let whole = pieces(engine, text, usize::MAX).unwrap();
    for size in 1..40 {
        assert_eq!(pieces(engine, text, size).unwrap(), whole, "in parts of {size}");
    }
    let text = |piece| match piece {
        Piece::Statement(text) => text,
        Piece::Copy(text) => format!("copy: {text}"),
        Piece::Rows(rows) => format!("rows: {}", String::from_utf8(rows).unwrap()),
        Piece::RowsEnd => "end".to_owned(),
    };
    whole.into_iter().map(text).collect()
}

#[test]
fn mysql_statements_end_where_the_server_thinks_they_do() {
    let text = r#"-- a; comment
        # another; one
        /* and; a third */ /*!40101 SET NAMES utf8mb4 */;
        INSERT INTO `a``;b` VALUES ('x\';\\',"y"";",'it''s; \'',-1,1--1,1/2); ;;
        SELECT 1 -- ; inside
        , 2;
        DELIMITER ;;
        CREATE TRIGGER t BEGIN SELECT 1; SELECT 2; END ;;
        delimiter ;
        SELECT 'é🌞;' "#;
    assert_eq!(
        statements(Engine::MariaDb, text),
        [
            "/*!40101 SET NAMES utf8mb4 */",
            r#"INSERT INTO `a``;b` VALUES ('x\';\\',"y"";",'it''s; \'',-1,1--1,1/2)"#,
            "SELECT 1 -- ; inside\n        , 2",
            "CREATE TRIGGER t BEGIN SELECT 1; SELECT 2; END",
            "SELECT 'é🌞;'",
        ]
    );
}

#[test]
fn postgres_statements_and_rows_end_where_the_server_thinks_they_do() {
    let text = "--\n-- Name: x; Type: TABLE\n--\n\n\\restrict Abc\nSET a = 'back\\';\n/* one /* two; */ ; */ SELECT E'it\\'s;', \
        \"a;\"\"b\", $1, a$b$c;\nCREATE FUNCTION f() AS $body$ BEGIN; $x$ ; END $body$;\nSELECT $$;$$;\n\
        COPY public.t (id, x) FROM stdin;\n1\ta;'\"\n2\t\\\\.\n3\t\\N\n\\.\n\nALTER TABLE t OWNER TO moodle;\n\
        COPY e FROM stdin;\n\\.\nSELECT 2\n\\unrestrict Abc\n";
    let split = statements(Engine::Postgres, &text.replace("SELECT 2\n", "SELECT 2;\n"));
    assert_eq!(
        split,
        [
            "SET a = 'back\\'",
            "SELECT E'it\\'s;', \"a;\"\"b\", $1, a$b$c",
            "CREATE FUNCTION f() AS $body$ BEGIN; $x$ ; END $body$",
            "SELECT $$;$$",
            "copy: COPY public.t (id, x) FROM stdin",
            "rows: 1\ta;'\"\n2\t\\\\.\n3\t\\N\n",
            "end",
            "copy: COPY e FROM stdin",
            "end",
            "SELECT 2",
        ]
    );
}

#[test]
fn commands_of_clients_are_refused_wherever_they_stand() {
    for bad in
        ["\\! id", "SELECT 1;\n\\! id\n", "SELECT 1 \\! id\n;", "\\connect other\n", "\\i x", "SELECT 1;\\g |id\n"]
    {
        for engine in [Engine::MariaDb, Engine::Postgres] {
            let refusal = pieces(engine, bad, 3).unwrap_err();
            assert!(
                refusal.kind() == Kind::TransferFailed && refusal.to_string().contains("command"),
                "{bad}: {refusal}"
            );
        }
    }
    assert!(pieces(Engine::MariaDb, "\\restrict x\n", 9).is_err());
    assert_eq!(statements(Engine::MariaDb, "/*M!999999\\- enable the sandbox mode */ \nSELECT 1;").len(), 1);
}

#[test]
fn a_dump_that_is_cut_in_the_middle_is_refused() {
    for (engine, bad) in [
        (Engine::MariaDb, "SELECT 'x"),
        (Engine::MariaDb, "SELECT /* x"),
        (Engine::Postgres, "SELECT $$ x"),
        (Engine::Postgres, "COPY t FROM stdin;\n1\t2"),
        (Engine::Postgres, "COPY t FROM stdin;\n1\n"),
        (Engine::Postgres, "COPY t FROM stdin"),
    ] {
        assert!(pieces(engine, bad, 4).is_err(), "{bad}");
    }
    assert!(pieces(Engine::MariaDb, "-- only a comment", 4).unwrap().is_empty());
}
