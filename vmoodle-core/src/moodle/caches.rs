//! What Moodle keeps in files and revisions beside its tables, and how it is made to look again.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::stale::Stale;
use super::{config, random};
use crate::db::{Db, Fault};
use crate::error::{Error, Kind, Result};
use crate::tenant::Tenant;

/// The folders of a dataroot that hold caches only (lib/moodlelib.php, `purge_other_caches`).
pub const CACHES: &[&str] = &["cache", "localcache"];

/// The folders of a dataroot that belong to running processes and signed-in users, which a copy has none of
/// (lib/classes/session/file.php, `lib/classes/lock/file_lock_factory.php`).
pub const RUNNING: &[&str] = &["sessions", "lock"];

/// What a folder is called while it waits to be deleted.
const ASIDE: &str = ".vmoodle-old-";

/// The caches of many tenants, for as long as a job works on them.
#[derive(Debug, Default)]
pub struct Caches {}

impl Caches {
    /// Drops stale entries of a tenant, after the commit of what made them stale; gives warnings for a person: a store that
    /// only PHP can reach.
    #[allow(clippy::unused_async)]
    pub async fn drop_entries(&self, _tenant: &Tenant, _stale: &[Stale]) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Empties folders of a dataroot: each is renamed aside, a fresh one put in its place, and the old ones deleted at the
/// end, so that a running site never sees a half-empty folder. One that is not there is left so.
pub fn purge(dataroot: &Path, folders: &[&str]) -> Result<()> {
    let failed = |folder: &str| {
        let shown = dataroot.join(folder).display().to_string();
        move |error: io::Error| {
            Error::new(Kind::TenantUnreachable, format!("the folder `{shown}` cannot be emptied"))
                .because(error)
                .hint("give the dataroot to the farm's OS user")
        }
    };
    let mut places = Vec::new();
    for folder in folders {
        if let Some(place) = set_aside(dataroot, folder).map_err(failed(folder))? {
            places.push((*folder, place));
        }
    }
    for (folder, place) in places {
        delete_asides(&place).map_err(failed(folder))?;
    }
    Ok(())
}

/// Renames a folder aside and makes it anew; gives where it really is, behind links.
fn set_aside(dataroot: &Path, folder: &str) -> io::Result<Option<PathBuf>> {
    let place = match fs::canonicalize(dataroot.join(folder)) {
        Ok(place) if place.is_dir() => place,
        Ok(_) => return Ok(None),
        // A run that was killed may have left it renamed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(dataroot.join(folder))),
        Err(error) => return Err(error),
    };
    if fs::canonicalize(dataroot)?.starts_with(&place) {
        return Err(io::Error::other("it is a link to a folder that holds the dataroot"));
    }
    let meta = fs::metadata(&place)?;
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(ASIDE);
    name.push(random::text(8).map_err(io::Error::other)?);
    if fs::rename(&place, place.with_file_name(name)).is_err() {
        // A mount point, or a parent that is not ours.
        return empty(&place).map(|()| Some(place));
    }
    match fs::DirBuilder::new().mode(meta.mode() & 0o7777).create(&place) {
        Ok(()) => {
            fs::set_permissions(&place, meta.permissions())?;
            if fs::metadata(&place)?.uid() != meta.uid() || fs::metadata(&place)?.gid() != meta.gid() {
                chown(&place, Some(meta.uid()), Some(meta.gid()))?;
            }
        }
        // Moodle was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(Some(place))
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        delete(&entry?.path())?;
    }
    Ok(())
}

fn delete_asides(place: &Path) -> io::Result<()> {
    let mut beginning = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    beginning.push_str(ASIDE);
    let Ok(entries) = fs::read_dir(place.parent().unwrap_or(Path::new("/"))) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&beginning) {
            delete(&entry.path())?;
        }
    }
    Ok(())
}

