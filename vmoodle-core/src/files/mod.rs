//! The folders of tenants: what a copy takes of a dataroot, how it is copied, moved aside and removed.
//!
//! Everything here blocks, never follows a link inside a dataroot, and can be repeated after a kill at any point.
// `pub` for the tests at the boundary only, by the feature `testing`.
#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

mod aside;
mod content;
mod copy;
mod dataroot;
mod tree;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub use aside::{make_folder, move_aside, place_aside, put_back, remove, remove_empty};
pub use content::{Contents, make_like_parent, read_text, swap_text, write_text};
pub use copy::{copy_tree, copy_tree_apart};
pub use dataroot::{Rule, rule};
pub use tree::free;

use rustix::process::geteuid;

use crate::error::{Error, Kind, Result};

/// Tells what could not be done to a path.
pub(crate) fn failed<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + use<'a> {
    move |error| {
        let shown = path.display();
        let (message, hint) = match error.kind() {
            io::ErrorKind::StorageFull => (
                format!("the disk is full: cannot {doing} `{shown}`"),
                "free some space and run the job again; it goes on where it stopped",
            ),
            io::ErrorKind::QuotaExceeded => (
                format!("the disk quota is used up: cannot {doing} `{shown}`"),
                "raise the quota and run the job again; it goes on where it stopped",
            ),
            io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => (
                format!("cannot {doing} `{shown}`"),
                "it seems to be a mount point; mount the folder above it instead, so that folders can be renamed",
            ),
            _ => (format!("cannot {doing} `{shown}`"), "give the folder and the one above it to the farm's OS user"),
        };
        Error::new(Kind::FilesFailed, message).hint(hint).because(error)
    }
}

/// Refuses a path for what it is.
fn refused(path: &Path, why: &str, hint: &str) -> Error {
    Error::new(Kind::FilesFailed, format!("`{}` {why}", path.display())).hint(hint)
}

/// What is at a path, links not followed; `None` where nothing is.
fn look(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a folder is at a path. A link or a file there is refused: what is renamed or removed must be the data itself.
fn is_folder(path: &Path) -> Result<bool> {
    match look(path).map_err(failed("read", path))? {
        None => Ok(false),
        Some(meta) if meta.is_dir() => Ok(true),
        Some(meta) if meta.is_symlink() => {
            Err(refused(path, "is a link", "name the folder itself as dataroot, not a link to it"))
        }
        Some(_) => Err(refused(path, "is no folder", "move it away, or name another dataroot")),
    }
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(fs::read_dir(folder).map_err(failed("read", folder))?.next().is_none())
}

fn delete_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Who gets what is made.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
    /// Only root gives files away.
    gives: bool,
}

impl Owner {
    /// The owner of a folder, for what is made in it.
    fn of(folder: &Path) -> Result<Self> {
        let meta = fs::metadata(folder).map_err(failed("read", folder))?;
        if geteuid().is_root() {
            return Ok(Self { uid: meta.uid(), gid: meta.gid(), gives: true });
        }
        Ok(Self { uid: geteuid().as_raw(), gid: meta.gid(), gives: false })
    }

    /// Gives it a path; a link there would be given itself.
    fn give(self, path: &Path) -> io::Result<()> {
        if self.gives { std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }
}

/// The folder that a path is in.
fn parent(path: &Path) -> Result<&Path> {
    let name = path.file_name();
    path.parent()
        .filter(|parent| name.is_some() && parent.is_absolute())
        .ok_or_else(|| refused(path, "is no absolute path below `/`", "give a path such as `/var/moodledata/school1`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_called_so_and_has_a_way_out() {
        let error = failed("copy", Path::new("/data/a"))(io::ErrorKind::StorageFull.into());
        assert_eq!(error.kind(), Kind::FilesFailed);
        assert!(error.to_string().starts_with("the disk is full: cannot copy `/data/a`"), "{error}");
        assert!(error.way_out().is_some_and(|hint| hint.contains("space")));
    }
}
