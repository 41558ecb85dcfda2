//! Texts and addresses replaced in the contents of tenants: planned, made, made again, put back.

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use vmoodle_core::Kind;
use vmoodle_core::secret::Keyring;
use vmoodle_core::settings::Given;

use crate::config::{item, job, plan, run, site, undo};
use crate::crash::at_every_boundary;
use crate::life::submit;
use crate::{Farm, farm, farm_with, on_both_engines};

const HOST: &str = "a.example.org";

/// Base64 of `O:8:"stdClass":1:{s:4:"text";s:34:"see https://old.example.org/x 🌞";}`.
const BLOCK: &str = "Tzo4OiJzdGRDbGFzcyI6MTp7czo0OiJ0ZXh0IjtzOjM0OiJzZWUgaHR0cHM6Ly9vbGQuZXhhbXBsZS5vcmcveCDwn4yeIjt9";

/// A site with an address in many places.
fn filled(farm: &Farm, host: &str) -> Database {
    let database = site(farm, host);
    let auto = match database.engine {
        Engine::MariaDb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        Engine::Postgres => "BIGSERIAL PRIMARY KEY",
    };
    let user = match database.engine {
        Engine::MariaDb => "`mdl_user`",
        Engine::Postgres => "\"mdl_user\"",
    };
    database.run(&format!(
        "CREATE TABLE mdl_block_instances (id {auto}, configdata TEXT);
         CREATE TABLE mdl_logstore_standard_log (id {auto}, other TEXT);
         CREATE TABLE mdl_lti_types_config (id {auto}, name VARCHAR(100), value VARCHAR(255));
         INSERT INTO mdl_block_instances (configdata) VALUES ('{BLOCK}'), ('');
         INSERT INTO mdl_logstore_standard_log (other) VALUES ('https://old.example.org/');
         INSERT INTO mdl_lti_types_config (name, value) VALUES ('password', 'old.example.org hidden!'), ('icon', 'https://old.example.org/i');
         INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('theme_x', 'footnote', 'https://old.example.org/ é'), ('theme_x', 'apitoken', 'old.example.org hidden!');
         UPDATE mdl_course SET summary = 'l''été https://old.example.org/a https://OLD.example.org https://old.example.org.evil/', shortname = '100%_old.example.org';
         UPDATE {user} SET description = 's:99:\"https://old.example.org damaged\";' WHERE username = 'guest';
         UPDATE {user} SET password = 'old.example.org hidden!' WHERE username = 'admin'"
    ));
    database
}

/// Everything that a replacement could change.
fn state(database: &Database) -> String {
    let user = match database.engine {
        Engine::MariaDb => "`mdl_user`",
        Engine::Postgres => "\"mdl_user\"",
    };
    database.run(&format!(
        "SELECT id, summary, shortname, fullname FROM mdl_course ORDER BY id;
         SELECT id, configdata FROM mdl_block_instances ORDER BY id;
         SELECT id, other FROM mdl_logstore_standard_log ORDER BY id;
         SELECT id, name, value FROM mdl_lti_types_config ORDER BY id;
         SELECT id, description, password FROM {user} ORDER BY id;
         SELECT name, value FROM mdl_config WHERE name NOT LIKE '%rev' AND name NOT IN ('localcachedirpurged', 'scheduledtaskreset') ORDER BY name;
         SELECT plugin, name, value FROM mdl_config_plugins ORDER BY plugin, name"
    ))
}

fn address() -> Value {
    json!({"search": "https://old.example.org", "replace": "https://new.example.org/school", "mode": "address"})
}

