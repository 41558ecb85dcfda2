//! A code base: the small stand-in site or a real Moodle, with our `php/` in it and a `config.php` for a farm.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::output;
use crate::{moodle, root};

/// Which site the code base is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `tests/fixtures/minimoodle`: answers with `$CFG` as JSON.
    Mini,
    /// A Moodle 4.5 from `MOODLE_DIR`.
    Moodle,
}

/// A code base in a folder of its own.
#[derive(Clone, Debug)]
pub struct Code {
    path: PathBuf,
}

impl Code {
    /// Makes it in the folder `path`, which must not be there yet.
    pub fn new(kind: Kind, path: &Path) -> Self {
        let mini = root::fixture("minimoodle");
        match kind {
            Kind::Mini => {
                output(Command::new("cp").arg("-a").arg(&mini).arg(path));
            }
            Kind::Moodle => {
                moodle::link_tree(&moodle::folder(), path);
                let _ = std::fs::remove_file(path.join("config.php"));
                std::fs::copy(mini.join("config.php"), path.join("config.php")).unwrap();
            }
        }
        let code = Self { path: path.to_owned() };
        code.install(&root::workspace().join("php"));
        code
    }

    /// The folder: `dirroot`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies a tree that mirrors Moodle's over the code base; files that are links are replaced, not written into.
    pub fn install(&self, tree: &Path) {
        output(Command::new("cp").args(["-a", "--remove-destination"]).arg(tree.join(".")).arg(&self.path));
    }

    /// Writes the control site's settings, which `config.php` reads before it asks the extension.
    ///
    /// They stand above the document root, where no web server hands them out.
    pub fn configure(&self, settings: &Value) {
        let path = self.path.with_file_name("farm.json");
        replace(&path, &serde_json::to_vec_pretty(settings).expect("JSON"));
    }

    /// Puts a file in place of one that is there, in one step.
    pub fn replace(&self, name: &str, content: &[u8]) {
        replace(&self.path.join(name), content);
    }
}

fn replace(path: &Path, content: &[u8]) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, path).unwrap();
}
