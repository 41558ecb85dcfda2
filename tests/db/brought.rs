//! Files of the system context, and changed texts of Moodle, brought from one tenant to others.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::database::{Database, Engine};

use crate::config::{item, job, plan, run, site, undo};
use crate::crash::at_every_boundary;
use crate::life::{dataroot, submit, tree};
use crate::{Farm, farm, on_both_engines};

const FROM: &str = "a.example.org";
const TO: &str = "b.example.org";

/// SHA-1 of `content`, of `other` and of nothing.
const CONTENT: &str = "040f06fd774092478d450774f5ba30c5da78acc8";
const OTHER: &str = "d0941e68da8f38151ff86a61fc59f7c5cf9fcaa2";
const NOTHING: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

fn auto(engine: Engine) -> &'static str {
    match engine {
        Engine::MariaDb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        Engine::Postgres => "BIGSERIAL PRIMARY KEY",
    }
}

/// A site with the tables of files and of changed texts.
fn stocked(farm: &Farm, host: &str) -> Database {
    let database = site(farm, host);
    let auto = auto(database.engine);
    database.run(&format!(
        "CREATE TABLE mdl_files (id {auto}, contenthash VARCHAR(40) NOT NULL, pathnamehash VARCHAR(40) NOT NULL, contextid BIGINT NOT NULL,
             component VARCHAR(100) NOT NULL, filearea VARCHAR(50) NOT NULL, itemid BIGINT NOT NULL, filepath VARCHAR(255) NOT NULL,
             filename VARCHAR(255) NOT NULL, userid BIGINT, filesize BIGINT NOT NULL, mimetype VARCHAR(100), status BIGINT NOT NULL DEFAULT 0,
             source TEXT, author VARCHAR(255), license VARCHAR(255), timecreated BIGINT NOT NULL, timemodified BIGINT NOT NULL,
             sortorder BIGINT NOT NULL DEFAULT 0, referencefileid BIGINT, UNIQUE (pathnamehash));
         CREATE TABLE mdl_tool_customlang_components (id {auto}, name VARCHAR(255), version VARCHAR(255));
         CREATE TABLE mdl_tool_customlang (id {auto}, lang VARCHAR(20) NOT NULL, componentid BIGINT NOT NULL, stringid VARCHAR(255) NOT NULL,
             original TEXT NOT NULL, master TEXT, local TEXT, timemodified BIGINT NOT NULL, timecustomized BIGINT, outdated SMALLINT, modified SMALLINT,
             UNIQUE (lang, componentid, stringid))"
    ));
    database
}

/// The system context of a site gets another number.
fn renumber(database: &Database, id: u32) {
    database.run(&format!("UPDATE mdl_context SET id = {id} WHERE contextlevel = 10"));
}

