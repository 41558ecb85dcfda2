//! One component cache for all tenants of a code base, as far as boot decides on it.

use std::time::Duration;

use serde_json::json;
use support::wait;

use crate::setup;

#[test]
fn tenants_share_the_component_cache_until_the_code_changes() {
    let Some(setup) = setup("components", &["one.example.org", "two.example.org"], json!({})) else { return };
    let farm = &setup.farm;
    let cache = farm.index().with_file_name("core_component-1.php");
    std::fs::write(&cache, "<?php $cache = [];\n").unwrap();
    let write_facts = || {
        use std::os::unix::fs::MetadataExt;
        let version = std::fs::metadata(farm.code().path().join("version.php")).unwrap();
        let facts = json!({
            "path": cache, "dirroot": farm.code().path(),
            "versionmtime": version.mtime(), "versionsize": version.size(),
        });
        std::fs::write(farm.index().with_file_name("components.json"), facts.to_string()).unwrap();
        farm.call("publish", json!([])).unwrap();
    };
    let seen = |host: &str| setup.web.get(host, "/").json()["cfg"]["alternative_component_cache"].clone();
    assert_eq!(seen("one.example.org"), json!(null), "none was built");

    write_facts();
    for host in ["one.example.org", "two.example.org"] {
        wait::until(Duration::from_secs(3), "the shared cache", || seen(host) == json!(cache));
    }
    // New code without a publication: the size of version.php tells, within a second.
    let mut version = std::fs::read(farm.code().path().join("version.php")).unwrap();
    version.extend_from_slice(b"// More.\n");
    farm.code().replace("version.php", &version);
    wait::until(Duration::from_secs(3), "all workers to let go of the stale cache", || {
        (0..8).all(|_| seen("one.example.org") == json!(null))
    });
    write_facts();
    wait::until(Duration::from_secs(3), "the shared cache again", || {
        (0..8).all(|_| seen("two.example.org") == json!(cache))
    });
}

#[test]
fn pages_that_must_not_use_the_cache_do_not_get_it() {
    let Some(setup) = setup("no_components", &["one.example.org"], json!({})) else { return };
    let farm = &setup.farm;
    let cache = farm.index().with_file_name("core_component-1.php");
    std::fs::write(&cache, "<?php $cache = [];\n").unwrap();
    let version = std::fs::metadata(farm.code().path().join("version.php")).unwrap();
    let mtime = std::os::unix::fs::MetadataExt::mtime(&version);
    let facts = json!({
        "path": cache, "dirroot": farm.code().path(), "versionmtime": mtime, "versionsize": version.len(),
    });
    std::fs::write(farm.index().with_file_name("components.json"), facts.to_string()).unwrap();
    farm.call("publish", json!([])).unwrap();
    for constant in ["CACHE_DISABLE_ALL", "IGNORE_COMPONENT_CACHE"] {
        let page = format!("<?php define('{constant}', true); require(__DIR__ . '/index.php');");
        farm.code().replace(&format!("{constant}.php"), page.as_bytes());
        let answer = setup.web.get("one.example.org", &format!("/{constant}.php")).json();
        assert_eq!(answer["cfg"]["alternative_component_cache"], json!(null), "{constant}");
    }
    let answer = setup.web.get("one.example.org", "/").json();
    assert_eq!(answer["cfg"]["alternative_component_cache"], json!(cache));
}
