//! The command line: Moodle's own scripts as a tenant, and the plugin's scripts on the control site.

use std::process::Command;

use serde_json::Value;
use support::farm::CONTROL;
use support::process::output;

use crate::stage::{Stage, TENANTS, alone, shared};

fn get(stage: &Stage, host: Option<&str>, name: &str) -> String {
    let mut script = stage.farm.script("admin/cli/cfg.php", host);
    let result = script.arg(format!("--name={name}")).output().unwrap();
    String::from_utf8_lossy(&result.stdout).trim().to_owned()
}

fn json(command: &mut Command) -> Value {
    let text = output(command);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn moodles_own_scripts_run_as_the_tenant() {
    let Some(stage) = shared() else { return };
    for ((host, _), database) in TENANTS.iter().zip(&stage.databases) {
        assert_eq!(get(&stage, Some(host), "siteidentifier"), database.name, "{host}");
    }
    let one = Some(TENANTS[0].0);
    let mut set = stage.farm.script("admin/cli/cfg.php", one);
    output(set.args(["--name=vmoodletest", "--set=only here"]));
    assert_eq!(get(&stage, one, "vmoodletest"), "only here");
    assert_eq!(get(&stage, Some(TENANTS[1].0), "vmoodletest"), "");
    assert_eq!(get(&stage, None, "vmoodletest"), "");
    for (host, _) in TENANTS {
        output(&mut stage.farm.script("admin/cli/purge_caches.php", Some(host)));
        let task = "--execute=\\core\\task\\cache_cleanup_task";
        output(stage.farm.script("admin/cli/scheduled_task.php", Some(host)).arg(task));
    }
}

#[test]
fn a_script_for_an_unknown_host_ends_with_1_and_runs_nowhere() {
    let Some(stage) = shared() else { return };
    for host in ["nobody.example.org", ""] {
        let mut script = stage.farm.script("admin/cli/cfg.php", Some(host));
        let result = script.args(["--name=vmoodlenowhere", "--set=1"]).output().unwrap();
        assert_eq!(result.status.code(), Some(1), "{result:?}");
        assert!(!result.stderr.is_empty(), "{result:?}");
    }
    assert_eq!(get(&stage, None, "vmoodlenowhere"), "");
}

#[test]
fn maintenance_of_one_tenant_leaves_the_others_open() {
    let Some(stage) = alone() else { return };
    let host = TENANTS[1].0;
    output(stage.farm.script("admin/cli/maintenance.php", Some(host)).arg("--enable"));
    assert_eq!(stage.web.get(host, "/").status, 503);
    assert_eq!(stage.web.get(TENANTS[0].0, "/").status, 200);
    assert_eq!(stage.web.get(CONTROL, "/").status, 200);
    output(stage.farm.script("admin/cli/maintenance.php", Some(host)).arg("--disable"));
    assert_eq!(stage.web.get(host, "/").status, 200);
}

#[test]
fn every_site_has_the_plugin_and_only_the_control_site_has_rows() {
    let Some(stage) = shared() else { return };
    let version = "SELECT value FROM mdl_config_plugins WHERE plugin = 'local_vmoodle' AND name = 'version'";
    let expected = stage.farm.control().run(version);
    assert!(!expected.trim().is_empty());
    assert_eq!(stage.farm.control().run("SELECT COUNT(*) FROM mdl_local_vmoodle").trim(), "3");
    for database in &stage.databases {
        assert_eq!(database.run(version), expected, "{}", database.name);
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_local_vmoodle").trim(), "0", "{}", database.name);
    }
    let again = json(stage.farm.script("local/vmoodle/cli/upgrade.php", None).args(["--plan", "--json"]));
    let text = again.to_string();
    for (host, _) in TENANTS {
        assert!(text.contains(host), "{text}");
    }
}

#[test]
fn the_registry_is_kept_from_the_command_line() {
    let Some(stage) = alone() else { return };
    let tenants = |arguments: &[&str]| {
        let mut script = stage.farm.script("local/vmoodle/cli/tenants.php", None);
        script.args(arguments).arg("--json").output().unwrap()
    };
    let listed = tenants(&["--list"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    for (host, _) in TENANTS {
        assert!(text.contains(host), "{text}");
    }
    assert!(!text.contains(&stage.databases[0].password()[..8]), "a password is listed: {text}");

    let dataroot = format!("--set=vdatapath={}", stage.farm.dataroot("four.example.org").display());
    let socket = format!("--set=vdbsocket={}", stage.databases[0].socket.display());
    let mut add = stage.farm.script("local/vmoodle/cli/tenants.php", None);
    add.args(["--add", "--set=vhostname=http://four.example.org", "--set=name=Four", "--set=shortname=four"])
        .args(["--set=vdbtype=mariadb", "--set=vdbhost=localhost", "--set=vdbname=four", "--set=vdblogin=vmoodle"])
        .args([&dataroot, &socket])
        .args(["--set=state=disabled", "--password-stdin", "--json"]);
    support::process::output_of_input(&mut add, b"secret\n");
    assert_eq!(stage.web.get("four.example.org", "/").status, 503);

    let taken =
        tenants(&["--add", "--set=vhostname=http://FOUR.example.org./", "--set=vdbname=x", "--set=vdatapath=/x"]);
    assert_eq!(taken.status.code(), Some(1), "{taken:?}");
    let checked = tenants(&["--check=four.example.org"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("error"), "its database does not exist: {checked:?}");
    for arguments in [["--update=four.example.org", "--set=state=retired"], ["--remove=four.example.org", "--json"]] {
        let result = tenants(&arguments);
        assert_eq!(result.status.code(), Some(0), "{result:?}");
    }
    assert_eq!(stage.web.get("four.example.org", "/").status, 404);
}

#[test]
fn the_plugins_scripts_refuse_to_run_as_a_tenant() {
    let Some(stage) = shared() else { return };
    for script in ["publish.php", "tenants.php", "upgrade.php"] {
        let mut command = stage.farm.script(&format!("local/vmoodle/cli/{script}"), Some(TENANTS[0].0));
        let result = command.output().unwrap();
        assert_eq!(result.status.code(), Some(1), "{script}: {result:?}");
    }
}
