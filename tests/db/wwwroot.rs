//! A site's address in its contents, on all tables of a real Moodle.

use std::process::Command;

use support::database::Engine;
use support::need::program;
use support::process::output_of_input;
use vmoodle_core::db::{Limit, Sql};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::moodle::wwwroot::{self, Report};

use crate::on_both_engines;
use crate::site::{Site, real, wait};

const OLD: &str = "https://old.example.org";
const NEW: &str = "https://new.example.org/school";

fn replace(site: &Site, old: &str, new: &str) -> Report {
    wait(async {
        let (old, new) = (SiteAddress::parse(old).unwrap(), SiteAddress::parse(new).unwrap());
        wwwroot::replace(&mut site.open().await, &old, &new).await.unwrap()
    })
}

fn label(site: &Site, name: &str, intro: &str) {
    wait(async {
        let sql = Sql::insert("label", &["course", "name", "intro"]);
        site.open().await.insert(sql, &[1.into(), name.into(), intro.into()]).await.unwrap();
    });
}

fn intro(site: &Site, name: &str) -> String {
    let sql = "SELECT intro FROM {label} WHERE name = ?";
    let row = wait(async { site.open().await.fetch_one(sql, &[name.into()]).await.unwrap().unwrap() });
    row.text("intro").unwrap().to_owned()
}

/// `configdata` of a block as Moodle stores it.
fn configdata(text: &str) -> String {
    let object = format!("O:8:\"stdClass\":2:{{s:4:\"text\";s:{}:\"{text}\";s:6:\"format\";s:1:\"1\";}}", text.len());
    php("echo base64_encode(stream_get_contents(STDIN));", &object)
}

fn php(code: &str, input: &str) -> String {
    output_of_input(Command::new(program("php").expect("php")).args(["-n", "-r", code]), input.as_bytes())
}

on_both_engines! {
    fn every_spelling_in_every_table_follows_and_nothing_else(engine: Engine) {
        let Some(site) = real("www_all", engine) else { return };
        let texts = [
            ("plain", r#"<a href="https://old.example.org/mod/x.php?id=1">l'été 🌞</a>"#, r#"<a href="https://new.example.org/school/mod/x.php?id=1">l'été 🌞</a>"#),
            ("upper", "HTTP://OLD.example.org", "https://new.example.org/school"),
            ("json", r#"{"a":"https:\/\/old.example.org\/x"}"#, r#"{"a":"https:\/\/new.example.org\/school\/x"}"#),
            ("bare", "src='//old.example.org/x'", "src='//new.example.org/school/x'"),
            ("longer", "https://old.example.org.evil/ https://old.example.orgs", "https://old.example.org.evil/ https://old.example.orgs"),
            ("serialized", "a:1:{i:0;s:26:\"https://old.example.org/é\";}", "a:1:{i:0;s:33:\"https://new.example.org/school/é\";}"),
        ];
        for (name, text, _) in texts {
            label(&site, name, text);
        }
        let long = format!("https://old.example.org/{}", "x".repeat(225));
        let block = configdata("<p>https://old.example.org/ l'été</p>");
        site.database.run(&format!(
            "INSERT INTO mdl_block_instances (blockname, parentcontextid, showinsubcontexts, requiredbytheme, pagetypepattern, defaultregion, defaultweight, configdata, timecreated, timemodified)
                 VALUES ('html', 1, 0, 0, '*', 'side-pre', 0, '{block}', 0, 0), ('html', 1, 0, 0, '*', 'side-pre', 0, '', 0, 0);
             INSERT INTO mdl_label (course, name, intro) VALUES (1, '{long}', ''), (1, 'damaged', 's:99:\"https://old.example.org\";');
             INSERT INTO mdl_upgrade_log (type, plugin, info, timemodified, userid) VALUES (0, 'x', 'https://old.example.org/', 0, 0);
             INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('theme_x', 'footnote', 'https://old.example.org/'), ('theme_x', 'b', 'https://old.example.org.evil/')"
        ));
        site.set("additionalhtmlhead", "<link href=\"https://old.example.org/x\">");
        let report = replace(&site, OLD, NEW);
        for (name, _, wanted) in texts {
            assert_eq!(intro(&site, name), wanted, "{name}");
        }
        let stored = site.read("SELECT configdata FROM mdl_block_instances WHERE configdata <> '' ORDER BY id DESC LIMIT 1").remove(0);
        assert_eq!(php("echo unserialize(base64_decode(stream_get_contents(STDIN)))->text;", &stored), "<p>https://new.example.org/school/ l'été</p>");
        assert_eq!((report.rewritten["label.intro"], report.rewritten["block_instances.configdata"]), (5, 1));
        assert_eq!(report.left.into_iter().collect::<Vec<_>>(), [("label.intro".into(), 1), ("label.name".into(), 1)], "damaged, and too long");
        assert_eq!(report.settings, ["additionalhtmlhead", "theme_x/footnote"]);
        assert_eq!(site.config("additionalhtmlhead"), "<link href=\"https://old.example.org/x\">");
        assert_eq!(site.read("SELECT info FROM mdl_upgrade_log WHERE plugin = 'x'"), ["https://old.example.org/"], "a log says what was");
        assert_eq!(replace(&site, OLD, NEW).rewritten.len(), 0, "a second time changes nothing");
    }

    fn more_rows_than_are_read_at_once_are_all_rewritten(engine: Engine) {
        let Some(site) = real("www_many", engine) else { return };
        let rows: Vec<String> = (0..450).map(|n| format!("(1, 'n{n}', '//old.example.org/{n} https://old.example.org')")).collect();
        site.database.run(&format!("INSERT INTO mdl_label (course, name, intro) VALUES {}", rows.join(", ")));
        // Far from the others, so that empty stretches lie between.
        site.database.run("UPDATE mdl_label SET id = 3000000000 WHERE name = 'n449'; UPDATE mdl_label SET id = -7 WHERE name = 'n0'");
        assert_eq!(replace(&site, OLD, NEW).rewritten["label.intro"], 450);
        assert_eq!(site.read("SELECT COUNT(*) FROM mdl_label WHERE intro LIKE '%old.example.org%'"), ["0"]);
        assert_eq!(replace(&site, NEW, OLD).rewritten["label.intro"], 450);
        assert_eq!(intro(&site, "n449"), "//old.example.org/449 https://old.example.org", "there and back");
    }

    fn the_server_tells_all_columns_of_text(engine: Engine) {
        let Some(site) = real("www_columns", engine) else { return };
        site.database.run("CREATE TABLE other_site (id BIGINT PRIMARY KEY, a VARCHAR(10)); CREATE TABLE mdl_noid (a VARCHAR(10))");
        let (tables, columns) = wait(async {
            let mut db = site.open().await;
            (db.tables().await.unwrap(), db.text_columns().await.unwrap())
        });
        assert_eq!(tables.len(), 495, "those of Moodle, and one of ours");
        let limit = |table: &str, column: &str| {
            columns.iter().find(|found| found.table.as_str() == table && found.column.as_str() == column).map(|found| found.limit)
        };
        assert_eq!(limit("course", "fullname"), Some(Limit::Characters(254)));
        let text = limit("course", "summary").unwrap();
        assert!(text.takes(&"x".repeat(100_000)), "{text:?}");
        assert_eq!((limit("noid", "a"), limit("other_site", "a"), limit("course", "id")), (None, None, None));
        assert!(columns.len() > 1000, "{}", columns.len());
    }
}
