//! Plugins of tenants, turned on and off through jobs.

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::need::{self, Need};
use support::redis::Redis;
use support::{moodle, root, schema, tenant};
use vmoodle_core::Kind;
use vmoodle_core::settings::Shared;

use crate::life::{done, run, submit, undo};
use crate::{Farm, farm, map, on_both_engines};

/// Adds a tenant with all of Moodle's tables; `None` (said on stderr) where there are no dumps.
fn real(farm: &Farm, host: &str) -> Option<Database> {
    need::all(&[Need::Dumps])?;
    let database = own(farm, host)?;
    moodle::fill(&database, host);
    Some(database)
}

/// Adds a tenant with few tables and plugins.
fn small(farm: &Farm, host: &str) -> Database {
    let database = own(farm, host).unwrap();
    tenant::fill(&database, host);
    database.run(&schema::statements(&root::fixture("schema/plugins.xml"), database.engine, "mdl_"));
    let values = |rows: &[&str]| rows.iter().map(|row| format!("({row})")).collect::<Vec<_>>().join(", ");
    let versions: Vec<String> =
        PLUGINS.split_whitespace().map(|plugin| format!("('{plugin}', 'version', '2024100700')")).collect();
    let settings = [
        "'auth', 'email'",
        "'registerauth', ''",
        "'enrol_plugins_enabled', 'manual,guest,self,cohort'",
        "'texteditors', 'tiny,atto,tinymce,textarea'",
        "'media_plugins_sortorder', 'videojs,youtube'",
        "'stringfilters', ''",
        "'filterall', '0'",
        "'smtppass', ''",
    ];
    database.run(&format!(
        "INSERT INTO mdl_config_plugins (plugin, name, value) VALUES {};
         INSERT INTO mdl_config (name, value) VALUES {};
         INSERT INTO mdl_block (name, visible) VALUES ('badges', 1), ('html', 1);
         INSERT INTO mdl_modules (name, visible) VALUES ('book', 1), ('wiki', 1);
         INSERT INTO mdl_filter_active (filter, contextid, active, sortorder)
             VALUES ('emoticon', 1, 1, 1), ('urltolink', 1, 1, 2), ('tex', 1, -9999, 3)",
        versions.join(", "),
        values(&settings)
    ));
    database
}

const PLUGINS: &str = "auth_cas block_badges block_html dataformat_csv dataformat_pdf editor_atto editor_textarea editor_tiny \
    editor_tinymce enrol_cohort enrol_guest enrol_manual enrol_meta enrol_self filter_emoticon filter_tex filter_urltolink \
    format_topics media_videojs media_vimeo media_youtube mod_book mod_wiki theme_boost";

/// Adds a tenant with an empty database of its own.
fn own(farm: &Farm, host: &str) -> Option<Database> {
    let name = format!("{}_{}", farm.database.name, host.split('.').next().unwrap());
    let database = Database::shared(farm.database.engine, &name)?;
    let mut row = map(database.registry_columns());
    row.extend(map(json!({ "vhostname": format!("https://{host}"), "vdatapath": farm.folder.folder(host) })));
    farm.console.tenant_add(&row).unwrap();
    Some(database)
}

/// Every row that holds a plugin's state, without numbers and times.
fn states(database: &Database) -> Vec<String> {
    let rows = database.run(
        "SELECT 'config', name, value FROM mdl_config WHERE name <> 'siteidentifier' ORDER BY name;
         SELECT plugin, name, value FROM mdl_config_plugins ORDER BY plugin, name;
         SELECT 'mod', name, visible FROM mdl_modules ORDER BY name;
         SELECT 'block', name, visible FROM mdl_block ORDER BY name;
         SELECT 'message', name, enabled FROM mdl_message_processors ORDER BY name;
         SELECT 'repository', type, visible FROM mdl_repository ORDER BY type;
         SELECT 'filter', filter, active, sortorder FROM mdl_filter_active WHERE contextid = 1 ORDER BY sortorder;
         SELECT 'activity', id, visible, visibleold FROM mdl_course_modules ORDER BY id",
    );
    rows.lines().map(str::to_owned).collect()
}

