//! Taking items: some at a time, each with its tenant's lock, so that several runners share one job.

use std::collections::{HashMap, HashSet};

use super::journal::{ATTEMPTS, LEASE};
use super::state::{FAILED, UNKNOWN};
use super::statement::{Statement, ids};
use crate::db::{Cell, Db, Param, Row};
use crate::error::{Kind, Result};
use crate::registry::crons;
use crate::registry::farm::now;

/// Why an item waits that could be begun.
const AT_CRON: &str = "the tenant's cron is running: its end is waited for";

/// An item that this runner holds, and its tenant's row in the registry.
pub(super) struct Claimed {
    pub(super) item: Row,
    pub(super) tenant: Option<Row>,
}

/// Who takes items of what.
#[derive(Clone, Copy)]
pub(super) struct Claimer<'a> {
    pub(super) job: i64,
    pub(super) owner: &'a str,
    /// Whether an item whose runner died is simply begun again.
    pub(super) idempotent: bool,
    /// Whether it must have a tenant for itself, so that it waits for the end of the tenant's cron.
    pub(super) alone: bool,
    /// The last item whose turn it is.
    pub(super) until: i64,
}

/// Items that this runner asked for: those that it holds, and the numbers of those that must wait.
#[derive(Default)]
struct Locked {
    taken: Vec<Claimed>,
    /// For another job.
    for_job: Vec<i64>,
    /// For the end of a run of the tenant's cron.
    for_cron: Vec<i64>,
}

/// Whether a runner works on something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AtWork {
    OnSome,
    OnNothing,
}

