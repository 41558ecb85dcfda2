//! SQL on real sites of both engines, from the command line.

use serde_json::Value;
use support::process::output_of_input;

use crate::stage::{Stage, TENANTS, alone};

fn run(stage: &Stage, script: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = stage.farm.script(&format!("local/vmoodle/cli/{script}.php"), None);
    let result = command.args(arguments).args(["--targets=all", "--allow=administrator"]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (result.status.code().unwrap_or(-1), text(&result.stdout), text(&result.stderr))
}

#[test]
fn a_question_and_a_script_are_answered_by_real_sites() {
    let Some(stage) = alone() else { return };
    let sql = "--sql=SELECT name AS host, value FROM {config} WHERE name = [[?name]]";
    let (code, lines, complaints) = run(&stage, "query", &[sql, "--values={\"name\": \"siteidentifier\"}", "--json"]);
    assert_eq!(code, 0, "{lines}{complaints}");
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), TENANTS.len());
    for ((host, _), database) in TENANTS.iter().zip(&stage.databases) {
        let row = rows.iter().find(|row| row["host"] == **host).unwrap();
        assert_eq!((&row["host_2"], &row["value"]), (&"siteidentifier".into(), &database.name.as_str().into()));
    }
    let (code, csv, complaints) = run(&stage, "query", &["--sql=SELECT 'a,\"b' AS x", "--csv"]);
    assert_eq!((code, csv.lines().next()), (0, Some("host,x")), "{complaints}");
    assert_eq!(csv.matches("\"a,\"\"b\"").count(), 3, "{csv}");
    let (code, _, complaints) = run(&stage, "query", &["--sql=DELETE FROM {config} WHERE id = 1"]);
    assert_eq!(code, 1, "{complaints}");

    let script = "-- what is asked; twice\nSELECT COUNT(*) AS n FROM {user} WHERE deleted = 0; SELECT name FROM {config} WHERE name = 'lang'";
    let mut command = stage.farm.script("local/vmoodle/cli/sql.php", None);
    let table =
        output_of_input(command.args(["--file=-", "--targets=all", "--allow=administrator"]), script.as_bytes());
    assert_eq!(table.matches("lang").count(), 3, "{table}");

    let write = "UPDATE {config} SET value = 'vmoodle sql' WHERE name = 'supportname'";
    let file = stage.farm.dataroot("scripts").join("script.sql");
    std::fs::write(&file, write).unwrap();
    let file = format!("--file={}", file.display());
    let (code, plan, complaints) = run(&stage, "sql", &[&file, "--write", "--plan"]);
    assert!(code == 0 && plan.contains("statement 1 (write, update)"), "{plan}{complaints}");
    let (code, _, complaints) = run(&stage, "sql", &[&file, "--write"]);
    assert_eq!(code, 1, "it is not confirmed: {complaints}");
    let (code, said, complaints) = run(&stage, "sql", &[&file, "--write", "--yes", "--csv"]);
    assert_eq!((code, said.lines().next()), (0, Some("tenant,statement,affected")), "{said}{complaints}");
    for database in &stage.databases {
        let marks = "SELECT COUNT(*) FROM mdl_config_plugins WHERE plugin = 'local_vmoodle' AND name LIKE 'marker%'";
        assert_eq!(database.run(marks).trim(), "0");
    }
}
