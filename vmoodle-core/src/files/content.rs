//! Single files of a dataroot: content that is shared by its hash, and small texts.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use super::copy::share;
use super::{Owner, delete_file, failed, is_folder, look, parent, refused};
use crate::error::{Error, Kind, Result};

/// Where a site keeps the contents of files, each under its SHA-1 (`lib/filestorage/file_system_filedir.php`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// `$CFG->filedir`.
    pub filedir: PathBuf,
    /// `$CFG->trashdir`, for contents that no file has any more; cron empties it.
    pub trashdir: PathBuf,
}

impl Contents {
    /// Whether a content of this size is there.
    pub fn has(&self, hash: &str, size: u64) -> Result<bool> {
        let path = place(&self.filedir, hash);
        let there = look(&path).map_err(failed("read", &path))?;
        Ok(there.is_some_and(|there| there.is_file() && there.len() == size))
    }

    /// Brings a content from another site, unless it is there: shared on the disk as [`super::copy_tree`] does it. Done again, it
    /// brings what is missing.
    ///
    /// Fails with [`crate::Kind::FilesFailed`] where the other site has not got it, or has something else under its name.
    pub fn bring(&self, from: &Self, hash: &str, size: u64) -> Result<()> {
        if self.has(hash, size)? {
            return Ok(());
        }
        let (source, target) = (place(&from.filedir, hash), place(&self.filedir, hash));
        if size > 0 || from.has(hash, size)? {
            if sum(&source)? != hash {
                return Err(refused(&source, "is not what its name says", "repair the source's files first"));
            }
            folders(&self.filedir, parent(&target)?)?;
            share(&source, &target)
        } else {
            folders(&self.filedir, parent(&target)?)?;
            write_text(&target, "")
        }
    }

    /// Moves a content to the trash, as Moodle does when the last file that has it goes (`remove_file`). Fine where it is not
    /// there.
    pub fn discard(&self, hash: &str) -> Result<()> {
        let (content, trash) = (place(&self.filedir, hash), place(&self.trashdir, hash));
        if look(&content).map_err(failed("read", &content))?.is_none() {
            return Ok(());
        }
        if look(&trash).map_err(failed("read", &trash))?.is_some() {
            return delete_file(&content).map_err(failed("delete", &content));
        }
        folders(&self.trashdir, parent(&trash)?)?;
        match fs::rename(&content, &trash) {
            // Another disk: what Moodle brings back from the trash, it could take from a backup too.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                delete_file(&content).map_err(failed("delete", &content))
            }
            done => done.map_err(failed("move to the trash", &content)),
        }
    }
}

/// Makes the folders down to one, each with the mode and owner of the one that it is in.
fn folders(root: &Path, folder: &Path) -> Result<()> {
    if is_folder(folder)? {
        return Ok(());
    }
    let above = parent(folder)?;
    if folder == root {
        // The dataroot, or the folder that the control site named, is not ours to make.
        if !is_folder(above)? {
            DirBuilder::new().mode(0o2770).recursive(true).create(above).map_err(failed("make", above))?;
        }
    } else {
        folders(root, above)?;
    }
    make_like_parent(folder)
}

/// Makes a folder with the mode and owner of the one that it is in; fine where it is there.
pub fn make_like_parent(folder: &Path) -> Result<()> {
    let above = parent(folder)?;
    let mode = fs::metadata(above).map_err(failed("read", above))?.mode() & 0o7777;
    match DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return is_folder(folder).map(drop),
        done => done.map_err(failed("make", folder))?,
    }
    Owner::of(above)?.give(folder).map_err(failed("give away", folder))?;
    fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(failed("write", folder))
}