impl Claimer<'_> {
    /// Takes up to `most` items in one transaction; none where nothing can be taken now. While this runner works on
    /// `some` it leaves its own expired items alone: it may be working on them.
    pub(super) async fn claim(self, db: &mut Db, most: usize, some: AtWork) -> Result<Vec<Claimed>> {
        let mut db = db.begin().await?;
        let time = now();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let queued = "SELECT * FROM {local_vmoodle_item} WHERE jobid = ? AND status = 'queued' AND notbefore <= ? \
                      AND id <= ? ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED";
        let params = [self.job.into(), time.into(), self.until.into(), most.into()];
        let mut items = db.fetch(queued, &params).await?;
        let left = most - i64::try_from(items.len()).unwrap_or(most);
        if left > 0 {
            let expired = "SELECT * FROM {local_vmoodle_item} WHERE jobid = ? AND status = 'running' AND leaseuntil < ? \
                           AND leaseowner <> ? ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED";
            let not_of = if some == AtWork::OnSome { self.owner } else { "" };
            let params = [self.job.into(), time.into(), not_of.into(), left.into()];
            let expired = db.fetch(expired, &params).await?;
            let (lost, again) = expired.into_iter().partition(|item| !self.idempotent || attempts(item) >= ATTEMPTS);
            self.give_up(&mut db, lost, time).await?;
            items.extend::<Vec<Row>>(again);
        }
        if items.is_empty() {
            db.commit().await?;
            return Ok(Vec::new());
        }
        let Locked { taken, for_job, for_cron } = self.lock(&mut db, items, time).await?;
        if !for_job.is_empty() {
            let sql = "UPDATE {local_vmoodle_item} SET notbefore = ? WHERE id IN ";
            Statement::new(sql, [(time + 1).into()]).among(ids(&for_job)).execute(&mut db).await?;
        }
        if !for_cron.is_empty() {
            let sql = "UPDATE {local_vmoodle_item} SET notbefore = ?, errorcode = ?, error = ? WHERE id IN ";
            let why = [(time + 1).into(), Kind::DatabaseBusy.code().into(), AT_CRON.into()];
            Statement::new(sql, why).among(ids(&for_cron)).execute(&mut db).await?;
        }
        if !taken.is_empty() {
            let sql = "UPDATE {local_vmoodle_item} SET status = 'running', attempts = attempts + 1, leaseowner = ?, \
                       leaseuntil = ?, heartbeat = ?, timestarted = ? WHERE id IN ";
            let params = [self.owner.into(), (time + LEASE).into(), time.into(), time.into()];
            let items = taken.iter().map(|claimed| claimed.item.int("id").into());
            Statement::new(sql, params).among(items).execute(&mut db).await?;
        }
        db.commit().await?;
        Ok(taken)
    }

    /// Locks the tenants of items: of those that nobody else works on, and of those that are no longer there.
    async fn lock(self, db: &mut Db, items: Vec<Row>, time: i64) -> Result<Locked> {
        let wanted: Vec<i64> = items.iter().filter_map(|item| item.int("tenantid")).collect();
        let select = Statement::new("SELECT * FROM {local_vmoodle} WHERE id IN ", []).among(ids(&wanted));
        let rows = select.text(" ORDER BY id FOR UPDATE").fetch(db).await?;
        let mut rows: HashMap<i64, Row> = rows.into_iter().filter_map(|row| Some((row.int("id")?, row))).collect();
        let at_cron = if self.alone { crons::running(db).await? } else { HashSet::new() };
        let (mut locked, mut locks, mut seen) = (Locked::default(), Vec::new(), HashSet::new());
        for mut item in items {
            let (id, tenant) = (item.int("id").unwrap_or(0), item.int("tenantid").unwrap_or(0));
            let row = rows.remove(&tenant);
            let is_free = row.as_ref().map_or(!seen.contains(&tenant), |row| {
                let holder = row.int("lockitem").unwrap_or(0);
                holder == 0 || holder == id || row.int("lockuntil").unwrap_or(0) < time
            });
            if !is_free {
                locked.for_job.push(id);
                continue;
            }
            if at_cron.contains(&tenant) {
                locked.for_cron.push(id);
                continue;
            }
            if row.is_some() {
                seen.insert(tenant);
                locks.push((tenant, Param::from(id)));
            }
            let tries = attempts(&item);
            item.set("attempts", Cell::Int(tries + 1));
            locked.taken.push(Claimed { item, tenant: row });
        }
        if !locks.is_empty() {
            let tenants: Vec<i64> = locks.iter().map(|(tenant, _)| *tenant).collect();
            Statement::new("UPDATE {local_vmoodle} SET lockuntil = ?", [(time + LEASE).into()])
                .cases(", lockitem = CASE id", locks, " ELSE lockitem END")
                .text(" WHERE id IN ")
                .among(ids(&tenants))
                .execute(db)
                .await?;
        }
        Ok(locked)
    }

    /// When the first of the items that wait may be taken, in seconds since 1970: they wait to be tried again, for their
    /// time, for a lock, for the end of a dead runner's lease. `None` where none waits.
    pub(super) async fn next(self, db: &mut Db) -> Result<Option<i64>> {
        let sql = "SELECT notbefore FROM {local_vmoodle_item} WHERE jobid = ? AND (status = 'queued' \
                   OR (status = 'running' AND leaseuntil < ?)) ORDER BY notbefore LIMIT 1";
        let row = db.fetch_one(sql, &[self.job.into(), now().into()]).await?;
        Ok(row.map(|row| row.int("notbefore").unwrap_or(0)))
    }

    /// Ends items of dead runners that are not begun again.
    async fn give_up(self, db: &mut Db, lost: Vec<Row>, time: i64) -> Result<()> {
        let (status, why) =
            if self.idempotent { (FAILED, "its runners died too often") } else { (UNKNOWN, "its runner died") };
        for item in lost {
            let id = item.int("id");
            let sql = "UPDATE {local_vmoodle_item} SET status = ?, errorcode = 'lease_lost', error = ?, \
                       timefinished = ?, leaseowner = NULL WHERE id = ?";
            db.execute(sql, &[status.into(), why.into(), time.into(), id.into()]).await?;
            let sql = "UPDATE {local_vmoodle} SET lockitem = NULL, lockuntil = NULL WHERE id = ? AND lockitem = ?";
            db.execute(sql, &[item.int("tenantid").into(), id.into()]).await?;
        }
        Ok(())
    }
}

fn attempts(item: &Row) -> i64 {
    item.int("attempts").unwrap_or(0)
}
