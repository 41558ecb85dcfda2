//! The memory of an item: what it has done already, so that a run after `kill -9` goes on where the last one stopped.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;

use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::error::{Error, Kind, Result};
use crate::secret::{Keyring, Secret, Stored};
use crate::warning::{Matter, Warning};

/// Work that is waited for on the runner's own thread.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Does work that blocks, on files mostly, beside the runner's own thread: leases are renewed meanwhile.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::new(Kind::Internal, "work on files has ended early").because(e)))
}

/// What of an item is kept in the journal; `None` where there is nothing to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What it has done and remembers, as JSON.
    pub memory: Option<String>,
    /// What a person should know, as a JSON list of [`Warning`]s.
    pub warnings: Option<String>,
    /// How many steps are done.
    pub steps: i64,
}

/// A fact that was collected of a tenant: its name and its value, `None` where there is none.
pub type Fact = (&'static str, Option<String>);

/// What the items of one run find out once for all of them: facts of the code, of a server.
#[derive(Debug, Default)]
pub struct Memo(RefCell<HashMap<String, Rc<dyn Any>>>);

impl Memo {
    /// What was found out under a name; the first item that asks does the work, and others wait for it. A failure is not
    /// kept. One name has one type.
    pub async fn once<T: 'static>(&self, name: &str, work: impl AsyncFnOnce() -> Result<T>) -> Result<Rc<T>> {
        let cell =
            self.0.borrow_mut().entry(name.to_owned()).or_insert_with(|| Rc::new(OnceCell::<Rc<T>>::new())).clone();
        let cell = cell.downcast::<OnceCell<Rc<T>>>();
        let cell = cell.map_err(|_| Error::new(Kind::Internal, format!("`{name}` is remembered as something else")))?;
        cell.get_or_try_init(async || work().await.map(Rc::new)).await.cloned()
    }
}

/// What a kept password is called in the memory.
const SEALED: &str = "password";

/// What a person should know of a password that is not kept.
const UNKEPT: &str = "the administrator has a new password, which only whoever ran the job was told: the farm has no key file \
                      to keep it with; where nobody has seen it, `reset_admin` makes another one";

/// Where the memory is kept.
pub trait Keeper {
    /// Saves it; fails when the lease is lost or the job is cancelled.
    fn keep(&self, kept: Kept) -> Doing<'_, ()>;
}

/// The steps of an item and what it remembers between runs.
pub struct Steps {
    keeper: Box<dyn Keeper>,
    done: Vec<String>,
    values: Map<String, Value>,
    warnings: Vec<Warning>,
    /// A new password that is to be told, as the memory holds it.
    sealed: Option<Stored>,
    told: Option<Secret>,
    facts: Vec<Fact>,
    printed: Option<Value>,
}

impl Steps {
    /// Takes up what an earlier run has kept; both texts are empty for a first run.
    pub fn resume(keeper: Box<dyn Keeper>, memory: &str, warnings: &str) -> Self {
        let (done, sealed) = (done_in(memory), sealed_in(memory));
        let mut memory: Map<String, Value> = serde_json::from_str(memory).unwrap_or_default();
        let values = match memory.remove("values") {
            Some(Value::Object(values)) => values,
            _ => Map::new(),
        };
        let warnings = serde_json::from_str(warnings).unwrap_or_default();
        Self { keeper, done, values, warnings, sealed, told: None, facts: Vec::new(), printed: None }
    }

    /// Whether a step is done.
    pub fn is_done(&self, name: &str) -> bool {
        self.done.iter().any(|done| done == name)
    }

    /// A new password of the tenant's administrator: the one that an earlier run has made, else one that is made now.
    ///
    /// Where the farm has a key file it is kept sealed in the memory: a run after `kill -9` goes on with the same, and
    /// whoever asked for the job is told it later, once. Without one it is kept nowhere.
    pub async fn password(&mut self, keyring: &Keyring, make: impl FnOnce() -> Result<Secret>) -> Result<Secret> {
        if let Some(sealed) = &self.sealed {
            return keyring.open_stored(sealed);
        }
        let new = make()?;
        if keyring.seals() {
            self.sealed = Some(keyring.seal(&new)?);
            self.keep().await?;
        }
        Ok(new)
    }

