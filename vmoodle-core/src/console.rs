//! Door 2: what the control site asks for. JSON maps in and out; the extension turns PHP's arrays into them and back.
//!
//! Every call connects, works and says goodbye; nothing is kept between calls, so a process may fork at any time.

use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use rustix::process::geteuid;
use serde_json::{Map, Value, json};

pub use crate::control::{ControlDatabase, ControlSite};
use crate::db::{Db, Row};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::index::{self, Compiled, StatusState};
use crate::job;
use crate::operation::OPERATIONS;
pub use crate::registry::inspect::{Check, Status};
use crate::registry::{Fields, Finding, Session, Shape, generation, inspect, parse_targets, row, tenants};
use crate::secret::Keyring;
use crate::targets::Targets;
use crate::tenant::{State, check_dataroot, dataroots_touch};

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

/// What a publication was made of.
struct Published {
    compiled: Compiled,
    findings: Vec<Finding>,
}

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

    /// Compiles the registry to the index; gives `generation`, `tenants`, `aliases`, `bytes`, `path`, `warnings`.
    ///
    /// An original's rows are upgraded in place and passwords sealed on the way. The new generation is above the registry's
    /// and above that of the index in place.
    pub fn publish(&self) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let floor = self.in_place().generation.unwrap_or(0);
        let published = self.connect(async |db| {
            let session = Session::open(db, &self.control, &keyring).await?;
            self.raise_and_commit(session, floor).await
        })?;
        self.put_in_place(&published.compiled)?;
        Ok(self.report(&published))
    }

    /// Brings this node's index to the registry's generation, which stays as it is; gives as [`Self::publish`], and
    /// `changed`. A registry that was never published is published.
    pub fn index_refresh(&self) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let status = self.in_place();
        let good = status.generation.filter(|_| status.state == StatusState::Good);
        let (generation, fresh) = self.connect(async |db| {
            let shape = Shape::read(db).await?;
            shape.require_current()?;
            let generation = generation::read(db).await?;
            if good.is_some_and(|good| good >= generation) {
                return Ok((generation, None));
            }
            let mut session = Session::open(db, &self.control, &keyring).await?;
            if session.generation() == 0 {
                session.raise(0).await?;
            }
            self.compile_and_commit(session).await.map(|published| (generation, Some(published)))
        })?;
        let mut report = match &fresh {
            Some(published) => {
                self.put_in_place(&published.compiled)?;
                self.report(published)
            }
            None => self.report_in_place(generation),
        };
        report.insert("changed".into(), json!(fresh.is_some()));
        Ok(report)
    }

    /// How this node's index is: `path`, `state`, `generation`, `tenants`, `bytes`, `published`, `message`.
    pub fn index_status(&self) -> Map<String, Value> {
        let status = self.in_place();
        map(json!({
            "path": self.control.settings.index.display().to_string(),
            "state": status.state.word(),
            "generation": status.generation,
            "tenants": status.tenants,
            "bytes": status.bytes,
            "published": status.published,
            "message": status.message,
        }))
    }

    /// Makes a key file for the passwords of the registry; gives its `path`, for `$CFG->vmoodle['keyfile']`.
    ///
    /// It belongs to the farm's OS user. Refuses to replace a file, and a place inside the code or a dataroot, from where
    /// it could be served or copied with a site.
    pub fn key_create(&self, path: &str) -> Result<Map<String, Value>> {
        let inside = |folder: &str| !folder.is_empty() && dataroots_touch(folder.trim_end_matches('/'), path);
        let bad = |rule: &str| {
            let message = format!("no key file can be made at `{}`: {rule}", escape(path));
            Error::new(Kind::BadParameter, message).hint("give an absolute path such as `/etc/vmoodle/key`")
        };
        if check_dataroot(path).ok().as_deref() != Some(path) {
            return Err(bad("its path must be absolute and plain"));
        }
        let mut taken = [&self.control.dataroot, &self.control.dirroot].into_iter().any(|folder| inside(folder));
        self.read(async |db, _| {
            tenants::each(db, |row| {
                taken |= row.text("vdatapath").is_some_and(inside);
                ControlFlow::Continue(())
            })
            .await
        })?;
        if taken {
            return Err(bad("it lies in the code or in a dataroot"));
        }
        Keyring::create(Path::new(path))?;
        if geteuid().is_root() {
            let owner = std::fs::metadata(&self.control.dataroot);
            let given = owner.and_then(|owner| chown(path, Some(owner.uid()), Some(owner.gid())));
            given.map_err(|e| bad("it cannot be given to the farm's OS user").because(e))?;
        }
        Ok(map(json!({ "path": path })))
    }

    /// Puts a new key above those of the key file and publishes, which seals every password again; gives as
    /// [`Self::publish`]. The older keys stay in the file until somebody takes them out.
    pub fn key_renew(&self) -> Result<Map<String, Value>> {
        let Some(path) = self.control.settings.keyfile.as_deref() else {
            return Err(Error::new(Kind::BadConfiguration, "no key file is set").hint(
                "make one with `php local/vmoodle/cli/key.php --create=PATH`, and set `$CFG->vmoodle['keyfile']`",
            ));
        };
        Keyring::renew(path)?;
        self.publish()
    }

    /// Every operation's description: `name`, `parameters`, `dangerous`, `idempotent`, `undoable`.
    pub fn operations(&self) -> Vec<Map<String, Value>> {
        OPERATIONS.iter().map(|operation| operation.meta().describe()).collect()
    }

    /// For each tenant meant the changes that a run would make; changes nothing.
    pub fn plan(&self, operation: &str, parameters: &Map<String, Value>, targets: &[String]) -> Result<Vec<Value>> {
        let keyring = self.keyring()?;
        let asked = job::Request { operation, parameters, targets };
        self.jobs_on(async |db| job::plan(db, &self.control, &keyring, &asked).await)
    }

    /// Writes a job and one item for each tenant meant; gives its number. Options: `concurrency`, `on_error`
    /// (`continue`, or how many failures stop it), `confirm`.
    pub fn job_submit(
        &self,
        operation: &str,
        parameters: &Map<String, Value>,
        targets: &[String],
        options: &Map<String, Value>,
    ) -> Result<i64> {
        let keyring = self.keyring()?;
        let asked = job::Request { operation, parameters, targets };
        self.jobs_on(async |db| job::submit(db, &keyring, &asked, options).await)
    }

    /// Runs or resumes a job and publishes once at the end where the registry has changed; gives how many items are in
    /// each state. It takes no more items after 15 minutes: what is left is `queued`.
    pub fn job_run(&self, job: i64, progress: &mut dyn FnMut(&Map<String, Value>)) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let (counts, publishes) =
            self.jobs_on(async |db| Box::pin(job::run(db, &self.control, keyring, job, progress)).await)?;
        if publishes {
            self.publish()?;
        }
        self.jobs_on(async |db| job::close(db, job).await)?;
        Ok(counts)
    }

    /// A job with its `counts` and `items`, sealed values masked. Fails with `job_not_found`.
    pub fn job(&self, job: i64) -> Result<Map<String, Value>> {
        self.jobs_on(async |db| job::read(db, job).await)
    }

    /// The jobs, the newest first, 500 at most.
    pub fn jobs(&self) -> Result<Vec<Map<String, Value>>> {
        self.jobs_on(async |db| job::list(db).await)
    }

    /// Stops a job: what is queued is cancelled, what runs ends at its next step; gives the job.
    pub fn job_cancel(&self, job: i64) -> Result<Map<String, Value>> {
        self.jobs_on(async |db| job::cancel(db, job).await)
    }

    /// A new job over the failed and cancelled items of a job; gives its number.
    pub fn job_retry(&self, job: i64) -> Result<i64> {
        self.jobs_on(async |db| job::again(db, job, false).await)
    }

    /// A new job that puts back what a job has changed; gives its number.
    pub fn job_undo(&self, job: i64) -> Result<i64> {
        self.jobs_on(async |db| job::again(db, job, true).await)
    }

    fn jobs_on<T>(&self, work: impl AsyncFnOnce(&mut Db) -> Result<T>) -> Result<T> {
        self.read(async |db, shape| {
            shape.require_current()?;
            work(db).await
        })
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

    async fn raise_and_commit(&self, mut session: Session<'_>, floor: u64) -> Result<Published> {
        session.raise(floor).await?;
        self.compile_and_commit(session).await
    }

    async fn compile_and_commit(&self, mut session: Session<'_>) -> Result<Published> {
        let (farm, findings) = session.take_farm(index::read_components(&self.control.settings.index));
        let compiled = index::compile(&farm)?;
        session.commit().await?;
        Ok(Published { compiled, findings })
    }

    /// Replaces the index; that somebody with a newer one was faster is as good, since it holds what we wrote.
    fn put_in_place(&self, compiled: &Compiled) -> Result<()> {
        match index::publish(&self.control.settings.index, compiled) {
            Err(_) if self.in_place().generation.is_some_and(|newer| newer > compiled.generation) => Ok(()),
            done => done,
        }
    }

    fn in_place(&self) -> index::Status {
        index::status(&self.control.settings.index, self.control.farm())
    }

    fn report(&self, published: &Published) -> Map<String, Value> {
        let Published { compiled, findings } = published;
        map(json!({
            "generation": compiled.generation,
            "tenants": compiled.tenants,
            "aliases": compiled.aliases,
            "bytes": compiled.bytes.len(),
            "path": self.control.settings.index.display().to_string(),
            "warnings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))
    }

    fn report_in_place(&self, registry: u64) -> Map<String, Value> {
        let status = self.in_place();
        let newer = status.generation.filter(|generation| *generation > registry);
        let warning =
            newer.map(|newer| format!("the index has generation {newer}, the registry only {registry}: publish once"));
        map(json!({
            "generation": status.generation,
            "tenants": status.tenants,
            "aliases": null,
            "bytes": status.bytes,
            "path": self.control.settings.index.display().to_string(),
            "warnings": Vec::from_iter(warning),
        }))
    }

    fn keyring(&self) -> Result<Keyring> {
        self.control.settings.keyfile.as_deref().map_or_else(|| Ok(Keyring::none()), Keyring::open)
    }

    /// The one place where asynchronous work is waited for.
    ///
    /// A runtime of the calling thread's own, made for the call: a process that forks later carries none along. Only the
    /// look-up of a host name may start a thread, which ends with it.
    fn connect<T>(&self, work: impl AsyncFnOnce(&mut Db) -> Result<T>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        let runtime = runtime.map_err(|e| Error::new(Kind::Internal, "no runtime can be made").because(e))?;
        let done = runtime.block_on(async {
            let mut db = Db::open_control(&self.control).await?;
            let done = work(&mut db).await;
            db.close().await;
            done
        });
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