/// The lines that are in the second list only.
fn new(before: &[String], after: &[String]) -> Vec<String> {
    after.iter().filter(|line| !before.contains(line)).map(|line| line.replace('\t', " ")).collect()
}

fn plan(farm: &Farm, operation: &str, parameters: &Value, target: &str) -> Map<String, Value> {
    let plans = farm.console.plan(operation, &map(parameters.clone()), &[target.to_owned()]).unwrap();
    map(plans[0].clone())
}

const HOST: &str = "pa.example.org";

/// Each kind of storage: the plugin and its new state, and the rows that are new then.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("mod_book", "disabled", &["mod book 0"]),
    ("block_html", "disabled", &["block html 0"]),
    ("message_popup", "disabled", &["message popup 0"]),
    ("repository_url", "available", &["repository url 0"]),
    ("auth_email", "disabled", &["config auth "]),
    ("auth_cas", "enabled", &["config auth email,cas"]),
    ("enrol_meta", "enabled", &["config enrol_plugins_enabled manual,guest,self,cohort,meta"]),
    ("editor_atto", "disabled", &["config texteditors tiny,tinymce,textarea"]),
    ("media_vimeo", "enabled", &["config media_plugins_sortorder videojs,vimeo,youtube"]),
    ("antivirus_clamav", "enabled", &["config antiviruses clamav"]),
    ("webservice_rest", "enabled", &["config webserviceprotocols rest"]),
    ("fileconverter_unoconv", "enabled", &["config converter_plugins_sortorder unoconv"]),
    ("paygw_paypal", "disabled", &["config paygw_plugins_sortorder "]),
    ("logstore_database", "enabled", &["tool_log enabled_stores logstore_standard,logstore_database"]),
    ("qbehaviour_manualgraded", "enabled", &["question disabledbehaviours "]),
    ("qtype_essay", "disabled", &["question essay_disabled 1"]),
    ("format_weeks", "disabled", &["format_weeks disabled 1"]),
    ("contenttype_h5p", "disabled", &["contentbank_h5p disabled 1"]),
    ("aiprovider_openai", "enabled", &["aiprovider_openai enabled 1"]),
    ("assignsubmission_file", "disabled", &["assignsubmission_file disabled 1"]),
    ("smsgateway_aws", "disabled", &["smsgateway_aws disabled 1"]),
    ("tiny_noautolink", "enabled", &[]),
    ("factor_totp", "enabled", &["factor_totp enabled 1", "tool_mfa factor_order ,totp"]),
    ("filter_tex", "available", &["filter tex -1 7"]),
];

