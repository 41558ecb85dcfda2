//! Settings of many tenants at once: planned, made, made again, put back.

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::tenant;
use vmoodle_core::Kind;
use vmoodle_core::secret::Keyring;
use vmoodle_core::settings::Given;

use crate::life::submit;
use crate::{Farm, farm, farm_with, map, on_both_engines};

/// A small site of the farm in a database of its own.
pub(crate) fn site(farm: &Farm, host: &str) -> Database {
    let name = format!("{}_{}", farm.database.name, host.replace(['.', '-'], "_"));
    let database = Database::shared(farm.database.engine, &name).unwrap();
    tenant::fill(&database, host);
    add(farm, host, &database);
    database
}

/// Registers a site.
pub(crate) fn add(farm: &Farm, host: &str, database: &Database) {
    let mut row = map(database.registry_columns());
    row.extend(map(json!({ "vhostname": format!("https://{host}"), "vdatapath": farm.folder.folder(host) })));
    farm.console.tenant_add(&row).unwrap();
}

/// Runs a job over tenants; gives its number and its counts.
pub(crate) fn job(farm: &Farm, operation: &str, parameters: Value, targets: &[&str]) -> (i64, Value) {
    let job = submit(farm, operation, parameters, targets).unwrap();
    (job, run(farm, job))
}

pub(crate) fn run(farm: &Farm, job: i64) -> Value {
    Value::Object(farm.console.job_run(job, &mut |_| {}).unwrap())
}

/// Puts a job back.
pub(crate) fn undo(farm: &Farm, job: i64) -> Value {
    run(farm, farm.console.job_undo(job).unwrap())
}

/// The first item of a job.
pub(crate) fn item(farm: &Farm, job: i64) -> Value {
    farm.console.job(job).unwrap()["items"][0].clone()
}

pub(crate) fn plan(farm: &Farm, operation: &str, parameters: Value, target: &str) -> Value {
    json!(farm.console.plan(operation, &map(parameters), &[target.to_owned()]).unwrap())
}

/// The settings of a site, each as `name=value`, without those that are the same everywhere.
pub(crate) fn settings(database: &Database) -> String {
    let core = database.run("SELECT name, value FROM mdl_config ORDER BY name");
    core + &database.run("SELECT plugin, name, value FROM mdl_config_plugins ORDER BY plugin, name")
}

fn log(database: &Database) -> String {
    // NULL is told from nothing by neither client alike.
    let text = |column: &str| format!("COALESCE({column}, '-')");
    let columns = ["plugin", "name", "value", "oldvalue"].map(text).join(", ");
    database.run(&format!("SELECT userid, {columns} FROM mdl_config_log ORDER BY id"))
}

