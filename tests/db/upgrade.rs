//! Upgrades and uninstallations over many tenants. Instead of PHP a small script runs, which says and does what files tell it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::tenant::VERSION;
use vmoodle_core::console::{Console, ControlSite};

use crate::{Farm, farm, map, on_both_engines};

/// What Moodle would find over all versions of the code.
const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

/// What runs instead of PHP.
const STANDIN: &str = r#"#!/bin/sh
host="${VMOODLE_HOST#http*://}"
case "$1" in
local/vmoodle/cli/upgrade_check.php)
    test "$2" = --hash && exec cat hash
    test -f "unfit.$host" && { cat "unfit.$host"; exit 1; }
    exit 0 ;;
admin/cli/checks.php)
    test -f "checks.$host" || { echo "OK: all is well"; exit 0; }
    . "./checks.$host" ;;
admin/cli/upgrade.php)
    echo "$host $2 $3" >> ran.log
    test -f "do.$host" && . "./do.$host"
    . "./up.$host"
    touch "upgraded.$host"
    echo "Upgraded $host" ;;
admin/cli/uninstall_plugins.php)
    name="${2#--plugins=}"
    test -f "keep.$host" && { printf 'Can not be uninstalled: %s\tName\n' "$name"; exit 0; }
    test "$3" = --run || { printf 'Will be uninstalled: %s\tName\n' "$name"; exit 0; }
    echo "$host $name" >> ran.log
    . "./out.$host" ;;
esac
"#;

/// A farm whose tenants live side by side in one database, each with a prefix of its own, behind the code.
struct Stage {
    farm: Farm,
    code: PathBuf,
    tenants: Database,
}

fn host(number: usize) -> String {
    format!("t{number}.example.org")
}

fn prefix(number: usize) -> String {
    format!("t{number}_")
}

impl Stage {
    fn new(test: &str, engine: Engine, tenants: usize) -> Option<Self> {
        let mut farm = farm(&format!("upgrade_{test}"), engine)?;
        let database = Database::shared(engine, &format!("upgrade_{test}_{}_t", engine.dbtype()))?;
        let code = farm.folder.folder("code");
        let php = code.join("standin.sh");
        fs::write(&php, STANDIN).unwrap();
        fs::set_permissions(&php, fs::Permissions::from_mode(0o755)).unwrap();
        farm.control =
            ControlSite { php: php.display().to_string(), dirroot: code.display().to_string(), ..farm.control.clone() };
        farm.console = Console::new(farm.control.clone());
        // The control site itself is of another code, so that only PHP can tell the hash.
        farm.database.run(&format!(
            "CREATE TABLE mdl_config (id BIGINT, name VARCHAR(255), value TEXT);
             INSERT INTO mdl_config VALUES (1, 'version', '{VERSION}'), (2, 'allversionshash', 'another')"
        ));
        let stage = Self { farm, code, tenants: database };
        stage.file("version.php", &format!("<?php $version = {VERSION}; $release = '4.5.6'; $branch = '405';"));
        stage.file("hash", HASH);
        stage.file("lib/components.json", r#"{"plugintypes": {"local": "local"}}"#);
        stage.file("local/some/version.php", "<?php $plugin->version = 2;");
        stage.file(
            "local/needy/version.php",
            "<?php $plugin->version = 1; $plugin->dependencies = ['local_some' => 1];",
        );
        for number in 0..tenants {
            stage.add(number);
        }
        Some(stage)
    }

    fn add(&self, number: usize) {
        let (prefix, host) = (prefix(number), host(number));
        let id = if self.tenants.engine == Engine::MariaDb {
            "BIGINT AUTO_INCREMENT PRIMARY KEY"
        } else {
            "BIGSERIAL PRIMARY KEY"
        };
        self.tenants.run(&format!(
            "CREATE TABLE {prefix}config (id {id}, name VARCHAR(255), value TEXT);
             CREATE TABLE {prefix}config_plugins (id {id}, plugin VARCHAR(100), name VARCHAR(100), value TEXT);
             CREATE TABLE {prefix}upgrade_log (id {id}, type BIGINT, plugin VARCHAR(100), info VARCHAR(255), details TEXT);
             INSERT INTO {prefix}config (name, value) VALUES ('version', '{VERSION}'), ('release', '4.5.6'), ('branch', '405'),
                ('allversionshash', 'old'), ('siteidentifier', '{host}');
             INSERT INTO {prefix}upgrade_log (type, plugin, info) VALUES (2, 'core', 'long ago');
             INSERT INTO {prefix}config_plugins (plugin, name, value) VALUES ('local_some', 'version', '1')"
        ));
        let mut row = map(self.tenants.registry_columns());
        row.extend(map(json!({
            "vhostname": format!("https://{host}"), "vdatapath": self.farm.folder.folder(&host), "vdbprefix": prefix,
        })));
        self.farm.console.tenant_add(&row).unwrap();
        let up = format!("UPDATE {prefix}config SET value = '{HASH}' WHERE name = 'allversionshash'");
        self.file(&format!("up.{host}"), &self.client(&up));
        self.file(
            &format!("out.{host}"),
            &self.client(&format!("DELETE FROM {prefix}config_plugins WHERE plugin = 'local_some'")),
        );
    }

    /// A shell's line that runs SQL in the tenants' database.
    fn client(&self, sql: &str) -> String {
        let Database { socket, port, name, .. } = &self.tenants;
        let socket = socket.display();
        match self.tenants.engine {
            Engine::MariaDb => format!("mariadb --no-defaults --user=root --socket={socket} -D {name} -e \"{sql}\"\n"),
            Engine::Postgres => {
                format!(
                    "psql --no-psqlrc --quiet -U {} -h {socket} -p {port} -d {name} -c \"{sql}\"\n",
                    self.tenants.user()
                )
            }
        }
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.code.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.code.join(name)).unwrap();
    }

