//! Rows of a table brought from one tenant to others, by a natural key.

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use vmoodle_core::secret::Keyring;
use vmoodle_core::settings::Given;

use crate::config::{item, job, plan, run, site, undo};
use crate::crash::at_every_boundary;
use crate::life::submit;
use crate::{Farm, farm, farm_with, on_both_engines};

const FROM: &str = "a.example.org";
const TO: &str = "b.example.org";

fn user_table(engine: Engine) -> &'static str {
    match engine {
        Engine::MariaDb => "`mdl_user`",
        Engine::Postgres => "\"mdl_user\"",
    }
}

/// A site with a table of items; users and courses have other numbers on each.
fn items(farm: &Farm, host: &str, first: u32) -> Database {
    let database = site(farm, host);
    let auto = match database.engine {
        Engine::MariaDb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        Engine::Postgres => "BIGSERIAL PRIMARY KEY",
    };
    let user = user_table(database.engine);
    database.run(&format!(
        "CREATE TABLE mdl_x_items (id {auto}, name VARCHAR(50) NOT NULL, userid BIGINT, course BIGINT DEFAULT 0, groupid BIGINT DEFAULT 0,
             ratio NUMERIC(10, 5), apikey VARCHAR(50) DEFAULT '', note TEXT, contextid BIGINT, UNIQUE (name));
         INSERT INTO {user} (id, auth, confirmed, mnethostid, username, password, firstname, lastname, email)
             VALUES ({first}, 'manual', 1, 1, 'ann', 'x', 'A', 'A', 'a@example.invalid');
         INSERT INTO mdl_course (id, category, sortorder, fullname, shortname, format) VALUES ({first}, 1, 2, 'C', 'c1', 'topics')"
    ));
    database
}

fn rows(database: &Database) -> String {
    database.run("SELECT name, userid, course, groupid, ratio, apikey, note, contextid FROM mdl_x_items ORDER BY name")
}

fn both(farm: &Farm) -> (Database, Database) {
    let (one, two) = (items(farm, FROM, 50), items(farm, TO, 70));
    one.run(
        "INSERT INTO mdl_x_items (name, userid, course, ratio, apikey, note, contextid) VALUES
             ('one', 50, 50, 1.5, 'hidden!', 'l''été 🌞', 1), ('two', NULL, 0, NULL, '', NULL, NULL), ('same', 50, 50, 2, '', 'x', 1)",
    );
    two.run(
        "INSERT INTO mdl_x_items (name, userid, course, ratio, apikey, note, contextid) VALUES
             ('own', 70, 70, 3, 'kept', 'mine', 1), ('one', 2, 1, 9, 'kept', 'other', 1), ('same', 70, 70, 2.00000, 'kept', 'x', 1)",
    );
    (one, two)
}

/// A table of names and values, as those of LTI tools, repositories and users' preferences.
fn settings_table(engine: Engine) -> String {
    let auto = match engine {
        Engine::MariaDb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        Engine::Postgres => "BIGSERIAL PRIMARY KEY",
    };
    format!(
        "CREATE TABLE mdl_x_settings (id {auto}, name VARCHAR(50) NOT NULL, userid BIGINT, label VARCHAR(9), value TEXT, UNIQUE (name))"
    )
}

fn wish() -> Value {
    json!({"source": FROM, "table": "x_items"})
}

