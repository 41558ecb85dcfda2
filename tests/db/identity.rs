//! A copy of a real site becomes a site of its own.

use std::collections::BTreeMap;
use std::fs;

use support::database::Engine;
use vmoodle_core::Kind;
use vmoodle_core::db::Db;
use vmoodle_core::host::SiteAddress;
use vmoodle_core::moodle::identity::{self, Admin, Identity, LtiKeys, Mail, Peers, Report, fresh_identifier};
use vmoodle_core::moodle::site::Names;
use vmoodle_core::moodle::users::AdminChange;
use vmoodle_core::secret::Secret;

use crate::on_both_engines;
use crate::site::{Site, real, small, wait};

fn reset(site: &Site, identity: &Identity) -> Report {
    wait(async { identity::reset(&mut site.open().await, &site.dataroot, identity).await.unwrap() })
}

fn at(wwwroot: &str) -> Identity {
    Identity::at(SiteAddress::parse(wwwroot).unwrap())
}

fn whole() -> Identity {
    Identity {
        rewrite_from: Some(SiteAddress::parse("https://old.example.org").unwrap()),
        names: Names {
            fullname: Some("L'École d'été 🌞".into()),
            shortname: Some("l'été".into()),
            summary: Some("<p>\"Été\"</p>".into()),
        },
        admin: Admin::Change(AdminChange {
            password: Some(Secret::new("Été#1234")),
            must_change: true,
            ..AdminChange::default()
        }),
        mail: Mail::Off,
        lang: Some("fr".into()),
        support_email: Some("aide@new.example.org".into()),
        ..at("https://new.example.org")
    }
}

/// Tables with a row that only the source may keep: each column that must be given, with its value.
const LEFT_BEHIND: &[(&str, &str)] = &[
    ("sessions", "(sid, userid, timecreated, timemodified) VALUES ('s', 2, 0, 0)"),
    (
        "external_tokens",
        "(token, tokentype, userid, externalserviceid, contextid, creatorid, timecreated) VALUES ('t', 0, 2, 1, 1, 2, 0)",
    ),
    ("user_private_key", "(script, value, userid) VALUES ('rss', 'k', 2)"),
    ("user_password_resets", "(userid, timerequested, token) VALUES (2, 0, 't')"),
    (
        "oauth2_access_token",
        "(issuerid, usermodified, timecreated, timemodified, token, expires, scope) VALUES (1, 2, 0, 0, 't', 0, 's')",
    ),
    (
        "oauth2_refresh_token",
        "(issuerid, userid, timecreated, timemodified, token, scopehash) VALUES (1, 2, 0, 0, 't', 's')",
    ),
    (
        "oauth2_system_account",
        "(issuerid, usermodified, timecreated, timemodified, refreshtoken, grantedscopes, username) VALUES (1, 2, 0, 0, 't', 's', 'u')",
    ),
    (
        "user_devices",
        "(userid, appid, name, model, platform, version, pushid, uuid, timecreated, timemodified) VALUES (2, 'a', 'n', 'm', 'p', 'v', 'i', 'u', 0, 0)",
    ),
    ("message_airnotifier_devices", "(userdeviceid, enable) VALUES (1, 1)"),
    ("messageinbound_datakeys", "(handler, datavalue, datakey, timecreated) VALUES (1, 1, 'k', 0)"),
    ("registration_hubs", "(token, hubname, huburl, confirmed) VALUES ('t', 'h', 'https://stats.moodle.org', 1)"),
    ("lock_db", "(resourcekey, expires, owner) VALUES ('cron_core_cron', 99, 'o')"),
    ("stored_progress", "(idnumber, message) VALUES ('p', '')"),
    (
        "backup_controllers",
        "(backupid, operation, type, itemid, format, interactive, purpose, userid, status, execution, executiontime, checksum, timecreated, timemodified, controller) VALUES ('b', 'backup', 'course', 1, 'moodle2', 1, 10, 2, 100, 1, 0, 'c', 0, 0, '')",
    ),
    ("cache_flags", "(flagtype, name, timemodified, value, expiry) VALUES ('accesslib/dirtyusers', '2', 0, '1', 0)"),
    (
        "mnet_session",
        "(userid, username, token, mnethostid, useragent, confirm_timeout, session_id, expires) VALUES (2, 'u', 't', 77, 'a', 0, 's', 0)",
    ),
    ("mnet_sso_access_control", "(username, mnet_host_id, accessctrl) VALUES ('u', 77, 'allow')"),
    ("lti_access_tokens", "(typeid, scope, token, validuntil, timecreated) VALUES (1, 's', 't', 0, 0)"),
];

