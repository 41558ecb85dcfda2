//! The extension as a file, built once per test program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::root;
use crate::scratch::Scratch;

/// The path of the extension's shared object.
///
/// `VMOODLE_EXTENSION` names a ready one. Otherwise `cargo build` makes it, in the profile that `VMOODLE_PROFILE` names
/// (`dev` when unset); many test programs may ask at once, cargo's own lock lets them wait for one another.
pub fn path() -> &'static Path {
    // A failure is kept too, so that the other tests of the program fail at once.
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let path = PATH.get_or_init(|| match std::env::var_os("VMOODLE_EXTENSION") {
        Some(path) => Ok(path.into()),
        None => build(),
    });
    path.as_ref().unwrap_or_else(|errors| panic!("the extension does not build:\n{errors}"))
}

/// A folder with one ini file that loads the extension, for `PHP_INI_SCAN_DIR`.
pub fn ini_folder() -> &'static Path {
    static FOLDER: OnceLock<Scratch> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = Scratch::new("php.d");
        // What Moodle's installer and upgrade ask for stands here too.
        let lines = format!("extension={}\nmemory_limit=512M\nmax_input_vars=5000\n", path().display());
        std::fs::write(folder.join("20-vmoodle.ini"), lines).unwrap();
        folder
    });
    folder.path()
}

fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = std::env::var("VMOODLE_PROFILE").unwrap_or_else(|_| "dev".to_owned());
    let mut command = Command::new(cargo);
    // What cargo says to a test program of itself would be news to build scripts (ring's) that look at it: they would run anew
    // in this build, and again in the next one from a shell, with all that stands on them.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") || told == "OUT_DIR" {
            command.env_remove(&name);
        }
    }
    let result = command
        .args(["build", "--quiet", "-p", "vmoodle-php", "--profile", &profile])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(root::workspace())
        .stdin(Stdio::null())
        .output()
        .expect("cargo runs");
    if !result.status.success() {
        return Err(String::from_utf8_lossy(&result.stderr).into_owned());
    }
    String::from_utf8_lossy(&result.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| shared_object(&message))
        .ok_or_else(|| "cargo names no file that it built".to_owned())
}

fn shared_object(message: &Value) -> Option<PathBuf> {
    if message["reason"] != "compiler-artifact" || message["target"]["name"] != "vmoodle" {
        return None;
    }
    message["filenames"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .find(|path| path.extension().is_some_and(|extension| extension == "so"))
}
