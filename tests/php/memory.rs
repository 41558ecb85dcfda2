//! Memory over a million boots: what a request takes it gives back.

use crate::site::Site;

/// What a process may grow by in a quarter of a million boots, in bytes: less than one a boot.
const BOUND: i64 = 250_000;

#[test]
fn a_million_boots_take_no_memory() {
    let Some(mut site) = Site::new("memory") else { return };
    for host in ["one", "two"] {
        let settings =
            serde_json::json!({"theme": "moove", "forced_plugin_settings": {"a": {"x": 1}}, "list": [1, "two"]});
        let tenant = site.tenant(&format!("https://{host}.example.org"));
        tenant.settings = settings.as_object().unwrap().clone();
        tenant.tags = vec!["pilot".into()];
    }
    site.publish();
    let said = site.ask("memory", "a million boots");
    eprintln!("a million boots: {said}");
    assert_eq!(said["served"], 1_000_000);
    assert!(said["php"].as_i64().unwrap() < 4096, "{said}");
    assert!(said["private"].as_i64().unwrap() < BOUND, "{said}");
}
