//! One item: planned, written down, done, and its end written down. An error or a panic reaches no other item.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::batch::{Entry, Outcome, What};
use super::claim::Claimed;
use super::executor::{Shared, apart};
use super::journal;
use super::scribe::Scribe;
use super::state::{CANCELLED, DONE, FAILED, QUEUED, SKIPPED, UNKNOWN};
use crate::db::{Db, Row};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::in_tenant;
use crate::moodle::caches::Dropped;
use crate::moodle::stale::Stale;
use crate::operation::contract::{Change, Work};
use crate::registry::farm::now;
use crate::registry::row;
use crate::steps::{Doing, Fact, Keeper, Kept, Steps};
use crate::tenant::Tenant;
use crate::warning::Warning;

/// How long a request that read before the commit may still fill the cache with it.
const DROPPED_AGAIN: Duration = Duration::from_millis(60);

/// Works on an item to its end.
pub(super) async fn work_off(shared: Rc<Shared>, claimed: Claimed) {
    let id = claimed.item.int("id").unwrap_or(0);
    let tenant = claimed.item.int("tenantid").unwrap_or(0);
    let attempts = claimed.item.int("attempts").unwrap_or(1);
    let mut worked = Duration::ZERO;
    let done = work(&shared, claimed, &mut worked).await;
    shared.let_go(worked);
    let done = match done {
        Ok(Done::Made(made)) => drop_again(&shared, made).await,
        other => other,
    };
    let outcome = match done {
        Err(error) if error.kind() == Kind::LeaseLost => return,
        done => outcome(done, attempts),
    };
    let written = shared.scribe.write(Entry { item: id, tenant, what: What::End(outcome) }).await;
    if let Err(error) = written
        && error.kind() != Kind::LeaseLost
    {
        shared.broken.borrow_mut().get_or_insert(error);
    }
}

/// What came of an item.
enum Done {
    /// Its changes are made; what they left stale was dropped once.
    Made(Made),
    /// There was nothing to do.
    Nothing,
    /// It is left to another run.
    Untried,
    /// It failed, with what is to be kept.
    Failed(Error, Left),
}

/// What a failed item leaves in the journal.
#[derive(Default)]
struct Left {
    kept: Kept,
    output: Option<String>,
}

#[derive(Default)]
struct Made {
    tenant: Option<Rc<Tenant>>,
    stale: Vec<Stale>,
    kept: Kept,
    facts: Vec<Fact>,
    output: Option<String>,
}

fn outcome(done: Result<Done>, attempts: i64) -> Outcome {
    let plain = |status| Outcome {
        status,
        error: None,
        notbefore: 0,
        untried: false,
        kept: Kept::default(),
        facts: Vec::new(),
        output: None,
    };
    let (error, Left { kept, output }) = match done {
        Ok(Done::Made(Made { kept, facts, output, .. })) => return Outcome { kept, facts, output, ..plain(DONE) },
        Ok(Done::Nothing) => return plain(SKIPPED),
        Ok(Done::Untried) => return Outcome { untried: true, ..plain(QUEUED) },
        Ok(Done::Failed(error, left)) => (error, left),
        Err(error) => (error, Left::default()),
    };
    let status = ends(&error, attempts);
    let notbefore = if status == QUEUED { now() + (1 << attempts) } else { 0 };
    Outcome { error: Some((error.code(), error.to_string())), notbefore, kept, output, ..plain(status) }
}

/// The state in which an error leaves an item.
fn ends(error: &Error, attempts: i64) -> &'static str {
    match error.kind() {
        Kind::JobCancelled => CANCELLED,
        Kind::OutcomeUnknown => UNKNOWN,
        kind if kind.is_retryable() && attempts < journal::ATTEMPTS => QUEUED,
        _ => FAILED,
    }
}

