//! The farm's snapshots: begun, sealed, found, verified, unpacked, deleted.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::manifest::{Entry, FORMAT, Facts, List, Manifest, Part, damaged, entries};
use super::store::{Store, hash_of};
use crate::error::{Error, Kind, Result};
use crate::files::{self, failed};
use crate::files::{Rule, rule};
use crate::host::escape;
use crate::moodle::code::Code;
use crate::moodle::version::Version;
use crate::secret::random_bytes;

const DATABASE: &str = "database.sql.zst";
const LIST: &str = "files.jsonl.zst";
/// How old what nobody finished or holds must be before it is swept.
const YOUNG: Duration = Duration::from_hours(24);

/// A shelf of snapshots.
#[derive(Debug, Clone)]
pub struct Shelf {
    root: PathBuf,
    store: Store,
}

/// A new number: the time, the host, and a few random digits.
pub fn new_id(host: &str, now: i64) -> String {
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).take(40).collect();
    let random: [u8; 3] = random_bytes();
    format!("{now}-{}-{:02x}{:02x}{:02x}", host.to_ascii_lowercase(), random[0], random[1], random[2])
}

/// Refuses a snapshot of a newer Moodle than the code's, which Moodle cannot bring down again.
pub fn require_fits(manifest: &Manifest, code: &Code) -> Result<()> {
    let theirs = Version::parse(&manifest.facts.moodle.version);
    if theirs.is_some_and(|theirs| theirs <= code.version) {
        return Ok(());
    }
    let (release, id) = (escape(&manifest.facts.moodle.release), escape(&manifest.id));
    let message =
        format!("the snapshot `{id}` is of Moodle {release}, newer than this code: {}", escape(&code.release));
    Err(Error::new(Kind::SnapshotUnfit, message).hint("upgrade the code base first"))
}

/// Whether a word can be a number or a name on the shelf.
fn is_word(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    !word.is_empty() && word.len() <= 100 && !word.starts_with('.') && word.bytes().all(plain)
}

impl Shelf {
    /// A shelf in a folder, which need not be there yet.
    pub fn new(root: PathBuf) -> Self {
        let store = Store(root.join("objects"));
        Self { root, store }
    }