    /// Whether a new password is kept.
    pub fn keeps_password(&self) -> bool {
        self.sealed.is_some()
    }

    /// The administrator has this new password: unless it is kept, only whoever runs the job can be told it.
    pub fn tell(&mut self, password: Secret) {
        if !self.keeps_password() {
            self.warn(Matter::PasswordUntold, UNKEPT);
            self.told = Some(password);
        }
    }

    /// What only whoever runs the job is told.
    pub fn take_told(&mut self) -> Option<Secret> {
        self.told.take()
    }

    /// Notes facts of the tenant: they are written down together with the item's end.
    pub fn collect(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.facts.extend(facts);
    }

    /// What was noted.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
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

    /// Remembers a value, which is kept with the next step or at the item's end.
    pub fn note(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Notes what a person should know; kept with the next step or at the item's end.
    pub fn warn(&mut self, code: Matter, message: impl Into<String>) {
        self.pass_on([Warning::new(code, message)]);
    }

    /// Notes what the work brought along that a person should know.
    pub fn pass_on(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// Saves everything; fails when the lease is lost or the job is cancelled.
    pub async fn keep(&mut self) -> Result<()> {
        self.keeper.keep(self.kept()).await
    }

    /// What is to be saved.
    pub fn kept(&self) -> Kept {
        let has_memory = !self.done.is_empty() || !self.values.is_empty() || self.sealed.is_some();
        let memory = || {
            let mut memory = json!({ "done": self.done, "values": self.values });
            if let Some(sealed) = &self.sealed {
                memory[SEALED] = json!(sealed.column());
            }
            memory.to_string()
        };
        Kept {
            memory: has_memory.then(memory),
            warnings: (!self.warnings.is_empty()).then(|| json!(self.warnings).to_string()),
            steps: i64::try_from(self.done.len()).unwrap_or(i64::MAX),
        }
    }
}

/// The steps that an item has done, by its memory.
pub fn done_in(memory: &str) -> Vec<String> {
    let memory: Map<String, Value> = serde_json::from_str(memory).unwrap_or_default();
    memory.get("done").cloned().and_then(|done| serde_json::from_value(done).ok()).unwrap_or_default()
}

/// The new password that is kept in an item's memory.
pub fn sealed_in(memory: &str) -> Option<Stored> {
    let memory: Map<String, Value> = serde_json::from_str(memory).unwrap_or_default();
    memory.get(SEALED).and_then(Value::as_str).map(Stored::from_column)
}

/// The memory without it.
pub fn without_sealed(memory: &str) -> String {
    let mut memory: Map<String, Value> = serde_json::from_str(memory).unwrap_or_default();
    memory.remove(SEALED);
    Value::Object(memory).to_string()
}

/// A place within a step where a test may end the process.
pub fn boundary() {
    #[cfg(feature = "testing")]
    crash::at_boundary();
}

#[cfg(feature = "testing")]
pub(crate) mod crash {
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// Kills the process at the boundary that `VMOODLE_CRASH_AT` counts to, from 1.
    pub(crate) fn at_boundary() {
        let wanted = std::env::var("VMOODLE_CRASH_AT").ok().and_then(|text| text.parse::<u64>().ok());
        if wanted == Some(PASSED.fetch_add(1, Ordering::Relaxed) + 1) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_shares_is_found_out_once_and_again_where_it_failed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (memo, reads) = (Memo::default(), std::cell::Cell::new(0));
            let read = async || {
                reads.set(reads.get() + 1);
                if reads.get() == 1 { Err(Error::new(Kind::TenantUnreachable, "down")) } else { Ok(reads.get()) }
            };
            assert!(memo.once("a", read).await.is_err());
            let both = tokio::join!(memo.once("a", read), memo.once("a", read));
            assert_eq!((*both.0.unwrap(), *both.1.unwrap(), *memo.once("b", read).await.unwrap()), (2, 2, 3));
        });
    }
}