fn dirty(site: &Site) {
    for (table, row) in LEFT_BEHIND {
        site.database.run(&format!("INSERT INTO mdl_{table} {row}"));
    }
    site.database.run(
        "INSERT INTO mdl_mnet_host (id, wwwroot, ip_address, name, public_key, public_key_expires) VALUES
             (77, 'https://peer.example.org', '10.0.0.1', 'Peer', 'key', 99), (78, 'https://home.example.org', '10.0.0.2', 'Home', 'key', 99);
         UPDATE mdl_mnet_host SET wwwroot = 'https://old.example.org', public_key = 'key', public_key_expires = 99 WHERE id = 1;
         INSERT INTO mdl_mnet_host2service (hostid, serviceid, publish, subscribe) VALUES (77, 1, 1, 1), (2, 1, 1, 0);
         INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('mnet', 'openssl', 'pair'), ('mnet', 'openssl_history', 'a:0:{}'),
             ('hub', 'site_email', 'x@old.example.org'), ('tool_task', 'lastcronstart', '5'), ('local_vmoodle', 'dbpass', 'hidden'),
             ('local_vmoodle', 'version', '2026112300');
         UPDATE mdl_task_scheduled SET timestarted = 5, hostname = 'h', pid = 6, faildelay = 60;
         INSERT INTO mdl_task_adhoc (component, classname, nextruntime, customdata, userid) VALUES
             ('core', 'core-task-mail', 0, '{\"to\":1}', NULL), ('core', 'core-task-backup', 0, '', 2), ('core', 'x_course_delete_modules', 0, '{\"cms\":[1]}', 2);
         CREATE TABLE mdl_local_vmoodle (id BIGINT, vdbpass VARCHAR(20)); INSERT INTO mdl_local_vmoodle VALUES (1, 'hidden');
         CREATE TABLE mdl_local_vmoodle_job (id BIGINT); INSERT INTO mdl_local_vmoodle_job VALUES (1);
         INSERT INTO mdl_label (course, name, intro) VALUES (1, 'a', 'https://old.example.org/x'), (1, 'b', 'https://old.example.org.evil')",
    );
    let user = match site.database.engine {
        Engine::MariaDb => "`mdl_user`",
        Engine::Postgres => "\"mdl_user\"",
    };
    site.database.run(&format!(
        "INSERT INTO {user} (username, auth, mnethostid, description) VALUES ('guestof78', 'mnet', 78, '')"
    ));
    for (name, value) in [
        ("noreplyaddress", "noreply@old.example.org"),
        ("cronremotepassword", "cronpass"),
        ("reposecretkey", "r"),
        ("airnotifieraccesskey", "a"),
        ("sessioncookie", "old"),
        ("bootstrap_init", "https://master"),
        ("messageinbound_enabled", "1"),
        ("jsrev", "4000000000"),
        ("themerev", "1"),
    ] {
        site.set(name, value);
    }
    for file in
        ["cache/x/y", "localcache/bootstrap.php", "sessions/sess_1", "lock/l", "filedir/aa/bb/aabb", "secret/key/k"]
    {
        let file = site.dataroot.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    }
    fs::create_dir(site.dataroot.join("muc")).unwrap();
    fs::write(
        site.dataroot.join("muc/config.php"),
        "<?php $configuration = array ( 'siteidentifier' => '8a11', 'stores' => 1 );",
    )
    .unwrap();
}

/// Every table's rows, counted.
fn counts(site: &Site) -> BTreeMap<String, u64> {
    let tables = wait(async { site.open().await.tables().await.unwrap() });
    let selects: Vec<String> =
        tables.iter().map(|table| format!("SELECT '{table}', COUNT(*) FROM mdl_{table}")).collect();
    let lines = site.read(&selects.join(" UNION ALL "));
    lines
        .iter()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(table, rows)| (table.into(), rows.parse().unwrap()))
        .collect()
}