    /// The snapshots, the oldest first, and what is wrong with those that cannot be read.
    pub fn list(&self) -> Result<(Vec<Manifest>, Vec<Error>)> {
        let folders = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
            read => read.map_err(failed("read", &self.root))?,
        };
        let (mut found, mut bad) = (Vec::new(), Vec::new());
        for folder in folders.flatten() {
            let name = folder.file_name().to_string_lossy().into_owned();
            if name == "objects" || Path::new(&name).extension().is_some_and(|end| end == "part") || !is_word(&name) {
                continue;
            }
            match Manifest::read(&folder.path()) {
                Ok(manifest) => found.push(manifest),
                Err(error) => bad.push(error),
            }
        }
        found.sort_by(|one, other| (one.facts.made_at, &one.id).cmp(&(other.facts.made_at, &other.id)));
        Ok((found, bad))
    }

    /// A snapshot by its number, or the newest of a template's name. Fails with [`Kind::SnapshotNotFound`].
    pub fn open(&self, word: &str) -> Result<Manifest> {
        let not_found = || {
            let message = format!("no snapshot has the number or name `{}`", escape(word));
            Error::new(Kind::SnapshotNotFound, message).hint("list them: `php local/vmoodle/cli/snapshot.php`")
        };
        if !is_word(word) {
            return Err(not_found());
        }
        if self.root.join(word).is_dir() {
            return Manifest::read(&self.root.join(word));
        }
        let named = |manifest: &Manifest| manifest.facts.name.as_deref() == Some(word);
        self.list()?.0.into_iter().rev().find(named).ok_or_else(not_found)
    }

    /// Where a snapshot's database is.
    pub fn database_of(&self, word: &str) -> Result<PathBuf> {
        Ok(self.root.join(self.open(word)?.id).join(DATABASE))
    }

    /// Begins a snapshot, or goes on with the one that a killed run has begun under this number.
    pub fn begin(&self, id: &str) -> Result<Draft> {
        if !is_word(id) {
            return Err(Error::new(Kind::BadParameter, format!("`{}` is no number of a snapshot", escape(id))));
        }
        let folder = self.root.join(format!("{id}.part"));
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        for path in [&self.root, &folder] {
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(path, private).map_err(failed("set the mode of", path))?;
        }
        Ok(Draft { shelf: self.clone(), id: id.to_owned(), folder, files: 0, octets: 0 })
    }

    /// Checks every octet of a snapshot against what its manifest says; fails with [`Kind::SnapshotDamaged`].
    pub fn verify(&self, word: &str) -> Result<Manifest> {
        let manifest = self.open(word)?;
        let folder = self.root.join(&manifest.id);
        for (part, name) in [(&manifest.database, DATABASE), (&manifest.list, LIST)] {
            let found = hash_of(&folder.join(name), false);
            if part.file != name || found.is_err() || found.ok().as_ref() != Some(&part.sha256) {
                return Err(damaged(&manifest.id, name));
            }
        }
        let (mut files, mut sound) = (0, HashSet::new());
        entries(&folder, &manifest.id, |entry| {
            files += 1;
            if !sound.contains(&entry.hash) && !self.store.is_sound(&entry.hash) {
                return Err(damaged(&manifest.id, &format!("the file `{}`", escape(&entry.path))));
            }
            sound.insert(entry.hash);
            Ok(())
        })?;
        if files == manifest.files { Ok(manifest) } else { Err(damaged(&manifest.id, "files are missing in its list")) }
    }

    /// Puts a snapshot's files into a dataroot that is there; gives how many. What is there already is left.
    pub fn unpack_files(&self, word: &str, dataroot: &Path) -> Result<u64> {
        let manifest = self.open(word)?;
        let owner = fs::metadata(dataroot).map_err(failed("find", dataroot))?;
        let give = |path: &Path| {
            if !rustix::process::geteuid().is_root() {
                return Ok(());
            }
            chown(path, Some(owner.uid()), Some(owner.gid())).map_err(failed("give away", path))
        };
        let mut files = 0;
        entries(&self.root.join(&manifest.id), &manifest.id, |entry| {
            let target = dataroot.join(&entry.path);
            for folder in missing_folders(&target, dataroot) {
                fs::create_dir(&folder).map_err(failed("make", &folder))?;
                let mode = fs::Permissions::from_mode(owner.mode() & 0o7777);
                fs::set_permissions(&folder, mode).map_err(failed("set the mode of", &folder))?;
                give(&folder)?;
            }
            files += 1;
            self.unpack(&manifest.id, &entry, &target, &give)
        })?;
        Ok(files)
    }

    fn unpack(&self, id: &str, entry: &Entry, target: &Path, give: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
        let object = self.store.path_of(&entry.hash);
        if !object.is_file() {
            return Err(damaged(id, &format!("the file `{}` is missing", escape(&entry.path))));
        }
        let shared = entry.path.starts_with("filedir/");
        if shared
            && (fs::metadata(target).is_ok_and(|there| there.len() == entry.octets)
                || fs::hard_link(&object, target).is_ok())
        {
            return Ok(());
        }
        let part = target.with_file_name(format!(".{}.part", target.file_name().unwrap_or_default().to_string_lossy()));
        fs::copy(&object, &part).map_err(failed("write", &part))?;
        let mode = fs::Permissions::from_mode(entry.mode & 0o777);
        fs::set_permissions(&part, mode).map_err(failed("set the mode of", &part))?;
        give(&part)?;
        fs::rename(&part, target).map_err(failed("put in place", target))
    }

    /// Gives a snapshot another name, or none; a name that an older one has leads to the newest.
    pub fn name(&self, word: &str, name: Option<&str>) -> Result<Manifest> {
        require_name(name)?;
        let mut manifest = self.open(word)?;
        manifest.facts.name = name.map(str::to_owned);
        write_manifest(&self.root.join(&manifest.id), &manifest)?;
        Ok(manifest)
    }

    /// Deletes a snapshot, and the files that no other one holds.
    pub fn delete(&self, word: &str) -> Result<()> {
        let manifest = self.open(word)?;
        self.delete_all(&[manifest.id])
    }

    /// Deletes snapshots by their numbers, where they are there, and the files that no other one holds.
    pub fn delete_all(&self, ids: &[String]) -> Result<()> {
        for id in ids.iter().filter(|id| is_word(id)) {
            files::remove(&self.root.join(id))?;
        }
        self.sweep().map(drop)
    }

    /// Removes what no snapshot holds, and what nobody finished, once it is a day old; gives how many files went.
    pub fn sweep(&self) -> Result<u64> {
        let mut live = HashSet::new();
        let folders = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
            read => read.map_err(failed("read", &self.root))?,
        };
        for folder in folders.flatten() {
            let (path, name) = (folder.path(), folder.file_name().to_string_lossy().into_owned());
            if name == "objects" {
                continue;
            }
            let old = folder.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
            if path.extension().is_some_and(|end| end == "part") || name.starts_with('.') {
                if old.is_some_and(|old| old >= YOUNG) {
                    files::remove(&path)?;
                }
            } else if path.join("manifest.json").is_file() {
                // A list that cannot be read could name anything: then nothing is swept.
                entries(&path, &name, |entry| {
                    live.insert(entry.hash);
                    Ok(())
                })?;
            }
        }
        self.store.sweep(&live, YOUNG)
    }
}

