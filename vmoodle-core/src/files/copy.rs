//! One dataroot becomes two.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

use super::{Owner, Rule, delete_file, failed, is_folder, look, parent, refused, rule};
use crate::error::Result;

/// What a file is called while it is written: one per folder, for one file is written at a time.
const PART: &str = ".vmoodle-part";

/// What a copy did. Files that an earlier run had brought are in `files` and `octets` only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
// What is copied was not shared: no other word says so.
#[allow(clippy::struct_field_names)]
pub struct Copied {
    /// Files of the source that the target now holds.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// Files whose blocks on the disk both now hold.
    pub shared: u64,
    /// Files that were written out.
    pub copied: u64,
}

/// Copies a dataroot by the rules of [`rule`]. A run that was killed is repeated: it brings what is missing.
///
/// *Content is shared* by a clone of its blocks where the disk can do that, else by a hard link, else it is copied. A hard
/// link is safe, though both tenants then hold one inode: Moodle names content by its hash, writes it to a new `.tmp`
/// and renames that into place; it deletes and renames such files, but never writes into one
/// (`lib/filestorage/file_system_filedir.php`, `add_file_from_path`, `add_file_from_string`, `move_to_trash_file`). So
/// nothing that one tenant does reaches the other; the last of both to delete it frees the space.
///
/// *A link inside is refused*, for nobody can say whose the data behind it are. Modes and times of change are those of
/// the source. Started by root, all belongs to the owner of the folder that the target is in; where that is root too, to
/// the owner of the source. What the source deletes meanwhile is passed over, and what only the target holds is kept.
pub fn copy_tree(source: &Path, target: &Path) -> Result<Copied> {
    copy(source, target, true)
}

/// Copies a dataroot as [`copy_tree`] does, but never by hard links: every file is one of the target's own, so that the
/// folder can be given away, or edited, without the source noticing. Blocks may still be cloned where the disk can.
pub fn copy_tree_apart(source: &Path, target: &Path) -> Result<Copied> {
    copy(source, target, false)
}

/// Brings one file whose content never changes, shared as [`copy_tree`] does it. Its folder must be there.
pub(super) fn share(source: &Path, target: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(source).map_err(failed("read", source))?;
    if !meta.is_file() {
        return Err(refused(source, "is no file", "repair the source's files first"));
    }
    let owner = Owner::of(parent(target)?)?;
    let mut run = Run { owner, clones: true, links: true, done: Copied::default() };
    run.file(source, target, Rule::Share, &meta)?;
    let above = parent(target)?;
    File::open(above).and_then(|folder| folder.sync_all()).map_err(failed("write", above))
}

fn copy(source: &Path, target: &Path, links: bool) -> Result<Copied> {
    let meta = fs::metadata(source).map_err(failed("read", source))?;
    stand_apart(source, target)?;
    let mut owner = Owner::of(parent(target)?)?;
    if owner.gives && owner.uid == 0 {
        (owner.uid, owner.gid) = (meta.uid(), meta.gid());
    }
    let mut run = Run { owner, clones: true, links, done: Copied::default() };
    run.folder(source, target, Path::new(""), &meta)?;
    // The journal will say that the copy is there, so it must outlive the machine.
    let synced = File::open(target).and_then(|folder| rustix::fs::syncfs(folder).map_err(io::Error::from));
    synced.map_err(failed("write", target))?;
    Ok(run.done)
}

/// Refuses two folders of which one is in the other: the copy would copy itself.
fn stand_apart(source: &Path, target: &Path) -> Result<()> {
    let above = parent(target)?;
    let from = fs::canonicalize(source).map_err(failed("read", source))?;
    let to = fs::canonicalize(above).map_err(failed("read", above))?.join(target.file_name().unwrap_or_default());
    if from.starts_with(&to) || to.starts_with(&from) {
        return Err(refused(target, "and the source lie in each other", "give the copy a folder beside the source"));
    }
    Ok(())
}

struct Run {
    owner: Owner,
    /// The disk clones blocks, as far as is known.
    clones: bool,
    /// Both are on one disk, as far as is known.
    links: bool,
    done: Copied,
}

