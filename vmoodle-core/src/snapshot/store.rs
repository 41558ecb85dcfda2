//! The store: every file of every snapshot once, under the hash of its contents.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha1::Sha1;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::error::Result;
use crate::files::failed;

/// Where the objects are.
#[derive(Debug, Clone)]
pub(super) struct Store(pub(super) PathBuf);

/// What was put in.
pub(super) struct Put {
    /// The object.
    pub(super) hash: String,
    /// Its size.
    pub(super) octets: u64,
    /// Whether no snapshot had it.
    pub(super) is_new: bool,
}

impl Store {
    /// Where an object is.
    pub(super) fn path_of(&self, hash: &str) -> PathBuf {
        self.0.join(&hash[..2]).join(hash)
    }

    /// Puts a file in that is named by its hash and never changes, by a link where the file system can.
    pub(super) fn link(&self, file: &Path, hash: &str, octets: u64) -> Result<Put> {
        let put = |is_new| Put { hash: hash.to_owned(), octets, is_new };
        let object = self.path_of(hash);
        if object.is_file() {
            return Ok(put(false));
        }
        self.make_folder(&object)?;
        if fs::hard_link(file, &object).is_err() {
            place(self.copy_aside(file, octets)?, &object)?;
        }
        Ok(put(true))
    }

    /// Puts a copy of the first octets of a file in, which may change and grow meanwhile: its hash is that of what was copied.
    pub(super) fn copy(&self, file: &Path, octets: u64) -> Result<Put> {
        let read = |file: &Path| hash_of_octets::<Sha256>(&mut File::open(file)?.take(octets));
        let hash = read(file).map_err(failed("read", file))?;
        if let Ok(object) = fs::metadata(self.path_of(&hash)) {
            return Ok(Put { hash, octets: object.len(), is_new: false });
        }
        let part = self.copy_aside(file, octets)?;
        let hash = hash_of(part.path(), false).map_err(failed("read", part.path()))?;
        let octets = part.as_file().metadata().map_err(failed("read", part.path()))?.len();
        let object = self.path_of(&hash);
        let is_new = !object.is_file();
        if is_new {
            self.make_folder(&object)?;
            place(part, &object)?;
        }
        Ok(Put { hash, octets, is_new })
    }

    fn make_folder(&self, object: &Path) -> Result<()> {
        let folder = object.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder).map_err(failed("make", folder))
    }

    fn copy_aside(&self, file: &Path, octets: u64) -> Result<NamedTempFile> {
        let folder = self.0.join("part");
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let part = NamedTempFile::new_in(&folder).map_err(failed("write", &folder))?;
        let copied = File::open(file).and_then(|file| io::copy(&mut file.take(octets), &mut part.as_file()));
        copied.and_then(|_| part.as_file().sync_all()).map_err(failed("copy", file))?;
        Ok(part)
    }

    /// Whether an object holds what its name says.
    pub(super) fn is_sound(&self, hash: &str) -> bool {
        hash_of(&self.path_of(hash), hash.len() == 40).is_ok_and(|found| found == hash)
    }

    /// Removes what no snapshot holds and is older than `young`; gives how many objects went.
    pub(super) fn sweep(&self, live: &HashSet<String>, young: Duration) -> Result<u64> {
        let mut gone = 0;
        let folders = match fs::read_dir(&self.0) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
            read => read.map_err(failed("read", &self.0))?,
        };
        for folder in folders.flatten() {
            for object in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let age = object.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
                let is_live = object.file_name().to_str().is_some_and(|name| live.contains(name));
                if !is_live && age.is_some_and(|age| age >= young) {
                    fs::remove_file(object.path()).map_err(failed("remove", &object.path()))?;
                    gone += 1;
                }
            }
        }
        Ok(gone)
    }
}

fn place(part: NamedTempFile, object: &Path) -> Result<()> {
    part.persist(object).map(drop).map_err(|e| failed("put in place", object)(e.error))
}

/// The hash of a file: SHA-1, which Moodle names contents by, or SHA-256.
pub(super) fn hash_of(path: &Path, sha1: bool) -> io::Result<String> {
    let mut file = File::open(path)?;
    if sha1 { hash_of_octets::<Sha1>(&mut file) } else { hash_of_octets::<Sha256>(&mut file) }
}

fn hash_of_octets<D: Digest>(from: &mut impl Read) -> io::Result<String> {
    let (mut digest, mut chunk) = (D::new(), vec![0; 128 * 1024]);
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            return Ok(digest.finalize().iter().map(|octet| format!("{octet:02x}")).collect());
        }
        digest.update(&chunk[..read]);
    }
}
