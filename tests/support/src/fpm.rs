//! A private php-fpm: one pool, a fixed number of workers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{Server, Stop, is_root};
use crate::scratch::Scratch;
use crate::{extension, need, wait};

/// How a pool is made.
#[derive(Clone, Debug)]
pub struct Pool {
    /// The number of workers, all there from the start.
    pub workers: usize,
    /// Whether our extension is loaded.
    pub extension: bool,
    /// Further lines for php.ini: name and value.
    pub ini: Vec<(String, String)>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { workers: 4, extension: true, ini: Vec::new() }
    }
}

/// A running php-fpm.
#[derive(Debug)]
pub struct Fpm {
    // Ends before the folder goes.
    server: Server,
    folder: Scratch,
}

impl Fpm {
    /// Starts one; the caller has asked for [`need::Need::Fpm`].
    pub fn start(pool: &Pool) -> Self {
        let folder = Scratch::new("fpm");
        std::fs::write(folder.join("fpm.conf"), configuration(pool, folder.path())).unwrap();
        let mut arguments =
            vec!["--nodaemonize".to_owned(), "--fpm-config".to_owned(), folder.join("fpm.conf").display().to_string()];
        // One OS user per farm: the workers are whoever runs the tests and the command line.
        arguments.extend(is_root().then(|| "--allow-to-run-as-root".to_owned()));
        for (name, value) in ini(pool, folder.path()) {
            arguments.extend(["-d".to_owned(), format!("{name}={value}")]);
        }
        let program = need::fpm().expect("needed");
        let mut server = Server::start(&program, arguments, None, &folder.join("output"), Stop::Term);
        let log = folder.join("fpm.log");
        let ready = wait::holds_within(Duration::from_secs(30), || {
            !server.runs() || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("ready to handle"))
        });
        let fpm = Self { server, folder };
        assert!(ready && fpm.socket().exists(), "php-fpm did not start:\n{}", fpm.log());
        fpm
    }

    /// The socket that a web server talks to.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// What php-fpm and PHP have logged so far.
    pub fn log(&self) -> String {
        ["output", "fpm.log", "php.log"]
            .map(|name| std::fs::read(self.folder.join(name)).unwrap_or_default())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat()
    }

    /// The process ids of the workers.
    pub fn workers(&self) -> BTreeSet<u32> {
        let path = format!("/proc/{0}/task/{0}/children", self.server.pid());
        let children = std::fs::read_to_string(path).unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// Ends it; requests are answered with 502 from now on.
    pub fn end(&mut self) {
        self.server.end();
    }
}

fn ini(pool: &Pool, folder: &Path) -> Vec<(String, String)> {
    let mut lines = vec![
        ("error_log".to_owned(), folder.join("php.log").display().to_string()),
        ("log_errors".to_owned(), "1".to_owned()),
        ("display_errors".to_owned(), "0".to_owned()),
        ("memory_limit".to_owned(), "256M".to_owned()),
        ("max_input_vars".to_owned(), "5000".to_owned()),
        // Tests rewrite a code base's settings and want them seen by the next request.
        ("opcache.revalidate_freq".to_owned(), "0".to_owned()),
    ];
    if pool.extension {
        lines.push(("extension".to_owned(), extension::path().display().to_string()));
    }
    lines.extend(pool.ini.iter().cloned());
    lines
}

fn configuration(pool: &Pool, folder: &Path) -> String {
    let mut text = String::new();
    let here = folder.display();
    let _ = writeln!(text, "[global]\nerror_log = {here}/fpm.log\ndaemonize = no");
    let _ = writeln!(text, "[www]\nlisten = {here}/socket\nlisten.backlog = 511");
    let _ = writeln!(text, "pm = static\npm.max_children = {}", pool.workers);
    let _ = writeln!(text, "request_terminate_timeout = 120s\ncatch_workers_output = yes");
    if is_root() {
        let _ = writeln!(text, "user = root\ngroup = root");
    }
    text
}
