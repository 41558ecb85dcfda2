//! A site's cron as a process: without a shell, in a group of its own, with an end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::sync::watch;

use super::site::Site;
use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::lifecycle::process::ending_with_us;

/// Moodle's own cron; without `--keep-alive` it would stay for three minutes and look for more.
pub(super) const SCRIPT: &str = "admin/cli/cron.php";
const ARGUMENTS: &[&str] = &["--keep-alive=0"];
/// How much of a process's output is kept, in octets: the last of it.
const LOG: usize = 64 * 1024;
/// How long a process may take to die of the second signal, before it is killed.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// How a process ended.
#[derive(Debug)]
pub(super) struct End {
    /// `done`, `failed`, `timeout` or `stopped`.
    pub(super) outcome: &'static str,
    /// Its exit code; `None` where a signal ended it.
    pub(super) exit: Option<i64>,
    /// How long it took.
    pub(super) seconds: f64,
    /// Its last words, for people.
    pub(super) said: String,
}

/// Starts a site's cron; what it prints and complains of comes through one pipe, in its order.
pub(super) fn start(control: &ControlSite, site: &Site) -> Result<(Child, Receiver)> {
    let failed = |error: std::io::Error| {
        let what = format!("`{SCRIPT}` cannot be started with `{}`", control.php);
        Error::new(Kind::ScriptFailed, what).of_tenant(&site.wwwroot).because(error)
    };
    let (reads, writes) = std::io::pipe().map_err(failed)?;
    let said = Receiver::from_owned_fd(reads.into()).map_err(failed)?;
    // Asked, not killed: Moodle's cron ends after the task at hand.
    let mut command = ending_with_us(&control.php, "TERM");
    command
        .arg(SCRIPT)
        .args(ARGUMENTS)
        .current_dir(&control.dirroot)
        .env_remove("VMOODLE_HOST")
        .stdin(Stdio::null())
        .stdout(writes.try_clone().map_err(failed)?)
        .stderr(writes)
        .process_group(0)
        .kill_on_drop(true);
    if site.tenant.is_some() {
        command.env("VMOODLE_HOST", &site.wwwroot);
    }
    Ok((command.spawn().map_err(failed)?, said))
}

/// Waits for a process, no longer than `limit`; `stop` asks it to end earlier.
///
/// It is asked by SIGTERM: Moodle ends after the task at hand (lib/classes/local/cli/shutdown.php). After `grace` it is
/// asked again, whereupon Moodle gives the task up as failed; then it is killed. Always its whole group.
pub(super) async fn watch(
    (mut child, said): (Child, Receiver),
    limit: Duration,
    grace: Duration,
    mut stop: watch::Receiver<()>,
    log: Log,
) -> End {
    let began = Instant::now();
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let tail: RefCell<VecDeque<u8>> = RefCell::default();
    let reading = keep(said, &tail);
    tokio::pin!(reading);
    let (mut is_read, mut may_be_stopped, mut steps) = (false, true, 0);
    let (mut next, mut why) = (began + limit, None);
    let ended = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = &mut reading, if !is_read => is_read = true,
            asked = stop.changed(), if may_be_stopped && steps == 0 => {
                may_be_stopped = false;
                if asked.is_ok() {
                    (next, why) = (Instant::now(), Some("stopped"));
                }
            }
            () = tokio::time::sleep_until(next.into()) => {
                why.get_or_insert("timeout");
                let signal = if steps < 2 { Signal::TERM } else { Signal::KILL };
                if let Some(group) = group {
                    let _ = kill_process_group(group, signal);
                }
                next = Instant::now() + if steps == 0 { grace } else { LAST_WAIT };
                steps += 1;
            }
        }
    };
    if !is_read {
        // What it has started may hold the pipe open.
        let _ = tokio::time::timeout(Duration::from_secs(1), reading).await;
    }
    let exit = ended.as_ref().ok().and_then(ExitStatus::code).map(i64::from);
    let outcome = why.unwrap_or(if exit == Some(0) { "done" } else { "failed" });
    let bytes: Vec<u8> = tail.take().into();
    let seconds = began.elapsed().as_secs_f64();
    let how = match &ended {
        Ok(status) => {
            status.signal().map_or_else(|| format!("exit code {}", exit.unwrap_or(-1)), |n| format!("signal {n}"))
        }
        Err(error) => error.to_string(),
    };
    log.write(&format!("{outcome}, {how}, {seconds:.1} s"), &bytes);
    End { outcome, exit, seconds, said: last_line(&bytes) }
}

/// Where a site's output goes: one file, written over at each run.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    heading: String,
}

impl Log {
    /// The file of a site below the control site's dataroot.
    pub(super) fn of(control: &ControlSite, site: &Site, began: i64) -> Self {
        let name = if site.tenant.is_some() { site.id.to_string() } else { "control".to_owned() };
        let path = Path::new(&control.dataroot).join("vmoodle/cron").join(name).with_extension("log");
        Self { path, heading: format!("{} {began}", site.wwwroot) }
    }

    /// The output may name people: only the farm's own user reads it. That it cannot be written stops no cron.
    fn write(&self, ended: &str, output: &[u8]) {
        let fresh = self.path.with_extension("log.new");
        let write = || {
            if let Some(folder) = self.path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            writeln!(file, "{}: {ended}", self.heading)?;
            file.write_all(output)?;
            fs::rename(&fresh, &self.path)
        };
        let _: std::io::Result<()> = write();
    }
}

/// Whether a process that a dead runner left behind still runs this site's cron: its number may be another's by now.
pub(super) fn runs_cron(pid: i32, site: &Site) -> bool {
    let has = |file: &str, text: &[u8]| {
        fs::read(format!("/proc/{pid}/{file}")).is_ok_and(|all| all.split(|octet| *octet == 0).any(|one| one == text))
    };
    let host = format!("VMOODLE_HOST={}", site.wwwroot);
    has("cmdline", SCRIPT.as_bytes()) && (site.tenant.is_none() || has("environ", host.as_bytes()))
}

/// Ends such a process and what it has started.
pub(super) fn kill(pid: i32) {
    if let Some(group) = Pid::from_raw(pid) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Reads to the end and keeps the last of it.
async fn keep(mut from: Receiver, tail: &RefCell<VecDeque<u8>>) {
    let mut bytes = [0; 8192];
    while let Ok(read) = from.read(&mut bytes).await {
        if read == 0 {
            return;
        }
        let mut tail = tail.borrow_mut();
        tail.extend(&bytes[..read]);
        let over = tail.len().saturating_sub(LOG);
        tail.drain(..over);
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}
