//! Runs a job: bounded workers, each item in a task of its own, so that neither an error nor a panic reaches another.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use super::Publisher;
use super::journal::{self, Outcome};
use super::state::{CANCELLED, DONE, FAILED, QUEUED, SKIPPED, UNKNOWN};
use crate::control::ControlSite;
use crate::db::{Db, Row};
use crate::error::{Error, Kind, Result};
use crate::moodle::caches::Caches;
use crate::operation::contract::{Change, Operation, Work};
use crate::registry::farm::now;
use crate::registry::row;
use crate::secret::Keyring;
use crate::steps::{Doing, Keeper, Steps};

/// How long a run takes new items.
const TAKES: Duration = Duration::from_mins(15);
/// How many items run at once on one database server.
const PER_SERVER: usize = 4;

/// How often what is done becomes visible while the job goes on.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How long a request that read before the commit may still fill the cache with it.
const DROPPED_AGAIN: Duration = Duration::from_millis(60);

/// What a run works with.
pub(super) struct Run {
    pub(super) control: ControlSite,
    pub(super) keyring: Rc<Keyring>,
    pub(super) operation: &'static dyn Operation,
    /// Values that are too long for every item to have a copy.
    pub(super) long: Map<String, Value>,
    pub(super) job: i64,
    pub(super) undo: bool,
    pub(super) owner: String,
    pub(super) concurrency: usize,
    pub(super) stop_after: Option<u64>,
}

struct Shared {
    run: Run,
    idle: RefCell<Vec<Db>>,
    servers: RefCell<HashMap<String, Rc<Semaphore>>>,
    failed: Cell<u64>,
    began: Instant,
    /// New passwords by address: told once, kept nowhere.
    told: RefCell<Map<String, Value>>,
    caches: Caches,
}

impl Shared {
    async fn db(&self) -> Result<Db> {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(db) => Ok(db),
            None => Db::open_control(&self.run.control).await,
        }
    }

    fn back(&self, db: Db) {
        self.idle.borrow_mut().push(db);
    }

    fn may_take(&self) -> bool {
        self.began.elapsed() < TAKES && self.run.stop_after.is_none_or(|most| self.failed.get() < most)
    }
}