on_both_engines! {
    fn rows_come_and_change_by_their_key_with_ids_of_their_own_site(engine: Engine) {
        let Some(farm) = farm("table_copy", engine) else { return };
        let (one, two) = both(&farm);
        let (theirs, before) = (rows(&one), rows(&two));
        let planned = plan(&farm, "copy_table", wish(), TO);
        let changes = planned[0]["changes"].clone();
        assert_eq!(changes, json!([
            {"what": "x_items: rows that come", "before": null, "after": {"rows": 1, "some": ["two"]}},
            {"what": "x_items: rows that change", "before": null, "after": {"rows": 1, "some": ["one"]}},
        ]), "{planned}");
        assert_eq!(rows(&two), before, "a plan changes nothing");

        let (first, counts) = job(&farm, "copy_table", wish(), &["any"]);
        assert_eq!(counts, json!({"done": 1, "skipped": 1}), "the source itself has nothing to do");
        let after = rows(&two);
        assert!(after.contains("one\t70\t70\t0\t1.50000\tkept\tl'été 🌞\t1\n"), "{after}");
        assert!(after.contains("own\t70\t70") && after.lines().count() == 4, "{after}");
        assert_eq!(job(&farm, "copy_table", wish(), &["any"]).1, json!({"skipped": 2}), "nothing is left to do");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!((rows(&two), rows(&one)), (before, theirs));
        assert_eq!(undo(&farm, first), json!({"done": 1}), "what is put back already stays");
    }

    fn rows_go_only_where_that_is_asked_and_come_back_whole(engine: Engine) {
        let Some(farm) = farm("table_gone", engine) else { return };
        let (_, two) = both(&farm);
        let all = || two.run("SELECT * FROM mdl_x_items ORDER BY id");
        let before = all();
        let mut wish = wish();
        wish["delete"] = json!(1);
        // The row that goes holds a secret, and there is no key to hide it with.
        let (refused, counts) = job(&farm, "copy_table", wish.clone(), &[TO]);
        assert_eq!((counts, &item(&farm, refused)["errorcode"]), (json!({"failed": 1}), &json!("bad_parameter")));
        two.run("UPDATE mdl_x_items SET apikey = '' WHERE name = 'own'");
        let before = before.replace("kept\tmine", "\tmine");
        let (first, counts) = job(&farm, "copy_table", wish.clone(), &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert_eq!(item(&farm, first)["afterimage"][2]["after"], json!({"rows": 1, "some": ["own"]}));
        assert!(!rows(&two).contains("own"));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(all(), before, "with the number that it had");
        wish["filter"] = json!({"name": ["one", "nothing"]});
        assert_eq!(plan(&farm, "copy_table", wish, TO)[0]["changes"].as_array().unwrap().len(), 1, "the filter is for both");
    }

    fn what_cannot_be_mapped_is_refused_unless_a_rule_says_what_becomes_of_it(engine: Engine) {
        let Some(farm) = farm("table_rules", engine) else { return };
        let (one, two) = both(&farm);
        let before = rows(&two);
        let code = |wish: &Value| plan(&farm, "copy_table", wish.clone(), TO)[0]["errorcode"].clone();
        let with = |more: Value| {
            let mut wish = wish();
            wish.as_object_mut().unwrap().extend(crate::map(more));
            wish
        };
        one.run("UPDATE mdl_x_items SET groupid = 9 WHERE name = 'one'");
        assert_eq!(code(&wish()), "state_refused", "nothing is said of groups");
        for rule in [json!("keep"), json!({"value": 0}), json!("course.id")] {
            let ruled = with(json!({"references": {"groupid": rule}}));
            let expected = if rule == "course.id" { json!("bad_parameter") } else { Value::Null };
            assert_eq!(code(&ruled), expected, "{rule}");
        }
        assert_eq!(code(&with(json!({"skip": "groupid"}))), Value::Null);
        two.run(&format!("DELETE FROM {} WHERE username = 'ann'", user_table(engine)));
        assert_eq!(code(&with(json!({"skip": "groupid"}))), "state_refused", "nobody of that name is here");
        let name = with(json!({"skip": "groupid", "references": {"userid": {"value": 2}}}));
        let (first, counts) = job(&farm, "copy_table", name, &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(rows(&two).contains("one\t2\t70\t0"), "{}", rows(&two));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(rows(&two), before);
        for bad in [
            json!({"table": "config"}), json!({"table": "local_vmoodle"}), json!({"table": "nothing"}), json!({"key": "nothing"}),
            json!({"table": "role_capabilities"}), json!({"key": "apikey"}), json!({"key": "course"}), json!({"skip": "nothing"}), json!({"filter": {"nothing": 1}}), json!({"references": {"nothing": "keep"}}),
        ] {
            assert_eq!(code(&with(bad.clone())), "bad_parameter", "{bad}");
        }
        for bad in [json!({"references": {"userid": "x"}}), json!({"filter": [1]}), json!({"table": "a b"})] {
            assert!(submit(&farm, "copy_table", with(bad.clone()), &[TO]).is_err(), "{bad}");
        }
        one.run("CREATE TABLE mdl_nokey (id BIGINT PRIMARY KEY, name VARCHAR(10))");
        two.run("CREATE TABLE mdl_nokey (id BIGINT PRIMARY KEY, name VARCHAR(10))");
        assert_eq!(code(&json!({"source": FROM, "table": "nokey"})), "bad_parameter", "what is the key?");
        assert_eq!(code(&json!({"source": FROM, "table": "nokey", "key": "name"})), Value::Null);
    }

    fn a_table_of_many_rows_takes_a_few(engine: Engine) {
        let Some(farm) = farm("table_many", engine) else { return };
        let (one, two) = both(&farm);
        let many = match engine {
            Engine::MariaDb => "INSERT INTO mdl_x_items (name) SELECT CONCAT('n', seq) FROM seq_1_to_21000",
            Engine::Postgres => "INSERT INTO mdl_x_items (name) SELECT 'n' || n FROM generate_series(1, 21000) n",
        };
        two.run(many);
        let (first, counts) = job(&farm, "copy_table", wish(), &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        one.run(many);
        let all = plan(&farm, "copy_table", wish(), TO);
        assert!(all[0]["errorcode"] == "bad_parameter" && all[0]["error"].as_str().unwrap().contains("20000"), "{all}");
        let mut some = wish();
        some["filter"] = json!({"name": ["two", "n1"]});
        assert_eq!(plan(&farm, "copy_table", some, TO)[0]["changes"][0]["after"]["some"], json!(["two"]));
    }

    fn secrets_are_copied_only_where_they_are_meant_and_sealed_in_the_journal(engine: Engine) {
        let keys = Scratch::new("keys");
        Keyring::create(&keys.join("key")).unwrap();
        let install = support::root::workspace().join("php/local/vmoodle/db/install.xml");
        let given = Given { keyfile: Some(keys.join("key").display().to_string()), ..Given::default() };
        let Some(farm) = farm_with("table_seal", engine, &install, given) else { return };
        let (_, two) = both(&farm);
        let before = rows(&two);
        let mut wish = wish();
        wish["secrets"] = json!(1);
        let (first, counts) = job(&farm, "copy_table", wish, &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(rows(&two).contains("hidden!"));
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item");
        assert!(!journal.contains("hidden!") && journal.contains("enc:v1:"));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(rows(&two), before);
    }

    fn rows_whose_name_makes_a_secret_of_their_value_are_left_unless_they_are_meant(engine: Engine) {
        let keys = Scratch::new("keys");
        Keyring::create(&keys.join("key")).unwrap();
        let install = support::root::workspace().join("php/local/vmoodle/db/install.xml");
        let given = Given { keyfile: Some(keys.join("key").display().to_string()), ..Given::default() };
        let Some(farm) = farm_with("table_named", engine, &install, given) else { return };
        let (one, two) = both(&farm);
        one.run(&settings_table(engine));
        two.run(&settings_table(engine));
        one.run(
            "INSERT INTO mdl_x_settings (name, userid, label, value) VALUES ('url', 50, 'l', 'https://x'), ('password', 50, 'l', 'hidden!'),
                 ('resourcekey', 50, 'l', ''), ('token', 50, 'l', 'hidden2!'), ('apikey', 999, 'l', 'hidden3!'), ('minpassword', 50, 'l', '12')",
        );
        two.run(
            "INSERT INTO mdl_x_settings (name, userid, label, value) VALUES ('password', 70, 'k', 'kept1!'), ('resourcekey', 70, 'k', 'kept2!'),
                 ('token', 70, 'k', ''), ('secret', 70, 'k', 'kept3!'), ('theme', 70, 'k', 'gone')",
        );
        let all = || two.run("SELECT name, userid, label, value FROM mdl_x_settings ORDER BY name");
        let before = all();
        let meant = json!({"source": FROM, "table": "x_settings", "delete": 1});
        let (first, counts) = job(&farm, "copy_table", meant.clone(), &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        let expected = "minpassword\t70\tl\t12\npassword\t70\tk\tkept1!\nresourcekey\t70\tk\tkept2!\nsecret\t70\tk\tkept3!\n\
            token\t70\tk\t\nurl\t70\tl\thttps://x\n";
        assert_eq!(all(), expected, "neither come nor change nor go");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(all(), before);

        let mut skipping = meant.clone();
        skipping["key"] = json!("value");
        skipping["skip"] = json!("name");
        assert_eq!(plan(&farm, "copy_table", skipping, TO)[0]["errorcode"], "bad_parameter", "who tells a secret then?");

        one.run("DELETE FROM mdl_x_settings WHERE name = 'apikey'");
        let mut with = meant;
        with["secrets"] = json!(1);
        let mut by_value = with.clone();
        by_value["key"] = json!("value");
        let planned = plan(&farm, "copy_table", by_value, TO).to_string();
        assert!(planned.contains("https://x") && !planned.contains("hidden") && !planned.contains("kept"), "{planned}");
        let (first, counts) = job(&farm, "copy_table", with, &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(all().contains("hidden!") && all().contains("hidden2!") && !all().contains("kept"), "{}", all());
        let journal = farm.database.run(&format!("SELECT * FROM mdl_local_vmoodle_item WHERE jobid = {first}"));
        assert!(!journal.contains("hidden") && journal.contains("enc:v1:"), "{journal}");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(all(), before);
    }

    fn an_undo_leaves_all_as_it_is_where_somebody_changed_a_row(engine: Engine) {
        let Some(farm) = farm("table_cas", engine) else { return };
        let (_, two) = both(&farm);
        let (first, _) = job(&farm, "copy_table", wish(), &[TO]);
        two.run("UPDATE mdl_x_items SET note = 'edited' WHERE name = 'two'");
        let now = rows(&two);
        let back = farm.console.job_undo(first).unwrap();
        assert_eq!(run(&farm, back), json!({"failed": 1}));
        assert_eq!(item(&farm, back)["errorcode"], "state_refused");
        assert_eq!(rows(&two), now);
    }

    fn a_killed_runner_and_a_broken_tenant_of_ten_lose_nothing(engine: Engine) {
        let Some(farm) = farm("table_kill", engine) else { return };
        let (one, two) = both(&farm);
        let copy = |at: u32| {
            one.run(&format!("UPDATE mdl_x_items SET note = 'turn {at}' WHERE name = 'one'"));
            submit(&farm, "copy_table", wish(), &[TO]).unwrap()
        };
        let killed = at_every_boundary(&farm, copy, |at| assert!(rows(&two).contains(&format!("turn {at}\t"))));
        assert_eq!(killed, 2, "before and after the commit");

        let others: Vec<Database> = (0..8).map(|number| items(&farm, &format!("s{number}.example.org"), 70 + number)).collect();
        others[3].run("DROP TABLE mdl_x_items");
        one.run("UPDATE mdl_x_items SET note = 'last' WHERE name = 'one'");
        let (first, counts) = job(&farm, "copy_table", wish(), &["all", "!a.example.org"]);
        assert_eq!(counts, json!({"done": 8, "failed": 1}));
        for (number, other) in others.iter().enumerate().filter(|(number, _)| *number != 3) {
            assert!(rows(other).contains(&format!("one\t{}\t{}\t", 70 + number, 70 + number)), "{number}: {}", rows(other));
        }
        assert_eq!(undo(&farm, first), json!({"done": 8}));
        assert!(others.iter().enumerate().filter(|(number, _)| *number != 3).all(|(_, other)| rows(other).is_empty()));
    }
}
