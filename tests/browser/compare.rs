//! Tenants side by side in the browser.

use serde_json::json;

use crate::stage::{alone, class};

#[test]
fn a_role_is_compared_and_one_cell_is_given_to_another_tenant() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    let odd = class(4);
    let parameters = json!({ "capability": "mod/forum:replypost", "roles": "student", "permission": "prohibit" });
    stage.operate("capability_sync", &parameters, &odd);
    admin.open("/local/vmoodle/compare.php");
    admin.fill("#id_targets", "tag:class");
    admin.complete("role", "student");
    admin.follow("#id_submitbutton");
    let text = admin.text();
    assert!(text.contains("mod/forum:replypost") && text.contains("Lines: 1."), "only what differs: {text}");
    admin.picture("compare-roles");
    let csv =
        admin.ask("fetch(document.querySelector('a[href*=\"download=csv\"]').href).then(answer => answer.text())");
    assert!(csv.as_str().unwrap().contains("mod/forum:replypost"), "{csv}");
    let json =
        admin.ask("fetch(document.querySelector('a[href*=\"download=json\"]').href).then(answer => answer.text())");
    let data: serde_json::Value = serde_json::from_str(json.as_str().unwrap()).unwrap();
    assert_eq!(data["lines"][0]["odd"][format!("http://{odd}")], "prohibit", "{data}");

    // The odd one is ticked, then what most have is chosen.
    let id = stage.row(&odd, "id");
    admin.click(&format!("input[name='chosen[]'][value='{id}']"));
    admin.follow("[role=main] tbody td:nth-child(2) button[name=cell]");
    assert_eq!(admin.ask("document.querySelector('#id_targets').value"), json!(format!("http://{odd}")));
    admin.follow("#id_plan");
    let plan = admin.text();
    assert!(plan.contains("With changes: 1") && plan.contains("prohibit") && plan.contains("allow"), "{plan}");
    admin.run();
    stage.cron();
    admin.open("/local/vmoodle/compare.php?what=roles&targets=tag:class&role=student&differences=1");
    assert!(admin.text().contains("Lines: 0."), "{}", admin.text());
}

#[test]
fn plugins_and_settings_are_compared_and_a_value_is_given_to_all() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    let odd = class(6);
    stage.operate("plugin_state", &json!({ "plugin": "mod_survey", "state": "enabled" }), &odd);
    stage.operate("set_config", &json!({ "name": "timezone", "value": "Europe/Paris" }), &odd);
    admin.open("/local/vmoodle/compare.php?what=plugins&targets=tag:class&differences=1");
    let text = admin.text();
    assert!(text.contains("mod_survey") && text.contains(&odd), "{text}");
    admin.picture("compare-plugins");
    admin.open("/local/vmoodle/compare.php?what=config&targets=tag:class&names=timezone,theme&differences=1");
    let text = admin.text();
    assert!(text.contains("Europe/Paris") && text.contains("Lines: 1."), "{text}");
    admin.follow("td.table-warning button[name=cell]");
    assert_eq!(admin.ask("document.querySelector('#id_targets').value"), json!("tag:class"));
    admin.follow("#id_plan");
    assert!(admin.text().contains("Europe/Paris"), "{}", admin.text());
    admin.run();
    stage.cron();
    assert_eq!(stage.setting(&class(7), "timezone"), "Europe/Paris");
}