impl Run {
    /// Copies a folder; `inside` is its path from the dataroot on.
    fn folder(&mut self, source: &Path, target: &Path, inside: &Path, meta: &Metadata) -> Result<()> {
        let mode = meta.mode() & 0o7777;
        self.make(target, mode)?;
        delete_file(&target.join(PART)).map_err(failed("write", target))?;
        let entries = match fs::read_dir(source) {
            Ok(entries) => entries,
            Err(_) if is_gone(source) => return Ok(()),
            Err(error) => return Err(failed("read", source)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", source))?;
            let (from, to, inside) = (entry.path(), target.join(entry.file_name()), inside.join(entry.file_name()));
            let rule = rule(&inside);
            if rule == Rule::Leave {
                continue;
            }
            match look(&from).map_err(failed("read", &from))? {
                None => {}
                Some(meta) if meta.is_dir() => self.folder(&from, &to, &inside, &meta)?,
                Some(meta) if meta.is_file() => self.file(&from, &to, rule, &meta)?,
                Some(meta) if meta.is_symlink() => {
                    return Err(refused(
                        &from,
                        "is a link, and a copy follows none",
                        "put there what it points to, or delete it",
                    ));
                }
                Some(_) => {
                    return Err(refused(&from, "is neither file nor folder", "delete it; Moodle makes no such thing"));
                }
            }
        }
        if mode & 0o700 != 0o700 {
            fs::set_permissions(target, Permissions::from_mode(mode)).map_err(failed("write", target))?;
        }
        Ok(())
    }

    /// Makes a folder, or takes the one of an earlier run. While it is filled, its owner may write.
    fn make(&self, target: &Path, mode: u32) -> Result<()> {
        if !is_folder(target)? {
            DirBuilder::new().mode(0o700).create(target).map_err(failed("make", target))?;
        }
        self.owner.give(target).map_err(failed("give away", target))?;
        fs::set_permissions(target, Permissions::from_mode(mode | 0o700)).map_err(failed("write", target))
    }

    fn file(&mut self, source: &Path, target: &Path, rule: Rule, meta: &Metadata) -> Result<()> {
        let there = look(target).map_err(failed("read", target))?;
        let is_there = there.is_some_and(|there| there.is_file() && there.len() == meta.len());
        if rule != Rule::Share || !is_there {
            let part = target.with_file_name(PART);
            match self.bring(source, &part, rule, meta).and_then(|shared| fs::rename(&part, target).map(|()| shared)) {
                Ok(true) => self.done.shared += 1,
                Ok(false) => self.done.copied += 1,
                Err(_) if is_gone(source) => return Ok(()),
                Err(error) => return Err(failed("copy", source)(error)),
            }
        }
        self.done.files += 1;
        self.done.octets += meta.len();
        Ok(())
    }

    /// Brings a file to its name for the while; says whether it is shared.
    fn bring(&mut self, source: &Path, part: &Path, rule: Rule, meta: &Metadata) -> io::Result<bool> {
        if rule == Rule::Share {
            if self.clones {
                match self.write(source, part, meta, |from, to| Ok(rustix::fs::ioctl_ficlone(to, from)?)) {
                    Ok(()) => return Ok(true),
                    Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::NotFound) => {
                        return Err(error);
                    }
                    Err(_) => self.clones = false,
                }
            }
            // One inode has one owner.
            if self.links && meta.uid() == self.owner.uid {
                delete_file(part)?;
                match fs::hard_link(source, part) {
                    Ok(()) => return Ok(true),
                    // Too many links to this one, or a right that is missing: others may do.
                    Err(error) => self.links = error.kind() != io::ErrorKind::CrossesDevices,
                }
            }
        }
        self.write(source, part, meta, |mut from, mut to| io::copy(&mut from, &mut to).map(drop))?;
        Ok(false)
    }

    /// Writes a file of its own. The name for the while is deleted first: it may be a link to shared content.
    fn write(
        &self,
        source: &Path,
        part: &Path,
        meta: &Metadata,
        fill: impl FnOnce(&File, &File) -> io::Result<()>,
    ) -> io::Result<()> {
        delete_file(part)?;
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let from = OpenOptions::new().read(true).custom_flags(no_link).open(source)?;
        let to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
        fill(&from, &to)?;
        if self.owner.gives {
            fchown(&to, Some(self.owner.uid), Some(self.owner.gid))?;
        }
        to.set_permissions(Permissions::from_mode(meta.mode() & 0o777))?;
        to.set_modified(meta.modified()?)
    }
}

/// Whether it was deleted since it was listed.
fn is_gone(source: &Path) -> bool {
    matches!(look(source), Ok(None))
}

#[cfg(test)]
mod tests;