fn delete(path: &Path) -> io::Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    match if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) } {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Makes every revision newer, as a purge of all caches does (lib/moodlelib.php, `purge_caches`): browsers and other
/// nodes then ask again, and running cron processes end. `allversionshash` is left: it tells of the code.
pub async fn raise_revisions(db: &mut Db, now: i64) -> Result<(), Fault> {
    const NAMES: [&str; 6] =
        ["themerev", "jsrev", "langrev", "templaterev", "localcachedirpurged", "scheduledtaskreset"];
    let old = config::values(db, &NAMES).await?;
    for name in NAMES {
        let next = next_revision(old.get(name).and_then(|text| text.trim().parse().ok()), now);
        config::set(db, name, &next.to_string()).await?;
    }
    raise_courses(db, now).await
}

/// Makes every course's contents newer (lib/datalib.php, `increment_revision_number`).
pub async fn raise_courses(db: &mut Db, now: i64) -> Result<(), Fault> {
    let update = "UPDATE {course} SET cacherev = (CASE WHEN cacherev IS NULL THEN ? WHEN cacherev < ? THEN ?
        WHEN cacherev > ? THEN ? ELSE cacherev + 1 END)";
    let params = [now, now, now, now + 3600, now].map(Into::into);
    db.execute(update, &params).await.map(|_| ())
}

/// The revision after `old` (lib/outputlib.php, `theme_get_next_revision`): now, and always another one; one that lies
/// far in the future is not followed.
fn next_revision(old: Option<i64>, now: i64) -> i64 {
    old.filter(|old| now <= *old && old - now < 3600).map_or(now, |old| old + 1)
}

/// Puts the site's identifier into its cache settings, which keep an MD5 of it apart from the database
/// (`cache/classes/config_writer.php`, `update_site_identifier`), and a prefix of its own into every store that has one;
/// stores and mappings stay. A site without the file, or one whose file has another form, makes it anew: then it is deleted.
pub fn rename_in_cache_settings(dataroot: &Path, siteidentifier: &str) -> Result<()> {
    let path = dataroot.join("muc/config.php");
    let failed = |error: io::Error| {
        Error::new(Kind::TenantUnreachable, format!("`{}` cannot be written", path.display())).because(error)
    };
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let octets = Md5::digest(siteidentifier.as_bytes());
    let digest = format!("{:032x}", octets.iter().fold(0_u128, |number, octet| number << 8 | u128::from(*octet)));
    match with_identifier(&text, &digest).map(|text| with_prefix(&text, &digest[..12])) {
        None => delete(&path).map_err(failed),
        Some(new) if new == text => Ok(()),
        Some(new) => replace_file(&path, &new).map_err(failed),
    }
}

/// The settings with another identifier: `'siteidentifier' => '…'`.
fn with_identifier(text: &[u8], digest: &str) -> Option<Vec<u8>> {
    const BEFORE: &[u8] = b"'siteidentifier' => '";
    let at = text.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let end = at + text[at..].iter().position(|octet| *octet == b'\'')?;
    Some([&text[..at], digest.as_bytes(), &text[end..]].concat())
}

