//! Door 2: what the control site asks for. JSON maps in and out; the extension turns PHP's arrays into them and back.
//!
//! Every call connects, works and says goodbye; nothing is kept between calls, so a process may fork at any time.

mod compare;
mod fleet;
mod jobs;
mod publication;
mod query;
mod roles;
mod shelf;
mod status;

use std::ops::ControlFlow;

use serde_json::{Map, Value};

pub use crate::control::{ControlDatabase, ControlSite};
use crate::db::{Db, Row};
use crate::error::{Error, Kind, Result};
pub use crate::query::Heard;
pub use crate::registry::inspect::{Check, Status};
use crate::registry::{Fields, Session, Shape, inspect, parse_targets, row, tenants};
use crate::secret::Keyring;
use crate::targets::Targets;
use crate::tenant::State;

/// The administrator's door to a farm.
///
/// ```no_run
/// use vmoodle_core::console::{Console, ControlSite};
///
/// fn addresses(control: ControlSite) -> vmoodle_core::Result<Vec<String>> {
///     let rows = Console::new(control).tenants(&serde_json::Map::new())?;
///     Ok(rows.iter().map(|row| row["vhostname"].to_string()).collect())
/// }
/// ```
#[derive(Debug)]
pub struct Console {
    control: ControlSite,
}

/// How many threads may work on files, or look a host name up, at once.
const FILE_THREADS: usize = 8;

impl Console {
    /// Takes the control site down; does nothing yet.
    pub fn new(control: ControlSite) -> Self {
        Self { control }
    }

    /// Rows of the registry, the lowest number first, without passwords: every column by name, and `key`, `haspassword`,
    /// where a row cannot be served `problem`.
    ///
    /// `filter`: `targets` (a list of words, see [`Targets`]), `state`, `search` (in name, short name and address),
    /// `limit`, `offset`. Without `targets` rows in all states are given.
    pub fn tenants(&self, filter: &Map<String, Value>) -> Result<Vec<Map<String, Value>>> {
        let filter = Filter::read(filter)?;
        self.read(async |db, _| {
            let mut rows = Vec::new();
            let mut skipped = 0;
            tenants::each(db, |row| {
                if rows.len() >= filter.limit {
                    return ControlFlow::Break(());
                }
                if filter.passes(row) {
                    if skipped < filter.offset {
                        skipped += 1;
                    } else {
                        rows.push(row::shown(row));
                    }
                }
                ControlFlow::Continue(())
            })
            .await?;
            Ok(rows)
        })
    }

    /// One row, by address, by host, or as `#12` by number. Fails with `tenant_not_found`.
    pub fn tenant(&self, name: &str) -> Result<Map<String, Value>> {
        self.read(async |db, shape| Ok(row::shown(&tenants::find(db, shape, name).await?)))
    }

    /// Adds a tenant and publishes; gives the row. `vhostname`, `vdbname` and `vdatapath` must be given.
    pub fn tenant_add(&self, row: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.change(async |session| session.tenant_add(row).await)
    }

    /// Changes a tenant's row and publishes; gives the row.
    pub fn tenant_update(&self, name: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.change(async |session| session.tenant_update(name, changes).await)
    }

    /// Takes a tenant and its aliases out of the registry and publishes; gives the row as it was. Its database and files
    /// stay.
    pub fn tenant_remove(&self, name: &str) -> Result<Map<String, Value>> {
        self.change(async |session| session.tenant_remove(name).await)
    }

    /// Gives a tenant a further host and publishes; gives the alias.
    pub fn alias_add(&self, host: &str, tenant: &str) -> Result<Map<String, Value>> {
        self.change(async |session| session.alias_add(host, tenant).await)
    }

    /// Changes an alias (`host`, `tenant`) and publishes; gives it.
    pub fn alias_update(&self, host: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.change(async |session| session.alias_update(host, changes).await)
    }

    /// Removes an alias and publishes; gives it as it was.
    pub fn alias_remove(&self, host: &str) -> Result<Map<String, Value>> {
        self.change(async |session| session.alias_remove(host).await)
    }

    /// Adds a policy (`name`, `targets`, `settings`, `enabled`, `sortorder`) and publishes; gives it.
    pub fn policy_add(&self, row: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.change(async |session| session.policy_add(row).await)
    }

    /// Changes a policy and publishes; gives it.
    pub fn policy_update(&self, name: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.change(async |session| session.policy_update(name, changes).await)
    }

    /// Removes a policy and publishes; gives it as it was.
    pub fn policy_remove(&self, name: &str) -> Result<Map<String, Value>> {
        self.change(async |session| session.policy_remove(name).await)
    }

    /// Adds a database server; gives it, without password. The index holds no servers, so nothing is published.
    pub fn server_add(&self, row: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.write(async |session| session.server_add(row).await)
    }

    /// Changes a database server; gives it, without password.
    pub fn server_update(&self, name: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.write(async |session| session.server_update(name, changes).await)
    }

