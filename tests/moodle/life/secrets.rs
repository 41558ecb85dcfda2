//! No password where somebody else may read it.

use std::collections::BTreeSet;
use std::path::Path;

use support::database::{Database, Engine};
use support::farm::CONTROL;

use super::stage::{LOGIN, Ran, Stage};

/// Asserts that none of these passwords, nor any that the farm has anyway, was seen or is kept anywhere.
pub(super) fn assert_kept(stage: &Stage, seen: &BTreeSet<String>, ran: &[&Ran], more: &[String]) {
    let mut secrets: Vec<String> = more.to_vec();
    // Of the password with quotes the part that no way of writing it down changes.
    secrets.extend([LOGIN.1.to_owned(), "with \"quotes".to_owned(), "with \\\"quotes".to_owned()]);
    for secret in &secrets {
        assert!(secret.len() >= 10, "`{secret}` may stand anywhere by chance");
        let leak = |text: &str| text.contains(secret.as_str());
        for line in seen {
            assert!(!leak(line), "`ps` shows a password: {line}");
        }
        for ran in ran {
            assert!(!leak(&ran.err) && !leak(&ran.out), "a password is printed: {ran:?}");
        }
        assert!(!leak(&stage.web.fpm.log()), "php-fpm logs a password");
        assert!(!leak(&stage.web.nginx.log()), "nginx logs a password");
    }
    for (table, rows) in tables(stage.farm.control()) {
        for secret in &secrets {
            assert!(!rows.contains(secret.as_str()), "{table} holds a password in clear");
        }
    }
    let mut read = 0;
    files(&stage.farm.dataroot(CONTROL), &mut |path, bytes| {
        read += 1;
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a password in clear", path.display());
        }
    });
    assert!(read > 5, "the control site's dataroot holds the index and the snapshots: {read} files");
}

/// Every table of the plugin as text, all columns; and what Moodle logs of changed settings.
fn tables(control: &Database) -> Vec<(String, String)> {
    assert_eq!(control.engine, Engine::MariaDb);
    let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()
               AND (table_name LIKE 'mdl\\_local\\_vmoodle%' OR table_name IN ('mdl_config_log', 'mdl_logstore_standard_log'))";
    let names = control.run(sql);
    let names: Vec<&str> = names.split_whitespace().collect();
    assert!(names.contains(&"mdl_local_vmoodle_item") && names.contains(&"mdl_local_vmoodle_job"), "{names:?}");
    names.iter().map(|name| ((*name).to_owned(), control.run(&format!("SELECT * FROM `{name}`")))).collect()
}

/// Every file below a folder; not the databases of the snapshots, which are the sites' own.
fn files(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files(&path, look);
        } else if kind.is_file() && entry.file_name() != "database.sql.zst" {
            look(&path, &std::fs::read(&path).unwrap_or_default());
        }
    }
}