    /// What Moodle's scripts were run for, in their order.
    fn ran(&self) -> Vec<String> {
        fs::read_to_string(self.code.join("ran.log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn plan(&self, operation: &str, parameters: Value) -> Vec<Value> {
        self.farm.console.plan(operation, &map(parameters), &["all".into()]).unwrap()
    }

    #[allow(clippy::needless_pass_by_value, reason = "a call reads better with literals")]
    fn submit(&self, operation: &str, parameters: Value, options: Value) -> i64 {
        let mut options = map(options);
        options.insert("confirm".into(), json!(true));
        self.farm.console.job_submit(operation, &map(parameters), &["all".into()], &options).unwrap()
    }

    fn run(&self, job: i64) -> Value {
        Value::Object(self.farm.console.job_run(job, &mut |_| {}).unwrap())
    }

    fn retry(&self, job: i64) -> (i64, Value) {
        let job = self.farm.console.job_retry(job).unwrap();
        (job, self.run(job))
    }

    fn item(&self, job: i64, number: usize) -> Map<String, Value> {
        map(self.farm.console.job(job).unwrap()["items"][number].clone())
    }

    fn set(&self, number: usize, name: &str, value: &str) {
        let prefix = prefix(number);
        self.tenants.run(&format!(
            "DELETE FROM {prefix}config WHERE name = '{name}'; INSERT INTO {prefix}config (name, value) VALUES ('{name}', '{value}')"
        ));
    }

    fn hash(&self, number: usize) -> String {
        let sql = format!("SELECT value FROM {}config WHERE name = 'allversionshash'", prefix(number));
        self.tenants.run(&sql).trim().to_owned()
    }

    /// Items as a runner leaves them that is killed while Moodle's script runs.
    fn kill(&self, step: &str) {
        self.farm.database.run(&format!(
            "UPDATE mdl_local_vmoodle_item SET status = 'running', leaseowner = 'dead', leaseuntil = 1, attempts = 1,
                beforeimage = '[{{\"what\": \"local_some\", \"before\": \"1\", \"after\": null}}]',
                memory = '{{\"done\": [], \"values\": {{\"log\": 1, \"{step} begun\": true}}}}'"
        ));
    }
}

fn text<'a>(item: &'a Map<String, Value>, name: &str) -> &'a str {
    item[name].as_str().unwrap_or("-")
}

