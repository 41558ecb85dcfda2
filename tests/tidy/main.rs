//! The house rules of this repository, held against its files.
#![allow(clippy::unwrap_used)]

mod layers;
mod php;
mod text;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::process::output;
use support::root;

/// The files of the repository: those under version control and those that will be, as paths from its top.
fn files() -> Vec<PathBuf> {
    let listing = output(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root::workspace()),
    );
    let mut files: Vec<PathBuf> = listing.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    files.retain(|file| root::workspace().join(file).is_file());
    assert!(files.len() > 20, "git lists only {files:?}");
    files
}

/// Those whose names end so.
fn files_ending(ending: &str) -> Vec<PathBuf> {
    files().into_iter().filter(|file| file.to_string_lossy().ends_with(ending)).collect()
}

/// The text of a file.
fn read(file: &Path) -> String {
    std::fs::read_to_string(root::workspace().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Fails with all that was found, not with the first.
fn assert_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}