/// Writes a text in a file's place, at once for whoever reads it: owned as its folder, and as readable (`$CFG->filepermissions`).
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    write(path, text).map_err(failed("write", path))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let above = path.parent().unwrap_or(Path::new("/"));
    let folder = fs::metadata(above)?;
    let mut fresh = tempfile::NamedTempFile::new_in(above)?;
    fresh.write_all(text.as_bytes())?;
    fs::set_permissions(fresh.path(), Permissions::from_mode(folder.mode() & 0o666))?;
    if fs::metadata(fresh.path())?.uid() != folder.uid() {
        std::os::unix::fs::chown(fresh.path(), Some(folder.uid()), Some(folder.gid()))?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The text of a small file; `None` where there is none. A link is not followed, and what is larger than `most` octets or no
/// UTF-8 is refused.
pub fn read_text(path: &Path, most: u64) -> Result<Option<String>> {
    match look(path).map_err(failed("read", path))? {
        None => Ok(None),
        Some(meta) if meta.is_file() && meta.len() <= most => {
            let octets = fs::read(path).map_err(failed("read", path))?;
            let text = String::from_utf8(octets);
            text.map(Some).map_err(|_| refused(path, "is no text in UTF-8", "repair it, or leave it out"))
        }
        Some(_) => Err(refused(path, "is no file, or too large", "move it away")),
    }
}

/// Puts a small text in a file's place, or takes the file away, where what is there is `from`; fine where it is `to` already.
///
/// Fails with [`Kind::StateRefused`] where it is neither.
pub fn swap_text(path: &Path, from: Option<&str>, to: Option<&str>, most: u64) -> Result<()> {
    let now = read_text(path, most)?;
    if now.as_deref() == to {
        return Ok(());
    }
    if now.as_deref() != from {
        let message = format!("`{}` was changed by somebody else meanwhile", path.display());
        return Err(Error::new(Kind::StateRefused, message).hint("look at it, then plan the change anew"));
    }
    match to {
        Some(text) => write_text(path, text),
        None => delete_file(path).map_err(failed("delete", path)),
    }
}

/// `ab/cd/abcd…` below a folder.
fn place(folder: &Path, hash: &str) -> PathBuf {
    folder.join(hash.get(..2).unwrap_or_default()).join(hash.get(2..4).unwrap_or_default()).join(hash)
}

/// The SHA-1 of a file's content.
fn sum(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(failed("read", path))?;
    let (mut sha, mut buffer) = (Sha1::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer).map_err(failed("read", path))? {
            0 => return Ok(sha.finalize().iter().map(|octet| format!("{octet:02x}")).collect()),
            octets => sha.update(&buffer[..octets]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "040f06fd774092478d450774f5ba30c5da78acc8";

    fn contents(root: &Path) -> Contents {
        fs::create_dir_all(root).unwrap();
        fs::set_permissions(root, Permissions::from_mode(0o2770)).unwrap();
        Contents { filedir: root.join("filedir"), trashdir: root.join("trashdir") }
    }

    #[test]
    fn a_content_is_brought_once_shared_and_goes_to_the_trash() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (contents(&root.path().join("a")), contents(&root.path().join("b")));
        let content = place(&from.filedir, HASH);
        fs::create_dir_all(content.parent().unwrap()).unwrap();
        fs::write(&content, "content").unwrap();
        to.bring(&from, HASH, 7).unwrap();
        let brought = place(&to.filedir, HASH);
        assert_eq!(fs::read(&brought).unwrap(), b"content");
        assert_eq!(fs::metadata(brought.parent().unwrap()).unwrap().mode() & 0o7777, 0o2770);
        to.bring(&from, HASH, 7).unwrap();
        to.discard(HASH).unwrap();
        assert!(!brought.exists() && place(&to.trashdir, HASH).exists() && content.exists());
        to.discard(HASH).unwrap();
        let empty = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        to.bring(&from, empty, 0).unwrap();
        assert!(to.has(empty, 0).unwrap(), "the content of folders need not be at the source");
    }

    #[test]
    fn what_is_missing_or_damaged_is_not_brought() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (contents(&root.path().join("a")), contents(&root.path().join("b")));
        assert_eq!(to.bring(&from, HASH, 7).unwrap_err().kind(), Kind::FilesFailed);
        let content = place(&from.filedir, HASH);
        fs::create_dir_all(content.parent().unwrap()).unwrap();
        fs::write(&content, "another").unwrap();
        assert!(to.bring(&from, HASH, 7).unwrap_err().to_string().contains("not what its name says"));
        assert!(!place(&to.filedir, HASH).exists());
    }

    #[test]
    fn a_text_is_written_at_once_and_read_within_bounds() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("fr_local");
        make_like_parent(&folder).unwrap();
        make_like_parent(&folder).unwrap();
        let path = folder.join("x.php");
        assert_eq!(read_text(&path, 9).unwrap(), None);
        write_text(&path, "l'été").unwrap();
        assert_eq!(read_text(&path, 9).unwrap().as_deref(), Some("l'été"));
        assert!(read_text(&path, 3).is_err());
        swap_text(&path, Some("l'été"), Some("new"), 9).unwrap();
        swap_text(&path, Some("l'été"), Some("new"), 9).unwrap();
        assert_eq!(swap_text(&path, Some("l'été"), None, 9).unwrap_err().kind(), Kind::StateRefused);
        swap_text(&path, Some("new"), None, 9).unwrap();
        swap_text(&path, None, Some("again"), 9).unwrap();
        std::os::unix::fs::symlink(&path, folder.join("y.php")).unwrap();
        assert!(read_text(&folder.join("y.php"), 9).is_err(), "a link");
    }
}
