//! The web services, as a client calls them on the control site.

use serde_json::{Value, json};
use support::process::output_of_input;

use crate::stage::{Stage, TENANTS, alone};

/// Calls one as the administrator; gives Moodle's answer with its `error` and `data`.
const CALL: &str = "<?php define('CLI_SCRIPT', true); require('config.php');
    \\core\\session\\manager::set_user(get_admin());
    [$name, $given] = json_decode(stream_get_contents(STDIN), true);
    echo json_encode(\\core_external\\external_api::call_external_function($name, $given));";

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
    let started = call(&stage, "local_vmoodle_start_job", &given);
    assert_eq!(started["error"], false, "{started}");
    let id = &started["data"]["id"];
    let job = stage.farm.call("job", json!([id])).unwrap();
    let options = &job["options"];
    assert_eq!(
        [&options["waves"], &options["delay"], &options["spread"], &options["on_error"]],
        [&json!("1,rest"), &json!(30), &json!(60), &json!(2)],
        "{job}"
    );
    assert_eq!((&job["items"][0]["wave"], &job["items"][2]["wave"]), (&json!(1), &json!(2)), "{job}");
    let told = call(&stage, "local_vmoodle_get_job", &json!({ "id": id }));
    assert_eq!((&told["data"]["percent"], &told["data"]["finished"]), (&json!(0), &json!(false)), "{told}");
    assert_eq!(call(&stage, "local_vmoodle_stop_job", &json!({ "id": id }))["error"], false);

    given["waves"] = json!("rest,1");
    assert_eq!(call(&stage, "local_vmoodle_start_job", &given)["error"], true);
    let none = call(&stage, "local_vmoodle_get_job", &json!({ "id": 1_000_000 }));
    assert_eq!(none["error"], true, "{none}");

    // What only reads needs no confirmation, what writes does.
    let sql = |mode: &str, text: &str| {
        let parameters = json!({ "sql": text, "mode": mode }).to_string();
        let given = json!({ "operation": "run_sql", "targets": [TENANTS[0].0], "parameters": parameters });
        call(&stage, "local_vmoodle_start_job", &given)
    };
    let read = sql("read", "SELECT 1");
    assert_eq!(read["error"], false, "{read}");
    stage.farm.call("job_cancel", json!([read["data"]["id"]])).unwrap();
    let write = sql("write", "UPDATE {config} SET value = 1 WHERE name = 'none'");
    assert!(write["error"] == true && write["exception"]["errorcode"] == "error_job_refused", "{write}");
}
