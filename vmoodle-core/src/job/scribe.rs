//! Group commit: what runners write of their items waits a moment for what others write, and goes in one transaction.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::batch::{self, Entry, Verdict};
use super::pool::Pool;
use crate::error::{Error, Kind, Result};

/// How long the first entry of a batch waits for others.
const LINGER: Duration = Duration::from_millis(3);
/// How many entries one transaction takes.
const BATCH: usize = 128;
/// How often a batch is tried while the control database does not answer, with twice the pause each time.
const TRIES: u32 = 6;
/// The first pause.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes for all items of a run.
pub(super) struct Scribe {
    pool: Rc<Pool>,
    job: i64,
    owner: String,
    waiting: RefCell<Vec<(Entry, oneshot::Sender<Result<()>>)>>,
    wake: Notify,
}

impl Scribe {
    pub(super) fn new(pool: Rc<Pool>, job: i64, owner: String) -> Self {
        Self { pool, job, owner, waiting: RefCell::default(), wake: Notify::new() }
    }

    /// Writes an entry; when this has passed, it is durable. Fails with `lease_lost` and `job_cancelled`.
    pub(super) async fn write(&self, entry: Entry) -> Result<()> {
        let (reply, written) = oneshot::channel();
        self.waiting.borrow_mut().push((entry, reply));
        self.wake.notify_one();
        let gone = |e| Error::new(Kind::Internal, "nobody writes the journal any more").because(e);
        written.await.map_err(gone)?
    }

    /// Writes what comes, for ever.
    pub(super) async fn serve(self: Rc<Self>) {
        loop {
            self.wake.notified().await;
            tokio::time::sleep(LINGER).await;
            loop {
                let batch: Vec<_> = {
                    let mut waiting = self.waiting.borrow_mut();
                    let many = waiting.len().min(BATCH);
                    waiting.drain(..many).collect()
                };
                if batch.is_empty() {
                    break;
                }
                let (entries, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                for (reply, said) in replies.into_iter().zip(self.together(&entries).await) {
                    // Who does not wait any more has ended.
                    let _ = reply.send(said);
                }
            }
        }
    }

    /// Writes a batch; where the database refuses it, each entry for itself, so that one alone bears the refusal.
    async fn together(&self, entries: &[Entry]) -> Vec<Result<()>> {
        match self.persistently(entries).await {
            Ok(verdicts) => verdicts.into_iter().map(said).collect(),
            Err(error) if entries.len() == 1 || error.kind().is_retryable() => {
                entries.iter().map(|_| Err(Error::new(error.kind(), error.to_string()))).collect()
            }
            Err(_) => {
                let mut all = Vec::with_capacity(entries.len());
                for entry in entries {
                    let alone = self.persistently(std::slice::from_ref(entry)).await;
                    all.push(alone.and_then(|verdicts| verdicts.into_iter().try_for_each(said)));
                }
                all
            }
        }
    }

    async fn persistently(&self, entries: &[Entry]) -> Result<Vec<Verdict>> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.once(entries).await {
                Err(error) if error.kind().is_retryable() => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause *= 2;
        }
        self.once(entries).await
    }

    async fn once(&self, entries: &[Entry]) -> Result<Vec<Verdict>> {
        let mut db = self.pool.take().await?;
        let done = batch::write(&mut db, self.job, &self.owner, entries).await;
        self.pool.back(db, &done);
        done
    }
}

fn said(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Written => Ok(()),
        Verdict::Lost => Err(Error::new(Kind::LeaseLost, "another runner has taken the item over")),
        Verdict::Cancelled => Err(Error::new(Kind::JobCancelled, "the job was cancelled")),
    }
}