/// Plans the item and does it. It holds a place of its server only while it works, not while it is written down; its
/// connection may wait open for that.
async fn work(shared: &Rc<Shared>, claimed: Claimed, worked: &mut Duration) -> Result<Done> {
    let Claimed { item, tenant } = claimed;
    let attempts = item.int("attempts").unwrap_or(1);
    let kept_image = item.text("beforeimage").map(str::to_owned);
    if tenant.is_none() && attempts > 1 && kept_image.is_some() {
        // A runner died between the last step, which took the tenant out of the registry, and the end of the item.
        return Ok(Done::Made(Made::default()));
    }
    let (bench, server) = match Bench::set(shared, &item, tenant.as_ref()) {
        Ok(bench) => {
            let server = bench.tenant.clone();
            (bench, server)
        }
        Err(error) => return failed(shared, attempts, error, Left::default()),
    };
    let entry = |what| Entry { item: bench_id(&item), tenant: item.int("tenantid").unwrap_or(0), what };

    let known: Option<Vec<Change>> = kept_image.and_then(|image| serde_json::from_str(&image).ok());
    let (mut bench, changes, image, kept) = if let Some(changes) = known {
        (bench, changes, None, None)
    } else {
        let mut pass = shared.gates.pass(Some(&server)).await?;
        if !shared.may_begin() {
            return Ok(Done::Untried);
        }
        let began = Instant::now();
        let inside = shared.clone();
        let planned = apart(async move { bench.plan(&inside).await }).await;
        *worked += began.elapsed();
        let (mut bench, changes) = match planned {
            Ok((bench, Ok(changes))) => (bench, changes),
            Ok((mut bench, Err(error))) => {
                bench.leave().await;
                return failed(shared, attempts, error, bench.left());
            }
            Err(error) => return failed(shared, attempts, error, Left::default()),
        };
        // It is what the changes are made with a moment later.
        let goes_on = bench.site.is_some() && !changes.is_empty();
        let kept = if goes_on { shared.gates.keep(&server, &mut pass) } else { None };
        if kept.is_none() {
            bench.leave().await;
        }
        drop(pass);
        if changes.is_empty() && !shared.run.operation.meta().reads_only && !shared.run.undo {
            return Ok(Done::Nothing);
        }
        let image = (!changes.is_empty()).then(|| serde_json::to_string(&changes)).transpose();
        let image = image.map_err(|e| Error::new(Kind::Internal, "an image is no JSON").because(e))?;
        (bench, changes, image, kept)
    };
    if let Err(error) = shared.scribe.write(entry(What::Begin(image))).await {
        bench.leave().await;
        return failed(shared, attempts, error, Left::default());
    }

    let _pass = shared.gates.resume(&server, kept).await?;
    if !shared.may_begin() {
        bench.leave().await;
        return Ok(Done::Untried);
    }
    let began = Instant::now();
    let inside = shared.clone();
    let done = apart(async move { bench.apply(&inside, &changes).await }).await;
    *worked += began.elapsed();
    match done {
        Ok((mut bench, Ok(stale))) => {
            if let Some(password) = bench.steps.take_told() {
                shared.told.borrow_mut().insert(server.address.to_string(), json!(password.reveal()));
            }
            let (Left { kept, output }, facts) = (bench.left(), bench.steps.take_facts());
            Ok(Done::Made(Made { tenant: Some(server), stale, kept, facts, output }))
        }
        Ok((mut bench, Err(error))) => failed(shared, attempts, error, bench.left()),
        Err(error) => failed(shared, attempts, error, Left::default()),
    }
}

/// Counts a failure while the item still holds its place, so that no other is begun meanwhile.
fn failed(shared: &Shared, attempts: i64, error: Error, left: Left) -> Result<Done> {
    if error.kind() == Kind::LeaseLost {
        return Err(error);
    }
    if matches!(ends(&error, attempts), FAILED | UNKNOWN) {
        shared.failed.set(shared.failed.get() + 1);
    }
    Ok(Done::Failed(error, left))
}

fn bench_id(item: &Row) -> i64 {
    item.int("id").unwrap_or(0)
}

/// Drops what is stale, by PHP what only PHP can reach; gives what a person should know.
async fn drop_stale(shared: &Shared, tenant: &Tenant, stale: &[Stale]) -> Result<Vec<Warning>> {
    let Dropped { mut warnings, by_php } = shared.caches.drop_entries(tenant, stale).await?;
    warnings.extend(in_tenant::drop_entries(shared.pool.control(), tenant, &by_php).await);
    Ok(warnings)
}

/// Drops once more what a request may have put back into the cache meanwhile. Nobody waits for it but the item's end.
async fn drop_again(shared: &Rc<Shared>, mut made: Made) -> Result<Done> {
    let Some(tenant) = made.tenant.clone().filter(|_| !made.stale.is_empty()) else { return Ok(Done::Made(made)) };
    sleep(DROPPED_AGAIN).await;
    let (inside, stale) = (shared.clone(), std::mem::take(&mut made.stale));
    // What the first time warned of is the same now, and PHP came later than this already.
    apart(async move { inside.caches.drop_entries(&tenant, &stale).await.map(drop) }).await?;
    Ok(Done::Made(made))
}

