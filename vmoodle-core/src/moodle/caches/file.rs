//! The store of files (`cache/stores/file/lib.php`), the one that every site has.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::definition;
use super::purge::{delete_asides, set_aside};
use super::settings::Store;

/// Where a store keeps its files: a folder of its own, or one in the site's cache.
pub(super) fn place(store: &Store, cachedir: &Path) -> PathBuf {
    let path = store.text("path");
    if path.starts_with('/') {
        return PathBuf::from(path);
    }
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = store.name.chars().filter(is_kept).collect();
    cachedir.join("cachestore_file").join(name)
}

/// Deletes one entry. An entry that is not there is fine.
pub(super) fn drop_entry(store: &Store, place: &Path, id: &str, entry: &str) -> io::Result<()> {
    if entry.contains(['/', '\0']) || entry.len() < 3 || !entry.is_char_boundary(3) {
        return Err(io::Error::other("a key that can be no file's name"));
    }
    let mut folder = place.join(definition::folder(id));
    if store.is_set("asyncpurge") {
        match revision(&folder)? {
            Some(revision) => folder.push(revision),
            None => return Ok(()),
        }
    }
    if !store.is_set("singledirectory") {
        folder.push(format!("{}-cache", &entry[..3]));
    }
    match fs::remove_file(folder.join(format!("{entry}.cache"))) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Empties a definition.
pub(super) fn drop_all(place: &Path, id: &str) -> io::Result<()> {
    if !place.join(definition::folder(id)).exists() {
        return Ok(());
    }
    if let Some(place) = set_aside(place, &definition::folder(id))? {
        delete_asides(&place)?;
    }
    Ok(())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The folder in use of a store that purges by changing to another one: the time of its mark, `YYYYMMDDhhmmss`.
fn revision(folder: &Path) -> io::Result<Option<String>> {
    match fs::metadata(folder.join(".lastpurged")) {
        Ok(mark) => Ok(Some(stamp(mark.mtime()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seconds since 1970 as `gmdate('YmdHis')` writes them (Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`).
fn stamp(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn store(configuration: &serde_json::Value) -> Store {
        let configuration = configuration.as_object().cloned().unwrap();
        Store { name: "de fault/..".into(), plugin: "file".into(), configuration }
    }

    #[test]
    fn an_entry_is_found_in_each_of_the_layouts() {
        assert_eq!(place(&store(&json!({})), Path::new("/c")), Path::new("/c/cachestore_file/default.."));
        assert_eq!(place(&store(&json!({"path": "/fast"})), Path::new("/c")), Path::new("/fast"));
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("core_config");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(".lastpurged"), "").unwrap();
        let mark = fs::metadata(folder.join(".lastpurged")).unwrap().mtime();
        for (configuration, inside) in [
            (json!({}), "abc-cache/abcd.cache".to_owned()),
            (json!({"singledirectory": "1"}), "abcd.cache".to_owned()),
            (json!({"asyncpurge": true}), format!("{}/abc-cache/abcd.cache", stamp(mark))),
        ] {
            let file = folder.join(inside);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "x").unwrap();
            drop_entry(&store(&configuration), root.path(), "core/config", "abcd").unwrap();
            assert!(!file.exists(), "{}", file.display());
            drop_entry(&store(&configuration), root.path(), "core/config", "abcd").unwrap();
        }
        assert!(drop_entry(&store(&json!({})), root.path(), "core/config", "../../x").is_err());
        fs::write(folder.join("left"), "x").unwrap();
        drop_all(root.path(), "core/config").unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        drop_all(root.path(), "core/none").unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_time_is_written_as_moodle_names_its_folders() {
        for (seconds, text) in [
            (0, "19700101000000"),
            (951_782_399, "20000228235959"),
            (951_782_400, "20000229000000"),
            (1_764_000_000, "20251124160000"),
        ] {
            assert_eq!(stamp(seconds), text);
        }
    }
}
