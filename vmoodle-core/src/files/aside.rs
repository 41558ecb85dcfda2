//! Dataroots that are made, moved out of the way, put back and removed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::{Owner, failed, is_empty, is_folder, parent, refused};
use crate::error::{Error, Kind, Result};

/// The folder beside a dataroot in which others wait to be put back or removed.
const ASIDE: &str = ".vmoodle-aside";

/// Where [`move_aside`] moves a dataroot.
pub fn place_aside(dataroot: &Path, label: &str) -> Result<PathBuf> {
    check_label(label)?;
    Ok(parent(dataroot)?.join(ASIDE).join(label))
}

/// Moves a dataroot to `.vmoodle-aside/<label>` beside it and says where it is now. Fine where it is there already.
pub fn move_aside(dataroot: &Path, label: &str) -> Result<PathBuf> {
    check_label(label)?;
    let above = parent(dataroot)?;
    let room = above.join(ASIDE);
    let aside = room.join(label);
    let (is_here, is_aside) = (is_folder(dataroot)?, is_folder(&room)? && is_folder(&aside)?);
    match (is_here, is_aside) {
        (false, true) => Ok(aside),
        (false, false) => Err(refused(dataroot, "is not there", "correct the tenant's dataroot, or restore it")),
        (true, true) => Err(not_empty(&aside, "is there already, and so is the dataroot")),
        (true, false) => {
            make(&room, 0o700, Owner::of(above)?)?;
            fs::rename(dataroot, &aside).map_err(failed("move aside", dataroot))?;
            Ok(aside)
        }
    }
}

/// Puts back what [`move_aside`] moved. Fine where that was done already; refuses with [`Kind::NotEmpty`] where another
/// dataroot with files stands there.
pub fn put_back(aside: &Path, dataroot: &Path) -> Result<()> {
    let (is_aside, is_here) = (is_folder(aside)?, is_folder(dataroot)?);
    match (is_aside, is_here) {
        (false, true) => Ok(()),
        (false, false) => Err(refused(aside, "is not there", "restore the dataroot from a backup")),
        (true, true) if !is_empty(dataroot)? => Err(not_empty(dataroot, "holds files")),
        // An empty folder is replaced.
        (true, _) => fs::rename(aside, dataroot).map_err(failed("put back", aside)),
    }
}

/// Makes an empty dataroot, owned as the folder that it is in. Fine where it is there and empty; else refuses with
/// [`Kind::NotEmpty`].
pub fn make_folder(path: &Path) -> Result<()> {
    let owner = Owner::of(parent(path)?)?;
    if is_folder(path)? && !is_empty(path)? {
        return Err(not_empty(path, "holds files"));
    }
    make(path, 0o2770, owner)
}

/// Removes a folder with all it holds. It is renamed first, so that nobody sees half of it; a run that was killed is
/// repeated and finds the renamed one. Links inside are deleted, not followed. Fine where nothing is there.
pub fn remove(path: &Path) -> Result<()> {
    check_depth(path)?;
    let above = parent(path)?;
    if is_folder(path)? {
        let gone = above.join(gone_name(path, &random()?));
        fs::rename(path, &gone).map_err(failed("remove", path))?;
    }
    let entries = match fs::read_dir(above) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", above)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", above))?;
        if is_gone_of(path, &entry.file_name()) {
            delete(&entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Removes a folder that is empty; gives false where it is none, or holds anything, and is left. Fine where nothing is there.
pub fn remove_empty(path: &Path) -> Result<bool> {
    check_depth(path)?;
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        done => done.map(|()| true).map_err(failed("remove", path)),
    }
}

/// Deletes a folder. One inside that even its owner may not write to is opened first.
fn delete(folder: &Path) -> io::Result<()> {
    let deleted = match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(folder)?;
            fs::remove_dir_all(folder)
        }
        other => other,
    };
    // Another removal may have been quicker.
    deleted.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Lets the owner write to a folder and to all folders in it.
