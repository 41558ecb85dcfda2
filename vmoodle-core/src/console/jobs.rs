//! Operations and jobs, and the farm cron.

use serde_json::{Map, Value};

use super::Console;
use crate::cron;
use crate::db::Db;
use crate::error::Result;
use crate::job::{self, Publisher};
use crate::operation::OPERATIONS;
use crate::registry::Fields;
use crate::secret::Keyring;
use crate::steps::Doing;

impl Console {
    /// Every operation's description: `name`, `parameters`, `dangerous`, `idempotent`, `undoable`, `makes`, and `harmless`:
    /// the `parameter` and the `value` of it with which a dangerous one needs no confirmation, where there is such a value.
    pub fn operations(&self) -> Vec<Map<String, Value>> {
        OPERATIONS.iter().map(|operation| operation.describe()).collect()
    }

    /// For each tenant meant the changes that a run would make; changes nothing.
    pub fn plan(&self, operation: &str, parameters: &Map<String, Value>, targets: &[String]) -> Result<Vec<Value>> {
        let keyring = self.keyring()?;
        let asked = job::Request { operation, parameters, targets };
        self.jobs_on(async |db| job::plan(db, &self.control, keyring, &asked).await)
    }

    /// Writes a job and one item for each tenant meant; gives its number. Options: `concurrency`, `on_error`
    /// (`continue`, or how many failures stop it), `waves` (sizes such as `[1, "5%", "rest"]`: the next one begins when all
    /// of the one before has ended, and with fewer failures than stop it, which is one unless `on_error` says otherwise),
    /// `confirm`, `userid` (who asked).
    pub fn job_submit(
        &self,
        operation: &str,
        parameters: &Map<String, Value>,
        targets: &[String],
        options: &Map<String, Value>,
    ) -> Result<i64> {
        let keyring = self.keyring()?;
        let asked = job::Request { operation, parameters, targets };
        self.jobs_on(async |db| job::submit(db, &self.control, &keyring, &asked, options).await)
    }

    /// Runs or resumes a job; gives how many items are in each state. Where the registry changes it publishes at the
    /// end, and at most once a second on the way. It takes no more items after 15 minutes: what is left is `queued`.
    pub fn job_run(&self, job: i64, progress: &mut dyn FnMut(&Map<String, Value>)) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        self.jobs_on(async |db| Box::pin(job::run(db, &self.control, keyring, self, job, progress)).await)
    }

    /// Tells the new passwords of administrators that a job has made, by the addresses of their sites, and forgets them.
    /// Fails with `job_not_found`, and with `secret_undecryptable` without forgetting anything.
    ///
    /// A farm without a key file keeps none: they are among what [`Self::job_run`] gives, as `passwords`.
    pub fn job_passwords(&self, job: i64) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        self.jobs_on(async |db| job::tell_passwords(db, &keyring, job).await)
    }

    /// A job with its `counts` and `items`, sealed values masked, and `untold`: how many new passwords wait for
    /// [`Self::job_passwords`]. Fails with `job_not_found`.
    pub fn job(&self, job: i64) -> Result<Map<String, Value>> {
        self.jobs_on(async |db| job::read(db, job).await)
    }

    /// The jobs, the newest first, each with its `counts`. `filter`: `operation`, `status`, `limit` (100, 1,000 at most), `id`
    /// (that one alone, without its items: it is read as fast with a thousand of them, and has `untold` as in [`Self::job`]).
    pub fn jobs(&self, filter: &Map<String, Value>) -> Result<Vec<Map<String, Value>>> {
        let fields = Fields::new(filter, &["operation", "status", "limit", "id"], &[])?;
        let wanted = job::Wanted {
            id: fields.int("id", 1..=i64::MAX)?,
            operation: fields.text("operation", 100)?,
            status: fields.text("status", 16)?,
            limit: fields.int("limit", 1..=1000)?.unwrap_or(100),
        };
        self.jobs_on(async |db| job::list(db, wanted).await)
    }

    /// Stops a job: what is queued is cancelled, what runs ends at its next step; gives the job.
    pub fn job_cancel(&self, job: i64) -> Result<Map<String, Value>> {
        self.jobs_on(async |db| job::cancel(db, job).await)
    }

    /// A new job over the items of a job that failed, were cancelled or whose end nobody knows; gives its number. They
    /// go on where they stopped.
    pub fn job_retry(&self, job: i64) -> Result<i64> {
        self.jobs_on(async |db| job::again(db, job, false).await)
    }

    /// A new job that puts back what a job has changed; gives its number.
    pub fn job_undo(&self, job: i64) -> Result<i64> {
        self.jobs_on(async |db| job::again(db, job, true).await)
    }

    /// Removes from the journal the jobs that ended longer ago than `age` seconds (a day at least); gives how many went.
    ///
    /// Those stay that made a tenant which is there, and all of one that is half made or lies in the trash.
    pub fn jobs_purge(&self, age: i64) -> Result<u64> {
        self.jobs_on(async |db| job::purge(db, age).await)
    }

    /// Runs the crons of the tenants that have due work; gives counts, lateness and, for a single round, `items`.
    ///
    /// Options: `targets` (`all`), `control` (the control site too), `plan` (start nothing), `daemon` with `interval` (60
    /// seconds), `concurrency` (4 on this node), `per_server` (4 on one database server, over all nodes), `time_limit` (900
    /// seconds for one tenant), `grace` (20 seconds to end when asked to), `codehash` (Moodle's hash over all versions of
    /// the code base). `progress` hears events; it stops the run by giving false.
    pub fn cron(
        &self,
        options: &Map<String, Value>,
        progress: &mut dyn FnMut(&Map<String, Value>) -> bool,
    ) -> Result<Map<String, Value>> {
        let (keyring, options) = (self.keyring()?, cron::Options::read(options)?);
        // The connection of this call is not held: a service runs for months.
        self.jobs_on(async |_| Ok(()))?;
        Self::wait_for(async { Box::pin(cron::run(&self.control, keyring, options, progress)).await })
    }

    pub(super) fn jobs_on<T>(&self, work: impl AsyncFnOnce(&mut Db) -> Result<T>) -> Result<T> {
        self.read(async |db, shape| {
            shape.require_current()?;
            work(db).await
        })
    }
}

impl Publisher for Console {
    fn publish<'a>(&'a self, db: &'a mut Db, keyring: &'a Keyring) -> Doing<'a, ()> {
        Box::pin(async move { self.publish_on(db, keyring).await.map(drop) })
    }
}
