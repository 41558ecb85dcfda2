//! What a test needs from the machine: looked for, said when missing, insisted on where `VMOODLE_REQUIRE` names it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::moodle;

/// What loads PHPUnit's classes, of Debian's package `phpunit`.
pub const PHPUNIT: &str = "/usr/share/php/PHPUnit/Autoload.php";
/// What loads vfsStream's, of Debian's package `php-mikey179-vfsstream`.
pub const VFSSTREAM: &str = "/usr/share/php/org/bovigo/vfs/autoload.php";
/// What `localedef` makes Moodle's test locale of, of Debian's package `locales`.
const LOCALE: &str = "/usr/share/i18n/locales/en_AU";

/// Something outside this repository that a test cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `mariadbd`, `mariadb-install-db` and `mariadb`.
    MariaDb,
    /// `initdb`, `postgres` and `psql`.
    PostgreSql,
    /// `redis-server`.
    Redis,
    /// `php` (the command line).
    Php,
    /// `php-fpm` of the same version.
    Fpm,
    /// `nginx`.
    Nginx,
    /// `chromium`.
    Chromium,
    /// `valgrind`.
    Valgrind,
    /// PHPUnit and vfsStream as Debian's packages leave them, and what makes the locale that Moodle's PHPUnit asks for.
    PhpUnit,
    /// A Moodle 4.5 tree, where `MOODLE_DIR` says.
    Moodle,
    /// Databases of a fresh Moodle, where `VMOODLE_DUMPS` says.
    Dumps,
}

impl Need {
    /// The word for it in `VMOODLE_REQUIRE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::PostgreSql => "postgresql",
            Self::Redis => "redis",
            Self::Php => "php",
            Self::Fpm => "fpm",
            Self::Nginx => "nginx",
            Self::Chromium => "chromium",
            Self::Valgrind => "valgrind",
            Self::PhpUnit => "phpunit",
            Self::Moodle => "moodle",
            Self::Dumps => "dumps",
        }
    }

    /// Why it is not there; `None` when it is.
    pub fn missing(self) -> Option<String> {
        let programs: &[&str] = match self {
            Self::MariaDb => &["mariadbd", "mariadb-install-db", "mariadb", "setpriv"],
            Self::PostgreSql => &["initdb", "postgres", "psql", "setpriv"],
            Self::Redis => &["redis-server", "redis-cli"],
            Self::Php => &["php"],
            Self::Nginx => &["nginx"],
            Self::Chromium => &["chromium"],
            Self::Valgrind => &["valgrind"],
            Self::PhpUnit => {
                return [PHPUNIT, VFSSTREAM, LOCALE]
                    .into_iter()
                    .find(|file| !Path::new(file).is_file())
                    .map(|file| format!("no `{file}`"))
                    .or_else(|| program("localedef").is_none().then(|| "no program `localedef`".to_owned()));
            }
            Self::Fpm => return fpm().is_none().then(|| "no `php-fpm`".to_owned()),
            Self::Moodle => {
                let folder = moodle::folder();
                return (!folder.join("version.php").is_file())
                    .then(|| format!("no Moodle in `{}` (set MOODLE_DIR)", folder.display()));
            }
            Self::Dumps => {
                return moodle::dumps()
                    .is_none()
                    .then(|| "VMOODLE_DUMPS names no folder with mariadb.sql.zst and pgsql.sql.zst".to_owned());
            }
        };
        programs.iter().find(|name| program(name).is_none()).map(|name| format!("no program `{name}`"))
    }
}

/// `Some` when all needs are met; else says what is missing and gives `None`.
///
/// # Panics
/// When what is missing is named in the environment variable `VMOODLE_REQUIRE` (words with commas between).
pub fn all(needs: &[Need]) -> Option<()> {
    let required = std::env::var("VMOODLE_REQUIRE").unwrap_or_default();
    for need in needs {
        if let Some(why) = need.missing() {
            assert!(
                !required.split(',').any(|word| word.trim() == need.name()),
                "`{}` is required by VMOODLE_REQUIRE, but: {why}",
                need.name()
            );
            eprintln!("skipped: {why}");
            return None;
        }
    }
    Some(())
}

/// The path of a program, looked for in PATH, the folders for servers, and Debian's folders of PostgreSQL.
pub fn program(name: &str) -> Option<PathBuf> {
    static FOLDERS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FOLDERS.get_or_init(folders).iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The `php-fpm` that belongs to `php`: Debian's name carries the version.
pub fn fpm() -> Option<PathBuf> {
    static FPM: OnceLock<Option<PathBuf>> = OnceLock::new();
    FPM.get_or_init(|| {
        if let Some(path) = std::env::var_os("PHP_FPM") {
            return Some(path.into());
        }
        let version = Command::new(program("php")?)
            .args(["-n", "-r", "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION;"])
            .output()
            .ok()?;
        program(&format!("php-fpm{}", String::from_utf8_lossy(&version.stdout))).or_else(|| program("php-fpm"))
    })
    .clone()
}

fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).collect();
    found.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let mut versions: Vec<PathBuf> = std::fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    found.extend(versions.into_iter().rev());
    found
}