on_both_engines! {
    fn settings_are_planned_made_once_logged_and_put_back(engine: Engine) {
        let Some(farm) = farm("config_set", engine) else { return };
        let database = site(&farm, "a.example.org");
        let before = settings(&database);
        let wanted = json!({"values": {"theme": "l'été 🌞", "newone": 5, "auth_manual/expiration": true, "lang": "en"}});
        let planned = plan(&farm, "set_config", wanted.clone(), "a.example.org");
        assert_eq!(planned[0]["changes"], json!([
            {"what": "newone", "before": null, "after": "5"},
            {"what": "theme", "before": "boost", "after": "l'été 🌞"},
            {"what": "auth_manual/expiration", "before": null, "after": "1"},
        ]));
        assert_eq!((settings(&database), log(&database).as_str()), (before.clone(), ""), "a plan changes nothing");

        let (first, counts) = job(&farm, "set_config", wanted.clone(), &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        let after = settings(&database);
        assert!(after.contains("theme\tl'été 🌞\n") && after.contains("auth_manual\texpiration\t1\n"), "{after}");
        assert_eq!(log(&database), "0\t-\tnewone\t5\t-\n0\t-\ttheme\tl'été 🌞\tboost\n0\tauth_manual\texpiration\t1\t-\n");
        assert_eq!(job(&farm, "set_config", wanted, &["all"]).1, json!({"skipped": 1}), "nothing is left to do");

        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(settings(&database), before);
        assert_eq!(undo(&farm, first), json!({"done": 1}), "what is put back already stays");
        assert_eq!(log(&database).lines().count(), 6);
    }

    fn an_undo_leaves_what_somebody_changed_since(engine: Engine) {
        let Some(farm) = farm("config_cas", engine) else { return };
        let database = site(&farm, "a.example.org");
        let (first, _) = job(&farm, "set_config", json!({"values": {"theme": "x", "lang": "fr"}}), &["all"]);
        database.run("UPDATE mdl_config SET value = 'X' WHERE name = 'theme'");
        let now = settings(&database);
        let back = farm.console.job_undo(first).unwrap();
        assert_eq!(run(&farm, back), json!({"failed": 1}));
        assert_eq!(item(&farm, back)["errorcode"], "state_refused");
        assert_eq!(settings(&database), now, "neither of the two");
    }

    fn settings_are_taken_away_and_copied_from_another_tenant(engine: Engine) {
        let Some(farm) = farm("config_copy", engine) else { return };
        let (one, two) = (site(&farm, "a.example.org"), site(&farm, "b.example.org"));
        let before = settings(&two);
        one.run("INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('mod_x', 'version', '9'),
            ('mod_x', 'colour', 'red'), ('mod_x', 'size', ''), ('mod_x', 'apikey', 'hidden!'), ('mod_x', 'own', 'sodium:abc')");
        let wanted = json!({"source": "a.example.org", "plugin": "mod_x"});
        let (copied, counts) = job(&farm, "copy_plugin_config", wanted.clone(), &["any"]);
        assert_eq!(counts, json!({"done": 1, "skipped": 1}), "the source itself has nothing to do");
        let values = two.run("SELECT name, value FROM mdl_config_plugins WHERE plugin = 'mod_x' ORDER BY name");
        assert_eq!(values, "colour\tred\nsize\t\n");
        let told = farm.console.job(copied).unwrap()["items"].to_string();
        assert!(told.contains("apikey, own") && !told.contains("hidden!"), "{told}");
        assert_eq!(job(&farm, "copy_plugin_config", wanted, &["any"]).1, json!({"skipped": 2}));

        let (gone, counts) = job(&farm, "unset_config", json!({"names": "theme,mod_x/colour"}), &["b.example.org"]);
        assert_eq!(counts, json!({"done": 1}));
        assert!(!settings(&two).contains("theme") && !settings(&two).contains("colour"));
        assert_eq!(job(&farm, "unset_config", json!({"names": "theme"}), &["b.example.org"]).1, json!({"skipped": 1}));
        assert_eq!(undo(&farm, gone), json!({"done": 1}));
        assert_eq!(undo(&farm, copied), json!({"done": 1}));
        assert_eq!(settings(&two), before);
    }

    fn a_secret_is_sealed_in_the_journal_and_masked_in_the_log(engine: Engine) {
        let Some(plain) = farm("config_clear", engine) else { return };
        site(&plain, "a.example.org");
        let secret = json!({"name": "smtppass", "value": "hidden!"});
        assert_eq!(submit(&plain, "set_config", secret.clone(), &["all"]).unwrap_err().kind(), Kind::BadParameter);

        let keys = support::scratch::Scratch::new("keys");
        Keyring::create(&keys.join("key")).unwrap();
        let install = support::root::workspace().join("php/local/vmoodle/db/install.xml");
        let given = Given { keyfile: Some(keys.join("key").display().to_string()), ..Given::default() };
        let farm = farm_with("config_seal", engine, &install, given).unwrap();
        let database = site(&farm, "a.example.org");
        let planned = plan(&farm, "set_config", secret.clone(), "a.example.org").to_string();
        assert!(planned.contains("smtppass") && !planned.contains("hidden!") && !planned.contains("enc:v1:"), "{planned}");
        let (first, counts) = job(&farm, "set_config", secret, &["all"]);
        assert_eq!(counts, json!({"done": 1}));
        assert!(settings(&database).contains("smtppass\thidden!\n"));
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item") + &farm.database.run("SELECT * FROM mdl_local_vmoodle_job");
        assert!(journal.contains("smtppass") && !journal.contains("hidden!"), "{journal}");
        assert!(!item(&farm, first).to_string().contains("enc:v1:"));
        assert_eq!(log(&database), "0\t-\tsmtppass\t********\t-\n");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert!(!settings(&database).contains("smtppass"));
    }

    fn one_broken_tenant_of_ten_leaves_nine_done(engine: Engine) {
        let Some(farm) = farm("config_ten", engine) else { return };
        let databases: Vec<Database> = (0..10).map(|number| site(&farm, &format!("s{number}.example.org"))).collect();
        databases[4].run("DROP TABLE mdl_config");
        let (first, counts) = job(&farm, "set_config", json!({"name": "theme", "value": "classic"}), &["all"]);
        assert_eq!(counts, json!({"done": 9, "failed": 1}));
        for (number, database) in databases.iter().enumerate().filter(|(number, _)| *number != 4) {
            assert!(settings(database).contains("theme\tclassic\n"), "{number}");
        }
        assert_eq!(undo(&farm, first), json!({"done": 9}));
    }

    fn what_the_farm_defines_is_refused_unless_it_is_forced(engine: Engine) {
        let Some(farm) = farm("config_force", engine) else { return };
        let database = site(&farm, "a.example.org");
        let policy = json!({"name": "p", "targets": ["all"], "settings": {"theme": "classic",
            "forced_plugin_settings": {"auth_manual": {"expiration": 1}}}});
        farm.console.policy_add(&map(policy)).unwrap();
        for name in ["theme", "auth_manual/expiration"] {
            let wanted = json!({"name": name, "value": "9"});
            let planned = plan(&farm, "set_config", wanted.clone(), "a.example.org");
            assert_eq!(planned[0]["errorcode"], "bad_setting", "{planned}");
            let mut forced = wanted;
            forced["force"] = json!(1);
            let (done, counts) = job(&farm, "set_config", forced, &["all"]);
            assert_eq!(counts, json!({"done": 1}));
            assert!(item(&farm, done)["warnings"].to_string().contains("does not show"));
        }
        assert!(settings(&database).contains("theme\t9\n"));
        let _: Map<String, Value> = farm.console.policy_remove("p").unwrap();
    }
}
