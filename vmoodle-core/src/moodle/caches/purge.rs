//! Folders of caches emptied by an exchange or a rename, so that a running site never sees a half-empty one.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::error::{Error, Kind, Result};
use crate::moodle::random;

/// What a folder is called while it waits to be deleted.
const ASIDE: &str = ".vmoodle-old-";

/// How often a folder is deleted into which somebody still writes.
const TRIES: u32 = 5;

/// Empties folders of a dataroot: each is set aside, a fresh one put in its place, and the old ones deleted at the
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
pub(super) fn set_aside(dataroot: &Path, folder: &str) -> io::Result<Option<PathBuf>> {
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
    let aside = place.with_file_name(name);
    // In one step where the file system can: no request finds it missing, or not its own yet.
    if make_like(&aside, &meta).is_ok() && renameat_with(CWD, &aside, CWD, &place, RenameFlags::EXCHANGE).is_ok() {
        return Ok(Some(place));
    }
    let _ = fs::remove_dir(&aside);
    if fs::rename(&place, &aside).is_err() {
        // A mount point, or a parent that is not ours.
        return empty(&place).map(|()| Some(place));
    }
    match make_like(&place, &meta) {
        // Moodle was quicker.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(Some(place)),
    }
}

/// Makes a folder with the mode and the owner of another.
fn make_like(path: &Path, meta: &fs::Metadata) -> io::Result<()> {
    fs::DirBuilder::new().mode(meta.mode() & 0o7777).create(path)?;
    fs::set_permissions(path, meta.permissions())?;
    let own = fs::metadata(path)?;
    if (own.uid(), own.gid()) == (meta.uid(), meta.gid()) {
        return Ok(());
    }
    chown(path, Some(meta.uid()), Some(meta.gid()))
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        delete(&entry?.path())?;
    }
    Ok(())
}

pub(super) fn delete_asides(place: &Path) -> io::Result<()> {
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

pub(super) fn delete(path: &Path) -> io::Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let mut left = TRIES;
    loop {
        left -= 1;
        match if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) } {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A request that was in it when it was set aside has written once more.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && left > 0 => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::CACHES;
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
    fn a_folder_is_never_missing_while_it_is_emptied() {
        let root = tempfile::tempdir().unwrap();
        let cache = root.path().join("cache");
        fs::create_dir(&cache).unwrap();
        std::thread::scope(|scope| {
            let purger = scope.spawn(|| (0..300).try_for_each(|_| purge(root.path(), CACHES)));
            let mut written = 0;
            while !purger.is_finished() {
                written += 1;
                fs::write(cache.join(format!("{written}")), "x").unwrap();
            }
            purger.join().unwrap().unwrap();
        });
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
}
