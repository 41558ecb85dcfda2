//! The description of a fleet by `cli/apply.php`, and the comparison of what tenants have by `cli/compare.php`.

use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use support::process::output;
use support::redis::Redis;

use crate::stage::{Stage, alone};
use crate::super_administration::{IN_REDIS, OURS, TWIN, done, host, ready, see};

/// Writes a description; gives its path.
fn file(stage: &Stage, name: &str, text: &str) -> PathBuf {
    let path = stage.farm.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs a script of the plugin, whatever it ends with.
fn script(stage: &Stage, name: &str, arguments: &[&str]) -> Output {
    let script = format!("local/vmoodle/cli/{name}.php");
    stage.farm.script(&script, None).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

#[test]
fn a_described_fleet_is_planned_made_seen_and_left_alone_from_the_command_line() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    let description = format!(
        "blocks:
  - name: everybody
    targets: [{}, {}, {}]
    config: {{vmoodletest: described, local_vmoodletest/x: 7}}
    plugins: {{mod_book: disabled}}
    roles:
      student: {{capabilities: {{\"mod/forum:replypost\": prevent}}}}
      coach: {{preset: coach.xml}}
  - name: the last
    targets: {}
    config: {{vmoodletest: otherwise}}
",
        host(OURS),
        host(TWIN),
        host(IN_REDIS),
        host(IN_REDIS)
    );
    let preset = "<role><shortname>coach</shortname><name>Coach</name><archetype>teacher</archetype>\
        <contextlevels><level>course</level></contextlevels><permissions><allow>mod/forum:replypost</allow></permissions></role>";
    file(&stage, "coach.xml", preset);
    let path = file(&stage, "fleet.yaml", &description);
    let file_option = format!("--file={}", path.display());
    for tenant in [OURS, IN_REDIS] {
        assert_eq!((&see(&stage, tenant)["core"], &see(&stage, tenant)["plugin"]), (&Value::Null, &json!(false)));
    }

    let planned = script(&stage, "apply", &[&file_option, "--plan"]);
    let told = text(&planned);
    assert_eq!(planned.status.code(), Some(2), "{told}");
    for line in [
        "vmoodletest: the last wins over everybody (1 tenants)",
        "    set_config: vmoodletest: null -> described",
        "    plugin_state: mod_book: enabled -> disabled",
        "    role_sync: student capability mod/forum:replypost: allow -> prevent",
        "3 tenants are meant: 3 differ, 0 have errors.",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert_eq!(see(&stage, OURS)["core"], Value::Null, "a plan changes nothing");
    let shown = script(&stage, "apply", &[&file_option, "--plan", "--json"]);
    assert_eq!(shown.status.code(), Some(2));
    let saved = file(&stage, "shown.json", &String::from_utf8_lossy(&shown.stdout));

    // The second tenant is changed after its plan was shown.
    let own = stage.databases[TWIN].run("SELECT COUNT(*) FROM mdl_config WHERE name = 'vmoodletest'");
    let mut by_hand = stage.farm.script("admin/cli/cfg.php", Some(host(TWIN)));
    output(by_hand.args(["--name=vmoodletest", "--set=by hand"]));
    assert_eq!(own.trim(), "0");
    let applied = script(&stage, "apply", &[&file_option, &format!("--as-shown={}", saved.display()), "--json"]);
    assert_eq!(applied.status.code(), Some(2), "{}", text(&applied));
    let report = json_of(&applied);
    assert_eq!(report["refused"][0]["tenant"], format!("http://{}", host(TWIN)));
    assert_eq!(
        report["jobs"].as_array().unwrap().iter().map(|job| &job["counts"]).collect::<Vec<_>>(),
        vec![&json!({"done": 1}), &json!({"done": 1}), &json!({"done": 2}), &json!({"done": 2})]
    );
    let seen = |tenant: usize| (see(&stage, tenant)["core"].clone(), see(&stage, tenant)["plugin"].clone());
    assert_eq!((seen(OURS), seen(IN_REDIS)), ((json!("described"), json!("7")), (json!("otherwise"), json!("7"))));
    assert_eq!(seen(TWIN).0, "by hand");

    // What was refused is done with the plan that is shown now.
    let rest = script(&stage, "apply", &[&file_option]);
    assert_eq!(rest.status.code(), Some(0), "{}", text(&rest));
    assert_eq!(seen(TWIN), (json!("described"), json!("7")));
    for arguments in [&[file_option.as_str(), "--plan"][..], &[&file_option]] {
        let nothing = script(&stage, "apply", arguments);
        assert_eq!(nothing.status.code(), Some(0), "{}", text(&nothing));
        assert!(text(&nothing).contains("3 tenants are meant: 0 differ, 0 have errors."), "{}", text(&nothing));
    }

    // All of it is taken back by the jobs that did it.
    let jobs = stage.farm.call("jobs", json!([{"limit": 8}])).unwrap();
    let ours = jobs
        .as_array()
        .unwrap()
        .iter()
        .filter(|job| ["set_config", "plugin_state", "role_sync"].contains(&job["operation"].as_str().unwrap()));
    for job in ours.take(7) {
        let undo = stage.farm.call("job_undo", json!([job["id"]])).unwrap();
        let counts = stage.farm.call("job_run", json!([undo])).unwrap();
        assert!(counts.get("failed").is_none(), "{job}: {counts}");
    }
    assert_eq!((seen(OURS), seen(IN_REDIS)), ((Value::Null, json!(false)), (Value::Null, json!(false))));
    output(stage.farm.script("admin/cli/cfg.php", Some(host(TWIN))).args(["--name=vmoodletest", "--unset"]));
    done(&stage);
}

#[test]
fn what_tenants_have_is_compared_by_one_script() {
    let Some(stage) = alone() else { return };
    let permission = |number: &str| {
        let which = "contextid = 1 AND roleid = 5 AND capability = 'mod/forum:replypost'";
        stage.databases[OURS].run(&format!("UPDATE mdl_role_capabilities SET permission = {number} WHERE {which}"));
    };
    let targets = format!("--targets={},{}", host(OURS), host(TWIN));
    permission("-1");
    let arguments = ["--what=roles", "--filter=student", "--component=mod_forum", "--differences", &targets];
    let table = script(&stage, "compare", &arguments);
    assert!(table.status.success() && text(&table).contains("mod/forum:replypost"), "{}", text(&table));
    let csv = output(stage.farm.script("local/vmoodle/cli/compare.php", None).args(arguments).arg("--csv"));
    let of_roles = ["--role=student", "--component=mod_forum", "--differences", "--csv", &targets];
    assert_eq!(csv, output(stage.farm.script("local/vmoodle/cli/roles.php", None).args(of_roles)));
    assert!(csv.lines().nth(1).unwrap().starts_with("student,capability,mod/forum:replypost,mod_forum,"), "{csv}");
    let json = json_of(&script(&stage, "compare", &[&arguments[..], &["--json"]].concat()));
    assert_eq!(json["roles"][0]["rows"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(script(&stage, "compare", &["--what=moons"]).status.code(), Some(1));
    permission("1");
}

#[test]
fn a_description_that_cannot_be_used_says_where_and_shows_no_secret() {
    let Some(stage) = alone() else { return };
    let wrong = file(&stage, "wrong.yaml", "blocks:\n- targets: all\n  plugin: {}\n");
    let refused = script(&stage, "apply", &[&format!("--file={}", wrong.display()), "--plan"]);
    assert!(
        refused.status.code() == Some(1)
            && text(&refused).contains("line 3: there is no key `plugin`: did you mean `plugins`?"),
        "{}",
        text(&refused)
    );
    let secret = file(&stage, "secret.yaml", "blocks: [{targets: all, config: {odd: {env: FARM_SECRET}}}]");
    let mut unsealed = stage.farm.script("local/vmoodle/cli/apply.php", None);
    let unsealed = unsealed.arg(format!("--file={}", secret.display())).env("FARM_SECRET", "hidden!").output().unwrap();
    assert!(unsealed.status.code() == Some(1) && !text(&unsealed).contains("hidden!"), "{}", text(&unsealed));
}
