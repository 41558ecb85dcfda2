//! The farm cron: one service, or one line of a crontab, for all sites.
//!
//! ```text
//! rounds -> probe   (what is due, asked of every site at once)   -> moodle::tasks, db
//!        -> queue   (who is next: the longest wait, by weight)
//!        -> lease   (one run per site, so many per node and server, over all nodes) -> control database
//!        -> process (Moodle's own cron, with an end)
//! ```
//!
//! A PHP process is started for a site with due work only, and never where Moodle's cron would refuse to run: in
//! maintenance, with an upgrade pending, with cron switched off. That Moodle's own locks guard each task stays true, so a
//! cron that somebody starts by hand, or another crontab's, harms nothing.

mod lease;
mod options;
mod probe;
mod process;
mod queue;
mod report;
mod rounds;
mod site;

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};
use tokio::task::LocalSet;

pub(crate) use options::Options;

use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::moodle::code::Code;
use crate::secret::Keyring;

/// What all work of a run stands on.
struct Shared {
    control: ControlSite,
    keyring: Keyring,
    options: Options,
    code: probe::CodeFacts,
    runner: lease::Runner,
    kept: probe::Kept,
}

static RUNS: AtomicU64 = AtomicU64::new(0);

/// Runs one round, or with `daemon` one after the other; gives what was found and done.
///
/// `progress` hears each event, and at least every fifth of a second a `tick`; when it gives false, nothing more is
/// started, what runs is asked to end, and the run is over.
pub(crate) async fn run(
    control: &ControlSite,
    keyring: Keyring,
    options: Options,
    progress: &mut dyn FnMut(&Map<String, Value>) -> bool,
) -> Result<Map<String, Value>> {
    let runner = lease::Runner {
        owner: owner()?,
        host: rustix::system::uname().nodename().to_string_lossy().chars().take(255).collect(),
        most: options.concurrency,
        per_server: options.per_server,
    };
    let version = Code::read(control.dirroot.as_ref()).ok().map(|code| code.version);
    let code = probe::CodeFacts { hash: options.codehash.clone(), version };
    let kept = probe::Kept::new(options.interval.is_some());
    let shared = Rc::new(Shared { control: control.clone(), keyring, options, code, runner, kept });
    LocalSet::new().run_until(Box::pin(rounds::run(shared, progress))).await
}

/// A name that no other runner has, on whatever node.
fn owner() -> Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|e| Error::new(Kind::Internal, "no random numbers").because(e.to_string()))?;
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{}-{run}-{:016x}", std::process::id(), u64::from_le_bytes(random)))
}
