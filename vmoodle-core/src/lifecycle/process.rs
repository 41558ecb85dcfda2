//! A PHP script as a process: without a shell, in a group of its own, with an end; what it says is kept within bounds.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::tenant::Tenant;

/// How much of what a script says is kept, in octets, of each of its two outputs: the last of it, where errors stand.
const KEPT: usize = 48 << 10;
/// How long a script that was asked to end may take, before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How long what a script has started may hold its outputs open after it.
const LEFT_OPEN: Duration = Duration::from_secs(1);
/// How much of a script's last words stands in an error, in characters.
const LAST_WORDS: usize = 2000;
/// Where the program stands that lets a child end with its parent.
const SETPRIV: &[&str] = &["/usr/bin/setpriv", "/bin/setpriv"];
/// What may hold a secret in this process's environment and is nothing to a tenant's script.
const NOT_HANDED_ON: &str = "VMOODLE_DBPASS";

/// What is run.
pub(crate) struct Task<'a> {
    /// The script, below the code base.
    pub(crate) script: &'a str,
    pub(crate) arguments: &'a [&'a str],
    /// What it reads from its standard input; nothing where it is empty.
    pub(crate) input: &'a [u8],
    pub(crate) limit: Duration,
    /// Whether it goes to its end where this process is killed, because half of its work is worse than work unseen.
    pub(crate) goes_on: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct End {
    script: String,
    wwwroot: String,
    limit: Duration,
    status: ExitStatus,
    is_late: bool,
    seconds: f64,
    said: Said,
    complained: Said,
}

/// The last of an output.
#[derive(Debug, Default)]
struct Said {
    text: String,
    /// Whether more was said before it.
    is_cut: bool,
}

/// A program that is sent a signal when this process is gone: a runner that is killed (kill -9) must not leave its
/// scripts behind, and only the child itself can ask the kernel for that.
pub(crate) fn ending_with_us(program: &str, signal: &str) -> Command {
    match SETPRIV.iter().find(|path| Path::new(path).exists()) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", signal, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Runs a script of the code base as a tenant, or on the control site, to its end or its limit. Fails with `script_failed` where it cannot be
/// started; how it ended is a result.
pub(crate) async fn run(control: &ControlSite, tenant: Option<&Tenant>, task: &Task<'_>) -> Result<End> {
    let wwwroot = tenant.map_or(&control.address, |tenant| &tenant.address).to_string();
    let failed =
        |what: String, error: std::io::Error| Error::new(Kind::ScriptFailed, what).of_tenant(&wwwroot).because(error);
    let mut command = if task.goes_on { Command::new(&control.php) } else { ending_with_us(&control.php, "KILL") };
    for (name, value) in control.settings.php.entries() {
        command.arg("-d").arg(format!("{name}={value}"));
    }
    command.env_remove("VMOODLE_HOST");
    if tenant.is_some() {
        command.env("VMOODLE_HOST", &wwwroot);
    }
    // Files that root leaves in a dataroot could not be written by the farm's OS user afterwards.
    let dataroot = tenant.map_or(&control.dataroot, |tenant| &tenant.dataroot);
    if rustix::process::getuid().is_root()
        && let Ok(owner) = std::fs::metadata(dataroot)
        && owner.uid() != 0
    {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut child = command
        .arg(task.script)
        .args(task.arguments)
        .current_dir(&control.dirroot)
        .env_remove(NOT_HANDED_ON)
        .stdin(if task.input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("`{}` cannot be started with `{}`", task.script, control.php), error))?;
    let began = Instant::now();
    let (said, complained) = (RefCell::default(), RefCell::default());
    let (into, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talking = async {
        tokio::join!(feed(into, task.input), hear(out, &said), hear(err, &complained));
    };
    let (status, is_late) =
        wait(child, talking, task.limit).await.map_err(|error| failed(format!("`{}` was lost", task.script), error))?;
    let seconds = began.elapsed().as_secs_f64();
    let (script, limit) = (task.script.to_owned(), task.limit);
    Ok(End { script, wwwroot, limit, status, is_late, seconds, said: text(said), complained: text(complained) })
}

/// Waits for the end, no longer than `limit`; then the whole group is asked to end, and killed.
async fn wait(
    mut child: Child,
    talking: impl Future<Output = ()>,
    limit: Duration,
) -> std::io::Result<(ExitStatus, bool)> {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let signal = |signal| group.map_or(Ok(()), |group| kill_process_group(group, signal));
    tokio::pin!(talking);
    let (mut is_over, mut is_late, mut next) = (false, false, Instant::now() + limit);
    let ended = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = &mut talking, if !is_over => is_over = true,
            () = tokio::time::sleep_until(next.into()) => {
                let _ = signal(if is_late { Signal::KILL } else { Signal::TERM });
                (is_late, next) = (true, Instant::now() + GRACE);
            }
        }
    };
    if is_late {
        // What it has started may be deaf to the first signal.
        let _ = signal(Signal::KILL);
    }
    if !is_over {
        let _ = tokio::time::timeout(LEFT_OPEN, talking).await;
    }
    Ok((ended?, is_late))
}

type Tail = RefCell<(VecDeque<u8>, bool)>;

async fn feed(into: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut into) = into {
        // A script that does not read to the end wants no more.
        let _ = into.write_all(input).await;
    }
}

async fn hear(from: Option<impl AsyncRead + Unpin>, tail: &Tail) {
    let Some(mut from) = from else { return };
    let mut bytes = vec![0; 8192];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let (kept, is_cut) = &mut *tail.borrow_mut();
        kept.extend(&bytes[..read]);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
        *is_cut |= over > 0;
    }
}

fn text(tail: Tail) -> Said {
    let (kept, is_cut) = tail.into_inner();
    let bytes: Vec<u8> = kept.into();
    let text = String::from_utf8_lossy(&bytes);
    // The first character may have been cut in two.
    let text = if is_cut { text.trim_start_matches('\u{fffd}') } else { &text };
    Said { text: text.to_owned(), is_cut }
}

impl End {
    /// What it printed, the last of it.
    pub(crate) fn said(&self) -> &str {
        &self.said.text
    }

    /// All of it, for the journal.
    pub(crate) fn told(&self) -> Map<String, Value> {
        let told = json!({
            "script": self.script, "exit": self.status.code(), "signal": self.status.signal(), "late": self.is_late,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
            "stdout": self.said.text, "stderr": self.complained.text,
            "cut": self.said.is_cut || self.complained.is_cut,
        });
        told.as_object().cloned().unwrap_or_default()
    }

    /// What it printed, then what it complained of: the last of both.
    pub(crate) fn words(&self) -> String {
        format!("{}{}", self.said.text, self.complained.text)
    }

    /// Its exit code, where it ended by itself.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code().filter(|_| !self.is_late)
    }

    /// Fails with `script_failed` and its last words unless it ended by itself, with exit code 0.
    pub(crate) fn done(&self) -> Result<()> {
        if self.code() == Some(0) { Ok(()) } else { Err(self.failed()) }
    }

    /// The error that it is, with its last words.
    pub(crate) fn failed(&self) -> Error {
        let words = self.words();
        let last: String = words.chars().skip(words.chars().count().saturating_sub(LAST_WORDS)).collect();
        let how = if self.is_late {
            format!("did not end within {} seconds and was killed", self.limit.as_secs())
        } else {
            format!("ended with {}", self.status)
        };
        Error::new(Kind::ScriptFailed, format!("`{}` {how}: {}", self.script, last.trim())).of_tenant(&self.wwwroot)
    }
}
