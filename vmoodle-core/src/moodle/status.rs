//! Facts of a site, for lists and reports: which Moodle, how many, how much, since when.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::code::Code;
use super::site::{no_moodle, no_moodle_said};
use super::version::{SiteVersion, Version};
use crate::db::{Db, Fault, Param, Row};
use crate::error::Result;
use crate::files;

/// Facts that cost little: all of them are one statement over indexes and small tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its Moodle.
    pub moodle: SiteVersion,
    /// Whether an upgrade runs or waits beside the open site (`outagelessupgrade`): Moodle then says of none that it is
    /// pending.
    pub outageless: bool,
    /// Users: confirmed, not deleted, without the guest.
    pub users: i64,
    /// Users who came by within the last 24 hours.
    pub active_users: i64,
    /// Courses, without the front page.
    pub courses: i64,
    /// When cron began last, in seconds since 1970; `None` for never (lib/classes/cron.php).
    pub last_cron: Option<i64>,
    /// Tasks that are due, scheduled and ad-hoc ones (lib/classes/task/manager.php, `get_next_scheduled_task`).
    pub due_tasks: i64,
    /// Tasks that failed when they ran last.
    pub failing_tasks: i64,
    /// Whether the site is in maintenance by its own setting (`maintenance_enabled`).
    pub maintenance: bool,
}

/// The one statement; its parameters are a day ago, now, and now. Texts and numbers have columns of their own: in one, MariaDB would mix collations, and PostgreSQL types.
pub const FACTS: &str = "
SELECT name AS fact, value AS setting, 0 AS number FROM {config}
 WHERE name IN ('version', 'release', 'branch', 'upgraderunning', 'allversionshash', 'outagelessupgrade', 'maintenance_enabled')
UNION ALL SELECT 'lastcronstart', value, 0 FROM {config_plugins} WHERE plugin = 'tool_task' AND name = 'lastcronstart'
UNION ALL SELECT 'users', '', COUNT(*) FROM {user} WHERE deleted = 0 AND confirmed = 1
   AND id <> COALESCE((SELECT CAST(value AS DECIMAL(20, 0)) FROM {config} WHERE name = 'siteguest' AND value <> ''), 0)
UNION ALL SELECT 'active', '', COUNT(*) FROM {user} WHERE lastaccess >= ? AND deleted = 0 AND confirmed = 1
   AND id <> COALESCE((SELECT CAST(value AS DECIMAL(20, 0)) FROM {config} WHERE name = 'siteguest' AND value <> ''), 0)
UNION ALL SELECT 'courses', '', COUNT(*) FROM {course} WHERE category <> 0
UNION ALL SELECT 'due', '', COUNT(*) FROM {task_scheduled} WHERE disabled = 0 AND (nextruntime IS NULL OR nextruntime <= ?)
UNION ALL SELECT 'due', '', COUNT(*) FROM {task_adhoc} WHERE nextruntime <= ?
UNION ALL SELECT 'failing', '', COUNT(*) FROM {task_scheduled} WHERE faildelay > 0
UNION ALL SELECT 'failing', '', COUNT(*) FROM {task_adhoc} WHERE faildelay > 0";

/// Reads the facts. Fails with `no_moodle` where there is no Moodle.
pub async fn read(db: &mut Db, now: i64) -> Result<Status> {
    let params: [Param; 3] = [now - 86_400, now, now].map(Into::into);
    let rows = db.fetch(FACTS, &params).await.map_err(no_moodle)?;
    let settings: HashMap<&str, &str> =
        rows.iter().filter_map(|row| Some((row.text("fact")?, row.text("setting")?))).collect();
    let count = |fact: &str| {
        let of_fact = |row: &&Row| row.text("fact") == Some(fact);
        rows.iter().filter(of_fact).filter_map(|row| row.int("number")).sum()
    };
    let number = |name: &str| settings.get(name).and_then(|text| text.trim().parse::<i64>().ok());
    let is_on = |name: &str| settings.get(name).is_some_and(|value| *value != "0");
    let Some(version) = settings.get("version").and_then(|text| Version::parse(text)) else {
        return Err(no_moodle_said("its table `config` tells no version, so an installation was broken off"));
    };
    let text = |name: &str| settings.get(name).map(|text| (*text).to_owned());
    Ok(Status {
        moodle: SiteVersion {
            version,
            branch: number("branch").and_then(|branch| u32::try_from(branch).ok()).unwrap_or(0),
            upgrading: number("upgraderunning").is_some_and(|until| until >= now),
            release: text("release").unwrap_or_default(),
            allversionshash: text("allversionshash"),
        },
        outageless: is_on("outagelessupgrade"),
        users: count("users"),
        active_users: count("active"),
        courses: count("courses"),
        last_cron: number("lastcronstart"),
        due_tasks: count("due"),
        failing_tasks: count("failing"),
        maintenance: is_on("maintenance_enabled"),
    })
}

/// What the code asks of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The code base.
    pub code: Code,
    /// The hash of all its versions (lib/classes/component.php, `get_all_versions_hash`); `None` where nobody knows it.
    ///
    /// Moodle itself has told it: it stands in the control site, which was upgraded to this code, or PHP was asked. One that
    /// was only found without PHP waits for that word (`lifecycle/upgrade.rs`).
    pub hash: Option<String>,
}

