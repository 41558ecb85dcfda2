//! Folders that go away: with their value, or, where a process died or kept them in a static, at the next start.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of this process, removed on drop.
///
/// It stands under `/tmp` (or `TMPDIR`) and has a short name, because a path of a unix socket may have 107 bytes only.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the folder `<tmp>/vmoodle-tests/<pid>-<n>-<name>`.
    pub fn new(name: &str) -> Self {
        static SWEEP: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let parent = std::env::temp_dir().join("vmoodle-tests");
        std::fs::create_dir_all(&parent).unwrap();
        SWEEP.call_once(|| sweep(&parent));
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let short: String = name.chars().take(24).collect();
        let path = parent.join(format!("{}-{count}-{short}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self { path }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path below the folder.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a folder below the folder.
    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A server of this folder may still be writing its last file: what stays is swept at the next start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of processes that are no more.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let alive = name.split_once('-').is_some_and(|(pid, _)| Path::new("/proc").join(pid).exists());
        if !alive {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