    /// Takes a database server off the list; gives it as it was. The server itself is not touched.
    pub fn server_remove(&self, name: &str) -> Result<Map<String, Value>> {
        self.write(async |session| session.server_remove(name).await)
    }

    /// Tries whether a tenant could serve: a row as `tenant_add` takes it, or one that [`Self::tenant`] gave.
    ///
    /// What is wrong is a check's result; this fails only where the control database cannot be read.
    pub fn tenant_check(&self, row: &Map<String, Value>) -> Result<Vec<Check>> {
        let keyring = self.keyring()?;
        self.read(async |db, shape| inspect::tenant(db, shape, &self.control, &keyring, row).await)
    }

    /// Reads only: takes no lock, changes nothing.
    fn read<T>(&self, work: impl AsyncFnOnce(&mut Db, &Shape) -> Result<T>) -> Result<T> {
        self.connect(async |db| {
            let shape = Shape::read(db).await?;
            work(db, &shape).await
        })
    }

    /// Writes in one transaction, without a publication.
    fn write<T>(&self, work: impl AsyncFnOnce(&mut Session<'_>) -> Result<T>) -> Result<T> {
        let keyring = self.keyring()?;
        self.connect(async |db| {
            let mut session = Session::open(db, &self.control, &keyring).await?;
            session.require_current()?;
            let done = work(&mut session).await?;
            session.commit().await?;
            Ok(done)
        })
    }

    /// Writes and compiles in one transaction: what cannot be compiled is not written. Then publishes.
    fn change<T>(&self, work: impl AsyncFnOnce(&mut Session<'_>) -> Result<T>) -> Result<T> {
        let keyring = self.keyring()?;
        let floor = self.in_place().generation.unwrap_or(0);
        let (done, published) = self.connect(async |db| {
            let mut session = Session::open(db, &self.control, &keyring).await?;
            session.require_current()?;
            let done = work(&mut session).await?;
            Ok((done, self.raise_and_commit(session, floor).await?))
        })?;
        self.put_in_place(&published.compiled).map_err(|cause| {
            Error::new(Kind::IndexWriteFailed, "the row is saved, but the index is not published")
                .because(cause)
                .hint("mend what the message says, then run `php local/vmoodle/cli/publish.php`")
        })?;
        Ok(done)
    }

    fn keyring(&self) -> Result<Keyring> {
        self.control.settings.keyfile.as_deref().map_or_else(|| Ok(Keyring::none()), Keyring::open)
    }

    /// Connects, works and says goodbye.
    fn connect<T>(&self, work: impl AsyncFnOnce(&mut Db) -> Result<T>) -> Result<T> {
        Self::wait_for(async {
            let mut db = Db::open_control(&self.control).await?;
            let done = work(&mut db).await;
            db.close().await;
            done
        })
    }

    /// The one place where asynchronous work is waited for.
    ///
    /// A runtime of the calling thread's own, made for the call: a process that forks later carries none along. Only the
    /// look-up of a host name and work on files start threads, which end with it.
    fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(FILE_THREADS).build();
        let runtime = runtime.map_err(|e| Error::new(Kind::Internal, "no runtime can be made").because(e))?;
        let done = runtime.block_on(work);
        runtime.shutdown_background();
        done
    }
}

/// Which rows a list is of.
struct Filter {
    targets: Option<Targets>,
    state: Option<State>,
    search: String,
    limit: usize,
    offset: usize,
}

impl Filter {
    fn read(given: &Map<String, Value>) -> Result<Self> {
        let fields = Fields::new(given, &["targets", "state", "search", "limit", "offset"], &[])?;
        let number = |name| Ok::<_, Error>(fields.int(name, 0..=i64::from(u32::MAX))?.map(i64::unsigned_abs));
        let targets = fields.words("targets", parse_targets)?.filter(|words| !words.is_empty());
        Ok(Self {
            targets: targets.map(|words| Targets::parse(&words)).transpose()?,
            state: fields
                .text("state", 16)?
                .filter(|word| !word.is_empty())
                .map(|word| State::parse(&word))
                .transpose()?,
            search: fields.text("search", 300)?.unwrap_or_default().to_lowercase(),
            limit: number("limit")?.and_then(|n| n.try_into().ok()).unwrap_or(usize::MAX),
            offset: number("offset")?.and_then(|n| n.try_into().ok()).unwrap_or(0),
        })
    }

    fn passes(&self, row: &Row) -> bool {
        let found = |column| row.text(column).is_some_and(|text| text.to_lowercase().contains(&self.search));
        if !self.search.is_empty() && !["name", "shortname", "vhostname"].into_iter().any(found) {
            return false;
        }
        if self.targets.is_none() && self.state.is_none() {
            return true;
        }
        let tenant = row::tenant(row).ok().or_else(|| row::broken(row));
        let state = tenant.as_ref().map_or(State::Broken, |tenant| tenant.state);
        self.state.is_none_or(|wanted| wanted == state)
            && self.targets.as_ref().is_none_or(|targets| tenant.as_ref().is_some_and(|tenant| targets.mean(tenant)))
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