on_both_engines! {
    fn every_kind_of_plugin_is_planned_changed_and_put_back(engine: Engine) {
        let Some(farm) = farm("plugins_kinds", engine) else { return };
        let Some(database) = real(&farm, HOST) else { return };
        database.run("UPDATE mdl_config SET value = 'email' WHERE name = 'registerauth'");
        let before = states(&database);
        for (plugin, state, rows) in KINDS {
            let wish = json!({"plugin": plugin, "state": state});
            let planned = plan(&farm, "plugin_state", &wish, HOST);
            assert!(planned.get("error").is_none(), "{planned:?}");
            let changes = planned["changes"].as_array().unwrap().len();
            assert!(changes > 0, "{plugin}");
            assert_eq!(states(&database), before, "{plugin}: a plan changes nothing");
            let told = database.run("SELECT COUNT(*) FROM mdl_config_log");

            let job = done(&farm, "plugin_state", wish.clone(), &[HOST]);
            let image = &farm.console.job(job).unwrap()["items"][0]["afterimage"];
            assert_eq!(image, &planned["changes"], "{plugin}");
            let after = states(&database);
            let found = new(&before, &after);
            assert!(rows.iter().all(|row| found.iter().any(|line| line.trim() == row.trim())), "{plugin}: {found:?}");
            assert_ne!(after, before, "{plugin}");
            assert_ne!(database.run("SELECT COUNT(*) FROM mdl_config_log"), told, "{plugin}");
            assert_eq!(plan(&farm, "plugin_state", &wish, HOST)["changes"], json!([]), "{plugin}");
            let again = submit(&farm, "plugin_state", wish, &[HOST]).unwrap();
            assert_eq!(run(&farm, again), json!({"skipped": 1}), "{plugin}");

            undo(&farm, job);
            assert_eq!(new(&before, &states(&database)), Vec::<String>::new(), "{plugin}: put back");
            assert_eq!(new(&states(&database), &before), Vec::<String>::new(), "{plugin}: put back");
        }
    }

    fn what_moodle_refuses_changes_nothing_on_that_tenant(engine: Engine) {
        let Some(farm) = farm("plugins_refused", engine) else { return };
        let Some(database) = real(&farm, HOST) else { return };
        database.run("UPDATE mdl_config SET value = 'textarea' WHERE name = 'texteditors'");
        let before = states(&database);
        let format = database.run("SELECT value FROM mdl_config_plugins WHERE plugin = 'moodlecourse' AND name = 'format'");
        let format = format!("format_{}", format.trim());
        for (plugin, state) in [
            (format.as_str(), "disabled"),
            ("editor_textarea", "disabled"),
            ("auth_manual", "disabled"),
            ("mod_nothere", "enabled"),
            ("block_html", "available"),
        ] {
            let job = submit(&farm, "plugin_state", json!({"plugin": ["block_html", plugin], "state": state}), &[HOST]).unwrap();
            assert_eq!(run(&farm, job), json!({"failed": 1}), "{plugin}");
            assert_eq!(farm.console.job(job).unwrap()["items"][0]["errorcode"], "state_refused", "{plugin}");
            assert_eq!(states(&database), before, "{plugin}");
        }
        // Moodle itself would have to do it, and there is no code base here.
        for (plugin, state) in [("repository_s3", "enabled"), ("repository_url", "disabled"), ("portfolio_flickr", "enabled")] {
            let wish = json!({"plugin": ["block_html", plugin], "state": state});
            let planned = plan(&farm, "plugin_state", &wish, HOST);
            assert!(planned["changes"].to_string().contains(plugin), "{planned:?}");
            let job = submit(&farm, "plugin_state", wish, &[HOST]).unwrap();
            assert_eq!(run(&farm, job), json!({"failed": 1}), "{plugin}");
            assert_eq!(farm.console.job(job).unwrap()["items"][0]["errorcode"], "script_failed", "{plugin}");
            assert_eq!(states(&database), before, "{plugin}: what may be refused comes first");
        }
        for bad in [
            json!({"plugin": "theme_boost", "state": "disabled"}),
            json!({"plugin": "mod_forum"}),
            json!({"plugin": "mod_forum", "position": "up"}),
            json!({"plugin": "editor_tiny", "position": "0"}),
        ] {
            let planned = plan(&farm, "plugin_state", &bad, HOST);
            assert_eq!(planned["errorcode"], "bad_parameter", "{bad}");
        }
    }

    fn activities_are_hidden_with_their_module_and_exactly_those_come_back(engine: Engine) {
        let Some(farm) = farm("plugins_mod", engine) else { return };
        let database = small(&farm, HOST);
        let module = database.run("SELECT id FROM mdl_modules WHERE name = 'book'").trim().to_owned();
        let rows: Vec<String> = [(1, 1), (1, 0), (0, 1), (0, 0)]
            .iter()
            .map(|(visible, old)| format!("(1, {module}, 1, 1, {visible}, {old})"))
            .collect();
        database.run(&format!(
            "UPDATE mdl_course SET cacherev = 5 WHERE id = 1;
             INSERT INTO mdl_course_modules (course, module, instance, section, visible, visibleold) VALUES {}",
            rows.join(", ")
        ));
        let seen = || {
            let rows = database.run(&format!("SELECT visible, visibleold FROM mdl_course_modules WHERE module = {module} ORDER BY id"));
            rows.split_whitespace().collect::<String>()
        };
        let revision = || database.run("SELECT cacherev FROM mdl_course WHERE id = 1").trim().parse::<i64>().unwrap();
        assert_eq!(seen(), "11100100");
        let wish = json!({"plugin": "mod_book", "state": "disabled"});
        let off = done(&farm, "plugin_state", wish.clone(), &[HOST]);
        assert_eq!(seen(), "01010000");
        let hidden = revision();
        assert!(hidden > 5, "the course's contents are newer");
        undo(&farm, off);
        assert_eq!(seen(), "11100100");
        assert!(revision() > hidden);

        let off = done(&farm, "plugin_state", wish, &[HOST]);
        let on = done(&farm, "plugin_state", json!({"plugin": "mod_book", "state": "enabled"}), &[HOST]);
        assert_eq!(seen(), "11110000", "as Moodle brings them back");
        undo(&farm, on);
        assert_eq!(seen(), "01010000");
        database.run("UPDATE mdl_course_modules SET visible = 1 WHERE id = 1");
        let late = farm.console.job_undo(off).unwrap();
        assert_eq!(run(&farm, late), json!({"done": 1}), "a row that stands as it was before is no conflict");
        database.run(&format!("UPDATE mdl_modules SET visible = 0 WHERE id = {module}; UPDATE mdl_course_modules SET visible = 1, visibleold = 0 WHERE module = {module}"));
        let before = states(&database);
        let refused = farm.console.job_undo(off).unwrap();
        assert_eq!(run(&farm, refused), json!({"failed": 1}));
        assert_eq!(states(&database), before, "and nothing of it is done");
    }

    fn an_undo_leaves_what_somebody_changed_since(engine: Engine) {
        let Some(farm) = farm("plugins_since", engine) else { return };
        let database = small(&farm, HOST);
        let job = done(&farm, "plugin_state", json!({"plugin": ["auth_cas", "block_html"], "state": "enabled"}), &[HOST]);
        database.run("UPDATE mdl_config SET value = 'email,cas,ldap' WHERE name = 'auth'");
        let before = states(&database);
        let late = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, late), json!({"failed": 1}));
        assert_eq!(farm.console.job(late).unwrap()["items"][0]["errorcode"], "state_refused");
        assert_eq!(states(&database), before);
    }

    fn people_of_an_authentication_that_changes_are_signed_out_and_roles_are_looked_at_again(engine: Engine) {
        let Some(farm) = farm("plugins_side", engine) else { return };
        let database = small(&farm, HOST);
        let user = if engine == Engine::MariaDb { "`mdl_user`" } else { "\"mdl_user\"" };
        database.run(&format!(
            "UPDATE {user} SET auth = 'cas' WHERE username = 'guest'; DELETE FROM mdl_sessions;
             INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified) VALUES (0, 'a', 1, 1, 1), (0, 'b', 2, 1, 1)"
        ));
        let job = done(&farm, "plugin_state", json!({"plugin": "auth_cas", "state": "enabled"}), &[HOST]);
        assert_eq!(database.run("SELECT sid FROM mdl_sessions").trim(), "b");
        assert_eq!(farm.console.job(job).unwrap()["items"][0]["warnings"].as_array().unwrap().len(), 1);
        let flags = || database.run("SELECT flagtype, name, value FROM mdl_cache_flags WHERE flagtype = 'accesslib/dirtycontexts'");
        for state in ["enabled", "disabled"] {
            done(&farm, "plugin_state", json!({"plugin": "enrol_meta", "state": state}), &[HOST]);
            assert_eq!(flags().split_whitespace().collect::<Vec<_>>(), ["accesslib/dirtycontexts", "/1", "1"], "one row");
        }
        let told = database.run("SELECT userid, plugin, name, oldvalue, value FROM mdl_config_log ORDER BY id DESC LIMIT 3");
        let told: Vec<_> = told.lines().map(|line| line.replace('\t', " ")).collect();
        assert_eq!(told, ["0 meta enrol_plugins_enabled 1 0", "0 meta enrol_plugins_enabled 0 1", "0 core auth email email,cas"]);
    }

    fn people_of_an_authentication_that_changes_are_signed_out_of_redis_too(engine: Engine) {
        let Some(redis) = Redis::shared() else { return };
        let Some(mut farm) = farm("plugins_redis", engine) else { return };
        let database = small(&farm, HOST);
        let user = if engine == Engine::MariaDb { "`mdl_user`" } else { "\"mdl_user\"" };
        database.run(&format!(
            "UPDATE {user} SET auth = 'cas' WHERE username = 'guest';
             INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('auth_ldap', 'version', '2024100700')"
        ));
        let id = farm.console.tenant(HOST).unwrap()["id"].as_i64().unwrap();
        let own = farm.control.farm().tenant_prefix(vmoodle_core::tenant::TenantId(u32::try_from(id).unwrap()));
        let other = format!("other_{}_", farm.database.name);
        let sign_in = || {
            for prefix in [&own, &other] {
                for (user, sid) in [("0", "v"), ("1", "a"), ("1", "b"), ("2", "c")] {
                    redis.run(&["HSET", &format!("{prefix}user_{user}"), sid, "1"]);
                    redis.run(&["HSET", &format!("{prefix}session_{sid}"), "sessdata", "x"]);
                }
            }
        };
        let keys = |prefix: &str| {
            let keys = redis.run(&["KEYS", &format!("{prefix}*")]);
            let mut keys: Vec<String> = keys.lines().map(|key| key.trim().replace(prefix, "")).collect();
            keys.sort();
            keys.join(" ")
        };
        let kept_in = |farm: &mut Farm, class: &str, port: u16| {
            farm.control.settings.shared = Shared::read(|name| match name {
                "session_handler_class" => Some(class.into()),
                "session_redis_host" => Some("127.0.0.1".into()),
                "session_redis_port" => Some(port.to_string()),
                _ => None,
            });
            farm.console = vmoodle_core::console::Console::new(farm.control.clone());
        };
        let warnings = |farm: &Farm, job: i64| farm.console.job(job).unwrap()["items"][0]["warnings"].clone();
        let (all, left) = ("session_a session_b session_c session_v user_0 user_1 user_2", "session_c session_v user_0 user_2");
        let wish = |plugin: &str, state: &str| json!({"plugin": plugin, "state": state});

        // A server that does not answer leaves all as it was, so that a retry finds its work.
        kept_in(&mut farm, r"\core\session\redis", 1);
        sign_in();
        let down = submit(&farm, "plugin_state", wish("auth_cas", "enabled"), &[HOST]).unwrap();
        assert_eq!(run(&farm, down), json!({"failed": 1}));
        kept_in(&mut farm, r"\core\session\redis", redis.port());
        assert_eq!(keys(&own), all);
        let retry = farm.console.job_retry(down).unwrap();
        assert_eq!(run(&farm, retry), json!({"done": 1}));
        assert_eq!(keys(&own), left, "turned on");
        let told = warnings(&farm, retry);
        assert!(told[0]["code"] == "signed_out" && told[0]["message"].as_str().unwrap().starts_with("2 people"), "{told}");

        sign_in();
        done(&farm, "plugin_state", wish("auth_ldap", "enabled"), &[HOST]);
        assert_eq!(keys(&own), all, "nobody has signed in by that");
        let off = done(&farm, "plugin_state", wish("auth_cas", "disabled"), &[HOST]);
        assert_eq!(keys(&own), left, "turned off");
        sign_in();
        undo(&farm, off);
        assert_eq!(keys(&own), left, "put back");
        assert_eq!(keys(&other), all);

        kept_in(&mut farm, r"\core\session\memcached", 1);
        let elsewhere = done(&farm, "plugin_state", wish("auth_cas", "disabled"), &[HOST]);
        assert_eq!(warnings(&farm, elsewhere)[0]["code"], "sessions_stay");
        let names: Vec<String> = [&own, &other].iter().flat_map(|prefix| all.split(' ').map(move |key| format!("{prefix}{key}"))).collect();
        redis.run(&[&["DEL"], names.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat());
    }

    fn plugins_that_are_on_are_put_in_order(engine: Engine) {
        let Some(farm) = farm("plugins_order", engine) else { return };
        let database = small(&farm, HOST);
        let before = states(&database);
        for (plugin, position, row) in [
            ("enrol_self", "first", "config enrol_plugins_enabled self,manual,guest,cohort"),
            ("editor_tinymce", "up", "config texteditors tiny,tinymce,atto,textarea"),
            ("dataformat_pdf", "1", "config dataformat_plugins_sortorder pdf,csv"),
            ("filter_urltolink", "1", "filter urltolink 1 1"),
        ] {
            let job = done(&farm, "plugin_state", json!({"plugin": plugin, "position": position}), &[HOST]);
            let found = new(&before, &states(&database));
            assert!(found.iter().any(|line| line == row), "{plugin}: {found:?}");
            undo(&farm, job);
            assert_eq!(states(&database), before, "{plugin}");
        }
        let told = database.run("SELECT value FROM mdl_config_log WHERE plugin = 'core_filter' ORDER BY id DESC LIMIT 1");
        assert!(told.contains(", "), "{told}");
    }

    fn a_tenant_becomes_as_its_source_and_what_it_lacks_is_told(engine: Engine) {
        let Some(farm) = farm("plugins_sync", engine) else { return };
        let source = small(&farm, HOST);
        let target = small(&farm, "pb.example.org");
        for wish in [
            json!({"plugin": ["mod_book", "mod_wiki", "editor_tiny"], "state": "disabled"}),
            json!({"plugin": ["filter_tex", "media_vimeo"], "state": "enabled"}),
            json!({"plugin": ["media_youtube", "filter_urltolink"], "position": "first"}),
        ] {
            done(&farm, "plugin_state", wish, &[HOST]);
        }
        target.run("DELETE FROM mdl_config_plugins WHERE plugin = 'mod_wiki'; DELETE FROM mdl_modules WHERE name = 'wiki'");
        let wish = json!({"source": HOST, "types": "mod,editor,media,filter"});
        let before = states(&target);
        let job = done(&farm, "plugin_sync", wish.clone(), &["pb.example.org"]);
        let warnings = farm.console.job(job).unwrap()["items"][0]["warnings"].to_string();
        assert!(warnings.contains("mod_wiki"), "{warnings}");
        let lacking = |line: &String| !line.contains("wiki") && !line.starts_with("config") || line.contains("sortorder") || line.contains("texteditors");
        let like: Vec<String> = states(&source).into_iter().filter(lacking).collect();
        assert_eq!(new(&states(&target), &like), Vec::<String>::new());
        let again = submit(&farm, "plugin_sync", wish, &["pb.example.org"]).unwrap();
        assert_eq!(run(&farm, again), json!({"skipped": 1}));
        undo(&farm, job);
        assert_eq!(new(&before, &states(&target)), Vec::<String>::new());
        let missing = submit(&farm, "plugin_sync", json!({"source": "nobody.example.org", "types": "mod"}), &[HOST]).unwrap();
        assert_eq!(run(&farm, missing), json!({"failed": 1}));
    }

    fn one_tenant_of_ten_that_is_broken_costs_the_others_nothing(engine: Engine) {
        let Some(farm) = farm("plugins_ten", engine) else { return };
        let databases: Vec<Database> = (0..9).map(|n| small(&farm, &format!("t{n}.example.org"))).collect();
        farm.add("broken.example.org");
        let wish = json!({"plugin": "block_html", "state": "disabled"});
        let job = submit(&farm, "plugin_state", wish.clone(), &["all"]).unwrap();
        assert_eq!(run(&farm, job), json!({"done": 9, "failed": 1}));
        let hidden = |database: &Database| database.run("SELECT visible FROM mdl_block WHERE name = 'html'").trim() == "0";
        assert!(databases.iter().all(hidden));
        let back = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, back), json!({"done": 9}));
        assert!(!databases.iter().any(hidden));
    }

    fn plugins_and_settings_of_many_tenants_stand_side_by_side(engine: Engine) {
        let Some(mut farm) = farm("plugins_compare", engine) else { return };
        let database = small(&farm, HOST);
        small(&farm, "pb.example.org");
        small(&farm, "pc.example.org");
        farm.add("down.example.org");
        let code = farm.folder.folder("code");
        std::fs::create_dir_all(code.join("lib")).unwrap();
        std::fs::create_dir_all(code.join("blocks/html")).unwrap();
        std::fs::write(code.join("lib/components.json"), r#"{"plugintypes": {"block": "blocks"}}"#).unwrap();
        std::fs::write(code.join("blocks/html/version.php"), "<?php $plugin->version = 2099010100;").unwrap();
        farm.control.dirroot = code.display().to_string();
        farm.console = vmoodle_core::console::Console::new(farm.control.clone());
        database.run(
            "UPDATE mdl_block SET visible = 0 WHERE name = 'html';
             UPDATE mdl_config_plugins SET value = '1' WHERE plugin = 'theme_boost' AND name = 'version';
             DELETE FROM mdl_config_plugins WHERE plugin = 'block_badges' AND name = 'version';
             UPDATE mdl_config SET value = 'hidden!' WHERE name = 'smtppass'",
        );
        let all = ["all".to_owned()];
        let compared = farm.console.plugin_compare(&all, &map(json!({"plugins": ["theme_boost", "block_html", "block_badges"]}))).unwrap();
        let line = |plugin: &str| {
            let lines = compared["plugins"].as_array().unwrap();
            lines.iter().find(|line| line["plugin"] == plugin).unwrap_or_else(|| panic!("{plugin}: {lines:?}")).clone()
        };
        assert_eq!(compared["plugins"].as_array().unwrap().len(), 3);
        let own = format!("https://{HOST}");
        let html = line("block_html");
        assert_eq!((&html["value"]["state"], &html["value"]["behind"]), (&json!("enabled"), &json!(["code"])));
        assert_eq!((&html["odd"][&own]["state"], &html["alike"]), (&json!("disabled"), &json!(2)));
        assert_eq!(line("theme_boost")["odd"][&own]["behind"], json!(["newest"]));
        assert_eq!(line("block_badges")["odd"][&own]["state"], "not_installed");
        let tenants = compared["tenants"].as_array().unwrap();
        assert_eq!((tenants.len(), &tenants[3]["errorcode"]), (4, &json!("tenant_unreachable")));
        let types = farm.console.plugin_compare(&all, &map(json!({"types": "format"}))).unwrap();
        assert!(types["plugins"].as_array().unwrap().iter().all(|line| line["plugin"].as_str().unwrap().starts_with("format_")));

        let names = ["theme", "smtppass", "format_topics/*", "nothing/here"].map(str::to_owned);
        let compared = farm.console.config_compare(&all, &names).unwrap();
        let text = serde_json::to_string(&compared).unwrap();
        assert!(!text.contains("hidden!") && text.contains("format_topics/version"), "{text}");
        assert_eq!(farm.console.config_compare(&all, &[]).unwrap_err().kind(), Kind::BadParameter);
        assert_eq!(farm.console.config_compare(&all, &["a'b".to_owned()]).unwrap_err().kind(), Kind::BadIdentifier);
    }
}
