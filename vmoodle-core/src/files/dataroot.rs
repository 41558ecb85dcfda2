//! What of a Moodle 4.5 dataroot a copy takes.

use std::ffi::OsStr;
use std::path::{Component, Path};

/// How a copy treats one entry of a dataroot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its content never changes, so both dataroots may hold the same blocks on the disk.
    Share,
    /// A copy of its own.
    Copy,
    /// Not taken: caches, and what belongs to running processes.
    Leave,
}

/// What Moodle makes anew, or what speaks of processes that the copy does not have.
const LEFT: &[&str] = &[
    // $CFG->cachedir, $CFG->localcachedir, $CFG->tempdir (lib/setup.php).
    "cache",
    "localcache",
    "temp",
    // Signed-in users (lib/classes/session/file.php).
    "sessions",
    // Locks of running processes (lib/classes/lock/file_lock_factory.php).
    "lock",
    // Deleted files until cron removes them (lib/filestorage/file_system_filedir.php).
    "trashdir",
    // `admin/cli/maintenance.php --enable` was said to the source (lib/adminlib.php, `enable_cli_maintenance_mode`).
    // Its template, `climaintenance.template.html`, is the tenant's own and is taken.
    "climaintenance.html",
    // vmoodle's own files about the source.
    "vmoodle",
];

/// The rule for a path, given from the dataroot on. All inside a folder that is left is left with it.
///
/// Taken with a copy of its own is everything that is not known here, and among the known: `muc` (the cache stores and
/// the site's identity, put right in the copy later; `cache/classes/config.php`), `secret` (the key of encrypted settings;
/// `lib/classes/encryption.php`), `lang` (language packs; `lib/setup.php`), `models` (`analytics/classes/model.php`),
/// `repository` (`repository/filesystem/lib.php`), `dkim` (`lib/moodlelib.php`), `pix`, `fonts` and the like
/// (`lib/classes/output/theme_config.php`).
pub fn rule(inside: &Path) -> Rule {
    let mut parts = inside.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let Some(first) = parts.next() else { return Rule::Copy };
    if is_left(first) {
        return Rule::Leave;
    }
    match parts.next_back() {
        Some(last) if first == "filedir" => in_filedir(last),
        _ => Rule::Copy,
    }
}

fn is_left(first: &OsStr) -> bool {
    let name = first.to_string_lossy();
    // A cache that was emptied when the process was killed is called `cache.vmoodle-old-...`.
    LEFT.contains(&&*name) || name.contains(".vmoodle-") || (name.starts_with("upgrade") && name.ends_with(".log"))
}

/// In `filedir`, a file whose name is the SHA-1 of its content never changes. A `.tmp` is being written this moment; the
/// files of `jackpot` and `warning.txt` are written in place, so they are not shared
/// (`lib/filestorage/file_system_filedir.php`).
fn in_filedir(name: &OsStr) -> Rule {
    let octets = name.as_encoded_bytes();
    let is_hash = |hash: &[u8]| hash.len() == 40 && hash.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match octets.strip_suffix(b".tmp") {
        Some(hash) if is_hash(hash) => Rule::Leave,
        None if is_hash(octets) => Rule::Share,
        _ => Rule::Copy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "filedir/da/39/da39a3ee5e6b4b0d3255bfef95601890afd80709";

    #[test]
    fn content_by_its_hash_is_shared_and_nothing_else_is() {
        assert_eq!(rule(Path::new(HASH)), Rule::Share);
        for own in [
            "",
            "filedir",
            "filedir/warning.txt",
            "filedir/jackpot/da39a3ee5e6b4b0d3255bfef95601890afd80709_1",
            "repository/da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "muc/config.php",
            "secret/key/sodium.key",
            "lang/fr/moodle.php",
            "climaintenance.template.html",
            "lang/cache",
            "école d'été",
        ] {
            assert_eq!(rule(Path::new(own)), Rule::Copy, "{own}");
        }
    }

    #[test]
    fn caches_and_the_running_are_left() {
        for left in ["cache", "temp/backup/x", "sessions/sess_1", "trashdir", "cache.vmoodle-old-Ab", "upgrade-4.5.log"]
        {
            assert_eq!(rule(Path::new(left)), Rule::Leave, "{left}");
        }
        assert_eq!(rule(Path::new(&format!("{HASH}.tmp"))), Rule::Leave);
    }
}
