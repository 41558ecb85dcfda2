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
use rustix::fs::{FlockOperation, flock};

const DATABASE: &str = "database.sql.zst";
const LIST: &str = "files.jsonl.zst";
/// Who takes a snapshot holds it with others, who sweeps alone: an object of a snapshot that is not sealed yet is in no list.
const LOCK: &str = ".lock";
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
        let lock = self.lock()?;
        flock(&lock, FlockOperation::LockShared).map_err(|e| failed("lock", &self.root)(e.into()))?;
        Ok(Draft { shelf: self.clone(), id: id.to_owned(), folder, files: 0, octets: 0, _lock: lock })
    }

    fn lock(&self) -> Result<fs::File> {
        let path = self.root.join(LOCK);
        fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed("open", &path))
    }

    /// The shelf for oneself, until the file is closed; `None` while somebody takes a snapshot.
    fn alone(&self) -> Result<Option<fs::File>> {
        let lock = self.lock()?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed("lock", &self.root)(error.into())),
        }
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

    /// Deletes snapshots by their numbers, where they are there, and the files that no other one holds; of those, where a list
    /// is damaged or somebody takes a snapshot, the next sweep that can.
    pub fn delete_all(&self, ids: &[String]) -> Result<()> {
        for id in ids.iter().filter(|id| is_word(id)) {
            files::remove(&self.root.join(id))?;
        }
        match self.sweep() {
            Err(error) if error.kind() == Kind::SnapshotDamaged => Ok(()),
            swept => swept.map(drop),
        }
    }

    /// Removes what no snapshot holds, and what nobody finished, once it is a day old; gives how many files went. Nothing goes
    /// while somebody takes a snapshot.
    pub fn sweep(&self) -> Result<u64> {
        if !self.root.is_dir() {
            return Ok(0);
        }
        let Some(_alone) = self.alone()? else { return Ok(0) };
        let mut live = HashSet::new();
        let folders = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
            read => read.map_err(failed("read", &self.root))?,
        };
        for folder in folders.flatten() {
            let (path, name) = (folder.path(), folder.file_name().to_string_lossy().into_owned());
            if name == "objects" || name == LOCK {
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
    /// Lets nobody sweep.
    _lock: fs::File,
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
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let named = path.starts_with("filedir/") && name.len() == 40 && name.bytes().all(is_digit);
        let put =
            if named { self.shelf.store.link(file, name, meta.len()) } else { self.shelf.store.copy(file, meta.len()) };
        let put = match put {
            // What a running site removes meanwhile was not there.
            Err(_) if !file.exists() => return Ok(Ok(false)),
            Err(error) => return Ok(Err(error)),
            Ok(put) => put,
        };
        list.push(&Entry { path, octets: put.octets, hash: put.hash, mode: meta.mode() & 0o777 })?;
        self.files += 1;
        self.octets += put.octets;
        Ok(Ok(put.is_new))
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::SystemTime;

    use super::super::manifest::Moodle;
    use super::*;

    /// The SHA-1 of `content`.
    const CONTENT: &str = "filedir/04/0f/040f06fd774092478d450774f5ba30c5da78acc8";

    /// A shelf, and a dataroot with a file as old as a site is.
    fn stage() -> (tempfile::TempDir, Shelf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (shelf, dataroot) = (Shelf::new(folder.path().join("shelf")), folder.path().join("data"));
        let file = dataroot.join(CONTENT);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "content").unwrap();
        File::options().append(true).open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        (folder, shelf, dataroot)
    }

    fn taken(shelf: &Shelf, id: &str, dataroot: &Path, meanwhile: impl FnOnce()) -> Manifest {
        let mut draft = shelf.begin(id).unwrap();
        fs::write(draft.database_path(), "").unwrap();
        draft.take_files(dataroot).unwrap();
        meanwhile();
        let moodle = Moodle { version: "1".into(), release: "1".into(), branch: "1".into() };
        let facts = Facts {
            name: None,
            wwwroot: "https://a.example.org".into(),
            site: "A".into(),
            made_at: 1,
            moodle,
            plugins: [].into(),
            engine: "pgsql".into(),
            prefix: "mdl_".into(),
            quiet: true,
        };
        draft.seal(facts).unwrap()
    }

    #[test]
    fn files_of_a_snapshot_that_is_being_taken_are_not_swept() {
        let (_folder, shelf, dataroot) = stage();
        taken(&shelf, "1-a", &dataroot, || assert_eq!(shelf.sweep().unwrap(), 0));
        shelf.verify("1-a").unwrap();
        taken(&shelf, "2-a", &dataroot, || shelf.delete("1-a").unwrap());
        shelf.verify("2-a").unwrap();
        shelf.delete("2-a").unwrap();
        assert!(dataroot.join(CONTENT).is_file() && !shelf.store.path_of(&CONTENT[14..]).exists(), "nobody holds it");
    }

    #[test]
    fn a_file_that_grows_meanwhile_is_taken_as_it_was_at_one_moment() {
        let (_folder, shelf, dataroot) = stage();
        let (log, stop) = (dataroot.join("php_errors.log"), AtomicBool::new(false));
        fs::write(&log, "").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut log = File::options().append(true).open(&log).unwrap();
                for _ in 0..20_000 {
                    log.write_all(&[b'x'; 1000]).unwrap();
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::yield_now();
                }
            });
            for number in 1..=10 {
                taken(&shelf, &format!("{number}-a"), &dataroot, || ());
            }
            stop.store(true, Ordering::Relaxed);
        });
        for number in 1..=10 {
            shelf.verify(&format!("{number}-a")).unwrap();
        }
    }

    #[test]
    fn a_file_may_have_any_name_that_a_file_system_takes() {
        let (folder, shelf, dataroot) = stage();
        let names = ["a\tb\nc.pdf", "filedir/0123456789ABCDEF0123456789ABCDEF01234567"];
        for name in names {
            fs::write(dataroot.join(name), name).unwrap();
        }
        taken(&shelf, "1-a", &dataroot, || ());
        shelf.verify("1-a").unwrap();
        let target = folder.path().join("new");
        fs::create_dir(&target).unwrap();
        assert_eq!(shelf.unpack_files("1-a", &target).unwrap(), 3);
        for name in names {
            assert_eq!(fs::read_to_string(target.join(name)).unwrap(), name);
        }
    }

    #[test]
    fn a_damaged_list_keeps_all_files_and_lets_other_snapshots_go() {
        let (_folder, shelf, dataroot) = stage();
        for id in ["1-a", "2-a"] {
            taken(&shelf, id, &dataroot, || ());
        }
        fs::write(shelf.root.join("1-a").join(LIST), "rotten").unwrap();
        shelf.delete("2-a").unwrap();
        assert_eq!(shelf.open("2-a").unwrap_err().kind(), Kind::SnapshotNotFound);
        assert_eq!(shelf.sweep().unwrap_err().kind(), Kind::SnapshotDamaged);
        assert!(shelf.store.path_of(&CONTENT[14..]).exists());
    }
}
