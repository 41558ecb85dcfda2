//! The web services, as a client calls them on the control site.

use serde_json::{Value, json};
use support::process::output_of_input;

use crate::stage::{Stage, TENANTS, alone};

/// Calls one as the administrator; gives what it gives as `data`, or what it fails with as `error`.
const CALL: &str = r"<?php define('CLI_SCRIPT', true); require('config.php');
    \core\session\manager::set_user(get_admin());
    [$name, $given] = json_decode(stream_get_contents(STDIN), true);
    $class = '\\local_vmoodle\\external\\' . $name;
    try {
        echo json_encode(['data' => $class::clean_returnvalue($class::execute_returns(), $class::execute(...$given))]);
    } catch (moodle_exception $exception) {
        echo json_encode(['error' => $exception->errorcode]);
    }";

fn call(stage: &Stage, name: &str, given: &Value) -> Value {
    stage.farm.code().replace("probe_service.php", CALL.as_bytes());
    let text =
        output_of_input(&mut stage.farm.script("probe_service.php", None), json!([name, given]).to_string().as_bytes());
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_job_is_started_in_waves_later_and_over_time_and_told_without_its_items() {
    let Some(stage) = alone() else { return };
    let targets: Vec<&str> = TENANTS.iter().map(|(host, _)| *host).collect();
    let mut given = json!({ "operation": "purge_caches", "targets": targets, "waves": "1,rest", "delay": 30, "spread": 60,
        "onerror": "2" });
    let started = call(&stage, "start_job", &given);
    let id = &started["data"]["id"];
    let job = stage.farm.call("job", json!([id])).unwrap();
    let options = &job["options"];
    assert_eq!(
        [&options["waves"], &options["delay"], &options["spread"], &options["on_error"]],
        [&json!("1,rest"), &json!(30), &json!(60), &json!(2)],
        "{job}"
    );
    assert_eq!((&job["items"][0]["wave"], &job["items"][2]["wave"]), (&json!(1), &json!(2)), "{job}");
    let told = call(&stage, "get_job", &json!({ "id": id }));
    assert_eq!((&told["data"]["percent"], &told["data"]["finished"]), (&json!(0), &json!(false)), "{told}");
    let stopped = call(&stage, "stop_job", &json!({ "id": id }));
    assert!(stopped["data"].is_object(), "{stopped}");

    given["waves"] = json!("rest,1");
    assert_eq!(call(&stage, "start_job", &given)["error"], "error_bad_parameter");
    assert_eq!(call(&stage, "get_job", &json!({ "id": 1_000_000 }))["error"], "error_job_not_found");

    // What only reads needs no confirmation, what writes does.
    let sql = |mode: &str, text: &str| {
        let parameters = json!({ "sql": text, "mode": mode }).to_string();
        let given = json!({ "operation": "run_sql", "targets": [TENANTS[0].0], "parameters": parameters });
        call(&stage, "start_job", &given)
    };
    let read = sql("read", "SELECT 1");
    assert!(read["data"]["id"].is_i64(), "{read}");
    stage.farm.call("job_cancel", json!([read["data"]["id"]])).unwrap();
    let write = sql("write", "UPDATE {config} SET value = 1 WHERE name = 'none'");
    assert_eq!(write["error"], "error_job_refused");
}
