//! The store: every file of every snapshot once, under the hash of its contents.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::files::failed;

/// Where the objects are.
#[derive(Debug, Clone)]
pub(super) struct Store(pub(super) PathBuf);

impl Store {
    /// Where an object is.
    pub(super) fn path_of(&self, hash: &str) -> PathBuf {
        self.0.join(&hash[..2]).join(hash)
    }

    /// Puts a file in under a hash, by a link where the file never changes and the file system can; gives whether it is new.
    pub(super) fn put(&self, file: &Path, hash: &str, never_changes: bool) -> Result<bool> {
        let object = self.path_of(hash);
        if object.is_file() {
            // It is young again, so that a sweep that runs meanwhile leaves it.
            let _ = File::open(&object).and_then(|object| object.set_modified(SystemTime::now()));
            return Ok(false);
        }
        let folder = object.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        if never_changes && fs::hard_link(file, &object).is_ok() {
            return Ok(true);
        }
        let part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder);
        let part = part.map_err(failed("write", folder))?;
        let copied = fs::copy(file, part.path()).and_then(|_| part.as_file().sync_all());
        copied.map_err(failed("copy", file))?;
        part.persist(&object).map_err(|e| failed("put in place", &object)(e.error))?;
        Ok(true)
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

/// The hash of a file: SHA-1, which Moodle names contents by, or SHA-256.
pub(super) fn hash_of(path: &Path, sha1: bool) -> io::Result<String> {
    fn digest<D: Digest>(file: &mut File) -> io::Result<String> {
        let (mut digest, mut chunk) = (D::new(), vec![0; 128 * 1024]);
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Ok(digest.finalize().iter().map(|octet| format!("{octet:02x}")).collect());
            }
            digest.update(&chunk[..read]);
        }
    }
    let mut file = File::open(path)?;
    if sha1 { digest::<Sha1>(&mut file) } else { digest::<Sha256>(&mut file) }
}