fn require_name(name: Option<&str>) -> Result<()> {
    if name.is_none_or(is_word) {
        return Ok(());
    }
    Err(Error::new(Kind::BadParameter, "a template's name has small letters, digits, `.`, `-` and `_`"))
}

/// Writes a manifest, whole or not at all.
fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<()> {
    let (path, part) = (folder.join("manifest.json"), folder.join(".manifest.part"));
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|e| Error::new(Kind::Internal, "a manifest is no JSON").because(e))?;
    let written = fs::write(&part, text).and_then(|()| fs::File::open(&part)?.sync_all());
    written.map_err(failed("write", &part))?;
    fs::rename(&part, &path).map_err(failed("put in place", &path))
}

/// The folders between a dataroot and a file that are not there, the outermost first.
fn missing_folders(target: &Path, dataroot: &Path) -> Vec<PathBuf> {
    let between = target.ancestors().skip(1).take_while(|folder| *folder != dataroot);
    let mut missing: Vec<PathBuf> = between.take_while(|folder| !folder.is_dir()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// A snapshot that is being taken.
#[derive(Debug)]
pub struct Draft {
    shelf: Shelf,
    id: String,
    folder: PathBuf,
    files: u64,
    octets: u64,
}

impl Draft {
    /// Where the database is to be written.
    pub fn database_path(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// Takes a dataroot's files into the store; gives how many of them no other snapshot had.
    pub fn take_files(&mut self, dataroot: &Path) -> Result<u64> {
        (self.files, self.octets) = (0, 0);
        let path = self.folder.join(LIST);
        let mut list = List::create(&path)?;
        let mut new = 0;
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let inside = dataroot.join(&folder);
            let mut names: Vec<_> = fs::read_dir(&inside)
                .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
                .map_err(failed("read", &inside))?;
            names.sort_by_key(fs::DirEntry::file_name);
            for entry in names {
                let name = entry.file_name();
                if folder.as_os_str().is_empty() && rule(Path::new(&name)) == Rule::Leave {
                    continue;
                }
                let (relative, file) = (folder.join(&name), entry.path());
                // What a running site removes meanwhile was not there.
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() {
                    folders.push(relative);
                } else if meta.is_file() {
                    new += u64::from(self.take(&mut list, &relative, &file, &meta).map_err(failed("take", &file))??);
                } else {
                    let message = format!("`{}` in the dataroot is neither a file nor a folder", relative.display());
                    return Err(
                        Error::new(Kind::FilesFailed, message).hint("replace it by what it stands for, or remove it")
                    );
                }
            }
        }
        list.finish().map_err(failed("write", &path))?;
        Ok(new)
    }

    fn take(
        &mut self,
        list: &mut List,
        relative: &Path,
        file: &Path,
        meta: &fs::Metadata,
    ) -> std::io::Result<Result<bool>> {
        let path = relative.to_str().ok_or_else(|| std::io::Error::other("its name is not UTF-8"))?.to_owned();
        let name = relative.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let named = path.starts_with("filedir/") && name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let hash = if named { name.to_owned() } else { hash_of(file, false)? };
        let new = self.shelf.store.put(file, &hash, named);
        list.push(&Entry { path, octets: meta.len(), hash, mode: meta.mode() & 0o777 })?;
        self.files += 1;
        self.octets += meta.len();
        Ok(new)
    }

    /// Makes it a snapshot.
    pub fn seal(self, facts: Facts) -> Result<Manifest> {
        require_name(facts.name.as_deref())?;
        let part = |name: &str| {
            let path = self.folder.join(name);
            let octets = fs::metadata(&path).map_err(failed("read", &path))?.len();
            let sha256 = hash_of(&path, false).map_err(failed("read", &path))?;
            Ok::<_, Error>(Part { file: name.to_owned(), octets, sha256 })
        };
        let (database, list) = (part(DATABASE)?, part(LIST)?);
        let manifest =
            Manifest { format: FORMAT, id: self.id, facts, database, list, files: self.files, octets: self.octets };
        write_manifest(&self.folder, &manifest)?;
        let sealed = self.shelf.root.join(&manifest.id);
        fs::rename(&self.folder, &sealed).map_err(failed("put in place", &sealed))?;
        let _ = fs::File::open(&self.shelf.root).and_then(|root| root.sync_all());
        Ok(manifest)
    }
}