/// The settings with this prefix, letters and digits only, in every store that has one or should have.
///
/// A store's key names the cache and not the site (`cache/classes/definition.php`, `generate_definition_hash`;
/// `cache/stores/redis/lib.php`, `purge`): with one prefix, a purge of the copy would empty its source's caches as well.
fn with_prefix(text: &[u8], prefix: &str) -> Vec<u8> {
    const STORE: &[u8] = b"'configuration' => ";
    const NAME: &[u8] = b"'prefix' => ";
    let own = format!("'{prefix}'");
    let (mut new, mut rest) = (Vec::with_capacity(text.len() + 64), text);
    while let Some(at) = position(rest, STORE) {
        let (before, store) = rest.split_at(at + STORE.len());
        let Some(opening) = position(store, b"(") else { break };
        let (opened, inside) = store.split_at(opening + 1);
        let (inside, after) = inside.split_at(end_of_array(inside));
        new.extend_from_slice(before);
        new.extend_from_slice(opened);
        match position(inside, NAME) {
            Some(at) => {
                let (name, value) = inside.split_at(at + NAME.len());
                new.extend_from_slice(&[name, own.as_bytes(), &value[end_of_value(value)..]].concat());
            }
            // Redis takes none for an empty one.
            None if position(inside, b"'server' => ").is_some() => {
                new.extend_from_slice(&[b"\n        ", NAME, own.as_bytes(), b",", inside].concat());
            }
            None => new.extend_from_slice(inside),
        }
        rest = after;
    }
    new.extend_from_slice(rest);
    new
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Where the array ends, behind whose opening bracket `text` begins, as `var_export` writes it.
fn end_of_array(text: &[u8]) -> usize {
    let (mut depth, mut at) = (1, 0);
    while at < text.len() {
        match text[at] {
            b'\'' => {
                at += end_of_value(&text[at..]);
                continue;
            }
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        at += 1;
    }
    at
}

/// Where a text in quotes ends, or another plain value.
fn end_of_value(text: &[u8]) -> usize {
    if text.first() != Some(&b'\'') {
        return text.iter().position(|octet| matches!(octet, b',' | b')' | b'\n')).unwrap_or(text.len());
    }
    let mut at = 1;
    while at < text.len() && text[at] != b'\'' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let mut fresh = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    io::Write::write_all(&mut fresh, content)?;
    fs::set_permissions(fresh.path(), old.permissions())?;
    if fs::metadata(fresh.path())?.uid() != old.uid() {
        chown(fresh.path(), Some(old.uid()), Some(old.gid()))?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_purge_leaves_an_empty_folder_of_the_same_mode_and_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let cache = root.path().join("cache");
        fs::create_dir_all(cache.join("a/b")).unwrap();
        fs::write(cache.join("a/b/c"), "x").unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o2770)).unwrap();
        fs::create_dir_all(root.path().join(format!("cache{ASIDE}killed/x"))).unwrap();
        fs::create_dir(root.path().join("filedir")).unwrap();
        purge(root.path(), CACHES).unwrap();
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
        assert_eq!(fs::metadata(&cache).unwrap().mode() & 0o7777, 0o2770);
        let mut left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["cache", "filedir"]);
        purge(root.path(), CACHES).unwrap();
    }

    #[test]
    fn a_folder_behind_a_link_is_emptied_where_it_is() {
        let root = tempfile::tempdir().unwrap();
        let (dataroot, fast) = (root.path().join("data"), root.path().join("fast"));
        fs::create_dir_all(&dataroot).unwrap();
        fs::create_dir_all(fast.join("x")).unwrap();
        symlink(&fast, dataroot.join("cache")).unwrap();
        purge(&dataroot, CACHES).unwrap();
        assert!(fs::symlink_metadata(dataroot.join("cache")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&fast).unwrap().count(), 0);
        symlink(root.path(), dataroot.join("localcache")).unwrap();
        assert!(purge(&dataroot, CACHES).is_err(), "a link to the folder above");
        assert!(dataroot.is_dir());
    }

    #[test]
    fn a_revision_is_always_another_one() {
        assert_eq!(next_revision(None, 100), 100);
        assert_eq!(next_revision(Some(99), 100), 100);
        assert_eq!(next_revision(Some(100), 100), 101);
        assert_eq!(next_revision(Some(3699), 100), 3700);
        assert_eq!(next_revision(Some(9999), 100), 100);
        assert_eq!(next_revision(Some(-1), 100), 100);
    }

    #[test]
    fn cache_settings_keep_their_stores() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("muc/config.php");
        rename_in_cache_settings(root.path(), "x").unwrap();
        fs::create_dir(root.path().join("muc")).unwrap();
        let text =
            |id: &str| format!("<?php\n $configuration = array (\n  'siteidentifier' => '{id}',\n  'stores' => 1\n);");
        fs::write(&file, text("8a11")).unwrap();
        rename_in_cache_settings(root.path(), "abc").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text("900150983cd24fb0d6963f7d28e17f72"));
        let stores = |prefix: &str, added: &str| {
            let odd = r"array ( 'password' => 'it\'s ) (', )";
            format!(
                "{},\n 'stores' => array (\n 'a' => array (\n 'configuration' => \n      array (\n        'server' => 'r', 'prefix' => {prefix}\n      ),\n ),\n \
                 'b' => array ( 'configuration' => array ({added} 'server' => 'r', 'x' => {odd}, ), ), 'c' => array ( 'configuration' => array ( ), ) ) );",
                text("900150983cd24fb0d6963f7d28e17f72")
            )
        };
        for old in ["'t\\'ow)n'", "''", "NULL"] {
            fs::write(&file, stores(&format!("{old},"), "")).unwrap();
            rename_in_cache_settings(root.path(), "abc").unwrap();
            let new = stores("'900150983cd2',", "\n        'prefix' => '900150983cd2',");
            assert_eq!(fs::read_to_string(&file).unwrap(), new);
            rename_in_cache_settings(root.path(), "abc").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), new, "and it stays so");
        }
        fs::write(&file, "<?php").unwrap();
        rename_in_cache_settings(root.path(), "abc").unwrap();
        assert!(!file.exists());
    }
}