on_both_engines! {
    fn an_address_is_planned_replaced_once_and_put_back(engine: Engine) {
        let Some(farm) = farm("replace_all", engine) else { return };
        let database = filled(&farm, HOST);
        let before = state(&database);
        let planned = plan(&farm, "replace_text", address(), HOST);
        assert_eq!(state(&database), before, "a plan changes nothing");
        let changes = planned[0]["changes"].as_array().unwrap().clone();
        let told: Vec<(&str, i64)> =
            changes.iter().map(|change| (change["what"].as_str().unwrap(), change["after"]["values"].as_i64().unwrap())).collect();
        assert_eq!(told, [("block_instances.configdata", 1), ("course.summary", 1), ("lti_types_config.value", 1)], "{planned}");
        assert!(changes[0]["after"]["samples"][0].as_str().unwrap().contains("see https://new.example.org/school/x"), "{planned}");

        let (first, counts) = job(&farm, "replace_text", address(), &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        let image = item(&farm, first)["afterimage"].as_array().unwrap().clone();
        assert_eq!(image[..image.len() - 1], changes, "what was done is what was planned");
        assert_eq!((&image[3]["what"], &image[3]["before"]), (&json!("image"), &json!("_")), "packed, and not shown");
        assert!(item(&farm, first)["warnings"].to_string().contains("user.description"), "the damaged one is told");
        let after = state(&database);
        for there in [
            "l'été https://new.example.org/school/a https://new.example.org/school https://old.example.org.evil/",
            "https://new.example.org/school/i",
            "old.example.org hidden!",
            "https://old.example.org damaged",
        ] {
            assert!(after.contains(there), "{there}: {after}");
        }
        let block = database.run("SELECT configdata FROM mdl_block_instances ORDER BY id").lines().next().unwrap().to_owned();
        assert_ne!(block, BLOCK);
        assert_eq!(job(&farm, "replace_text", address(), &["all"]).1, json!({"skipped": 1}), "nothing is left to do");

        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(state(&database), before);
        assert_eq!(undo(&farm, first), json!({"done": 1}), "what is put back already stays");
        assert_eq!(state(&database), before);
    }

    fn a_text_is_found_as_it_stands_in_the_tables_that_are_meant(engine: Engine) {
        let Some(farm) = farm("replace_text", engine) else { return };
        let database = filled(&farm, HOST);
        let what = |parameters: Value| {
            let planned = plan(&farm, "replace_text", parameters, HOST);
            let changes = planned[0]["changes"].as_array().unwrap();
            let names: Vec<String> = changes.iter().map(|change| change["what"].as_str().unwrap().to_owned()).collect();
            (names.join(" "), planned[0]["errorcode"].clone())
        };
        let none = Value::Null;
        assert_eq!(what(json!({"search": "100%_o", "replace": "x"})), ("course.shortname".into(), none.clone()));
        assert_eq!(what(json!({"search": "100%.o", "replace": "x"})), (String::new(), none.clone()), "no pattern");
        assert_eq!(what(json!({"search": "L'ÉTÉ", "replace": "x"})), (String::new(), none.clone()));
        assert_eq!(what(json!({"search": "L'ÉTÉ", "replace": "x", "any_case": 1})), ("course.summary".into(), none.clone()));
        let skip = json!({"search": "old.", "replace": "x", "skip": "course,block_instances,lti_types_config"});
        assert_eq!(what(skip), (String::new(), none.clone()));
        let only = json!({"search": "old.", "replace": "x", "tables": "config_plugins,logstore_standard_log.other"});
        assert_eq!(what(only.clone()), ("config_plugins.value logstore_standard_log.other".into(), none));
        for bad in [json!({"search": "o", "tables": "lable"}), json!({"search": "o", "skip": "course.nothing"}), json!({"search": "o", "tables": "local_vmoodle"})] {
            assert_eq!(what(bad.clone()), (String::new(), json!("bad_parameter")), "{bad}");
        }
        for bad in [json!({"search": ""}), json!({"search": "x", "replace": "x"}), json!({"search": "x", "mode": "address"})] {
            assert!(submit(&farm, "replace_text", bad.clone(), &["all"]).is_err(), "{bad}");
        }
        let before = state(&database);
        let (first, counts) = job(&farm, "replace_text", only, &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        let after = state(&database);
        assert!(after.contains("footnote\thttps://xexample.org/ é") && after.contains("apitoken\told.example.org hidden!"), "{after}");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(state(&database), before);
    }

    fn what_would_not_fit_is_refused_before_anything_is_changed(engine: Engine) {
        let Some(farm) = farm("replace_wide", engine) else { return };
        let database = filled(&farm, HOST);
        let before = state(&database);
        let wide = json!({"search": "old.example.org", "replace": "x".repeat(260)});
        assert_eq!(plan(&farm, "replace_text", wide.clone(), HOST)[0]["errorcode"], "state_refused");
        let (first, counts) = job(&farm, "replace_text", wide.clone(), &["all"]);
        assert_eq!(counts, json!({"failed": 1}));
        let told = item(&farm, first)["error"].to_string();
        assert!(told.contains("`course.shortname`") && told.contains("`lti_types_config.value`"), "{told}");
        assert_eq!(state(&database), before);
        let mut narrow = wide;
        narrow["skip"] = json!("course.shortname,lti_types_config");
        assert_eq!(job(&farm, "replace_text", narrow, &["all"]).1, json!({"done": 1}));
    }

    fn secrets_are_changed_only_where_they_are_meant_and_the_journal_can_hide_them(engine: Engine) {
        let Some(plain) = farm("replace_clear", engine) else { return };
        filled(&plain, HOST);
        let secrets = json!({"search": "old.example.org", "replace": "new.example.org", "secrets": 1, "tables": "user,lti_types_config,config_plugins"});
        let (refused, counts) = job(&plain, "replace_text", secrets.clone(), &["all"]);
        assert_eq!((counts, &item(&plain, refused)["errorcode"]), (json!({"failed": 1}), &json!("bad_parameter")), "there is no key");

        let keys = Scratch::new("keys");
        Keyring::create(&keys.join("key")).unwrap();
        let install = support::root::workspace().join("php/local/vmoodle/db/install.xml");
        let given = Given { keyfile: Some(keys.join("key").display().to_string()), ..Given::default() };
        let farm = farm_with("replace_seal", engine, &install, given).unwrap();
        let database = filled(&farm, HOST);
        let before = state(&database);
        let planned = plan(&farm, "replace_text", secrets.clone(), HOST).to_string();
        assert!(planned.contains("user.password") && !planned.contains("hidden!"), "{planned}");
        let (first, counts) = job(&farm, "replace_text", secrets, &["all"]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert_eq!(state(&database).matches("new.example.org hidden!").count(), 3);
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item") + &farm.database.run("SELECT * FROM mdl_local_vmoodle_job");
        assert!(!journal.contains("hidden!") && !item(&farm, first).to_string().contains("enc:v1:"));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(state(&database), before);
    }

    fn what_somebody_edited_since_is_left_and_told(engine: Engine) {
        let Some(farm) = farm("replace_cas", engine) else { return };
        let database = filled(&farm, HOST);
        let (first, _) = job(&farm, "replace_text", address(), &["all"]);
        database.run("UPDATE mdl_course SET summary = 'edited https://new.example.org/school'; DELETE FROM mdl_lti_types_config WHERE name = 'icon'");
        let back = farm.console.job_undo(first).unwrap();
        assert_eq!(run(&farm, back), json!({"done": 1}));
        let told = item(&farm, back)["warnings"].to_string();
        assert!(told.contains("1 in `course.summary`, 1 in `lti_types_config.value`"), "{told}");
        let after = state(&database);
        assert!(after.contains("edited https://new.example.org/school") && after.contains(BLOCK), "{after}");
    }

    fn a_killed_runner_leaves_a_text_replaced_once(engine: Engine) {
        let Some(farm) = farm("replace_kill", engine) else { return };
        let database = filled(&farm, HOST);
        // The new text holds the old one: a second run would show.
        let text = |at: u32| {
            database.run(&format!("UPDATE mdl_course SET summary = 'word {at}'"));
            submit(&farm, "replace_text", json!({"search": "word", "replace": "word word"}), &["all"]).unwrap()
        };
        let summary = || database.run("SELECT summary FROM mdl_course").trim().to_owned();
        let jobs = std::cell::RefCell::new(Vec::new());
        let noted = |at| {
            jobs.borrow_mut().push(text(at));
            *jobs.borrow().last().unwrap()
        };
        let killed = at_every_boundary(&farm, noted, |at| assert_eq!(summary(), format!("word word {at}")));
        assert_eq!(killed, 2, "before and after the commit");
        let last = *jobs.borrow().last().unwrap();
        let undo = |_| {
            database.run("UPDATE mdl_course SET summary = 'word word 3'");
            farm.console.job_undo(last).unwrap()
        };
        assert_eq!(at_every_boundary(&farm, undo, |_| assert_eq!(summary(), "word 3")), 2);
    }

    fn one_broken_tenant_of_ten_leaves_nine_replaced(engine: Engine) {
        let Some(farm) = farm("replace_ten", engine) else { return };
        let sites: Vec<Database> = (0..10).map(|number| site(&farm, &format!("s{number}.example.org"))).collect();
        let before: Vec<String> = sites.iter().map(|site| site.run("SELECT fullname FROM mdl_course")).collect();
        sites[4].run("DROP TABLE mdl_config");
        let (first, counts) = job(&farm, "replace_text", json!({"search": "example.org", "replace": "example.net"}), &["all"]);
        assert_eq!(counts, json!({"done": 9, "failed": 1}));
        for (number, site) in sites.iter().enumerate() {
            let name = site.run("SELECT fullname FROM mdl_course");
            assert_eq!(name.contains("example.net"), number != 4, "{number}: {name}");
        }
        assert_eq!(undo(&farm, first), json!({"done": 9}));
        let after: Vec<String> = sites.iter().map(|site| site.run("SELECT fullname FROM mdl_course")).collect();
        assert_eq!(after, before);
    }

    fn what_could_not_be_put_back_is_refused(engine: Engine) {
        let Some(farm) = farm("replace_bound", engine) else { return };
        let database = filled(&farm, HOST);
        // Sums do not pack: more than the journal keeps.
        database.run("CREATE TABLE mdl_many (id BIGINT PRIMARY KEY, text VARCHAR(100))");
        let many = match engine {
            Engine::MariaDb => "INSERT INTO mdl_many SELECT seq, CONCAT('needle ', MD5(seq)) FROM seq_1_to_250000",
            Engine::Postgres => "INSERT INTO mdl_many SELECT n, 'needle ' || MD5(CAST(n AS TEXT)) FROM generate_series(1, 250000) n",
        };
        database.run(many);
        let wish = json!({"search": "needle", "replace": "thread"});
        let (first, counts) = job(&farm, "replace_text", wish, &["all"]);
        assert_eq!((counts, &item(&farm, first)["errorcode"]), (json!({"failed": 1}), &json!("state_refused")));
        assert_eq!(database.run("SELECT COUNT(*) FROM mdl_many WHERE text LIKE 'needle%'").trim(), "250000");
        let error = submit(&farm, "replace_text", json!({"search": "x".repeat(5000), "replace": "y"}), &["all"]).unwrap_err();
        assert_eq!(error.kind(), Kind::BadParameter);
    }
}
