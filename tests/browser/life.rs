//! Tenants come and go in the browser.

use crate::stage::{SCHOOL, alone, class};

#[test]
fn a_tenant_is_made_of_a_template_and_another_is_copied() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    admin.open("/local/vmoodle/index.php");
    admin.follow_text("New tenant");
    admin.fill("#id_vhostname", "http://fresh.example.org");
    admin.fill("#id_name", "Fresh");
    admin.choose("#id_template", "basic");
    admin.picture("new-tenant");
    admin.follow("#id_submitbutton");
    assert!(admin.text().contains("create_tenant"), "{}", admin.text());
    stage.cron();
    admin.open("/local/vmoodle/index.php");
    assert_eq!(stage.web.get("fresh.example.org", "/login/index.php").status, 200);

    // From a tenant's own page: the form knows what is to be copied.
    let id = stage.row(SCHOOL, "id");
    admin.open(&format!("/local/vmoodle/tenant.php?id={id}"));
    admin.follow_text("Copy this tenant");
    admin.fill("#id_vhostname", "http://copy.example.org");
    admin.fill("#id_name", "Copied");
    admin.follow("#id_submitbutton");
    stage.cron();
    assert_eq!(stage.web.get("copy.example.org", "/login/index.php").status, 200);
    for host in ["fresh.example.org", "copy.example.org"] {
        stage.operate("retire_tenant", &serde_json::json!({}), host);
    }
}

#[test]
fn a_destroyed_tenant_is_brought_back_from_the_trash() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    let host = class(1);
    let id = stage.row(&host, "id");
    stage.operate("retire_tenant", &serde_json::json!({}), &host);
    admin.open(&format!("/local/vmoodle/run.php?operation=destroy_tenant&ids={id}"));
    admin.fill("#id_p_hosts", &host);
    admin.follow("#id_plan");
    admin.picture("plan-dangerous");
    // The dangerous ones are confirmed by typing: one click is not enough.
    admin.follow("#id_run");
    assert_eq!(stage.row(&host, "state"), "retired");
    admin.fill("#id_confirmation", "destroy_tenant");
    admin.run();
    stage.cron();
    assert_eq!(stage.row(&host, "state"), "trashed");
    assert_eq!(stage.web.get(&host, "/").status, 404);

    admin.open("/local/vmoodle/trash.php");
    assert!(admin.text().contains(&host), "{}", admin.text());
    admin.follow("[role=main] table a[href*='job.php']");
    admin.follow_text("Undo");
    stage.cron();
    stage.operate("enable_tenant", &serde_json::json!({}), &host);
    assert_eq!(stage.web.get(&host, "/login/index.php").status, 200);
}