on_both_engines! {
    fn nothing_that_only_the_source_may_keep_is_left(engine: Engine) {
        let Some(site) = real("idt_whole", engine) else { return };
        dirty(&site);
        let (before, source) = (counts(&site), site.config("siteidentifier"));
        let (salt, admin) = (site.config("calendar_exportsalt"), site.config("siteadmins"));
        let report = reset(&site, &whole());
        let after = counts(&site);
        for (table, _) in LEFT_BEHIND {
            assert_eq!(after[*table], 0, "{table}");
            assert!(report.forgotten[*table] >= 1, "{table}");
        }
        assert_eq!((after["local_vmoodle"], after["local_vmoodle_job"], after["mnet_host2service"]), (0, 0, 1));
        // The peer that a user came from stays, as a deleted one without key.
        assert_eq!(site.read("SELECT id, deleted, wwwroot, name, public_key FROM mdl_mnet_host ORDER BY id"), [
            "1\t0\thttps://new.example.org\tL'École d'été 🌞\t", "2\t0\t\tAll Hosts\t", "78\t1\thttps://home.example.org\tHome\t",
        ]);
        assert_eq!(site.read("SELECT plugin, name FROM mdl_config_plugins WHERE plugin IN ('mnet', 'hub', 'local_vmoodle') OR name = 'lastcronstart'"), ["local_vmoodle\tversion"]);
        // The site's own upkeep stays to be done, and so does a deletion that has begun.
        let tasks = site.read("SELECT classname FROM mdl_task_adhoc ORDER BY id").join(" ");
        assert!(tasks.ends_with("x_course_delete_modules") && tasks.contains("build_installed_themes_task") && !tasks.contains("core-task"), "{tasks}");
        assert_eq!(site.read("SELECT COUNT(*) FROM mdl_task_scheduled WHERE timestarted IS NOT NULL OR faildelay > 0"), ["0"]);
        assert_eq!(site.read("SELECT fullname, shortname, summary FROM mdl_course WHERE id = 1"), ["L'École d'été 🌞\tl'été\t<p>\"Été\"</p>"]);
        assert_eq!(site.read("SELECT intro FROM mdl_label ORDER BY id"), ["https://new.example.org/x", "https://old.example.org.evil"]);
        for (name, wanted) in [
            ("noreplyaddress", "noreply@new.example.org"), ("reposecretkey", ""), ("airnotifieraccesskey", ""), ("bootstrap_init", ""),
            ("sessioncookie", "newexampleorg"), ("noemailever", "1"), ("messageinbound_enabled", "0"), ("lang", "fr"),
            ("supportemail", "aide@new.example.org"), ("siteadmins", admin.as_str()), ("mnet_localhost_id", "1"),
        ] {
            assert_eq!(site.config(name), wanted, "{name}");
        }
        let identifier = site.config("siteidentifier");
        assert!(identifier.len() == 32 + 15 && identifier.ends_with("new.example.org") && identifier != source);
        assert_eq!(report.siteidentifier, identifier);
        assert!(site.config("calendar_exportsalt") != salt && site.config("cronremotepassword").len() == 32);
        assert!(site.config("jsrev") != "4000000000" && site.config("themerev").parse::<u64>().unwrap() > 1_700_000_000);
        // Everything else is as it was.
        let touched = ["config", "config_plugins", "user_preferences", "mnet_host", "mnet_host2service", "task_adhoc", "local_vmoodle", "local_vmoodle_job"];
        for (table, rows) in before {
            if !touched.contains(&table.as_str()) && LEFT_BEHIND.iter().all(|(name, _)| *name != table) {
                assert_eq!(after[&table], rows, "{table}");
            }
        }
        assert_eq!(report.warnings.len(), 0, "{:?}", report.warnings);
        files_are_those_of_a_new_site(&site, &identifier);
    }

    fn a_second_reset_changes_only_what_is_random(engine: Engine) {
        let Some(site) = real("idt_twice", engine) else { return };
        dirty(&site);
        let mut identity = whole();
        identity.siteidentifier = Some(fresh_identifier(&identity.wwwroot).unwrap());
        let first = reset(&site, &identity);
        let config = "SELECT name, value FROM mdl_config WHERE name NOT IN
            ('calendar_exportsalt', 'cronremotepassword', 'themerev', 'jsrev', 'langrev', 'templaterev', 'localcachedirpurged', 'scheduledtaskreset') ORDER BY name";
        let read = || (counts(&site), site.read(config), site.read("SELECT * FROM mdl_mnet_host ORDER BY id"), site.read("SELECT * FROM mdl_label ORDER BY id"));
        let after_first = read();
        let second = reset(&site, &identity);
        assert_eq!(read(), after_first);
        assert_eq!((second.forgotten.len(), second.rewritten.rewritten.len()), (0, 0), "{second:?}");
        assert_eq!(first.siteidentifier, second.siteidentifier);
        let third = reset(&site, &at("https://third.example.org"));
        assert_ne!(third.siteidentifier, second.siteidentifier);
        assert_eq!(site.config("noreplyaddress"), "noreply@third.example.org");
        assert_eq!(site.read("SELECT intro FROM mdl_label ORDER BY id LIMIT 1"), ["https://new.example.org/x"], "not asked for");
        assert_eq!(site.read("SELECT fullname FROM mdl_course WHERE id = 1"), ["L'École d'été 🌞"]);
    }

    fn the_control_site_never_becomes_another(engine: Engine) {
        let Some(farm) = crate::farm("idt_control", engine) else { return };
        farm.add("a.example.org");
        support::tenant::fill(&farm.database, "Control");
        let before = farm.all();
        let error = wait(async {
            let mut db = Db::open_control(&farm.control).await.unwrap();
            identity::reset(&mut db, farm.folder.path(), &whole()).await.unwrap_err()
        });
        assert_eq!((error.kind(), farm.all()), (Kind::Internal, before));
    }

    fn lti_keys_are_replaced_once(engine: Engine) {
        let Some(site) = real("idt_lti", engine) else { return };
        let keys = "SELECT plugin, name, value FROM mdl_config_plugins WHERE name IN ('privatekey', 'kid', 'lti_13_privatekey', 'lti_13_kid') ORDER BY plugin, name";
        let before = site.read(keys);
        reset(&site, &at("https://new.example.org"));
        assert_eq!(site.read(keys), before, "not asked for");
        let lti_keys = LtiKeys::Replace { platform: Secret::new("PLATFORM"), tool: Secret::new("TOOL") };
        let identity = Identity { lti_keys, ..at("https://new.example.org") };
        assert!(!format!("{identity:?}").contains("PLATFORM"));
        reset(&site, &identity);
        let after = site.read(keys);
        assert!(after.contains(&"enrol_lti\tlti_13_privatekey\tTOOL".into()) && after.contains(&"mod_lti\tprivatekey\tPLATFORM".into()), "{after:?}");
        assert!(after.len() == 4 && after.iter().all(|line| !before.contains(line)), "{after:?}");
        reset(&site, &identity);
        assert_eq!(site.read(keys), after);
    }

    fn a_site_that_only_moves_keeps_its_peers(engine: Engine) {
        let Some(site) = real("idt_peers", engine) else { return };
        dirty(&site);
        let report = reset(&site, &Identity { peers: Peers::Keep, mail: Mail::On, ..at("https://new.example.org") });
        assert_eq!(site.read("SELECT wwwroot, public_key FROM mdl_mnet_host WHERE id >= 77 ORDER BY id"), ["https://peer.example.org\tkey", "https://home.example.org\tkey"]);
        assert_eq!((site.count("mnet_host2service"), site.config("noemailever").as_str()), (2, ""));
        assert_eq!(report.rewritten.rewritten.len(), 0);
    }

    fn a_value_that_cannot_be_used_changes_nothing(engine: Engine) {
        let Some(site) = real("idt_bad", engine) else { return };
        dirty(&site);
        let before = (counts(&site), site.read("SELECT name, value FROM mdl_config ORDER BY name"));
        let with = |change: &dyn Fn(&mut Identity)| {
            let mut identity = whole();
            change(&mut identity);
            wait(async { identity::reset(&mut site.open().await, &site.dataroot, &identity).await.unwrap_err().kind() })
        };
        assert_eq!(with(&|identity| identity.lang = Some("../x".into())), Kind::BadParameter);
        assert_eq!(with(&|identity| identity.names.fullname = Some("x".repeat(255))), Kind::BadParameter);
        assert_eq!(with(&|identity| identity.support_email = Some("x".into())), Kind::BadParameter);
        assert_eq!(with(&|identity| identity.admin = Admin::Change(AdminChange { password: Some(Secret::new("")), ..AdminChange::default() })), Kind::BadParameter);
        site.set("siteadmins", "999");
        let error = with(&|identity| identity.rewrite_from = None);
        site.set("siteadmins", "2");
        assert_eq!(error, Kind::NoMoodle, "no administrator");
        assert_eq!((counts(&site), site.read("SELECT name, value FROM mdl_config ORDER BY name")), before, "rolled back");
        assert!(site.dataroot.join("cache/x/y").exists());
    }

    fn a_site_with_few_tables_is_reset_too(engine: Engine) {
        let Some(site) = small("idt_small", engine) else { return };
        site.database.run("INSERT INTO mdl_cache_flags (flagtype, name, timemodified, value, expiry) VALUES ('a', 'b', 0, '1', 0)");
        reset(&site, &at("https://new.example.org"));
        assert_eq!(site.count("cache_flags"), 0);
    }
}

fn files_are_those_of_a_new_site(site: &Site, identifier: &str) {
    for emptied in ["cache", "localcache", "sessions", "lock"] {
        assert_eq!(fs::read_dir(site.dataroot.join(emptied)).unwrap().count(), 0, "{emptied}");
    }
    assert!(site.dataroot.join("filedir/aa/bb/aabb").exists() && site.dataroot.join("secret/key/k").exists());
    assert_eq!(fs::read_dir(&site.dataroot).unwrap().count(), 7, "nothing lies aside");
    let settings = fs::read_to_string(site.dataroot.join("muc/config.php")).unwrap();
    assert!(!settings.contains("8a11") && settings.contains("'stores' => 1"), "{settings}");
    let digest =
        support::process::output_of_input(std::process::Command::new("md5sum").arg("-"), identifier.as_bytes());
    assert!(settings.contains(&digest[..32]), "{settings} {digest}");
}
