//! A real Moodle 4.5: where its code and the databases of a fresh site are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database::{Database, Engine};
use crate::process::output;

/// The Moodle tree named by `MOODLE_DIR` (default `/opt/moodle`); whether one is there is [`crate::need::Need::Moodle`].
pub fn folder() -> PathBuf {
    std::env::var_os("MOODLE_DIR").map_or_else(|| PathBuf::from("/opt/moodle"), PathBuf::from)
}

/// The folder of dumps named by `VMOODLE_DUMPS`, when it holds both engines'.
pub fn dumps() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("VMOODLE_DUMPS")?);
    Engine::ALL.iter().all(|engine| folder.join(dump_name(*engine)).is_file()).then_some(folder)
}

/// Loads the tables of a fresh Moodle and gives the site a name; the administrator is `admin`, `Admin#1234`.
///
/// # Panics
/// Where there are no dumps.
pub fn fill(database: &Database, name: &str) {
    let folder = dumps().expect("needed");
    database.load(&folder.join(dump_name(database.engine)));
    let name = name.replace('\'', "''");
    // A clone keeps its template's identifier, and two sites with one identifier share cache keys.
    database.run(&format!(
        "UPDATE mdl_course SET fullname = '{name}', shortname = '{name}' WHERE id = 1;
         UPDATE mdl_config SET value = '{}' WHERE name = 'siteidentifier'",
        database.name
    ));
}

/// Copies a code tree by hard links where the file system can, else byte by byte.
///
/// Whoever changes a file of the copy must put a new one in its place: the links share their content.
pub fn link_tree(from: &Path, to: &Path) {
    let linked = Command::new("cp").arg("-al").arg(from).arg(to).output().is_ok_and(|result| result.status.success());
    if !linked {
        let _ = std::fs::remove_dir_all(to);
        output(Command::new("cp").arg("-a").arg(from).arg(to));
    }
}

fn dump_name(engine: Engine) -> &'static str {
    match engine {
        Engine::MariaDb => "mariadb.sql.zst",
        Engine::Postgres => "pgsql.sql.zst",
    }
}
