//! Plugins are uninstalled by Moodle's own script, where Moodle lets them go.

use serde_json::{Value, json};

use crate::stage::{Stage, TENANTS, alone};

fn run(stage: &Stage, script: &str, arguments: &[&str]) -> Value {
    let ran = stage.farm.script(script, None).args(arguments).arg("--json").output().unwrap();
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn a_plugin_is_uninstalled_where_moodle_lets_it_go_and_comes_back_while_its_code_is_there() {
    let Some(stage) = alone() else { return };
    let ((host, _), database) = (TENANTS[2], &stage.databases[2]);
    let targets = format!("--targets={host}");
    let uninstall = |plugin: &str| {
        let plugin = format!("--set=plugin={plugin}");
        let arguments = ["--operation=uninstall_plugin", &plugin, &targets, "--yes"];
        run(&stage, "local/vmoodle/cli/run.php", &arguments)["items"][0].clone()
    };
    let refused = |plugin: &str, words: &str| {
        let item = uninstall(plugin);
        assert_eq!(item["errorcode"], "state_refused", "{item}");
        assert!(item["error"].as_str().unwrap().contains(words), "{item}");
    };
    refused("mod_forum", "is needed by");
    refused("auth_nologin", "Can not be uninstalled: auth_nologin");
    assert_eq!(uninstall("local_isnothere")["status"], "skipped");

    let count = || {
        let version = "SELECT COUNT(*) FROM mdl_config_plugins WHERE plugin = 'block_blog_recent' AND name = 'version'";
        let block = "SELECT COUNT(*) FROM mdl_block WHERE name = 'blog_recent'";
        [version, block].map(|sql| database.run(sql).trim().to_owned())
    };
    assert_eq!(count(), ["1", "1"]);
    let item = uninstall("block_blog_recent");
    assert_eq!((&item["status"], &item["output"]["exit"]), (&json!("done"), &json!(0)), "{item}");
    assert!(item["warnings"].to_string().contains("still there"), "{item}");
    assert_eq!(count(), ["0", "0"]);

    let plan = run(&stage, "local/vmoodle/cli/upgrade.php", &["--plan", "--skip-control", &targets]);
    let changes = plan[0]["changes"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap());
    assert_eq!(changes.collect::<Vec<_>>(), ["version", "block_blog_recent"], "{plan}");
    let job = run(&stage, "local/vmoodle/cli/upgrade.php", &["--skip-control", &targets]);
    assert_eq!(job["counts"], json!({"done": 1}), "{job}");
    assert_eq!(count(), ["1", "1"]);
    assert_eq!(stage.web.get(host, "/login/index.php").status, 200);
}
