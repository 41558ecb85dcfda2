//! Caches emptied, sessions ended, administrators let in again, settings enforced on all.

use std::fs;

use serde_json::json;
use support::database::Engine;
use support::redis::Redis;
use support::root;
use support::scratch::Scratch;
use vmoodle_core::Kind;
use vmoodle_core::moodle::account;
use vmoodle_core::secret::{Keyring, Secret};
use vmoodle_core::settings::{Given, Shared};

use crate::config::{item, job, plan, settings, site, undo};
use crate::life::submit;
use crate::{Farm, farm, farm_with, map, on_both_engines};

/// A farm with a key file.
pub(crate) fn sealed(test: &str, engine: Engine) -> Option<(Farm, Scratch)> {
    let keys = Scratch::new("keys");
    Keyring::create(&keys.join("key")).unwrap();
    let given = Given { keyfile: Some(keys.join("key").display().to_string()), ..Given::default() };
    let install = root::workspace().join("php/local/vmoodle/db/install.xml");
    Some((farm_with(test, engine, &install, given)?, keys))
}

on_both_engines! {
    fn all_caches_are_emptied_and_revisions_grow(engine: Engine) {
        let Some(farm) = farm("purge_all", engine) else { return };
        let database = site(&farm, "a.example.org");
        database.run("INSERT INTO mdl_config (name, value) VALUES ('themerev', '5'), ('stringfilters', 'x')");
        let root = farm.folder.folder("a.example.org");
        for name in ["cache/x/y", "localcache/theme/z", "filedir/a", "muc/config.php"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "x").unwrap();
        }
        let before = settings(&database);
        let planned = plan(&farm, "purge_caches", json!({"kinds": "js,theme"}), "a.example.org");
        assert_eq!(planned[0]["changes"].as_array().unwrap().len(), 2);
        assert_eq!(settings(&database), before, "a plan changes nothing");

        assert_eq!(job(&farm, "purge_caches", json!({"kinds": "js,theme"}), &["all"]).1, json!({"done": 1}));
        let revision = |name: &str| database.run(&format!("SELECT value FROM mdl_config WHERE name = '{name}'")).trim().parse::<i64>().ok();
        let theme = revision("themerev").unwrap();
        assert!(theme > 1_700_000_000 && revision("jsrev").is_some() && revision("langrev").is_none());
        assert_eq!((root.join("cache/x/y").exists(), root.join("localcache/theme/z").exists()), (true, false));

        assert_eq!(job(&farm, "purge_caches", json!({}), &["all"]).1, json!({"done": 1}));
        assert!(revision("themerev").unwrap() > theme, "always another one");
        for name in ["jsrev", "langrev", "templaterev", "localcachedirpurged", "scheduledtaskreset"] {
            assert!(revision(name).is_some(), "{name}");
        }
        assert_eq!(revision("filterall"), Some(1));
        assert_eq!(database.run("SELECT cacherev > 0 AS newer FROM mdl_course").trim().replace('t', "1"), "1");
        let left = |name: &str| fs::read_dir(root.join(name)).unwrap().count();
        assert_eq!((left("cache"), left("localcache"), left("filedir"), left("muc")), (0, 0, 1, 1));
        assert_eq!(submit(&farm, "purge_caches", json!({"kinds": "x"}), &["all"]).unwrap_err().kind(), Kind::BadParameter);
    }

    fn sessions_end_of_all_of_a_method_or_of_one_user(engine: Engine) {
        let Some(farm) = farm("purge_sess", engine) else { return };
        let database = site(&farm, "a.example.org");
        let root = farm.folder.folder("a.example.org").join("sessions");
        let fill = || {
            database.run("DELETE FROM mdl_sessions; INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified)
                VALUES (0, 'guest', 1, 1, 1), (0, 'admin', 2, 1, 1), (0, 'nobody', 0, 1, 1)");
            fs::create_dir_all(&root).unwrap();
            for sid in ["guest", "admin", "nobody"] {
                fs::write(root.join(format!("sess_{sid}")), "x").unwrap();
            }
        };
        let left = || database.run("SELECT sid FROM mdl_sessions ORDER BY sid").replace('\n', " ");
        let files = || fs::read_dir(&root).unwrap().count();
        database.run(match engine {
            Engine::MariaDb => "UPDATE mdl_user SET auth = 'ldap' WHERE id = 1",
            Engine::Postgres => "UPDATE \"mdl_user\" SET auth = 'ldap' WHERE id = 1",
        });
        fill();
        plan(&farm, "kill_sessions", json!({}), "a.example.org");
        assert_eq!((left().as_str(), files()), ("admin guest nobody ", 3), "a plan changes nothing");
        assert_eq!(job(&farm, "kill_sessions", json!({"auth": "ldap"}), &["all"]).1, json!({"done": 1}));
        assert_eq!((left().as_str(), files()), ("admin nobody ", 2));
        assert_eq!(job(&farm, "kill_sessions", json!({"user": "admin"}), &["all"]).1, json!({"done": 1}));
        assert_eq!((left().as_str(), files()), ("nobody ", 1));
        assert_eq!(job(&farm, "kill_sessions", json!({"user": "admin"}), &["all"]).1, json!({"skipped": 1}));
        fill();
        assert_eq!(job(&farm, "kill_sessions", json!({}), &["all"]).1, json!({"done": 1}));
        assert_eq!((left().as_str(), files()), ("", 0));
    }

    fn an_administrator_gets_a_new_password_told_once_and_put_back(engine: Engine) {
        let Some((farm, _keys)) = sealed("purge_admin", engine) else { return };
        let database = site(&farm, "a.example.org");
        let user = if engine == Engine::MariaDb { "`mdl_user`" } else { "\"mdl_user\"" };
        let hash = || database.run(&format!("SELECT password FROM {user} WHERE id = 2")).trim().to_owned();
        assert_eq!(hash(), "x");
        preferences(&database, engine);
        let given = json!({"password": "Été #1234"});
        let (first, counts) = job(&farm, "reset_admin", given.clone(), &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(account::verifies(&Secret::new("Été #1234"), &hash()));
        let kept = || database.run("SELECT name, value FROM mdl_user_preferences ORDER BY name");
        assert_eq!(kept(), "auth_forcepasswordchange\t1\n", "the account is unlocked");
        assert_eq!(database.run("SELECT flagtype, name FROM mdl_cache_flags").trim(), "userpreferenceschanged\t2");
        assert_eq!(job(&farm, "reset_admin", given, &["all"]).1, json!({"skipped": 1}), "it has it already");
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item") + &farm.database.run("SELECT * FROM mdl_local_vmoodle_job");
        assert!(!journal.contains("1234") && !journal.contains("$6$"), "{journal}");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!((hash().as_str(), kept().as_str()), ("x", "login_failed_count\t9\nlogin_lockout\t5\n"));

        let (made, counts) = job(&farm, "reset_admin", json!({"must_change": 0}), &["all"]);
        assert_eq!((counts, farm.console.job(made).unwrap()["untold"].clone()), (json!({"done": 1}), json!(1)));
        let alone = |id: i64| farm.console.jobs(&map(json!({"id": id}))).unwrap();
        assert_eq!((alone(made).len(), &alone(made)[0]["untold"], alone(made)[0].get("items")), (1, &json!(1), None));
        assert!(alone(made + 1).is_empty());
        let told = farm.console.job_passwords(made).unwrap()["https://a.example.org"].as_str().unwrap().to_owned();
        assert!(account::verifies(&Secret::new(told.as_str()), &hash()) && !hash().is_empty());
        let journal = farm.database.run(&format!("SELECT * FROM mdl_local_vmoodle_item WHERE jobid = {made}"));
        assert!(!journal.contains(&told) && !journal.contains("\"password\":\"enc:"), "it is kept nowhere any more: {journal}");
        assert_eq!((&farm.console.job(made).unwrap()["untold"], &alone(made)[0]["untold"]), (&json!(0), &json!(0)));
        assert!(farm.console.job_passwords(made).unwrap().is_empty(), "it is told once");
        assert_eq!(farm.console.job_undo(first).map(|job| crate::config::run(&farm, job)).unwrap(), json!({"failed": 1}), "it was changed since");
    }

    fn without_a_key_file_only_the_runner_is_told_and_the_journal_says_so(engine: Engine) {
        let Some(farm) = farm("purge_nokey", engine) else { return };
        let database = site(&farm, "a.example.org");
        preferences(&database, engine);
        let (made, counts) = job(&farm, "reset_admin", json!({}), &["all"]);
        let told = counts["passwords"]["https://a.example.org"].as_str().unwrap();
        let user = if engine == Engine::MariaDb { "`mdl_user`" } else { "\"mdl_user\"" };
        let hash = database.run(&format!("SELECT password FROM {user} WHERE id = 2"));
        assert!(account::verifies(&Secret::new(told), hash.trim()));
        assert!(!farm.database.run("SELECT * FROM mdl_local_vmoodle_item").contains(told));
        let warnings = item(&farm, made)["warnings"].to_string();
        assert!(warnings.contains("no key file") && warnings.contains("`reset_admin`"), "{warnings}");
        assert_eq!(farm.console.job(made).unwrap()["untold"], 0);
        assert!(farm.console.job_passwords(made).unwrap().is_empty());
        assert_eq!(farm.console.job_passwords(made + 1).unwrap_err().kind(), Kind::JobNotFound);
    }

    fn settings_are_enforced_on_all_by_one_row_and_released(engine: Engine) {
        let Some(farm) = farm("purge_policy", engine) else { return };
        for host in ["a.example.org", "b.example.org", "c.example.org"] {
            site(&farm, host);
        }
        farm.console.tenant_update("c.example.org", &map(json!({"tags": ["out"]}))).unwrap();
        let before = farm.all();
        let wanted = json!({"policy": "house", "targets": "all !tag:out", "values": {"theme": "classic", "auth_manual/expiration": 1}});
        for (host, changes) in [("a.example.org", 3), ("b.example.org", 3), ("c.example.org", 0)] {
            let planned = plan(&farm, "enforce_config", wanted.clone(), host);
            assert_eq!(planned[0]["changes"].as_array().map(Vec::len), Some(changes), "{planned}");
        }
        assert_eq!(farm.all(), before, "a plan changes nothing");
        let options = map(json!({"concurrency": 1}));
        let targets = ["all".to_owned()];
        let first = farm.console.job_submit("enforce_config", &map(wanted.clone()), &targets, &options).unwrap();
        assert_eq!(crate::config::run(&farm, first), json!({"done": 1, "skipped": 2}), "one row for all");
        let generation = farm.generation();
        let resolved = plan(&farm, "set_config", json!({"name": "theme", "value": "x"}), "b.example.org");
        assert_eq!(resolved[0]["errorcode"], "bad_setting");
        assert_eq!(job(&farm, "enforce_config", wanted, &["all"]).1, json!({"skipped": 3}));
        assert!(generation > 0);

        let (second, counts) = job(&farm, "release_config", json!({"policy": "house", "names": "theme"}), &["a.example.org"]);
        assert_eq!(counts, json!({"done": 1}));
        let shown = farm.database.run("SELECT settings FROM mdl_local_vmoodle_policy");
        assert!(!shown.contains("classic") && shown.contains("expiration"), "{shown}");
        assert_eq!(undo(&farm, second), json!({"done": 1}));
        assert!(farm.database.run("SELECT settings FROM mdl_local_vmoodle_policy").contains("classic"));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(farm.database.run("SELECT COUNT(*) FROM mdl_local_vmoodle_policy").trim(), "0");
        let never = json!({"policy": "p", "values": {"dbname": "x"}});
        assert_eq!(submit(&farm, "enforce_config", never, &["all"]).unwrap_err().kind(), Kind::BadSetting);
    }
}

/// The table of preferences as Moodle has it, with an account that is locked.
pub(crate) fn preferences(database: &support::database::Database, engine: Engine) {
    let id = if engine == Engine::MariaDb { "BIGINT AUTO_INCREMENT PRIMARY KEY" } else { "BIGSERIAL PRIMARY KEY" };
    database.run(&format!(
        "DROP TABLE mdl_user_preferences;
         CREATE TABLE mdl_user_preferences (id {id}, userid BIGINT, name VARCHAR(255), value TEXT);
         INSERT INTO mdl_user_preferences (userid, name, value) VALUES (2, 'login_lockout', '5'), (2, 'login_failed_count', '9')"
    ));
}

#[test]
fn sessions_in_redis_end_by_each_users_own_list_and_no_other_tenants() {
    let Some(redis) = Redis::shared() else { return };
    let Some(mut farm) = farm("purge_redis", Engine::MariaDb) else { return };
    let port = redis.port().to_string();
    farm.control.settings.shared = Shared::read(|name| match name {
        "session_handler_class" => Some("\\core\\session\\redis".into()),
        "session_redis_host" => Some("127.0.0.1".into()),
        "session_redis_port" => Some(port.clone()),
        _ => None,
    });
    farm.console = vmoodle_core::console::Console::new(farm.control.clone());
    crate::life::source(&farm, "a.example.org");
    let id = farm.console.tenant("a.example.org").unwrap()["id"].as_i64().unwrap();
    let own = farm.control.farm().tenant_prefix(vmoodle_core::tenant::TenantId(u32::try_from(id).unwrap()));
    for prefix in [own.as_str(), "other_"] {
        for (user, sid) in [("0", "v"), ("2", "a")] {
            redis.run(&["HSET", &format!("{prefix}user_{user}"), sid, "1"]);
            redis.run(&["HSET", &format!("{prefix}session_{sid}"), "sessdata", "x"]);
        }
    }
    assert_eq!(job(&farm, "kill_sessions", json!({"user": "admin"}), &["all"]).1, json!({"done": 1}));
    assert_eq!(redis.run(&["EXISTS", &format!("{own}session_a"), &format!("{own}session_v")]).trim(), "1");
    assert_eq!(job(&farm, "kill_sessions", json!({}), &["all"]).1, json!({"done": 1}));
    assert_eq!(redis.run(&["KEYS", &format!("{own}*")]).trim(), "");
    assert_eq!(redis.run(&["KEYS", "other_*"]).lines().count(), 4);

    // Who is signed in must not become whoever has the same number in the contents of a snapshot.
    crate::life::done(&farm, "snapshot_tenant", json!({"name": "basic"}), &["a.example.org"]);
    redis.run(&["HSET", &format!("{own}user_2"), "a", "1"]);
    redis.run(&["HSET", &format!("{own}session_a"), "sessdata", "x"]);
    crate::life::done(&farm, "restore_tenant", json!({"snapshot": "basic"}), &["a.example.org"]);
    assert_eq!(redis.run(&["KEYS", &format!("{own}*")]).trim(), "");
}
