//! What a snapshot says of itself, read strictly: it may come from elsewhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::files::failed;
use crate::host::escape;

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// The longest line of a list of files, in octets.
const LONGEST: u64 = 16 * 1024;

/// A site's Moodle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moodle {
    /// `$CFG->version`.
    pub version: String,
    /// `$CFG->release`.
    pub release: String,
    /// `$CFG->branch`.
    pub branch: String,
}

/// What is known of the site when its snapshot is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The template's name, where the snapshot is one.
    pub name: Option<String>,
    /// The site's address.
    pub wwwroot: String,
    /// The site's name.
    pub site: String,
    /// When, in seconds since 1970.
    pub made_at: i64,
    /// Its Moodle.
    pub moodle: Moodle,
    /// Its plugins' versions by component.
    pub plugins: BTreeMap<String, String>,
    /// The database's engine, in Moodle's word.
    pub engine: String,
    /// The prefix of its tables.
    pub prefix: String,
    /// Whether nobody worked in the site meanwhile: else files and database may be seconds apart.
    pub quiet: bool,
}

/// A file of the snapshot beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub file: String,
    /// Its size.
    pub octets: u64,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub sha256: String,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format, see [`FORMAT`].
    pub format: u32,
    /// Its number on the shelf.
    pub id: String,
    /// What was known of the site.
    #[serde(flatten)]
    pub facts: Facts,
    /// The database.
    pub database: Part,
    /// The list of files.
    pub list: Part,
    /// How many files there are.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
}

impl Manifest {
    /// Reads one from its folder, whose name is its number.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("manifest.json");
        let id = folder.file_name().unwrap_or_default().to_string_lossy();
        let text = match std::fs::read_to_string(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::new(
                    Kind::SnapshotNotFound,
                    format!("no snapshot has the number or name `{}`", escape(&id)),
                ));
            }
            read => read.map_err(failed("read", &path))?,
        };
        // The format first: what a newer version says may not fit into today's fields.
        let format = serde_json::from_str::<Format>(&text).map_err(|e| damaged(&id, "its manifest").because(e))?.format;
        if format > FORMAT {
            let message =
                format!("the snapshot `{}` has format {format}, and {FORMAT} is the newest known here", escape(&id));
            return Err(Error::new(Kind::SnapshotUnfit, message).hint("upgrade vmoodle"));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(|e| damaged(&id, "its manifest").because(e))?;
        if manifest.id != id {
            return Err(damaged(&id, "its number"));
        }
        Ok(manifest)
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// What is wrong with a snapshot.
pub(super) fn damaged(id: &str, what: &str) -> Error {
    Error::new(Kind::SnapshotDamaged, format!("the snapshot `{}` is damaged: {what}", escape(id)))
        .hint("take another snapshot, or bring this one from a backup")
}

/// A file of the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path below the dataroot.
    pub path: String,
    /// Its size.
    pub octets: u64,
    /// The object that holds it.
    pub hash: String,
    /// Its permissions.
    pub mode: u32,
}

impl Entry {
    /// Whether the path stays below the dataroot and the hash is one.
    fn is_sound(&self) -> bool {
        let path = Path::new(&self.path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let length = matches!(self.hash.len(), 40 | 64);
        plain
            && !self.path.is_empty()
            && self.path.len() <= 4096
            && !self.path.contains("//")
            && !self.path.contains('\0')
            && length
            && self.hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

/// Writes a list of files, line by line.
pub(super) struct List(zstd::Encoder<'static, File>);

impl List {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let made = File::create(path).and_then(|file| zstd::Encoder::new(file, 3));
        Ok(Self(made.map_err(failed("make", path))?))
    }

    pub(super) fn push(&mut self, entry: &Entry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }

    pub(super) fn finish(self) -> std::io::Result<()> {
        self.0.finish()?.sync_all()
    }
}

/// Hands each entry of a list over; breaks off at the first that is not sound.
pub(super) fn entries(folder: &Path, id: &str, mut take: impl FnMut(Entry) -> Result<()>) -> Result<()> {
    let path = folder.join("files.jsonl.zst");
    let bad = || damaged(id, "its list of files");
    let file = File::open(&path).map_err(|e| bad().because(e))?;
    let mut lines = BufReader::new(zstd::Decoder::new(file).map_err(|e| bad().because(e))?);
    loop {
        let mut line = Vec::new();
        let read =
            std::io::Read::take(&mut lines, LONGEST).read_until(b'\n', &mut line).map_err(|e| bad().because(e))?;
        if read == 0 {
            return Ok(());
        }
        let entry: Entry = serde_json::from_slice(&line).map_err(|e| bad().because(e))?;
        if !entry.is_sound() {
            return Err(damaged(id, &format!("its list of files names `{}`", escape(&entry.path))));
        }
        take(entry)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_the_dataroot_is_not_sound() {
        let hash = "a".repeat(40);
        let sound = |path: &str| Entry { path: path.into(), octets: 1, hash: hash.clone(), mode: 0o644 }.is_sound();
        assert!(sound("filedir/ab/l'été 🌞") && sound("repository/a\tb\n.pdf"));
        for bad in ["", "/etc/x", "../x", "a/../../x", "a//b", "./a", "a\0b"] {
            assert!(!sound(bad), "{bad:?}");
        }
        for bad in ["", "../../x", "zz", &"A".repeat(40)] {
            assert!(!Entry { path: "a".into(), octets: 1, hash: bad.into(), mode: 0 }.is_sound(), "{bad:?}");
        }
    }
}
