//! Runs a job: takes items as fast as they are worked off, and works on several at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet, LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Publisher;
use super::claim::{AtWork, Claimer};
use super::gates::Gates;
use super::item;
use super::journal;
use super::pool::Pool;
use super::scribe::Scribe;
use super::state::DONE;
use super::waves;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::moodle::caches::Caches;
use crate::operation::contract::Operation;
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::steps::Memo;

/// How long a run takes new items.
pub(super) const TAKES: Duration = Duration::from_mins(15);

/// How often what is done becomes visible while the job goes on.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How often whoever listens hears how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// How often leases are renewed, a quarter of what they last.
const BEATS_EVERY: Duration = Duration::from_secs(15);

/// How long nothing is asked after nothing could be taken.
const REST: Duration = Duration::from_millis(100);

/// How long nothing is asked where all that is left has its time later: somebody may cancel it meanwhile.
const LONG_REST: Duration = Duration::from_secs(5);

/// Where all that is left has its time later than this, the run ends: other jobs may want the runner, and whoever runs this
/// one comes back in time.
const FAR: Duration = Duration::from_mins(1);

/// So much work is taken ahead, and not more: other runners want their share.
const AHEAD: Duration = Duration::from_millis(250);

/// How many items are held at most.
const MOST: usize = 256;

/// What a run works with.
pub(super) struct Run {
    pub(super) keyring: Rc<Keyring>,
    pub(super) operation: &'static dyn Operation,
    /// Values that are too long for every item to have a copy.
    pub(super) long: Map<String, Value>,
    pub(super) job: i64,
    pub(super) undo: bool,
    pub(super) owner: String,
    pub(super) concurrency: usize,
    pub(super) stop_after: Option<u64>,
    /// The last item of each wave; none where the job has no waves.
    pub(super) waves: Vec<i64>,
    pub(super) takes: Duration,
}

/// What the items of a run share.
pub(super) struct Shared {
    pub(super) run: Run,
    pub(super) pool: Rc<Pool>,
    pub(super) gates: Gates,
    pub(super) scribe: Rc<Scribe>,
    pub(super) caches: Caches,
    pub(super) memo: Rc<Memo>,
    /// New passwords by address that are kept nowhere.
    pub(super) told: RefCell<Map<String, Value>>,
    /// How many items have failed for good; of a job in waves, those of the one that is worked on.
    pub(super) failed: Cell<u64>,
    /// The last item of the wave that is worked on.
    until: Cell<i64>,
    /// Why nothing more can be done: the journal cannot be written.
    pub(super) broken: RefCell<Option<Error>>,
    began: Instant,
    /// Items whose work is not over.
    held: Cell<usize>,
    /// Rings when there are fewer.
    fewer: Notify,
    /// Seconds that an item's work takes, the last ones counting most.
    pace: Cell<f64>,
}

impl Shared {
    /// Whether an item may still be begun.
    pub(super) fn may_begin(&self) -> bool {
        self.began.elapsed() < self.run.takes && !self.has_failed_enough() && self.broken.borrow().is_none()
    }

    fn has_failed_enough(&self) -> bool {
        self.run.stop_after.is_some_and(|most| self.failed.get() >= most)
    }

    /// Looks which wave's turn it is; the failures that other runners, and runs before this one, had count too.
    async fn look_at_waves(&self, db: &mut Db) -> Result<()> {
        let Run { job, waves: bounds, stop_after, .. } = &self.run;
        if bounds.is_empty() {
            if stop_after.is_some() {
                // What has failed here may not be written down yet.
                self.failed.set(self.failed.get().max(journal::failed(db, *job).await?));
            }
            return Ok(());
        }
        if let Some(front) = waves::front(db, *job, bounds).await? {
            // What has failed here may not be written down yet.
            let own = if self.until.replace(front.until) == front.until { self.failed.get() } else { 0 };
            self.failed.set(own.max(front.failed));
            // A runner that died may not have said that a wave before this one had too many.
            if self.run.stop_after.is_some_and(|most| front.before >= most) {
                self.failed.set(front.before);
            }
        }
        Ok(())
    }

    /// An item's work is over, after so many seconds of it; its outcome may still be on its way.
    pub(super) fn let_go(&self, worked: Duration) {
        self.pace.set(self.pace.get() * 0.8 + worked.as_secs_f64() * 0.2);
        self.held.set(self.held.get().saturating_sub(1));
        self.fewer.notify_one();
    }

    /// How many items to hold: as many as are worked on at once, and what will be soon.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn window(&self) -> usize {
        let least = self.run.concurrency;
        let soon = least as f64 * AHEAD.as_secs_f64() / self.pace.get().max(1e-6);
        (soon as usize).clamp(least, MOST.max(least))
    }
}

