//! Which Moodle a site is of, and whether the farm's code can serve it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use super::code::Code;
use super::config;
use super::site::{no_moodle, no_moodle_said};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// The oldest and the newest Moodle that is known to work, by branch: 4.1 to 4.5.
pub const BRANCHES: RangeInclusive<u32> = 401..=405;

/// A version as Moodle counts them: a date, and hundredths for what came on top (`2024100706.01`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// Reads `2024100706`, `2024100706.1` or `2024100706.01`; the second is `.10`, as in PHP.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) {
            return None;
        }
        let hundredths: u64 = format!("{:0<2}", part.get(..2).unwrap_or(part)).parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths).map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// What a site says of its Moodle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteVersion {
    /// Its version.
    pub version: Version,
    /// Its release, for people: `4.5.6 (Build: 20250811)`. It came from the site.
    pub release: String,
    /// Its branch: `405`; 0 where it does not say.
    pub branch: u32,
    /// Whether an upgrade runs, or was broken off less than its time limit ago (lib/upgradelib.php, `upgrade_started`).
    pub upgrading: bool,
    /// The hash of all plugins' versions that it was upgraded to (lib/moodlelib.php, `moodle_needs_upgrading`).
    pub allversionshash: Option<String>,
}

/// How a site stands to a code base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Of the same version.
    Same,
    /// Older: an upgrade is pending.
    Older,
}

/// Reads a site's version. Fails with [`Kind::NoMoodle`] where there is none.
pub async fn read(db: &mut Db, now: i64) -> Result<SiteVersion> {
    let names = ["version", "release", "branch", "upgraderunning", "allversionshash"];
    let mut values = config::values(db, &names).await.map_err(no_moodle)?;
    let Some(version) = values.get("version").and_then(|text| Version::parse(text)) else {
        return Err(no_moodle_said("its table `config` tells no version, so an installation was broken off"));
    };
    let number = |name: &str| values.get(name).and_then(|text| text.trim().parse::<i64>().ok());
    Ok(SiteVersion {
        version,
        branch: number("branch").and_then(|branch| u32::try_from(branch).ok()).unwrap_or(0),
        upgrading: number("upgraderunning").is_some_and(|until| until >= now),
        release: values.remove("release").unwrap_or_default(),
        allversionshash: values.remove("allversionshash"),
    })
}

/// Whether the code can serve a site. Fails with [`Kind::MoodleUnfit`] for a site that is newer than the code, which no
/// upgrade ever takes back, or of a branch that is not supported.
pub fn check(site: &SiteVersion, code: &Code) -> Result<Fit> {
    let release = escape(&site.release);
    if site.version > code.version {
        let message =
            format!("the site's Moodle {release} is newer than the code ({} > {})", site.version, code.version);
        return Err(Error::new(Kind::MoodleUnfit, message).hint("a database never goes back: bring the code up first"));
    }
    check_branch(site)?;
    Ok(if site.version < code.version { Fit::Older } else { Fit::Same })
}

/// Whether a site is of a supported branch. Fails with [`Kind::MoodleUnfit`] where it is not.
pub fn check_branch(site: &SiteVersion) -> Result<()> {
    if BRANCHES.contains(&site.branch) {
        return Ok(());
    }
    let message = format!("the site's Moodle {} (branch {}) is not supported", escape(&site.release), site.branch);
    Err(Error::new(Kind::MoodleUnfit, message).hint("Moodle 4.1 to 4.5 are"))
}

/// The plugins that a site has installed, by their full names, with their versions (lib/upgradelib.php,
/// `upgrade_plugin_savepoint`).
pub async fn plugins(db: &mut Db) -> Result<BTreeMap<String, Version>> {
    let select = "SELECT plugin, value FROM {config_plugins} WHERE name = 'version'";
    let rows = db.fetch(select, &[]).await.map_err(no_moodle)?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.text("plugin")?.to_owned(), Version::parse(row.text("value")?)?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_moodle_compares_them() {
        let read = |text| Version::parse(text).unwrap();
        assert_eq!(read("2024100706"), read(" 2024100706.00 "));
        assert!(read("2024100706.1") == read("2024100706.10") && read("2024100706.01") < read("2024100706.1"));
        assert!(read("2024100706.99") < read("2024100707") && read("2021051700") < read("2024100706"));
        assert_eq!(read("2024100706.5").to_string(), "2024100706.50");
        for bad in ["", "x", ".5", "2024-1", "99999999999999999999", "1.é"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_site_that_is_newer_or_of_another_branch_is_unfit() {
        let code = Code::parse("$version = 2024100706.00; $release = '4.5.6'; $branch = '405';").unwrap();
        let site = |version: &str, branch| {
            let version = Version::parse(version).unwrap();
            SiteVersion { version, release: "x".into(), branch, upgrading: false, allversionshash: None }
        };
        assert_eq!(check(&site("2024100706", 405), &code).unwrap(), Fit::Same);
        assert_eq!(check(&site("2022112800", 401), &code).unwrap(), Fit::Older);
        for unfit in [site("2024100706.01", 405), site("2021051700", 311), site("2020", 0)] {
            assert_eq!(check(&unfit, &code).unwrap_err().kind(), Kind::MoodleUnfit);
        }
    }
}