/// What an item is worked on with; a panic loses it.
struct Bench {
    tenant: Rc<Tenant>,
    parameters: Map<String, Value>,
    steps: Steps,
    /// The connection that the plan has left open.
    site: Option<Db>,
}

impl Bench {
    fn set(shared: &Rc<Shared>, item: &Row, tenant: Option<&Row>) -> Result<Self> {
        let gone = || Error::new(Kind::TenantNotFound, "the tenant is no longer in the registry");
        let tenant = row::tenant(tenant.ok_or_else(gone)?)?;
        let text = |column| item.text(column).unwrap_or_default();
        let keeper = ItemKeeper {
            scribe: shared.scribe.clone(),
            item: bench_id(item),
            tenant: item.int("tenantid").unwrap_or(0),
        };
        let mut parameters: Map<String, Value> = serde_json::from_str(text("parameters")).unwrap_or_default();
        for (name, value) in &shared.run.long {
            parameters.entry(name).or_insert_with(|| value.clone());
        }
        Ok(Self {
            tenant: Rc::new(tenant),
            parameters,
            steps: Steps::resume(Box::new(keeper), text("memory"), text("warnings")),
            site: None,
        })
    }

    /// What of it goes into the journal, however it ended.
    fn left(&mut self) -> Left {
        let output = self.steps.take_printed().map(|output| output.to_string());
        Left { kept: self.steps.kept(), output }
    }

    /// What `db` and this bench are for an operation.
    fn work<'a>(&'a mut self, shared: &'a Shared, db: &'a mut Db) -> Work<'a> {
        Work {
            control: shared.pool.control(),
            keyring: &shared.run.keyring,
            db,
            tenant: &self.tenant,
            parameters: &self.parameters,
            steps: Some(&mut self.steps),
            memo: shared.memo.clone(),
            stale: Vec::new(),
            site: Cell::new(self.site.take()),
        }
    }

    /// Closes what the plan has left open.
    async fn leave(&mut self) {
        if let Some(site) = self.site.take() {
            site.close().await;
        }
    }

    /// Plans; rows that are as they shall be may stand beside a cache that a run before this one could not reach.
    async fn plan(mut self, shared: &Shared) -> Result<(Self, Result<Vec<Change>>)> {
        let mut db = shared.pool.take().await?;
        let mut work = self.work(shared, &mut db);
        let mut planned = shared.run.operation.plan(&mut work).await;
        let (stale, site) = (std::mem::take(&mut work.stale), work.site.take());
        shared.pool.back(db, &planned);
        self.site = site;
        if !stale.is_empty() && planned.as_ref().is_ok_and(Vec::is_empty) {
            planned = drop_stale(shared, &self.tenant, &stale).await.map(|_| Vec::new());
        }
        Ok((self, planned))
    }

    /// Makes the changes, or puts them back, and drops what that leaves stale; gives it. What is made must pass the gate.
    async fn apply(mut self, shared: &Shared, changes: &[Change]) -> Result<(Self, Result<Vec<Stale>>)> {
        let mut db = shared.pool.take().await?;
        let operation = shared.run.operation;
        let mut work = self.work(shared, &mut db);
        let done = if shared.run.undo {
            operation.undo(&mut work, changes).await
        } else {
            operation.apply(&mut work, changes).await
        };
        let (stale, site) = (std::mem::take(&mut work.stale), work.site.take());
        shared.pool.back(db, &done);
        if let Some(site) = site {
            site.close().await;
        }
        let dropped = match done {
            Ok(()) if !stale.is_empty() => drop_stale(shared, &self.tenant, &stale).await,
            done => done.map(|()| Vec::new()),
        };
        let dropped = dropped.map(|warnings| {
            self.steps.pass_on(warnings);
            stale
        });
        if shared.run.undo || dropped.is_err() {
            return Ok((self, dropped));
        }
        let mut db = shared.pool.take().await?;
        let passed = operation.gate(&mut self.work(shared, &mut db)).await;
        shared.pool.back(db, &passed);
        Ok((self, passed.and(dropped)))
    }
}

struct ItemKeeper {
    scribe: Rc<Scribe>,
    item: i64,
    tenant: i64,
}

impl Keeper for ItemKeeper {
    fn keep(&self, kept: Kept) -> Doing<'_, ()> {
        let entry = Entry { item: self.item, tenant: self.tenant, what: What::Keep(kept) };
        Box::pin(self.scribe.write(entry))
    }
}