/// Runs until nothing is queued, the time is up or too much has failed; `progress` hears the counts.
pub(super) async fn run(
    run: Run,
    pool: Pool,
    publisher: &dyn Publisher,
    progress: &mut dyn FnMut(&Map<String, Value>),
) -> Result<Map<String, Value>> {
    let pool = Rc::new(pool);
    let mut db = pool.take().await?;
    let gates = Gates::open(&mut db, run.concurrency).await?;
    let scribe = Rc::new(Scribe::new(pool.clone(), run.job, run.owner.clone()));
    let shared = Rc::new(Shared {
        pool: pool.clone(),
        gates,
        scribe: scribe.clone(),
        caches: Caches::of(pool.control()),
        memo: Rc::default(),
        told: RefCell::default(),
        failed: Cell::new(0),
        until: Cell::new(if run.waves.is_empty() { i64::MAX } else { 0 }),
        broken: RefCell::default(),
        began: Instant::now(),
        held: Cell::new(0),
        fewer: Notify::new(),
        pace: Cell::new(AHEAD.as_secs_f64()),
        run,
    });
    let local = LocalSet::new();
    let heart = local.spawn_local(beat(shared.clone()));
    let writer = local.spawn_local(scribe.serve());
    let taking = local.spawn_local(take(shared.clone()));
    let counts = local.run_until(Box::pin(watch(&shared, db, taking, publisher, progress))).await;
    heart.abort();
    writer.abort();
    // What they hold is given back before the goodbye.
    local.await;
    pool.close().await;
    counts
}

/// Tells and publishes what is done until the work is over; gives the last counts.
async fn watch(
    shared: &Rc<Shared>,
    mut db: Db,
    mut taking: JoinHandle<Result<()>>,
    publisher: &dyn Publisher,
    progress: &mut dyn FnMut(&Map<String, Value>),
) -> Result<Map<String, Value>> {
    let job = shared.run.job;
    let mut ticks = interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = Map::new();
    let (mut out, mut pending) = (Instant::now(), false);
    let taken = loop {
        tokio::select! {
            done = &mut taking => break done,
            _ = ticks.tick() => {
                // A database that does not answer now may do so again before the leases are over.
                let Ok(counts) = journal::counts(&mut db, job).await else { continue };
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
            }
        }
    };
    taken.map_err(|e| Error::new(Kind::Internal, "a run has ended early").because(e))??;
    let done = end(shared, &mut db).await;
    shared.pool.back(db, &done);
    done
}

async fn end(shared: &Shared, db: &mut Db) -> Result<Map<String, Value>> {
    if shared.has_failed_enough() {
        journal::stop(db, shared.run.job).await?;
    }
    let mut counts = journal::counts(db, shared.run.job).await?;
    let told = shared.told.take();
    if !told.is_empty() {
        counts.insert("passwords".into(), Value::Object(told));
    }
    Ok(counts)
}

async fn beat(shared: Rc<Shared>) {
    loop {
        sleep(BEATS_EVERY).await;
        if let Ok(mut db) = shared.pool.take().await {
            let done = journal::beat(&mut db, shared.run.job, &shared.run.owner).await;
            shared.pool.back(db, &done);
        }
    }
}

/// Takes items and works on them; gives the first error that concerns them all, after everything has ended.
async fn take(shared: Rc<Shared>) -> Result<()> {
    let mut items = JoinSet::new();
    let taken = take_all(&shared, &mut items).await;
    all(&mut items).await;
    taken.and(shared.broken.take().map_or(Ok(()), Err))
}

async fn all(items: &mut JoinSet<()>) {
    while items.join_next().await.is_some() {}
}

async fn take_all(shared: &Rc<Shared>, items: &mut JoinSet<()>) -> Result<()> {
    let Run { job, owner, operation, .. } = &shared.run;
    let (idempotent, alone) = (operation.meta().idempotent, operation.works_alone());
    while shared.may_begin() {
        while items.try_join_next().is_some() {}
        let window = shared.window();
        let room = window.saturating_sub(shared.held.get());
        // Several at once, so that not every end of an item asks for the next one.
        if room * 2 < window {
            shared.fewer.notified().await;
            continue;
        }
        let mut db = match shared.pool.take().await {
            Err(error) if error.kind().is_retryable() => {
                sleep(REST).await;
                continue;
            }
            taken => taken?,
        };
        let at_work = if items.is_empty() { AtWork::OnNothing } else { AtWork::OnSome };
        let looked = shared.look_at_waves(&mut db).await;
        if looked.is_ok() && shared.has_failed_enough() {
            shared.pool.back(db, &looked);
            return Ok(());
        }
        let door = Claimer { job: *job, owner, idempotent, alone, until: shared.until.get() };
        let claimed = match looked {
            Ok(()) => door.claim(&mut db, room, at_work).await,
            Err(error) => Err(error),
        };
        let next = match &claimed {
            Ok(claimed) if claimed.is_empty() && items.is_empty() => door.next(&mut db).await,
            _ => Ok(Some(0)),
        };
        let asked = claimed.and_then(|claimed| Ok((claimed, next?)));
        shared.pool.back(db, &asked);
        match asked {
            Ok((_, None)) => return Ok(()),
            Ok((claimed, Some(next))) if claimed.is_empty() => {
                let wait = Duration::from_secs(u64::try_from(next - now()).unwrap_or(0));
                if wait > FAR && items.is_empty() {
                    return Ok(());
                }
                let wait = wait.clamp(REST, LONG_REST);
                // One that runs may come back into the queue.
                tokio::select! {
                    () = all(items), if !items.is_empty() => {}
                    () = sleep(wait) => {}
                }
            }
            Ok((claimed, Some(_))) => {
                shared.held.set(shared.held.get() + claimed.len());
                for one in claimed {
                    let inside = shared.clone();
                    items.spawn_local(async move { item::work_off(inside, one).await });
                }
            }
            Err(error) if error.kind().is_retryable() => sleep(REST).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Runs work in a task of its own, so that a panic reaches nobody else.
pub(super) async fn apart<T: 'static>(work: impl Future<Output = Result<T>> + 'static) -> Result<T> {
    let done = spawn_local(work).await;
    done.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the operation panicked: please report it")))
}
