//! Several farms in one process: a pool may run two code bases, and they do not mix.

use serde_json::json;
use support::http::Request;
use vmoodle_core::ident::DbName;
use vmoodle_core::index::{compile, publish};

use crate::site::{Site, facts};

/// One farm in `cfg.json` and another in `other.json`, with an index in a place of its own.
fn site(test: &str) -> Option<Site> {
    let mut site = Site::new(test)?;
    site.tenant("https://shared.example.org");
    site.tenant("https://one.example.org");
    let mut other = Site::at(test, "https://other.example.org")?;
    other.tenant("https://shared.example.org");
    other.tenant("https://two.example.org");
    for tenant in &mut other.farm.tenants {
        tenant.database.database = DbName::parse(&format!("other_{}", tenant.id)).unwrap();
        tenant.name = format!("Other {}", tenant.id);
    }
    let index = site.folder().join("other/index");
    other.cfg.insert("dbname".into(), "control_of_other".into());
    other.cfg.insert("vmoodle".into(), json!({"index": index}));
    other.farm.id = facts(&other.cfg).farm().unwrap().0;
    publish(&index, &compile(&other.farm).unwrap()).unwrap();
    site.publish();
    std::fs::write(site.folder().join("other.json"), serde_json::to_vec(&other.cfg).unwrap()).unwrap();
    Some(site)
}

#[test]
fn alternating_boots_get_their_own_farms_tenants() {
    let Some(site) = site("farms") else { return };
    let expected = json!({
        "cfg.json shared.example.org": "moodle_1", "cfg.json one.example.org": "moodle_2",
        "cfg.json two.example.org": "host_unknown", "other.json shared.example.org": "other_1",
        "other.json one.example.org": "host_unknown", "other.json two.example.org": "other_2",
    });
    assert_eq!(site.ask("farms", "alternating"), json!({"databases": expected, "wrong": []}));
    let expected = json!({
        "cfg.json shared.example.org": "School 1", "cfg.json one.example.org": "School 2",
        "cfg.json two.example.org": "none", "other.json shared.example.org": "Other 1",
        "other.json one.example.org": "none", "other.json two.example.org": "Other 2",
    });
    assert_eq!(site.ask("farms", "resolve"), json!({"databases": expected, "wrong": []}));
}

#[test]
fn requests_to_two_farms_in_one_worker_do_not_mix() {
    let Some(site) = site("farms_web") else { return };
    let web = site.serve("farms");
    for _ in 0..20 {
        for (file, database) in [("cfg.json", "moodle_1"), ("other.json", "other_1")] {
            let request = Request::new("GET", "shared.example.org", "/").header("X-File", file);
            assert_eq!(web.send("one", request).json()["cfg"], database);
        }
    }
}

#[test]
fn an_index_of_another_farm_is_never_served() {
    let Some(site) = site("farms_foreign") else { return };
    assert_eq!(site.ask("farms", "the other's index"), json!(["index_unreadable"]));
}