fn open_up(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.mode() & 0o7777;
    if mode & 0o700 != 0o700 {
        fs::set_permissions(folder, Permissions::from_mode(mode | 0o700))?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes a folder, or takes the one that is there, and sets its mode and owner.
fn make(path: &Path, mode: u32, owner: Owner) -> Result<()> {
    if !is_folder(path)? {
        match DirBuilder::new().mode(0o700).create(path) {
            // Tenants that stand side by side ask for one place, and may do so at once.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_folder(path)? => {}
            done => done.map_err(failed("make", path))?,
        }
    }
    owner.give(path).map_err(failed("give away", path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("write", path))
}

fn not_empty(path: &Path, why: &str) -> Error {
    Error::new(Kind::NotEmpty, format!("`{}` {why}", path.display()))
        .hint("look what it holds; move it away if it is nobody's")
}

/// A label is one file name, not hidden.
fn check_label(label: &str) -> Result<()> {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=200).contains(&label.len()) && !label.starts_with('.') && label.bytes().all(is_good) {
        return Ok(());
    }
    Err(Error::new(Kind::BadParameter, format!("`{}` is no label", label.escape_default()))
        .hint("use letters, digits, `-`, `_` and `.`"))
}

/// A slip must not remove a folder of the system: all of those have one or two parts.
fn check_depth(path: &Path) -> Result<()> {
    let mut parts = path.components();
    let is_absolute = parts.next() == Some(Component::RootDir);
    let (names, others): (Vec<_>, Vec<_>) = parts.partition(|part| matches!(part, Component::Normal(_)));
    if is_absolute && others.is_empty() && names.len() >= 3 {
        return Ok(());
    }
    Err(refused(path, "is not removed: it has fewer than three parts, or `..`", "remove it by hand if that is meant"))
}

fn random() -> Result<String> {
    let number = getrandom::u64().map_err(|error| Error::new(Kind::Internal, "no random numbers").because(error))?;
    Ok(format!("{number:016x}"))
}

/// What a folder is called until it is deleted.
fn gone_name(path: &Path, random: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".gone-");
    name.push(random);
    name
}

/// Whether a name is one that this or an earlier removal of the path gave.
fn is_gone_of(path: &Path, name: &OsStr) -> bool {
    let octets = name.as_encoded_bytes();
    let prefix = gone_name(path, "");
    octets
        .strip_prefix(prefix.as_encoded_bytes())
        .is_some_and(|random| random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with a dataroot in it.
    fn school() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let dataroot = place.path().join("farm/l'école 🏫");
        fs::create_dir_all(dataroot.join("filedir/ab")).unwrap();
        fs::write(dataroot.join("filedir/ab/x"), "content").unwrap();
        (place, dataroot)
    }

    #[test]
    fn what_was_moved_aside_is_put_back_as_it_was_however_often_it_is_said() {
        let (_place, dataroot) = school();
        let aside = move_aside(&dataroot, "job-7").unwrap();
        assert_eq!(move_aside(&dataroot, "job-7").unwrap(), aside);
        assert!(!dataroot.exists());
        assert_eq!(fs::read(aside.join("filedir/ab/x")).unwrap(), b"content");
        assert_eq!(fs::metadata(aside.parent().unwrap()).unwrap().permissions().mode() & 0o7777, 0o700);
        // An empty one that was made meanwhile gives way.
        make_folder(&dataroot).unwrap();
        put_back(&aside, &dataroot).unwrap();
        put_back(&aside, &dataroot).unwrap();
        assert_eq!(fs::read(dataroot.join("filedir/ab/x")).unwrap(), b"content");
        assert_eq!(fs::read_dir(&dataroot).unwrap().count(), 1);
        assert!(!aside.exists());
    }

    #[test]
    fn tenants_that_stand_side_by_side_are_moved_aside_at_once() {
        for _ in 0..50 {
            let place = tempfile::tempdir().unwrap();
            let dataroots: Vec<PathBuf> = (0..8).map(|number| place.path().join(format!("farm/t{number}"))).collect();
            let all_here = std::sync::Barrier::new(dataroots.len());
            for dataroot in &dataroots {
                fs::create_dir_all(dataroot).unwrap();
            }
            std::thread::scope(|scope| {
                for dataroot in &dataroots {
                    scope.spawn(|| {
                        all_here.wait();
                        let label = dataroot.file_name().unwrap().to_str().unwrap();
                        move_aside(dataroot, label).unwrap();
                    });
                }
            });
        }
    }

    #[test]
    fn a_dataroot_with_files_is_never_replaced() {
        let (_place, dataroot) = school();
        let aside = move_aside(&dataroot, "job-7").unwrap();
        fs::create_dir(&dataroot).unwrap();
        fs::write(dataroot.join("new"), "").unwrap();
        assert_eq!(put_back(&aside, &dataroot).unwrap_err().kind(), Kind::NotEmpty);
        assert_eq!(move_aside(&dataroot, "job-7").unwrap_err().kind(), Kind::NotEmpty);
        assert_eq!(make_folder(&dataroot).unwrap_err().kind(), Kind::NotEmpty);
        assert!(dataroot.join("new").exists() && aside.join("filedir/ab/x").exists());
    }

    #[test]
    fn nothing_to_move_and_nothing_to_put_back_are_told() {
        let (_place, dataroot) = school();
        let none = dataroot.with_file_name("none");
        assert_eq!(move_aside(&none, "job-7").unwrap_err().kind(), Kind::FilesFailed);
        assert_eq!(put_back(&none, &dataroot.with_file_name("nil")).unwrap_err().kind(), Kind::FilesFailed);
        for label in ["", "..", "a/b", ".hidden"] {
            assert_eq!(move_aside(&dataroot, label).unwrap_err().kind(), Kind::BadParameter, "{label}");
        }
    }

    #[test]
    fn a_removed_folder_is_gone_and_what_its_links_point_to_is_not() {
        let (place, dataroot) = school();
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("kept"), "").unwrap();
        symlink(&other, dataroot.join("link")).unwrap();
        remove(&dataroot).unwrap();
        remove(&dataroot).unwrap();
        assert!(is_empty(dataroot.parent().unwrap()).unwrap());
        assert!(other.join("kept").exists());
    }

    #[test]
    fn only_an_empty_folder_is_removed_where_that_is_asked() {
        let (place, dataroot) = school();
        let link = place.path().join("farm/link");
        symlink(place.path(), &link).unwrap();
        assert!(!remove_empty(&dataroot).unwrap() && !remove_empty(&link).unwrap());
        let new = dataroot.with_file_name("new");
        make_folder(&new).unwrap();
        assert!(remove_empty(&new).unwrap() && remove_empty(&new).unwrap());
        assert!(!new.exists() && dataroot.join("filedir/ab/x").exists() && link.exists());
    }

    #[test]
    fn a_removal_that_was_killed_is_finished_by_the_next_one() {
        let (_place, dataroot) = school();
        let half = dataroot.with_file_name(gone_name(&dataroot, "0123456789abcdef"));
        let others = dataroot.with_file_name(".school2.gone-0123456789abcdef");
        fs::rename(&dataroot, &half).unwrap();
        fs::create_dir(&others).unwrap();
        remove(&dataroot).unwrap();
        assert!(!half.exists() && others.exists());
    }

    #[test]
    fn a_link_and_a_folder_of_the_system_are_not_removed() {
        let (place, dataroot) = school();
        let link = place.path().join("farm/link");
        symlink(&dataroot, &link).unwrap();
        for path in [Path::new("/"), Path::new("/none-such"), Path::new("/none/such"), Path::new("a/b/c/d"), &link] {
            assert_eq!(remove(path).unwrap_err().kind(), Kind::FilesFailed, "{}", path.display());
        }
        assert_eq!(remove(&place.path().join("farm/../farm")).unwrap_err().kind(), Kind::FilesFailed);
        assert_eq!(move_aside(&link, "job-7").unwrap_err().kind(), Kind::FilesFailed);
        assert!(dataroot.exists() && link.exists());
    }

    #[test]
    fn a_folder_is_made_once_and_is_fine_while_it_is_empty() {
        let (_place, dataroot) = school();
        let new = dataroot.with_file_name("new");
        make_folder(&new).unwrap();
        make_folder(&new).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o770, 0o770);
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o007, 0);
    }
}
