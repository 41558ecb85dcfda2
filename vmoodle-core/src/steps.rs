//! The memory of an item: what it has done already, so that a run after `kill -9` goes on where the last one stopped.

use std::pin::Pin;

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// Work that is waited for on the runner's own thread.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Does work that blocks, on files mostly, beside the runner's own thread: leases are renewed meanwhile.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::new(Kind::Internal, "work on files has ended early").because(e)))
}

/// Where the memory is kept.
pub trait Keeper {
    /// Saves memory, warnings and the number of steps done; fails when the lease is lost or the job is cancelled.
    fn keep(&self, memory: String, warnings: String, steps: i64) -> Doing<'_, ()>;
}

/// The steps of an item and what it remembers between runs.
pub struct Steps {
    keeper: Box<dyn Keeper>,
    done: Vec<String>,
    values: Map<String, Value>,
    warnings: Vec<String>,
    told: Option<Secret>,
    printed: Option<Value>,
}

impl Steps {
    /// Takes up what an earlier run has kept; both texts are empty for a first run.
    pub fn resume(keeper: Box<dyn Keeper>, memory: &str, warnings: &str) -> Self {
        let memory: Map<String, Value> = serde_json::from_str(memory).unwrap_or_default();
        let done = memory.get("done").cloned().and_then(|done| serde_json::from_value(done).ok()).unwrap_or_default();
        let values = memory.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
        Self {
            keeper,
            done,
            values,
            warnings: serde_json::from_str(warnings).unwrap_or_default(),
            told: None,
            printed: None,
        }
    }

    /// Whether a step is done.
    pub fn is_done(&self, name: &str) -> bool {
        self.done.iter().any(|done| done == name)
    }

    /// Tells whoever runs the job a new password of the tenant's administrator: it is kept nowhere.
    pub fn tell(&mut self, password: Secret) {
        self.told = Some(password);
    }

    /// What was told.
    pub fn take_told(&mut self) -> Option<Secret> {
        self.told.take()
    }

    /// Gives the journal what the work has found, in place of what was given before: a person reads it with the item. It
    /// must be bounded.
    pub fn print(&mut self, output: Value) {
        self.printed = Some(output);
    }

    /// What was printed.
    pub fn take_printed(&mut self) -> Option<Value> {
        self.printed.take()
    }

    /// Does a step unless the journal says that it is done. A step must be repeatable from its own start.
    pub async fn step(&mut self, name: &str, work: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        if self.is_done(name) {
            return Ok(());
        }
        self.keep().await?;
        #[cfg(feature = "testing")]
        crash::at_boundary();
        work().await?;
        self.done.push(name.to_owned());
        self.keep().await?;
        #[cfg(feature = "testing")]
        crash::at_boundary();
        Ok(())
    }

    /// What was remembered under a name, in this run or an earlier one.
    pub fn recall(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Remembers a value, which must hold no secret.
    pub async fn remember(&mut self, name: &str, value: Value) -> Result<()> {
        self.values.insert(name.to_owned(), value);
        self.keep().await
    }

    /// Notes what a person should know; kept with the next step or at the item's end.
    pub fn warn(&mut self, message: impl Into<String>) {
        let message = message.into();
        if !self.warnings.contains(&message) {
            self.warnings.push(message);
        }
    }

    /// Saves everything; fails when the lease is lost or the job is cancelled.
    pub async fn keep(&mut self) -> Result<()> {
        let steps = i64::try_from(self.done.len()).unwrap_or(i64::MAX);
        let memory = json!({ "done": self.done, "values": self.values }).to_string();
        self.keeper.keep(memory, json!(self.warnings).to_string(), steps).await
    }
}

/// A place within a step where a test may end the process.
pub fn boundary() {
    #[cfg(feature = "testing")]
    crash::at_boundary();
}

#[cfg(feature = "testing")]
mod crash {
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// Kills the process at the boundary that `VMOODLE_CRASH_AT` counts to, from 1.
    pub(super) fn at_boundary() {
        let wanted = std::env::var("VMOODLE_CRASH_AT").ok().and_then(|text| text.parse::<u64>().ok());
        if wanted == Some(PASSED.fetch_add(1, Ordering::Relaxed) + 1) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}
