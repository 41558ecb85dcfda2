//! Operations, jobs and the farm cron from PHP, on a farm whose tenants have no database: these operations change the registry only.

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::Farm;

#[test]
fn a_job_disables_tenants_and_another_takes_it_back() {
    let Some(control) = Database::shared(Engine::MariaDb, "php_jobs") else { return };
    let farm = Farm::new(Kind::Mini, "php_jobs", control, json!({}));
    for host in ["one.example.org", "two.example.org"] {
        let mut row = farm.row(host, farm.control());
        row["vdbname"] = json!(host.replace('.', "_"));
        farm.call("tenant_add", json!([row])).unwrap();
    }
    let call = |function: &str, arguments: Value| farm.call(function, arguments).unwrap();
    let states = || {
        let rows = call("tenants", json!([]));
        rows.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let operations = call("operations", json!([]));
    assert!(operations.as_array().unwrap().iter().any(|one| one["name"] == "disable_tenant"), "{operations}");

    assert_eq!(call("plan", json!(["disable_tenant", [], ["all"]])).as_array().unwrap().len(), 2);
    assert_eq!(states(), ["enabled", "enabled"], "a plan changes nothing");

    let job = call("job_submit", json!(["disable_tenant", [], ["one.example.org"]]));
    let counts = call("job_run", json!([job]));
    assert_eq!(counts["done"], 1, "{counts}");
    assert_eq!(states(), ["disabled", "enabled"]);
    assert_eq!(call("jobs", json!([])).as_array().unwrap().len(), 1);

    let undo = call("job_undo", json!([job]));
    let thrown = farm.call("job_run", json!([undo, "strlen"])).unwrap_err();
    assert_eq!(thrown.class, "TypeError", "strlen(array): what the callback throws is thrown");
    assert_eq!(call("job", json!([undo]))["status"], "done", "but only after the run");
    assert_eq!(states(), ["enabled", "enabled"]);
    assert_eq!(farm.call("job", json!([9_999])).unwrap_err().reason, "job_not_found");
}

#[test]
fn the_farm_cron_tells_what_it_does_and_stops_at_a_word() {
    let Some(control) = Database::shared(Engine::MariaDb, "php_cron") else { return };
    let farm = Farm::new(Kind::Mini, "php_cron", control, json!({}));
    let report = farm.call("cron", json!([])).unwrap();
    assert_eq!((&report["rounds"], &report["stopped_early"]), (&json!(1), &json!(false)), "{report}");
    let report = farm.call("cron", json!([{"daemon": true, "interval": 1}, "is_null"])).unwrap();
    assert_eq!((&report["stopped_early"], &report["items"]), (&json!(true), &Value::Null), "is_null(array) is false");
    let thrown = farm.call("cron", json!([{"daemon": true}, "strlen"])).unwrap_err();
    assert_eq!(thrown.class, "TypeError", "what the callback throws ends the service and is thrown");
    assert_eq!(farm.call("cron", json!([{"concurrency": 0}])).unwrap_err().reason, "bad_parameter");
}

#[test]
fn a_question_is_answered_with_rows_and_errors() {
    let Some(control) = Database::shared(Engine::MariaDb, "php_query") else { return };
    let Some(site) = Database::shared(Engine::MariaDb, "php_query_site") else { return };
    site.run(
        "CREATE TABLE mdl_config (id BIGINT, name VARCHAR(100), value TEXT);
              INSERT INTO mdl_config VALUES (1, 'lang', 'fr'), (2, 'theme', NULL)",
    );
    let farm = Farm::new(Kind::Mini, "php_query", control, json!({}));
    farm.call("tenant_add", json!([farm.row("one.example.org", &site)])).unwrap();
    let mut down = farm.row("two.example.org", &site);
    down["vdbname"] = json!("nobody_is_here");
    farm.call("tenant_add", json!([down])).unwrap();
    let allow = json!({"allow": ["administrator"]});
    let sql = "SELECT id, value FROM {config} WHERE id = [[?id]]";
    let answer = farm.call("query", json!([sql, {"id": 2}, ["all"], allow])).unwrap();
    assert_eq!(answer["rows"], json!([{"host": "one.example.org", "id": 2, "value": null}]));
    assert_eq!(
        (&answer["answered"], &answer["failed"], &answer["errors"][0]["host"]),
        (&json!(1), &json!(1), &json!("two.example.org"))
    );
    let thrown = farm.call("query", json!(["SELECT 1 AS x", [], ["all"], allow, "strlen"])).unwrap_err();
    assert_eq!(thrown.class, "TypeError", "each row is heard by the callback, which throws");
    let refused = farm.call("query", json!(["DELETE FROM {config} WHERE id = 1", [], ["all"]])).unwrap_err();
    assert_eq!((refused.class.as_str(), refused.reason.as_str()), ("Vmoodle\\InvalidException", "sql_refused"));
}
