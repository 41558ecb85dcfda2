//! Puts an index in place: whole or not at all, never an older one, and noticed at once by those who read the last.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::compile::Compiled;
use super::format::{Fault, SUPERSEDED_AT};
use super::reader::{Index, open};
use crate::error::{Error, Kind, Result};
use crate::farm::{Components, FarmId};

/// The index before the one in place.
pub fn previous_path(path: &Path) -> PathBuf {
    beside(path, ".previous")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn failed(path: &Path, cause: std::io::Error) -> Error {
    Error::new(Kind::IndexWriteFailed, format!("the index `{}` cannot be written", path.display()))
        .because(cause)
        .hint("check the folder's owner and the free space, then publish again")
}

/// Puts a compiled index in place of the one at `path`, which is kept as `index.previous`.
///
/// The steps are ordered so that a publisher killed between any two of them leaves a good index. Publishers take turns
/// by a lock file. Refuses with [`Kind::PublishRefused`] to go back to a lower generation of the same farm, or to write
/// into a folder of another OS user; root writes for the folder's owner.
pub fn publish(path: &Path, compiled: &Compiled) -> Result<()> {
    let failed = |e| failed(path, e);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let owner = Owner::of(folder).map_err(failed)?;
    owner.check()?;
    let _turn = take_turn(path, owner).map_err(failed)?;
    let in_place = open(path, compiled.farm).ok().map(|mapped| mapped.header.generation);
    if let Some(newer) = in_place.filter(|generation| *generation > compiled.generation) {
        return Err(Error::new(
            Kind::PublishRefused,
            format!("the index in place has generation {newer}, this one only {}", compiled.generation),
        )
        .hint("somebody published meanwhile: publish again"));
    }

    let mut fresh = tempfile::Builder::new().prefix(FRESH).tempfile_in(folder).map_err(failed)?;
    owner.give(fresh.as_file()).map_err(failed)?;
    fresh.as_file().set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    fresh.write_all(&compiled.bytes).map_err(failed)?;
    fresh.as_file().sync_all().map_err(failed)?;

    let last = in_place.and_then(|_| OpenOptions::new().write(true).open(path).ok());
    if last.is_some() {
        keep_previous(path).map_err(failed)?;
    }
    fresh.persist(path).map_err(|e| failed(e.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    if let Some(last) = last {
        // Those who mapped the last one see this without a system call; without it they look once a second.
        let _ = last.write_all_at(&compiled.generation.max(1).to_ne_bytes(), SUPERSEDED_AT as u64);
    }
    Ok(())
}

/// What the name of an unfinished index begins with.
const FRESH: &str = ".index-";

/// The farm's OS user: the owner of the index's folder.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Makes the folder where it is missing, for the owner of the folder above it.
    fn of(folder: &Path) -> std::io::Result<Self> {
        if !folder.exists() {
            let above = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
            let above = fs::metadata(above)?;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            Self { user: above.uid(), group: above.gid() }.give(&File::open(folder)?)?;
        }
        let meta = fs::metadata(folder)?;
        Ok(Self { user: meta.uid(), group: meta.gid() })
    }

    fn check(self) -> Result<()> {
        let user = geteuid().as_raw();
        if user == 0 || user == self.user {
            return Ok(());
        }
        let message = format!("this process runs as user {user}, the index's folder belongs to user {}", self.user);
        Err(Error::new(Kind::PublishRefused, message).hint("run it as the farm's OS user, or as root"))
    }

    /// Gives a file that root made to the farm's OS user.
    fn give(self, file: &File) -> std::io::Result<()> {
        if geteuid().is_root() && self.user != 0 { fchown(file, Some(self.user), Some(self.group)) } else { Ok(()) }
    }
}

/// Takes the publishers' lock, which whatever ends the process releases; then clears what a killed one left.
fn take_turn(path: &Path, owner: Owner) -> std::io::Result<File> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(beside(path, ".lock"))?;
    owner.give(&lock)?;
    lock.lock()?;
    for entry in fs::read_dir(path.parent().unwrap_or(Path::new("/")))?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(FRESH.as_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(lock)
}

fn keep_previous(path: &Path) -> std::io::Result<()> {
    let link = beside(path, ".linked");
    let _ = fs::remove_file(&link);
    fs::hard_link(path, &link)?;
    fs::rename(&link, previous_path(path))
}

/// How the index on disk is, as somebody who starts now would find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What is served from.
    pub state: StatusState,
    /// Generation of the index that is served from.
    pub generation: Option<u64>,
    /// Tenants in it.
    pub tenants: Option<usize>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
    /// When its registry was read, in seconds since 1970.
    pub published: Option<u64>,
    /// What is wrong, for the operator.
    pub message: Option<String>,
}

/// The word for a [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// The file in place is served from.
    Good,
    /// The file in place is not fit; the previous one is served from.
    Previous,
    /// Damaged, and no previous one.
    Torn,
    /// No index or another farm's, and no previous one.
    Foreign,
    /// Of another format version, and no previous one.
    Version,
    /// None there, and no previous one.
    Missing,
}

impl StatusState {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Previous => "previous",
            Self::Torn => "torn",
            Self::Foreign => "foreign",
            Self::Version => "version",
            Self::Missing => "missing",
        }
    }
}

/// Opens and checks the index at a path, and the previous one where it is not fit.
pub fn status(path: &Path, farm: FarmId) -> Status {
    let of = |state, mapped: &super::map::Mapped, message| {
        let index = Index::of(mapped);
        Status {
            state,
            generation: Some(index.generation()),
            tenants: Some(index.tenants()),
            bytes: Some(index.bytes() as u64),
            published: Some(index.published()),
            message,
        }
    };
    let fault = match open(path, farm) {
        Ok(mapped) => return of(StatusState::Good, &mapped, None),
        Err(fault) => fault,
    };
    let message = fault.message(path);
    if let Ok(mapped) = open(&previous_path(path), farm) {
        return of(StatusState::Previous, &mapped, Some(message));
    }
    let state = match fault {
        Fault::Missing => StatusState::Missing,
        Fault::Foreign => StatusState::Foreign,
        Fault::Version(_) => StatusState::Version,
        Fault::Torn | Fault::Unreadable(_) => StatusState::Torn,
    };
    Status { state, generation: None, tenants: None, bytes: None, published: None, message: Some(message) }
}

impl Fault {
    /// A sentence for the operator's log.
    pub fn message(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Missing => format!("there is no index at `{path}`"),
            Self::Torn => format!("the index `{path}` is damaged"),
            Self::Foreign => format!("`{path}` is no index of this farm"),
            Self::Version(version) => {
                format!("the index `{path}` has format version {version}, which this vmoodle does not read")
            }
            Self::Unreadable(why) => format!("the index `{path}` cannot be opened: {why}"),
        }
    }
}

/// Reads what `cli/publish.php` left beside the index about the shared component cache (`components.json`).
///
/// `None` where there is none, where it is malformed, or where the file it names is gone.
pub fn read_components(path: &Path) -> Option<Components> {
    let text = fs::read_to_string(path.with_file_name("components.json")).ok()?;
    let components: Components = serde_json::from_str(&text).ok()?;
    let whole = Path::new(&components.path).is_absolute() && fs::metadata(&components.path).is_ok_and(|m| m.is_file());
    whole.then_some(components)
}
