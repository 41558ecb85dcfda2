//! One component cache for all tenants, and what happens when the code changes under it.

use std::time::Duration;

use support::farm::CONTROL;
use support::process::output;
use support::wait;

use crate::admin::sesskey;
use crate::stage::{Stage, TENANTS, alone};

fn cache_of(stage: &Stage, host: &str) -> Option<String> {
    stage.probe(host)["cfg"]["alternative_component_cache"].as_str().map(str::to_owned)
}

#[test]
fn all_tenants_share_one_component_cache_and_outlive_a_change_of_the_code() {
    let Some(stage) = alone() else { return };
    let publish = || output(&mut stage.farm.script("local/vmoodle/cli/publish.php", None));
    publish();
    wait::until(Duration::from_secs(5), "the shared component cache on every tenant", || {
        TENANTS.iter().all(|(host, _)| cache_of(&stage, host).is_some())
    });
    let shared: Vec<Option<String>> = TENANTS.iter().map(|(host, _)| cache_of(&stage, host)).collect();
    assert!(shared.iter().all(|path| *path == shared[0]), "{shared:?}");
    assert!(std::fs::read_to_string(shared[0].as_ref().unwrap()).unwrap().contains("local_vmoodle"));

    // A newer Moodle arrives, and nobody publishes.
    let version = stage.farm.code().path().join("version.php");
    let before = std::fs::read(&version).unwrap();
    let newer = String::from_utf8_lossy(&before).replace("2024100706.00", "2024100706.01");
    assert_ne!(newer.as_bytes(), before);
    stage.farm.code().replace("version.php", format!("{newer}\n// Changed.\n").as_bytes());
    wait::until(Duration::from_secs(5), "every worker to let go of the stale cache", || {
        (0..8).all(|_| cache_of(&stage, TENANTS[0].0).is_none())
    });
    for (host, _) in TENANTS.iter().chain(&[(CONTROL, TENANTS[0].1)]) {
        let (mut visitor, _) = stage.log_in(host);
        for page in ["/admin/index.php?cache=0", "/admin/index.php?cache=1", "/my/"] {
            let answer = visitor.get(page);
            assert_eq!(answer.status, 200, "{host}{page}: {answer:?}\n{}", stage.web.fpm.log());
            assert!(!answer.body.contains("errorbox"), "{host}{page}: {}", answer.title());
        }
    }
    let mut upgrade = stage.farm.script("local/vmoodle/cli/upgrade.php", None);
    output(&mut upgrade);
    for (host, _) in TENANTS {
        let mut cfg = stage.farm.script("admin/cli/cfg.php", Some(host));
        assert_eq!(output(cfg.arg("--name=version")).trim(), "2024100706.01", "{host}");
    }
    publish();
    wait::until(Duration::from_secs(5), "the new shared cache", || {
        TENANTS.iter().all(|(host, _)| cache_of(&stage, host).is_some())
    });
    for (host, _) in TENANTS {
        assert_eq!(stage.web.get(host, "/login/index.php").status, 200, "{host}");
    }
}

#[test]
fn a_plugin_that_arrives_is_installed_on_one_tenant_by_moodles_own_script() {
    let Some(stage) = alone() else { return };
    let tree = stage.farm.folder().folder("new/local/vmoodleprobe");
    let header = "<?php defined('MOODLE_INTERNAL') || die();\n";
    std::fs::create_dir_all(tree.join("lang/en")).unwrap();
    let version =
        "$plugin->component = 'local_vmoodleprobe'; $plugin->version = 2026010100; $plugin->requires = 2024100700;";
    std::fs::write(tree.join("version.php"), format!("{header}{version}")).unwrap();
    let text = "$string['pluginname'] = 'Probe';";
    std::fs::write(tree.join("lang/en/local_vmoodleprobe.php"), format!("{header}{text}")).unwrap();
    let (mut admin, _) = stage.log_in(CONTROL);
    let farm = "/local/vmoodle/farm.php";
    let differs = "The plugins on disk changed since the shared component cache was made (looked at";
    output(&mut stage.farm.script("local/vmoodle/cli/publish.php", None));
    stage.farm.code().install(&stage.farm.folder().join("new"));
    // The overview tells what the last look has found, and when that was; a button looks again.
    let shown = admin.get(farm);
    assert!(!shown.body.contains(differs) && shown.body.contains("(looked at"), "{shown:?}");
    let key = sesskey(&shown);
    let looked = admin.post(farm, &[("action", "look"), ("sesskey", &key)]);
    assert!(looked.body.contains(differs), "{looked:?}");

    let (host, _) = TENANTS[2];
    output(stage.farm.script("admin/cli/upgrade.php", Some(host)).arg("--non-interactive"));
    let installed = "SELECT COUNT(*) FROM mdl_config_plugins WHERE plugin = 'local_vmoodleprobe' AND name = 'version'";
    let counts: Vec<String> =
        stage.databases.iter().map(|database| database.run(installed).trim().to_owned()).collect();
    assert_eq!(counts, ["0", "0", "1"]);
    output(&mut stage.farm.script("local/vmoodle/cli/publish.php", None));
    output(&mut stage.farm.script("local/vmoodle/cli/upgrade.php", None));
    for database in &stage.databases {
        assert_eq!(database.run(installed).trim(), "1", "{}", database.name);
    }
    for (host, _) in TENANTS {
        assert_eq!(stage.web.get(host, "/login/index.php").status, 200, "{host}");
    }
}