fn content(root: &Path, text: &str, hash: &str) -> PathBuf {
    let path = root.join(format!("filedir/{}/{}/{hash}", &hash[..2], &hash[2..4]));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn place(root: &Path, hash: &str) -> PathBuf {
    root.join(format!("filedir/{}/{}/{hash}", &hash[..2], &hash[2..4]))
}

fn put(database: &Database, context: u32, path: &str, name: &str, hash: &str, size: usize) {
    database.run(&format!(
        "INSERT INTO mdl_files (contenthash, pathnamehash, contextid, component, filearea, itemid, filepath, filename, userid, filesize, mimetype, author, timecreated, timemodified)
         VALUES ('{hash}', 'old{context}{path}{name}', {context}, 'theme_boost', 'logo', 0, '{path}', '{name}', 2, {size}, 'image/png', 'l''autrice', 5, 6)"
    ));
}

fn files(database: &Database) -> String {
    database.run("SELECT contenthash, pathnamehash, contextid, component, filearea, itemid, filepath, filename, filesize, mimetype, author FROM mdl_files ORDER BY filepath, filename")
}

fn logo() -> Value {
    json!({"source": FROM, "component": "theme_boost", "filearea": "logo"})
}

fn sha1(text: &str) -> String {
    use std::fmt::Write as _;
    let output = std::process::Command::new("sha1sum")
        .arg("/dev/stdin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut child = output.unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let mut hash = String::new();
    write!(hash, "{}", &said[..40]).unwrap();
    hash
}

on_both_engines! {
    fn a_logo_comes_with_its_folders_its_setting_and_no_second_copy(engine: Engine) {
        let Some(farm) = farm("file_copy", engine) else { return };
        let (one, two) = (stocked(&farm, FROM), stocked(&farm, TO));
        renumber(&two, 33);
        let (theirs, ours) = (dataroot(&farm, FROM), dataroot(&farm, TO));
        content(&theirs, "content", CONTENT);
        put(&one, 1, "/a/", "logo.png", CONTENT, 7);
        one.run("INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('theme_boost', 'logo', '/a/logo.png')");
        two.run("INSERT INTO mdl_config (name, value) VALUES ('themerev', '7')");
        let before = (files(&two), tree(&ours), two.run("SELECT plugin, name, value FROM mdl_config_plugins ORDER BY id"));

        let planned = plan(&farm, "copy_file", logo(), TO);
        assert_eq!(planned[0]["changes"], json!([
            {"what": "files: rows that come", "before": null, "after": {"rows": 3, "some": planned[0]["changes"][0]["after"]["some"]}},
            {"what": "config_plugins: rows that come", "before": null, "after": {"rows": 1, "some": ["theme_boost/logo"]}},
        ]), "{planned}");
        let now = || (files(&two), tree(&ours), two.run("SELECT plugin, name, value FROM mdl_config_plugins ORDER BY id"));
        assert_eq!(now(), before, "a plan changes nothing");

        let (first, counts) = job(&farm, "copy_file", logo(), &["any"]);
        assert_eq!(counts, json!({"done": 1, "skipped": 1}), "{:#}", farm.console.job(first).unwrap()["items"]);
        let wanted: String = [("/", "."), ("/a/", "."), ("/a/", "logo.png")].iter().map(|(path, name)| {
            let hash = sha1(&format!("/33/theme_boost/logo/0{path}{name}"));
            let of = if *name == "." { format!("{NOTHING}\t{hash}\t33\ttheme_boost\tlogo\t0\t{path}\t{name}\t0") } else { format!("{CONTENT}\t{hash}\t33\ttheme_boost\tlogo\t0\t{path}\t{name}\t7") };
            of + "\n"
        }).collect();
        let told: String = files(&two).lines().map(|line| line.split('\t').take(9).collect::<Vec<_>>().join("\t") + "\n").collect();
        assert_eq!(told, wanted, "as Moodle's file storage makes them");
        assert!(files(&two).contains("image/png\tl'autrice"));
        let inode = |root: &Path| fs::metadata(place(root, CONTENT)).unwrap().ino();
        assert_eq!(inode(&theirs), inode(&ours), "the content takes no space");
        assert!(place(&ours, NOTHING).exists());
        assert!(two.run("SELECT value FROM mdl_config WHERE name = 'themerev'").trim().parse::<i64>().unwrap() > 7);
        assert!(two.run("SELECT value FROM mdl_config_plugins WHERE plugin = 'theme_boost'").contains("/a/logo.png"));
        assert_eq!(job(&farm, "copy_file", logo(), &["any"]).1, json!({"skipped": 2}), "nothing is left to do");

        assert_eq!(undo(&farm, first), json!({"done": 1}));
        let mut after = now();
        assert!(after.1.iter().any(|(name, _)| name.starts_with("trashdir/")), "as Moodle's own removal");
        after.1.retain(|(name, _)| !name.starts_with("trashdir/"));
        assert_eq!(after, before);
        assert_eq!(undo(&farm, first), json!({"done": 1}), "what is put back already stays");
    }

    fn a_file_that_is_there_changes_and_others_go_only_where_that_is_asked(engine: Engine) {
        let Some(farm) = farm("file_over", engine) else { return };
        let (one, two) = (stocked(&farm, FROM), stocked(&farm, TO));
        let (theirs, ours) = (dataroot(&farm, FROM), dataroot(&farm, TO));
        content(&theirs, "content", CONTENT);
        content(&ours, "other", OTHER);
        put(&one, 1, "/", "logo.png", CONTENT, 7);
        for name in ["logo.png", "own.png", "."] {
            put(&two, 1, "/", name, if name == "." { NOTHING } else { OTHER }, if name == "." { 0 } else { 5 });
            two.run(&format!("UPDATE mdl_files SET pathnamehash = '{}' WHERE filename = '{name}'", sha1(&format!("/1/theme_boost/logo/0/{name}"))));
        }
        let all = || two.run("SELECT * FROM mdl_files ORDER BY id");
        let before = all();
        let (first, counts) = job(&farm, "copy_file", logo(), &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(files(&two).contains(&format!("{CONTENT}\t")) && files(&two).contains("own.png"));
        assert!(place(&ours, OTHER).exists(), "what was there can come back");
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(all(), before);

        let mut wish = logo();
        wish["delete"] = json!(1);
        let (first, counts) = job(&farm, "copy_file", wish, &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert!(!files(&two).contains("own.png"));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(all(), before, "with the numbers that they had");
        let mut wish = logo();
        wish["filename"] = json!("nothing.png");
        assert_eq!(plan(&farm, "copy_file", wish, TO)[0]["errorcode"], "bad_parameter");
        assert!(submit(&farm, "copy_file", json!({"source": FROM, "component": "../x", "filearea": "logo"}), &[TO]).is_err());
        one.run("UPDATE mdl_files SET referencefileid = 3 WHERE filename = 'logo.png'");
        assert_eq!(plan(&farm, "copy_file", logo(), TO)[0]["errorcode"], "bad_parameter", "another site has not got the repository");
        one.run("UPDATE mdl_files SET referencefileid = NULL");
        fs::remove_file(place(&theirs, CONTENT)).unwrap();
        fs::remove_file(place(&ours, CONTENT)).ok();
        let trash = ours.join("trashdir");
        assert!(!trash.join("04").exists() || trash.exists());
        assert_eq!(plan(&farm, "copy_file", logo(), TO)[0]["errorcode"], "files_failed");
    }

    fn a_killed_runner_brings_a_logo_whole_and_one_broken_tenant_of_ten_stops_nobody(engine: Engine) {
        let Some(farm) = farm("file_kill", engine) else { return };
        let (one, two) = (stocked(&farm, FROM), stocked(&farm, TO));
        let (theirs, ours) = (dataroot(&farm, FROM), dataroot(&farm, TO));
        let hash = std::cell::RefCell::new(String::new());
        let copy = |at: u32| {
            let text = format!("turn {at}");
            *hash.borrow_mut() = sha1(&text);
            content(&theirs, &text, &hash.borrow());
            one.run("DELETE FROM mdl_files");
            put(&one, 1, "/", "logo.png", &hash.borrow(), text.len());
            submit(&farm, "copy_file", logo(), &[TO]).unwrap()
        };
        let killed = at_every_boundary(&farm, copy, |at| {
            assert!(files(&two).contains(hash.borrow().as_str()), "{at}");
            assert_eq!(fs::read_to_string(place(&ours, &hash.borrow())).unwrap(), format!("turn {at}"));
        });
        assert!(killed >= 3, "{killed}");

        let others: Vec<Database> = (0..8).map(|number| stocked(&farm, &format!("s{number}.example.org"))).collect();
        others[3].run("DROP TABLE mdl_files");
        let (first, counts) = job(&farm, "copy_file", logo(), &["all", "!a.example.org", "!b.example.org"]);
        assert_eq!(counts, json!({"done": 7, "failed": 1}));
        assert!(others.iter().enumerate().filter(|(n, _)| *n != 3).all(|(_, other)| files(other).contains(hash.borrow().as_str())));
        assert_eq!(undo(&farm, first), json!({"done": 7}));
    }

    fn changed_texts_come_with_files_and_rows_and_the_targets_own_stay(engine: Engine) {
        let Some(farm) = farm("lang_sync", engine) else { return };
        let (one, two) = (stocked(&farm, FROM), stocked(&farm, TO));
        let (theirs, ours) = (dataroot(&farm, FROM).join("lang"), dataroot(&farm, TO).join("lang"));
        let write = |root: &Path, path: &str, code: &str| {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), format!("<?php\n{code}")).unwrap();
        };
        write(&theirs, "fr_local/moodle.php", "$string['course'] = 'L\\'unité';\n");
        write(&theirs, "en_local/quiz.php", "$string['a'] = 'A';\n");
        write(&ours, "fr_local/moodle.php", "$string['course'] = 'Cours';\n$string['own'] = 'À nous';\n");
        write(&ours, "fr/moodle.php", "$string['own'] = 'x';\n");
        for (database, id) in [(&one, 4), (&two, 9)] {
            database.run(&format!("INSERT INTO mdl_tool_customlang_components (id, name) VALUES ({id}, 'core')"));
        }
        one.run("INSERT INTO mdl_tool_customlang (lang, componentid, stringid, original, master, local, timemodified, timecustomized, outdated, modified)
                 VALUES ('fr', 4, 'course', 'Course', 'Cours', 'L''unité', 1, 2, 0, 0), ('fr', 4, 'plain', 'Plain', 'Simple', NULL, 1, NULL, 0, 0)");
        two.run("INSERT INTO mdl_tool_customlang (lang, componentid, stringid, original, master, local, timemodified, timecustomized, outdated, modified)
                 VALUES ('fr', 9, 'course', 'Course', 'Cours', NULL, 7, NULL, 0, 0), ('fr', 9, 'own', 'Own', NULL, 'À nous', 7, 8, 0, 0)");
        two.run("INSERT INTO mdl_config (name, value) VALUES ('langrev', '7')");
        let now = || (tree(&ours), two.run("SELECT * FROM mdl_tool_customlang ORDER BY id"));
        let before = now();
        let wish = json!({"source": FROM});
        let planned = plan(&farm, "sync_language_customisation", wish.clone(), TO);
        let what: Vec<&str> = planned[0]["changes"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect();
        assert_eq!(what, ["en_local/quiz.php", "fr_local/moodle.php", "tool_customlang: rows that change"], "{planned}");
        assert_eq!(now(), before, "a plan changes nothing");

        let (first, counts) = job(&farm, "sync_language_customisation", wish.clone(), &["any"]);
        assert_eq!(counts, json!({"done": 1, "skipped": 1}), "{:#}", farm.console.job(first).unwrap()["items"]);
        let text = fs::read_to_string(ours.join("fr_local/moodle.php")).unwrap();
        assert_eq!(text, "<?php\n$string['course'] = 'L\\'unité';\n$string['own'] = 'À nous';\n");
        assert_eq!(fs::read(ours.join("en_local/quiz.php")).unwrap(), fs::read(theirs.join("en_local/quiz.php")).unwrap());
        let row = two.run("SELECT local, timecustomized, timemodified FROM mdl_tool_customlang WHERE stringid = 'course'");
        assert_eq!(row, "L'unité\t2\t7\n");
        assert!(two.run("SELECT value FROM mdl_config WHERE name = 'langrev'").trim().parse::<i64>().unwrap() > 7);
        assert_eq!(job(&farm, "sync_language_customisation", wish.clone(), &["any"]).1, json!({"skipped": 2}));
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(now(), before);
        assert!(!ours.join("en_local").exists());

        let (first, counts) = job(&farm, "sync_language_customisation", json!({"source": FROM, "delete": 1, "languages": "fr"}), &[TO]);
        assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, first));
        assert_eq!(fs::read(ours.join("fr_local/moodle.php")).unwrap(), fs::read(theirs.join("fr_local/moodle.php")).unwrap());
        assert!(!two.run("SELECT local FROM mdl_tool_customlang").contains("À nous") && !ours.join("en_local").exists());
        assert_eq!(undo(&farm, first), json!({"done": 1}));
        assert_eq!(now(), before);

        // What would run is brought nowhere, and what somebody changed since is left.
        let (first, _) = job(&farm, "sync_language_customisation", wish.clone(), &[TO]);
        write(&ours, "fr_local/moodle.php", "$string['course'] = 'Edited';\n");
        let back = farm.console.job_undo(first).unwrap();
        assert_eq!(run(&farm, back), json!({"failed": 1}));
        assert!(fs::read_to_string(ours.join("fr_local/moodle.php")).unwrap().contains("Edited"));
        assert!(two.run("SELECT local FROM mdl_tool_customlang WHERE stringid = 'course'").contains("L'unité"), "rows and files stay together");
        write(&theirs, "fr_local/evil.php", "$string['a'] = 'x'; unlink('y');\n");
        assert_eq!(plan(&farm, "sync_language_customisation", wish, TO)[0]["errorcode"], "config_unreadable");
        let fine = json!({"source": FROM, "components": "core"});
        assert_eq!(plan(&farm, "sync_language_customisation", fine, TO)[0]["errorcode"], Value::Null);
    }

    fn a_killed_runner_brings_texts_whole_and_one_broken_tenant_of_ten_stops_nobody(engine: Engine) {
        let Some(farm) = farm("lang_kill", engine) else { return };
        let (_, two) = (stocked(&farm, FROM), stocked(&farm, TO));
        let (theirs, ours) = (dataroot(&farm, FROM).join("lang"), dataroot(&farm, TO).join("lang"));
        fs::create_dir_all(theirs.join("fr_local")).unwrap();
        let names = ["admin.php", "moodle.php"];
        let sync = |at: u32| {
            for name in names {
                fs::write(theirs.join("fr_local").join(name), format!("<?php $string['a'] = '{name} {at}';\n")).unwrap();
            }
            submit(&farm, "sync_language_customisation", json!({"source": FROM}), &[TO]).unwrap()
        };
        let killed = at_every_boundary(&farm, sync, |_| {
            let same = |name: &&str| fs::read(theirs.join("fr_local").join(name)).unwrap() == fs::read(ours.join("fr_local").join(name)).unwrap();
            assert!(names.iter().all(same));
        });
        assert_eq!(killed, 3, "after each file, and after the commit");
        drop(two);

        let others: Vec<Database> = (0..8).map(|number| stocked(&farm, &format!("s{number}.example.org"))).collect();
        others[3].run("DROP TABLE mdl_config");
        let (first, counts) = job(&farm, "sync_language_customisation", json!({"source": FROM}), &["all", "!a.example.org", "!b.example.org"]);
        assert_eq!(counts, json!({"done": 7, "failed": 1}));
        assert_eq!(undo(&farm, first), json!({"done": 7}));
        assert!((0..8).filter(|n| *n != 3).all(|n| !dataroot(&farm, &format!("s{n}.example.org")).join("lang/fr_local").exists()));
    }
}