impl Wanted {
    /// What this code asks, by the control site's database. `hash` is `None` where that site is of another version itself.
    pub async fn read(control: &mut Db, dirroot: &Path) -> Result<Self> {
        let code = Code::read(dirroot)?;
        let mut own = super::config::values(control, &["version", "allversionshash"]).await.map_err(no_moodle)?;
        let is_up = own.get("version").and_then(|text| Version::parse(text)) == Some(code.version);
        Ok(Self { code, hash: own.remove("allversionshash").filter(|hash| is_up && !hash.is_empty()) })
    }
}

/// Whether an upgrade is pending (lib/moodlelib.php, `moodle_needs_upgrading`); `None` where only PHP could tell.
pub fn is_pending(status: &Status, wanted: &Wanted) -> Option<bool> {
    if status.outageless { Some(false) } else { is_behind(&status.moodle, wanted) }
}

/// Whether a site is not as the code is; `None` where only PHP could tell.
pub fn is_behind(site: &SiteVersion, wanted: &Wanted) -> Option<bool> {
    match (&site.allversionshash, &wanted.hash) {
        (None, _) => Some(true),
        _ if site.version != wanted.code.version => Some(true),
        (Some(own), Some(hash)) => Some(own != hash),
        (Some(_), None) => None,
    }
}

/// What the files of a site tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The plugins of its cache stores, each once, in order; `None` where it keeps no settings of them.
    pub stores: Option<Vec<String>>,
    /// Whether the command line has closed it (admin/cli/maintenance.php).
    pub closed: bool,
    /// How many octets the disk of its dataroot still takes.
    pub free: Option<u64>,
}

/// Looks into a dataroot; it blocks.
pub fn look(dataroot: &Path) -> FileFacts {
    FileFacts {
        stores: fs::read_to_string(dataroot.join("muc/config.php")).ok().map(|text| stores(&text)),
        closed: dataroot.join("climaintenance.html").exists(),
        free: files::free(dataroot).ok(),
    }
}

/// The plugins between `'stores' =>` and `'modemappings' =>`, in which order Moodle writes them
/// (`cache/classes/config_writer.php`, `generate_configuration_array`).
fn stores(text: &str) -> Vec<String> {
    let inside = text.split("'stores' =>").nth(1).and_then(|rest| rest.split("'modemappings' =>").next());
    let plugins = inside.unwrap_or_default().split("'plugin' => '").skip(1).filter_map(|rest| rest.split('\'').next());
    let mut plugins: Vec<String> = plugins.map(str::to_owned).collect();
    plugins.sort();
    plugins.dedup();
    plugins
}

/// How many octets the site's files take: each content is stored once, however often it is used (lib/filestorage). Goes
/// through the whole table `files`: for a daily collection, not for a list.
pub async fn file_octets(db: &mut Db) -> Result<i64, Fault> {
    let select = "SELECT CAST(SUM(size) AS CHAR(30)) AS octets
        FROM (SELECT MAX(filesize) AS size FROM {files} GROUP BY contenthash) contents";
    Ok(db.fetch_one(select, &[]).await?.and_then(|row| row.int("octets")).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_pending_as_moodle_says() {
        let code = Code::parse("$version = 2024100706.00; $release = '4.5.6'; $branch = '405';").unwrap();
        let wanted = |hash: Option<&str>| Wanted { code: code.clone(), hash: hash.map(str::to_owned) };
        let status = |version: &str, hash: Option<&str>| Status {
            moodle: SiteVersion {
                version: Version::parse(version).unwrap(),
                release: String::new(),
                branch: 405,
                upgrading: false,
                allversionshash: hash.map(str::to_owned),
            },
            outageless: false,
            users: 0,
            active_users: 0,
            courses: 0,
            last_cron: None,
            due_tasks: 0,
            failing_tasks: 0,
            maintenance: false,
        };
        let (same, older) = ("2024100706", "2024100705");
        assert_eq!(is_pending(&status(same, Some("a")), &wanted(Some("a"))), Some(false));
        assert_eq!(is_pending(&status(same, Some("b")), &wanted(Some("a"))), Some(true));
        assert_eq!(is_pending(&status(older, Some("b")), &wanted(None)), Some(true));
        assert_eq!(is_pending(&status(same, None), &wanted(None)), Some(true), "it was never finished");
        assert_eq!(is_pending(&status(same, Some("a")), &wanted(None)), None);
        let waiting = Status { outageless: true, ..status(older, None) };
        assert_eq!(is_pending(&waiting, &wanted(Some("a"))), Some(false));
    }

    #[test]
    fn the_cache_stores_of_a_site_are_read_from_its_settings() {
        let text = "<?php defined('MOODLE_INTERNAL') || die();\n $configuration = array (\n  'siteidentifier' => 'x',
            'stores' => array ( 'shared' => array ( 'name' => 'shared', 'plugin' => 'redis', 'configuration' => array ()),
            'default_application' => array ('plugin' => 'file'), 'b' => array ('plugin' => 'file') ),
            'modemappings' => array ( 0 => array ('plugin' => 'no') ) );";
        assert_eq!(stores(text), ["file", "redis"]);
        assert_eq!(stores("<?php"), [""; 0]);
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(look(root.path()), FileFacts { stores: None, closed: false, free: Some(1..) }));
    }
}