on_both_engines! {
    fn only_who_is_behind_the_code_is_planned_and_upgraded(engine: Engine) {
        let Some(stage) = Stage::new("plan", engine, 4) else { return };
        stage.set(1, "allversionshash", HASH);
        stage.set(2, "version", "2030010100");
        stage.set(3, "outagelessupgrade", "1");
        let plans = stage.plan("upgrade", json!({"snapshot_first": 1}));
        let what = |plan: &Value| -> Vec<String> {
            plan["changes"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(what(&plans[0]), ["version", "snapshot", "local_needy", "local_some"]);
        assert_eq!(plans[0]["changes"][3], json!({"what": "local_some", "before": "1.00", "after": "2"}));
        assert_eq!(plans[0]["changes"][2], json!({"what": "local_needy", "before": null, "after": "1"}));
        assert_eq!((&plans[1]["changes"], &plans[1]["error"]), (&json!([]), &Value::Null));
        assert_eq!(plans[2]["errorcode"], "moodle_unfit", "a database never goes back");
        assert!(!what(&plans[3]).is_empty(), "Moodle's script ignores that lock too");
        assert_eq!(stage.ran(), [""; 0]);

        let job = stage.submit("upgrade", json!({}), json!({"on_error": "continue"}));
        assert_eq!(stage.run(job), json!({"done": 2, "failed": 1, "skipped": 1}));
        let mut ran = stage.ran();
        ran.sort();
        assert_eq!(ran, [0, 3].map(|number| format!("{} --non-interactive --lang=en", host(number))));
        let item = stage.item(job, 0);
        assert_eq!((&item["output"]["exit"], item["output"]["stdout"].as_str().unwrap().trim()), (&json!(0), "Upgraded t0.example.org"));
        let facts = stage.farm.console.status(&[host(0)]).unwrap()[0]["facts"].clone();
        assert_eq!((&facts["pending"]["value"], &facts["version"]["value"]), (&json!("0"), &json!(VERSION)));
        assert!(facts["lastupgrade"]["value"].as_str().unwrap().parse::<u64>().unwrap() > 1_000_000_000);
        let again = stage.submit("upgrade", json!({}), json!({"on_error": "continue"}));
        assert_eq!(stage.run(again), json!({"failed": 1, "skipped": 3}));
    }

    fn a_failure_or_a_site_that_is_not_well_stops_the_wave_and_the_retry_goes_on(engine: Engine) {
        let Some(stage) = Stage::new("waves", engine, 5) else { return };
        stage.file(&format!("do.{}", host(1)), "echo '!!! broken !!!'; exit 1\n");
        let logged = format!("INSERT INTO {}upgrade_log (type, plugin, info, details) VALUES (2, 'local_some', 'Exception: x', 'the table is there')", prefix(2));
        stage.file(&format!("do.{}", host(2)), &stage.client(&logged));
        let job = stage.submit("upgrade", json!({}), json!({"waves": [2, "rest"], "concurrency": 2}));
        assert_eq!(stage.run(job), json!({"cancelled": 3, "done": 1, "failed": 1}));
        let item = stage.item(job, 1);
        assert_eq!((text(&item, "errorcode"), &item["output"]["exit"]), ("script_failed", &json!(1)));
        assert!(text(&item, "error").contains("!!! broken !!!") && item["output"]["stdout"].as_str().unwrap().contains("broken"), "{item:?}");
        assert_eq!((2..5).map(|number| stage.hash(number)).collect::<Vec<_>>(), ["old"; 3]);
        assert_eq!(stage.ran().len(), 2);

        stage.remove(&format!("do.{}", host(1)));
        let (job, counts) = stage.retry(job);
        assert_eq!(counts, json!({"cancelled": 2, "done": 1, "failed": 1}), "the wave of the one that had failed and the next");
        let item = stage.item(job, 1);
        assert_eq!(text(&item, "errorcode"), "unhealthy");
        assert!(text(&item, "error").contains("local_some: Exception: x the table is there"), "{item:?}");

        stage.tenants.run(&format!("DELETE FROM {}upgrade_log WHERE plugin = 'local_some'", prefix(2)));
        let (_, counts) = stage.retry(job);
        assert_eq!(counts, json!({"done": 3}));
        let of = |number: usize| stage.ran().iter().filter(|line| line.starts_with(&host(number))).count();
        assert_eq!((0..5).map(of).collect::<Vec<_>>(), [1, 2, 1, 1, 1], "only the look was repeated on the third");
    }

    fn a_check_that_is_broken_only_afterwards_fails_the_item_and_one_that_warns_warns(engine: Engine) {
        let Some(stage) = Stage::new("checks", engine, 4) else { return };
        let says = |number: usize, before: &str, after: &str| {
            let text = format!("if test -f upgraded.{0}; then {after}; else {before}; fi\n", host(number));
            stage.file(&format!("checks.{}", host(number)), &text);
        };
        let cron = "echo 'CRITICAL: Cron (tool_task_cronrunning)'; echo '     Error| Cron (tool_task_cronrunning)  '; exit 2";
        let fresh = "echo 'CRITICAL: New (core_new)'; echo '     Error| New (core_new)  '; exit 2";
        let warns = "echo 'WARNING: New (core_new)'; echo '   Warning| New (core_new)  '; exit 1";
        says(0, cron, cron);
        says(1, cron, fresh);
        says(2, "echo 'OK: all'", warns);
        says(3, "echo 'PHP Fatal error'; exit 255", "echo 'PHP Fatal error'; exit 255");
        let job = stage.submit("upgrade", json!({}), json!({"on_error": "continue"}));
        assert_eq!(stage.run(job), json!({"done": 2, "failed": 2}));
        let items: Vec<_> = (0..4).map(|number| stage.item(job, number)).collect();
        assert_eq!((text(&items[0], "status"), &items[0]["warnings"]), ("done", &Value::Null), "it was so before");
        assert_eq!(text(&items[1], "errorcode"), "unhealthy");
        assert!(text(&items[1], "error").contains("core_new"), "{:?}", items[1]);
        assert!(items[2]["warnings"].to_string().contains("core_new"), "{:?}", items[2]);
        assert!(text(&items[3], "error").contains("does not boot"), "{:?}", items[3]);
        let job = stage.farm.console.job_retry(job).unwrap();
        stage.remove(&format!("checks.{}", host(1)));
        stage.remove(&format!("checks.{}", host(3)));
        assert_eq!(stage.run(job), json!({"done": 2}));
        assert_eq!(stage.ran().len(), 4, "nothing was upgraded twice");
    }

    fn what_moodle_refuses_is_told_and_not_begun(engine: Engine) {
        let Some(stage) = Stage::new("unfit", engine, 3) else { return };
        stage.file(&format!("unfit.{}", host(0)), "php: version 9.9 is required and you are running 8.2\n");
        stage.set(1, "upgraderunning", "9999999999");
        let job = stage.submit("upgrade", json!({}), json!({"on_error": "continue"}));
        assert_eq!(stage.run(job), json!({"done": 1, "failed": 2}));
        let (unfit, busy) = (stage.item(job, 0), stage.item(job, 1));
        assert_eq!((text(&unfit, "errorcode"), text(&busy, "errorcode")), ("moodle_unfit", "state_refused"));
        assert!(text(&unfit, "error").contains("version 9.9 is required"), "{unfit:?}");
        assert_eq!((stage.hash(0), stage.ran().len()), ("old".to_owned(), 1));
    }

    fn a_run_that_was_cut_off_is_looked_at_and_not_repeated_by_itself(engine: Engine) {
        let Some(stage) = Stage::new("killed", engine, 2) else { return };
        let job = stage.submit("upgrade", json!({}), json!({"on_error": "continue"}));
        stage.kill("upgraded");
        // The script went on by itself on the one, and not on the other.
        stage.set(0, "allversionshash", HASH);
        stage.set(1, "upgraderunning", "9999999999");
        assert_eq!(stage.run(job), json!({"done": 1, "unknown": 1}));
        assert_eq!(stage.ran(), [""; 0]);
        let (done, unknown) = (stage.item(job, 0), stage.item(job, 1));
        assert!(done["warnings"].to_string().contains("an earlier run has done it"), "{done:?}");
        assert_eq!(text(&unknown, "errorcode"), "outcome_unknown");
        assert!(text(&unknown, "error").contains("an upgrade runs there"), "{unknown:?}");
        let (again, counts) = stage.retry(job);
        assert_eq!((counts, text(&stage.item(again, 0), "errorcode")), (json!({"failed": 1}), "state_refused"), "it may still run");
        stage.set(1, "upgraderunning", "1");
        let (_, counts) = stage.retry(again);
        assert_eq!((counts, stage.ran().len()), (json!({"done": 1}), 1));
    }

    fn a_plugin_is_uninstalled_where_it_is_and_where_moodle_lets_it(engine: Engine) {
        let Some(stage) = Stage::new("out", engine, 4) else { return };
        stage.tenants.run(&format!("DELETE FROM {}config_plugins", prefix(1)));
        stage.tenants.run(&format!("INSERT INTO {}config_plugins (plugin, name, value) VALUES ('local_needy', 'version', '1')", prefix(2)));
        stage.file(&format!("keep.{}", host(3)), "");
        let parameters = json!({"plugin": "local_some"});
        let plans = stage.plan("uninstall_plugin", parameters.clone());
        assert_eq!(plans[0]["changes"][0]["after"], Value::Null);
        assert_eq!(plans[0]["changes"][0]["what"], "local_some");
        assert_eq!(plans[1]["changes"], json!([]));
        assert!(plans[2]["error"].as_str().unwrap().contains("is needed by local_needy"), "{plans:?}");
        let unconfirmed = stage.farm.console.job_submit("uninstall_plugin", &map(parameters.clone()), &["all".into()], &Map::new());
        assert_eq!(unconfirmed.unwrap_err().code(), "job_refused");

        let job = stage.submit("uninstall_plugin", parameters, json!({}));
        assert_eq!(stage.run(job), json!({"done": 1, "failed": 2, "skipped": 1}));
        assert_eq!(stage.ran(), [format!("{} local_some", host(0))]);
        assert!(stage.item(job, 0)["warnings"].to_string().contains("still there"), "the code is");
        assert!(text(&stage.item(job, 3), "error").contains("Can not be uninstalled: local_some Name"), "{:?}", stage.item(job, 3));

        let job = stage.submit("uninstall_plugin", json!({"plugin": "local_some"}), json!({}));
        stage.kill("uninstalled");
        assert_eq!(stage.run(job), json!({"done": 2, "unknown": 2}));
        assert!(text(&stage.item(job, 3), "error").contains("still installed: local_some"));
    }
}
