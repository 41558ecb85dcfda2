//! Policies changed by jobs: secrets sealed in the journal, and settings called as Moodle calls them.

use serde_json::{Value, json};
use support::database::Engine;
use vmoodle_core::Kind;

use crate::config::{item, job, plan, run, site, undo};
use crate::life::submit;
use crate::purge::sealed;
use crate::{Farm, farm, map, on_both_engines};

/// What a policy sets, as its row holds it.
fn held(farm: &Farm) -> Value {
    serde_json::from_str(&farm.database.run("SELECT settings FROM mdl_local_vmoodle_policy")).unwrap_or(Value::Null)
}

/// Everything that the journal holds.
fn journal(farm: &Farm) -> String {
    farm.database.run("SELECT * FROM mdl_local_vmoodle_item")
        + &farm.database.run("SELECT * FROM mdl_local_vmoodle_job")
}

on_both_engines! {
    fn what_a_policy_keeps_secret_is_sealed_in_the_journal_and_put_back_exactly(engine: Engine) {
        let Some((farm, _keys)) = sealed("policy_seal", engine) else { return };
        site(&farm, "a.example.org");
        let values = json!({
            "smtppass": "hidden!1", "noemailever": true, "auth_ldap/bind_pw": "hidden!2", "odd": {"secret": "hidden!3"},
            "proxies": [{"host": "x", "password": "hidden!4"}],
            "forced_plugin_settings": {"enrol_database": {"dbpass": "hidden!5", "dbtype": "pgsql"}},
        });
        let clear = json!({
            "smtppass": "hidden!1", "noemailever": true, "odd": "hidden!3", "proxies": [{"host": "x", "password": "hidden!4"}],
            "forced_plugin_settings": {
                "auth_ldap": {"bind_pw": "hidden!2"}, "enrol_database": {"dbpass": "hidden!5", "dbtype": "pgsql"},
            },
        });
        let wanted = json!({"policy": "mail", "values": values});
        let planned = plan(&farm, "enforce_config", wanted.clone(), "a.example.org");
        let shown = planned.to_string();
        assert!(shown.contains("smtppass") && !shown.contains("hidden!") && !shown.contains("enc:v1:"), "{shown}");
        let change = |what: &str| {
            let changes = planned[0]["changes"].as_array().unwrap();
            changes.iter().find(|change| change["what"] == what).cloned().unwrap_or_default()
        };
        assert_eq!(change("noemailever"), json!({"what": "noemailever", "before": null, "after": true}));
        assert_eq!(change("enrol_database/dbtype")["after"], "pgsql");
        for name in ["smtppass", "auth_ldap/bind_pw", "odd", "proxies", "enrol_database/dbpass"] {
            assert_eq!(change(name)["after"], json!({"sealed": "_"}), "{name}");
        }

        let (first, counts) = job(&farm, "enforce_config", wanted.clone(), &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert_eq!(held(&farm), clear);
        assert_eq!(job(&farm, "enforce_config", wanted, &["all"]).1, json!({"skipped": 1}), "nothing is left to do");

        let more = json!({"policy": "mail", "values": {"smtppass": "hidden!6", "theme": "classic"}});
        let (second, counts) = job(&farm, "enforce_config", more, &["all"]);
        assert_eq!((counts, &held(&farm)["smtppass"]), (json!({"done": 1}), &json!("hidden!6")));
        let names = json!({"policy": "mail", "names": "smtppass, auth_ldap/bind_pw"});
        let (third, counts) = job(&farm, "release_config", names, &["all"]);
        assert_eq!((counts, held(&farm).get("smtppass")), (json!({"done": 1}), None));
        for made in [third, second] {
            assert_eq!(undo(&farm, made), json!({"done": 1}), "{made}");
            assert_eq!(undo(&farm, made), json!({"done": 1}), "what is put back already stays");
        }
        assert_eq!(held(&farm), clear);
        let (gone, counts) = job(&farm, "release_config", json!({"policy": "mail"}), &["all"]);
        assert_eq!((counts, held(&farm)), (json!({"done": 1}), Value::Null));
        assert_eq!((undo(&farm, gone), held(&farm)), (json!({"done": 1}), clear));
        let all = journal(&farm);
        // What was given as a secret stays one in the journal while it stands in the policy.
        let open: Vec<&str> = ["hidden!1", "hidden!2", "hidden!4", "hidden!5", "hidden!6"].into_iter().filter(|text| all.contains(text)).collect();
        assert!(all.contains("smtppass") && open.is_empty(), "{open:?} of {all}");
        assert!(!farm.console.job(first).unwrap()["items"].to_string().contains("enc:v1:"));

        let (last, _) = job(&farm, "enforce_config", json!({"policy": "mail", "values": {"smtppass": "hidden!7"}}), &["all"]);
        let changed = json!({"settings": {"smtppass": "hidden!8"}});
        farm.console.policy_update("mail", &map(changed)).unwrap();
        let back = farm.console.job_undo(last).unwrap();
        assert_eq!(run(&farm, back), json!({"failed": 1}), "somebody changed it since");
        assert_eq!(item(&farm, back)["errorcode"], "state_refused");
        assert_eq!(held(&farm), json!({"smtppass": "hidden!8"}));
        assert!(!journal(&farm).contains("hidden!8"));
    }

    fn what_was_given_to_a_policy_as_a_secret_is_not_shown_by_a_later_job(engine: Engine) {
        let Some((farm, _keys)) = sealed("policy_later", engine) else { return };
        site(&farm, "a.example.org");
        let values = json!({"odd": {"secret": "hidden!"}, "local_x/odd": {"secret": "hidden!"}});
        assert_eq!(job(&farm, "enforce_config", json!({"policy": "p", "values": values}), &["all"]).1, json!({"done": 1}));
        assert_eq!(job(&farm, "enforce_config", json!({"policy": "p", "values": {"theme": "x"}}), &["all"]).1, json!({"done": 1}));
        let (last, counts) = job(&farm, "release_config", json!({"policy": "p", "names": "theme"}), &["all"]);
        assert_eq!(counts, json!({"done": 1}));
        assert!(!journal(&farm).contains("hidden!"), "{}", journal(&farm));
        let before = held(&farm);
        assert_eq!(before, json!({"odd": "hidden!", "forced_plugin_settings": {"local_x": {"odd": "hidden!"}}}));
        assert_eq!((undo(&farm, last), &held(&farm)["theme"]), (json!({"done": 1}), &json!("x")));
    }

    fn without_a_key_file_a_policy_gets_no_secret_by_a_job(engine: Engine) {
        let Some(farm) = farm("policy_clear", engine) else { return };
        site(&farm, "a.example.org");
        for values in [
            json!({"smtppass": "hidden!"}),
            json!({"auth_ldap/bind_pw": "hidden!"}),
            json!({"odd": {"secret": "hidden!"}}),
            json!({"proxies": [{"password": "hidden!"}]}),
            json!({"forced_plugin_settings": {"enrol_database": {"dbpass": "hidden!"}}}),
        ] {
            let error = submit(&farm, "enforce_config", json!({"policy": "p", "values": values}), &["all"]).unwrap_err();
            assert_eq!(error.kind(), Kind::BadParameter, "{values}");
            let told = format!("{error} {error:?}");
            assert!(told.contains("cli/key.php") && !told.contains("hidden!"), "{told}");
        }
        for fine in [json!({"passwordpolicy": 1}), json!({"smtppass": ""}), json!({"minpasswordlength": "12"})] {
            assert_eq!(job(&farm, "enforce_config", json!({"policy": "p", "values": fine}), &["all"]).1, json!({"done": 1}));
        }

        let held_already = json!({"name": "q", "targets": ["all"], "settings": {"smtppass": "hidden!", "theme": "x"}});
        farm.console.policy_add(&map(held_already)).unwrap();
        for (operation, parameters) in [
            ("enforce_config", json!({"policy": "q", "values": {"theme": "classic"}})),
            ("release_config", json!({"policy": "q"})),
        ] {
            let (refused, counts) = job(&farm, operation, parameters, &["all"]);
            assert_eq!((counts, &item(&farm, refused)["errorcode"]), (json!({"failed": 1}), &json!("bad_parameter")));
        }
        assert!(!journal(&farm).contains("hidden!"));
    }

    fn a_policy_calls_the_core_by_the_words_that_moodle_has_for_it(engine: Engine) {
        let Some(farm) = farm("policy_core", engine) else { return };
        site(&farm, "a.example.org");
        let values = json!({"core/theme": "classic", "moodle/lang": "fr", "auth_manual/expiration": 1,
            "forced_plugin_settings": {"core": {"country": "FR"}}});
        let wanted = json!({"policy": "p", "values": values});
        let planned = plan(&farm, "enforce_config", wanted.clone(), "a.example.org");
        assert_eq!(planned[0]["changes"][3], json!({"what": "theme", "before": null, "after": "classic"}), "{planned}");
        assert_eq!(job(&farm, "enforce_config", wanted, &["all"]).1, json!({"done": 1}));
        let held_all = json!({"theme": "classic", "lang": "fr", "country": "FR",
            "forced_plugin_settings": {"auth_manual": {"expiration": 1}}});
        assert_eq!(held(&farm), held_all);
        let names = json!({"policy": "p", "names": "moodle/theme,core/country"});
        let (released, counts) = job(&farm, "release_config", names, &["all"]);
        assert_eq!(counts, json!({"done": 1}));
        assert_eq!(held(&farm), json!({"lang": "fr", "forced_plugin_settings": {"auth_manual": {"expiration": 1}}}));
        assert_eq!((undo(&farm, released), held(&farm)), (json!({"done": 1}), held_all));
        let bad = json!({"policy": "p", "names": "theme,../x"});
        assert_eq!(submit(&farm, "release_config", bad, &["all"]).unwrap_err().kind(), Kind::BadIdentifier);

        // What an older version wrote, and Moodle never reads.
        let settings = json!({"settings": {"lang": "fr", "forced_plugin_settings": {"core": {"theme": "classic"}}}});
        farm.console.policy_update("p", &map(settings)).unwrap();
        assert_eq!(job(&farm, "release_config", json!({"policy": "p", "names": "core/theme"}), &["all"]).1, json!({"done": 1}));
        assert_eq!(held(&farm), json!({"lang": "fr"}));
    }

    fn who_a_site_is_is_never_set_by_a_policy(engine: Engine) {
        let Some(farm) = farm("policy_who", engine) else { return };
        site(&farm, "a.example.org");
        for name in ["siteidentifier", "SiteIdentifier", "core/siteidentifier", "moodle/SITEIDENTIFIER"] {
            let values = json!({ name: "x" });
            let error = submit(&farm, "enforce_config", json!({"policy": "p", "values": values}), &["all"]).unwrap_err();
            assert_eq!(error.kind(), Kind::BadSetting, "{name}");
            let error = submit(&farm, "set_config", json!({"values": values, "force": 1}), &["all"]).unwrap_err();
            assert_eq!(error.kind(), Kind::BadSetting, "{name}");
        }
        let policy = json!({"name": "p", "targets": ["all"], "settings": {"SITEIDENTIFIER": "x"}});
        assert_eq!(farm.console.policy_add(&map(policy)).unwrap_err().kind(), Kind::BadSetting);
    }
}
