//! The list of tenants in the browser: what is found in it, and how wide it is.

use std::time::Duration;

use serde_json::json;
use support::wait;

use crate::person::Person;
use crate::stage::{COPIES, SCHOOL, alone, class};

/// The addresses that the list shows.
const SHOWN: &str = "Array.from(document.querySelectorAll('[role=main] .reportbuilder-table tbody tr:not(.emptyrow)'))
    .map(row => row.cells[2].textContent.trim()).filter(text => text).join(' ')";

/// Sets filters, each a field and its value, and waits until the list shows these tenants and no others.
fn find(admin: &Person, fields: &[(&str, &str)], hosts: &[String]) {
    admin.open("/local/vmoodle/index.php");
    admin.click("#dropdownFiltersButton");
    for (name, value) in fields {
        let field = format!("[data-region=filters-form] [name='tenant:{name}']");
        if name.ends_with("_operator") || matches!(*name, "health_value" | "vdbtype_value") {
            admin.choose(&field, value);
        } else {
            admin.fill(&field, value);
        }
    }
    admin.click("[data-region=filters-form] [name=submitbutton]");
    let wanted = json!(hosts.join(" "));
    let found = wait::holds_within(Duration::from_secs(30), || admin.ask(SHOWN) == wanted);
    assert!(found, "{fields:?}: {} and not {wanted}", admin.ask(SHOWN));
    admin.settle();
    admin.click("[data-region=filters-form] [name=resetfilters]");
    let all = |shown: &str| shown.split(' ').count() > COPIES;
    assert!(wait::holds_within(Duration::from_secs(30), || all(admin.ask(SHOWN).as_str().unwrap())));
    admin.settle();
}

#[test]
fn tenants_are_found_by_health_version_network_and_engine() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    let (lost, bound) = (class(7), class(8));
    stage.operate_on_all("tenant_status", &json!({ "sizes": true }));
    stage.operate("tenant_status", &json!({}), SCHOOL);
    let name = stage.row(&lost, "vdbname");
    let rename = |to: &str| stage.farm.call("tenant_update", json!([lost, { "vdbname": to }])).unwrap();
    rename("nowhere_at_all");
    stage.operate("tenant_status", &json!({}), &lost);
    rename(&name);
    let network = |number: i64| stage.farm.call("tenant_update", json!([bound, { "mnet": number }])).unwrap();
    network(7);
    find(&admin, &[("health_operator", "1"), ("health_value", "4")], std::slice::from_ref(&lost));
    find(&admin, &[("mnet_operator", "5"), ("mnet_value1", "7")], std::slice::from_ref(&bound));
    find(&admin, &[("release_operator", "1"), ("release_value", "9.9")], &[]);
    let name = [("release_operator", "1"), ("release_value", "4.5"), ("name_operator", "1"), ("name_value", "Class 1")];
    find(&admin, &name, &(10..=19).map(class).collect::<Vec<_>>());
    find(&admin, &[("vdbtype_operator", "1"), ("vdbtype_value", "mariadb")], &[]);
    network(0);
    stage.operate("tenant_status", &json!({}), &lost);
}

#[test]
fn the_list_of_tenants_and_the_journal_are_no_wider_than_a_usual_screen() {
    let Some(stage) = alone() else { return };
    let admin = stage.administrator();
    stage.operate_on_all("tenant_status", &json!({ "sizes": true }));
    for page in ["index", "jobs", "trash"] {
        admin.open(&format!("/local/vmoodle/{page}.php"));
        let beyond = admin.ask(
            "Math.max(0, ...Array.from(document.querySelectorAll('[role=main] table'))
                .map(table => table.getBoundingClientRect().right
                    - table.closest('.reportbuilder-report').getBoundingClientRect().right))",
        );
        assert!(beyond.as_f64().unwrap() < 1.0, "{page}: {beyond} pixels beyond the page");
    }
    admin.open("/local/vmoodle/index.php");
    admin.picture("tenants");
}