/// Runs until nothing is queued, the time is up or too much has failed; `progress` hears the counts.
pub(super) async fn run(
    run: Run,
    publisher: &dyn Publisher,
    progress: &mut dyn FnMut(&Map<String, Value>),
) -> Result<Map<String, Value>> {
    let concurrency = run.concurrency;
    let shared = Rc::new(Shared {
        run,
        idle: RefCell::default(),
        servers: RefCell::default(),
        failed: Cell::new(0),
        began: Instant::now(),
        told: RefCell::default(),
        caches: Caches::default(),
    });
    let local = LocalSet::new();
    let heart = local.spawn_local(beat(shared.clone()));
    let workers: Vec<_> = (0..concurrency).map(|_| local.spawn_local(work(shared.clone()))).collect();
    let counts = local
        .run_until(Box::pin(async {
            let mut db = shared.db().await?;
            let mut said = Map::new();
            let (mut out, mut pending) = (Instant::now(), false);
            while workers.iter().any(|worker| !worker.is_finished()) {
                let counts = journal::counts(&mut db, shared.run.job).await?;
                if counts != said {
                    progress(&counts);
                    pending |= shared.run.operation.meta().publishes && counts.get(DONE) != said.get(DONE);
                    said = counts;
                }
                if pending && out.elapsed() >= PUBLISH_EVERY {
                    // The last publication is the one that must succeed.
                    let _ = publisher.publish(&mut db, &shared.run.keyring).await;
                    (out, pending) = (Instant::now(), false);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            for worker in workers {
                worker.await.map_err(|e| Error::new(Kind::Internal, "a worker has ended early").because(e))??;
            }
            if shared.run.stop_after.is_some_and(|most| shared.failed.get() >= most) {
                journal::stop(&mut db, shared.run.job).await?;
            }
            let mut counts = journal::counts(&mut db, shared.run.job).await?;
            db.close().await;
            let told = shared.told.take();
            if !told.is_empty() {
                counts.insert("passwords".into(), Value::Object(told));
            }
            Ok(counts)
        }))
        .await;
    heart.abort();
    counts
}

async fn beat(shared: Rc<Shared>) {
    loop {
        tokio::time::sleep(Duration::from_secs(15)).await;
        if let Ok(mut db) = shared.db().await
            && journal::beat(&mut db, &shared.run.owner).await.is_ok()
        {
            shared.back(db);
        }
    }
}

async fn work(shared: Rc<Shared>) -> Result<()> {
    while shared.may_take() {
        let mut db = shared.db().await?;
        let claimed =
            journal::claim(&mut db, shared.run.job, &shared.run.owner, shared.run.operation.meta().idempotent).await;
        match claimed {
            Ok(Some(item)) => {
                shared.back(db);
                one(&shared, item).await?;
            }
            Ok(None) => {
                let counts = journal::counts(&mut db, shared.run.job).await?;
                shared.back(db);
                if !counts.contains_key(QUEUED) && !expired(&shared).await? {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) if error.kind().is_retryable() => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a dead runner's items wait to be taken.
async fn expired(shared: &Shared) -> Result<bool> {
    let mut db = shared.db().await?;
    let sql = "SELECT id FROM {local_vmoodle_item} WHERE jobid = ? AND status = 'running' AND leaseuntil < ? LIMIT 1";
    let found = db.fetch_one(sql, &[shared.run.job.into(), now().into()]).await?.is_some();
    shared.back(db);
    Ok(found)
}

async fn one(shared: &Rc<Shared>, item: Row) -> Result<()> {
    let id = item.int("id").unwrap_or(0);
    let attempts = item.int("attempts").unwrap_or(1);
    let server = item.text("server").unwrap_or_default().to_owned();
    let permits =
        shared.servers.borrow_mut().entry(server).or_insert_with(|| Rc::new(Semaphore::new(PER_SERVER))).clone();
    let _permit =
        permits.acquire().await.map_err(|e| Error::new(Kind::Internal, "a server's gate is shut").because(e))?;
    let inside = shared.clone();
    let done = spawn_local(async move { perform(&inside, &item).await }).await;
    let done = done.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the operation panicked: please report it")));
    let outcome = match done {
        Ok(Some(after)) => Outcome { status: DONE, after: Some(after), error: None, notbefore: 0 },
        Ok(None) => Outcome { status: SKIPPED, after: None, error: None, notbefore: 0 },
        Err(error) if error.kind() == Kind::LeaseLost => return Ok(()),
        Err(error) => {
            let again = error.kind().is_retryable() && attempts < journal::ATTEMPTS;
            let status = match error.kind() {
                Kind::JobCancelled => CANCELLED,
                Kind::OutcomeUnknown => UNKNOWN,
                _ if again => QUEUED,
                _ => FAILED,
            };
            if matches!(status, FAILED | UNKNOWN) {
                shared.failed.set(shared.failed.get() + 1);
            }
            let notbefore = if again { now() + (1 << attempts) } else { 0 };
            Outcome { status, after: None, error: Some((error.code(), error.to_string())), notbefore }
        }
    };
    let mut db = shared.db().await?;
    match journal::finish(&mut db, id, &shared.run.owner, outcome).await {
        Err(error) if error.kind() != Kind::LeaseLost => return Err(error),
        _ => shared.back(db),
    }
    Ok(())
}

/// Does the item's work; gives the after-image, or `None` where there was nothing to do.
async fn perform(shared: &Rc<Shared>, item: &Row) -> Result<Option<String>> {
    let Run { control, keyring, operation, undo, owner, .. } = &shared.run;
    let id = item.int("id").unwrap_or(0);
    let mut db = shared.db().await?;
    let sql = "SELECT * FROM {local_vmoodle} WHERE id = ?";
    let row = db.fetch_one(sql, &[item.int("tenantid").into()]).await?;
    let text = |column| item.text(column).unwrap_or_default();
    let keeper = Box::new(ItemKeeper { shared: shared.clone(), item: id });
    let mut steps = Steps::resume(keeper, text("memory"), text("warnings"));
    if row.is_none() && item.int("attempts").unwrap_or(0) > 1 && item.text("beforeimage").is_some() {
        // A runner died between the last step, which took the tenant out of the registry, and the end of the item.
        return Ok(item.text("beforeimage").map(str::to_owned));
    }
    let row = row.ok_or_else(|| Error::new(Kind::TenantNotFound, "the tenant is no longer in the registry"))?;
    let tenant = row::tenant(&row)?;
    let mut parameters: Map<String, Value> =
        serde_json::from_str(item.text("parameters").unwrap_or("{}")).unwrap_or_default();
    for (name, value) in &shared.run.long {
        parameters.entry(name).or_insert_with(|| value.clone());
    }
    let mut work = Work {
        control,
        keyring,
        db: &mut db,
        tenant: &tenant,
        parameters: &parameters,
        steps: Some(&mut steps),
        stale: Vec::new(),
    };
    let kept: Option<Vec<Change>> = item.text("beforeimage").and_then(|image| serde_json::from_str(image).ok());
    let changes = match kept {
        Some(changes) => changes,
        None => operation.plan(&mut work).await?,
    };
    if changes.is_empty() && !operation.meta().reads_only && !*undo {
        return Ok(None);
    }
    let image =
        serde_json::to_string(&changes).map_err(|e| Error::new(Kind::Internal, "an image is no JSON").because(e))?;
    journal::before(work.db, id, owner, &image).await?;
    if *undo {
        operation.undo(&mut work, &changes).await?;
    } else {
        operation.apply(&mut work, &changes).await?;
    }
    let stale = std::mem::take(&mut work.stale);
    if !stale.is_empty() {
        for _ in 0..2 {
            for warning in shared.caches.drop_entries(&tenant, &stale).await? {
                steps.warn(warning);
            }
            tokio::time::sleep(DROPPED_AGAIN).await;
        }
    }
    steps.keep().await?;
    if let Some(output) = steps.take_printed() {
        journal::output(&mut db, id, owner, &output.to_string()).await?;
    }
    if let Some(password) = steps.take_told() {
        shared.told.borrow_mut().insert(tenant.address.to_string(), json!(password.reveal()));
    }
    shared.back(db);
    Ok(Some(image))
}

struct ItemKeeper {
    shared: Rc<Shared>,
    item: i64,
}

impl Keeper for ItemKeeper {
    fn keep(&self, memory: String, warnings: String, steps: i64) -> Doing<'_, ()> {
        Box::pin(async move {
            let mut db = self.shared.db().await?;
            let memory = [memory.into(), warnings.into(), steps.into()];
            let kept = journal::keep(&mut db, self.item, &self.shared.run.owner, memory).await;
            self.shared.back(db);
            kept
        })
    }
}
