//! Settings that the farm enforces, and settings copied from another tenant, as a running Moodle with warm caches sees them.

use serde_json::{Value, json};
use support::redis::Redis;

use crate::stage::{Stage, alone};
use crate::super_administration::{IN_REDIS, OURS, TWIN, change, done, host, job, moodle, ready, see};

const ALL: [usize; 3] = [OURS, TWIN, IN_REDIS];

/// Runs a job on a policy: one item writes it, the others find it written.
#[allow(clippy::needless_pass_by_value, reason = "called with `json!`")]
fn policy(stage: &Stage, operation: &str, parameters: Value) -> i64 {
    let hosts = ALL.map(host);
    let job = stage.farm.call("job_submit", json!([operation, parameters, hosts, {}])).unwrap();
    let counts = stage.farm.call("job_run", json!([job])).unwrap();
    let number = |state: &str| counts[state].as_u64().unwrap_or(0);
    assert!(number("done") >= 1 && number("done") + number("skipped") == 3, "{operation}: {counts}");
    job.as_i64().unwrap()
}

#[test]
fn an_enforced_setting_shows_at_the_next_request_of_every_tenant_and_no_tenant_is_written_to() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    job(&stage, "set_config", json!({"values": {"vmoodletest": "own", "local_vmoodletest/x": "own"}}), &ALL);
    let seen = |tenant: usize| {
        let seen = see(&stage, tenant);
        (seen["core"].clone(), seen["plugin"].clone())
    };
    let own = (json!("own"), json!("own"));
    for tenant in ALL {
        // Twice: what is asked for is then in the cache.
        assert_eq!((seen(tenant), seen(tenant)), (own.clone(), own.clone()));
    }
    let (mut visitor, _) = stage.log_in(host(OURS));
    let mut overridden = || {
        ["supportcontact", "authsettingmanual"].map(|section| {
            let page = visitor.get(&format!("/admin/settings.php?section={section}"));
            assert_eq!(page.status, 200, "{section}: {}", page.title());
            page.body.contains("Defined in config.php")
        })
    };
    assert_eq!(overridden(), [false, false]);
    let generation = || stage.farm.call("index_status", json!([])).unwrap()["generation"].as_u64().unwrap();
    let before = generation();
    let values = json!({"vmoodletest": "farm", "local_vmoodletest/x": "farm", "supportname": "The farm", "auth_manual/expiration": 1});
    let mut made = 0;
    for tenant in ALL {
        let (gone, new) = change(&stage.databases[tenant], || {
            if made == 0 {
                made = policy(&stage, "enforce_config", json!({"policy": "all of them", "values": values.clone()}));
            }
            assert_eq!(seen(tenant), (json!("farm"), json!("farm")), "{}", host(tenant));
        });
        let ours = |lines: Vec<String>| {
            lines.into_iter().filter(|line| line.contains("vmoodletest") || line.contains("supportname")).count()
        };
        assert_eq!((ours(gone), ours(new)), (0, 0), "the tenant's own rows stay");
    }
    assert!((1..=2).contains(&(generation() - before)), "not one publication for each tenant");
    assert_eq!(overridden(), [true, true]);

    policy(&stage, "release_config", json!({"policy": "all of them", "names": "vmoodletest,local_vmoodletest/x"}));
    for tenant in ALL {
        assert_eq!(seen(tenant), own, "{}", host(tenant));
    }
    assert_eq!(overridden(), [true, true], "what was not released stays enforced");
    policy(&stage, "release_config", json!({"policy": "all of them"}));
    assert_eq!(overridden(), [false, false]);
    job(&stage, "unset_config", json!({"names": "vmoodletest,local_vmoodletest/x"}), &ALL);
    done(&stage);
}

#[test]
fn copied_settings_show_at_once_and_equal_those_of_moodles_own_script() {
    let (Some(stage), Some(redis)) = (alone(), Redis::shared()) else { return };
    ready(&stage, redis);
    let values = [("x", "l'été 🌞"), ("empty", ""), ("long", "a 'b' \"c\" <d> & %_; --")];
    let source: serde_json::Map<String, Value> =
        values.iter().map(|(name, value)| (format!("local_vmoodletest/{name}"), json!(value))).collect();
    for (from, to) in [(IN_REDIS, OURS), (OURS, IN_REDIS)] {
        job(&stage, "set_config", json!({"values": source.clone()}), &[from]);
        assert_eq!((&see(&stage, to)["plugin"], &see(&stage, to)["plugin"]), (&json!(false), &json!(false)));
        let wish = json!({"source": host(from), "plugin": "local_vmoodletest"});
        let ours = change(&stage.databases[to], || drop(job(&stage, "copy_plugin_config", wish, &[to])));
        assert_eq!(see(&stage, to)["plugin"], "l'été 🌞", "{}", host(to));
        let theirs = change(&stage.databases[TWIN], || {
            for (name, value) in values {
                let arguments = ["--component=local_vmoodletest", &format!("--name={name}"), &format!("--set={value}")];
                moodle(&stage, "admin/cli/cfg.php", &arguments);
            }
        });
        assert_eq!(ours, theirs);
        let log = "SELECT userid, plugin, name, value FROM mdl_config_log ORDER BY id DESC LIMIT 3";
        let sorted = |tenant: usize| {
            let mut lines: Vec<String> = stage.databases[tenant].run(log).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(to), sorted(TWIN));
        let names: Vec<&str> = source.keys().map(String::as_str).collect();
        job(&stage, "unset_config", json!({"names": names.join(",")}), &ALL);
    }
    done(&stage);
}
