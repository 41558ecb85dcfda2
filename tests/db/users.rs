//! The main administrator, settings, names and facts of a site.

use std::process::Command;

use support::database::Engine;
use support::need::{self, Need, program};
use support::process::output_of_input;
use vmoodle_core::Kind;
use vmoodle_core::moodle::site::Names;
use vmoodle_core::moodle::users::AdminChange;
use vmoodle_core::moodle::{config, site, status, users, version};
use vmoodle_core::secret::Secret;

use crate::on_both_engines;
use crate::site::{empty, real, small, wait};

on_both_engines! {
    fn settings_are_set_once_and_unset(engine: Engine) {
        let Some(tenant) = small("mdl_config", engine) else { return };
        let value = "l'été \"🌞\" \\ {x} ?";
        wait(async {
            let mut db = tenant.open().await;
            assert!(config::set(&mut db, "vmoodle_test", value).await.unwrap());
            assert!(!config::set(&mut db, "vmoodle_test", value).await.unwrap(), "nothing changed");
            assert!(config::set(&mut db, "vmoodle_test", "").await.unwrap());
            assert_eq!(config::value(&mut db, "vmoodle_test").await.unwrap().as_deref(), Some(""));
            assert!(config::set(&mut db, "vmoodle_test", value).await.unwrap());
            let values = config::values(&mut db, &["vmoodle_test", "theme", "not_there"]).await.unwrap();
            assert_eq!((values["vmoodle_test"].as_str(), values["theme"].as_str(), values.len()), (value, "boost", 2));
            assert_eq!(config::unset(&mut db, &["vmoodle_test", "not_there"]).await.unwrap(), 1);
            assert!(config::set_plugin(&mut db, "auth_x", "a", value).await.unwrap());
            assert!(!config::set_plugin(&mut db, "auth_x", "a", value).await.unwrap());
            assert_eq!(config::plugin_values(&mut db, "auth_x").await.unwrap()["a"], value);
            assert_eq!(config::unset_plugin(&mut db, "auth_x", &["a"]).await.unwrap(), 1);
            assert_eq!(config::unset(&mut db, &[]).await.unwrap() + config::unset_plugin(&mut db, "x", &[]).await.unwrap(), 0);
        });
    }

    fn a_site_takes_any_name_that_fits(engine: Engine) {
        let Some(tenant) = small("mdl_names", engine) else { return };
        let names = Names { fullname: Some("L'École d'été 🌞".into()), shortname: Some("é'\"\\".into()), summary: None };
        wait(async {
            let mut db = tenant.open().await;
            assert!(site::rename(&mut db, &names, 5).await.unwrap());
            assert!(!site::rename(&mut db, &names, 6).await.unwrap(), "nothing changed");
            let read = site::read(&mut db).await.unwrap();
            assert_eq!((Some(read.fullname), Some(read.shortname)), (names.fullname.clone(), names.shortname.clone()));
            for bad in ["", " ", &"x".repeat(255)] {
                let names = Names { fullname: Some(bad.into()), ..Names::default() };
                assert_eq!(site::rename(&mut db, &names, 7).await.unwrap_err().kind(), Kind::BadParameter);
            }
        });
        assert_eq!(tenant.read("SELECT timemodified FROM mdl_course WHERE id = 1"), ["5"]);
    }

    fn a_database_without_a_moodle_is_said_to_hold_none(engine: Engine) {
        let Some(tenant) = empty("mdl_none", engine) else { return };
        wait(async {
            let mut db = tenant.open().await;
            assert_eq!(site::read(&mut db).await.unwrap_err().kind(), Kind::NoMoodle);
            assert_eq!(version::read(&mut db, 0).await.unwrap_err().kind(), Kind::NoMoodle);
            assert_eq!(version::plugins(&mut db).await.unwrap_err().kind(), Kind::NoMoodle);
            assert_eq!(status::read(&mut db, 0).await.unwrap_err().kind(), Kind::NoMoodle);
        });
    }

    fn facts_are_counted(engine: Engine) {
        let Some(tenant) = real("mdl_facts", engine) else { return };
        let user = match engine {
            Engine::MariaDb => "`mdl_user`",
            Engine::Postgres => "\"mdl_user\"",
        };
        tenant.database.run(&format!(
            "INSERT INTO {user} (username, confirmed, deleted, mnethostid, lastaccess, description)
                 VALUES ('a', 1, 0, 1, 1000, ''), ('b', 0, 0, 1, 0, ''), ('c', 1, 1, 1, 0, '');
             INSERT INTO mdl_course (category, fullname, shortname, summary) VALUES (1, 'a', 'a', '');
             INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('tool_task', 'lastcronstart', '77');
             UPDATE mdl_task_scheduled SET nextruntime = 999999, faildelay = 0, disabled = 0;
             UPDATE mdl_task_scheduled SET nextruntime = 999, faildelay = 60 WHERE id = 1;
             DELETE FROM mdl_task_adhoc;
             INSERT INTO mdl_files (contenthash, pathnamehash, contextid, component, filearea, itemid, filepath, filename, filesize, timecreated, timemodified)
                 VALUES ('x', 'p1', 1, 'c', 'a', 0, '/', 'f1', 3000000000, 0, 0), ('x', 'p2', 1, 'c', 'a', 0, '/', 'f2', 3000000000, 0, 0),
                        ('y', 'p3', 1, 'c', 'a', 0, '/', 'f3', 5, 0, 0)"
        ));
        tenant.set("upgraderunning", "1001");
        wait(async {
            let mut db = tenant.open().await;
            let octets = status::file_octets(&mut db).await.unwrap();
            let others: i64 = tenant.read("SELECT SUM(s) FROM (SELECT MAX(filesize) AS s FROM mdl_files WHERE contenthash NOT IN ('x', 'y') GROUP BY contenthash) t")[0].parse().unwrap_or(0);
            assert_eq!(octets - others, 3_000_000_005);
            let facts = status::read(&mut db, 1000).await.unwrap();
            assert_eq!((facts.users, facts.active_users, facts.courses), (2, 2, 1), "admin and a: {facts:?}");
            assert_eq!((facts.last_cron, facts.due_tasks, facts.failing_tasks, facts.maintenance), (Some(77), 1, 1, false));
            let site = version::read(&mut db, 1000).await.unwrap();
            assert_eq!((site.branch, site.upgrading, site.version.to_string().as_str()), (405, true, "2024100706.00"));
            assert!(!version::read(&mut db, 1002).await.unwrap().upgrading);
            let plugins = version::plugins(&mut db).await.unwrap();
            assert!(plugins.len() > 300 && plugins.contains_key("mod_forum"), "{}", plugins.len());
        });
    }

    fn the_main_administrator_signs_in_with_the_new_password(engine: Engine) {
        let Some(tenant) = real("mdl_admin", engine) else { return };
        // The first of the list is deleted, so the second is the main one.
        let user = match engine {
            Engine::MariaDb => "`mdl_user`",
            Engine::Postgres => "\"mdl_user\"",
        };
        tenant.database.run(&format!("INSERT INTO {user} (username, deleted, mnethostid, description) VALUES ('gone', 1, 1, '');
            UPDATE {user} SET auth = 'ldap' WHERE username = 'admin';
            INSERT INTO mdl_sessions (sid, userid, timecreated, timemodified) VALUES ('s1', 2, 0, 0), ('s2', 1, 0, 0)"));
        let gone = tenant.read(&format!("SELECT id FROM {user} WHERE username = 'gone'")).remove(0);
        tenant.set("siteadmins", &format!("{gone}, 2"));
        let password = "L'été #1234 \u{1f31e}$";
        let change = AdminChange {
            password: Some(Secret::new(password)),
            must_change: true,
            email: Some("o'brien@example.org".into()),
            firstname: Some("Zoë".into()),
            lastname: Some("O'Brien 🌞".into()),
        };
        wait(async {
            let mut db = tenant.open().await;
            let admin = users::main_admin(&mut db).await.unwrap().unwrap();
            assert_eq!((admin.id, admin.username.as_str(), admin.auth.as_str()), (2, "admin", "ldap"));
            users::change(&mut db, &admin, &change, 9).await.unwrap();
            users::change(&mut db, &admin, &change, 9).await.unwrap();
            assert_eq!(users::end_sessions(&mut db, admin.id).await.unwrap(), 1);
        });
        assert_eq!(tenant.read(&format!("SELECT auth FROM {user} WHERE id = 2")), ["manual"]);
        assert_eq!(tenant.read(&format!("SELECT lastname FROM {user} WHERE id = 2")), ["O'Brien 🌞"]);
        assert_eq!(tenant.read("SELECT value FROM mdl_user_preferences WHERE userid = 2 AND name = 'auth_forcepasswordchange'"), ["1"]);
        let Some(()) = need::all(&[Need::Php]) else { return };
        let hash = tenant.read(&format!("SELECT password FROM {user} WHERE id = 2")).remove(0);
        let check = "[$p, $h] = explode(\"\\n\", stream_get_contents(STDIN)); echo (int) password_verify($p, $h), (int) password_verify(\"$p \", $h);";
        let mut php = Command::new(program("php").unwrap());
        assert_eq!(output_of_input(php.args(["-n", "-r", check]), format!("{password}\n{hash}").as_bytes()), "10");
    }
}
