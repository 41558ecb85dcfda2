//! What every operation is.

use std::cell::Cell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{Ground, stale};
use crate::moodle::stale::Stale;
use crate::parameter::Param;
use crate::secret::Keyring;
use crate::steps::{Doing, Memo, Steps};
use crate::tenant::Tenant;

/// What an operation says of itself.
// Independent facts, each read by name.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub struct Meta {
    /// Its name.
    pub name: &'static str,
    /// Its parameters.
    pub parameters: &'static [Param],
    /// Whether a job of it must be confirmed, unless [`Operation::harmless`] says otherwise.
    pub dangerous: bool,
    /// Whether a killed run may simply be repeated.
    pub idempotent: bool,
    /// Whether its changes can be put back.
    pub undoable: bool,
    /// Whether there may be something to read although there is nothing to change, so that it runs with an empty plan.
    pub reads_only: bool,
    /// Whether the index must be published after it.
    pub publishes: bool,
    /// Whether it makes its tenants, described by the parameter `nodes`, instead of working on chosen ones.
    pub makes: bool,
}

/// One change: of what, from which value to which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What changes.
    pub what: String,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

/// What an operation gets for one tenant.
pub struct Work<'a> {
    /// The control site.
    pub control: &'a ControlSite,
    /// Opens stored passwords.
    pub keyring: &'a Keyring,
    /// The control database.
    pub(crate) db: &'a mut Db,
    /// The tenant as it stands in the registry.
    pub tenant: &'a Tenant,
    /// The checked parameters.
    pub parameters: &'a Map<String, Value>,
    /// The item's memory; a plan has none.
    pub steps: Option<&'a mut Steps>,
    /// What the items of a run, or of a plan, find out once.
    pub(crate) memo: Rc<Memo>,
    /// What the work leaves stale in the tenant's cache. The runner drops it after the work, and once more a moment later:
    /// a request may be filling the cache with what it read before. Noted even where the rows were changed already: an
    /// earlier run may have died before it dropped anything.
    pub(crate) stale: Vec<Stale>,
    /// A connection to the tenant that was left open: to connect costs more than most statements do.
    pub(crate) site: Cell<Option<Db>>,
}

impl Work<'_> {
    /// The tenant's own database, by the connection that was left open where there is one.
    pub(crate) async fn open_site(&self) -> Result<Db> {
        match self.site.take() {
            Some(site) => Ok(site),
            None => Db::open_tenant(self.tenant, &self.control.settings, self.keyring).await,
        }
    }

    /// Leaves a connection of [`open_site`](Self::open_site) open for what comes next; after a failure it is closed, for
    /// nobody knows what became of it.
    pub(crate) async fn leave_site<T, E>(&self, site: Db, done: &std::result::Result<T, E>) {
        let other = if done.is_ok() { self.site.replace(Some(site)) } else { Some(site) };
        if let Some(other) = other {
            other.close().await;
        }
    }

    /// Notes all that the tenant's caches hold: its tables are others now.
    pub(crate) async fn forget_all(&mut self) -> Result<()> {
        self.stale.extend(stale::everything(self.control, self.keyring, self.tenant).await?);
        Ok(())
    }

    /// What a tenant's life is worked on with; only a run has it, a plan has not.
    pub(crate) fn ground(&mut self) -> Result<Ground<'_>> {
        let Self { control, keyring, db, tenant, steps, .. } = self;
        let steps = steps.as_deref_mut().ok_or_else(|| Error::new(Kind::Internal, "a plan cannot do anything"))?;
        Ok(Ground { control, keyring, db, tenant, steps })
    }
}

/// How the nodes of an operation that makes its tenants get their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Births {
    /// For sites that are to be built: what is not said of them is chosen.
    Built,
    /// For sites that are there already.
    Adopted,
}

/// One bulk verb.
pub trait Operation: Sync {
    /// What it says of itself.
    fn meta(&self) -> &'static Meta;
    /// The parameter and the value of it with which a dangerous operation is harmless, so that it needs no confirmation then.
    fn harmless(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Whether a job with these checked parameters must be confirmed.
    fn is_dangerous(&self, parameters: &Map<String, Value>) -> bool {
        let harmless =
            self.harmless().is_some_and(|(name, value)| parameters.get(name).and_then(Value::as_str) == Some(value));
        self.meta().dangerous && !harmless
    }

    /// Its description as a JSON map, for forms and help.
    fn describe(&self) -> Map<String, Value> {
        let meta = self.meta();
        let parameters: Vec<Value> = meta.parameters.iter().map(Param::describe).collect();
        let harmless = self.harmless().map(|(parameter, value)| json!({"parameter": parameter, "value": value}));
        let description = json!({
            "name": meta.name, "parameters": parameters, "dangerous": meta.dangerous, "harmless": harmless,
            "idempotent": meta.idempotent, "undoable": meta.undoable, "makes": meta.makes,
        });
        description.as_object().cloned().unwrap_or_default()
    }

    /// Looks at the parameters as a whole before they are written down, and seals what the journal may not show.
    fn prepare(&self, _parameters: &mut Map<String, Value>, _keyring: &Keyring) -> Result<()> {
        Ok(())
    }

    /// How its nodes get their rows, where it makes its tenants.
    fn births(&self) -> Births {
        Births::Built
    }

    /// Whether it must have a tenant for itself: it waits for the end of a run of the tenant's cron. That no cron begins while
    /// any job works on a tenant is so in any case.
    fn works_alone(&self) -> bool {
        false
    }

    /// The changes that a run would make; changes nothing.
    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>>;
    /// Makes the changes, which stand in the journal already.
    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()>;
    /// Looks whether the tenant is well after its changes were made; fails with `unhealthy` where it is not, and the item with
    /// it. What must be known from before, `apply` remembers.
    fn gate<'a>(&'a self, _work: &'a mut Work<'_>) -> Doing<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    /// Puts the changes back where the values are still those of `after`.
    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()>;
}
