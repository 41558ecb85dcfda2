//! Taking items: some at a time, each with its tenant's lock, so that several runners share one job.

use std::collections::{HashMap, HashSet};

use super::journal::{ATTEMPTS, LEASE};
use super::state::{FAILED, UNKNOWN};
use super::statement::{Statement, ids};
use crate::db::{Cell, Db, Param, Row};
use crate::error::Result;
use crate::registry::farm::now;

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
    /// The last item whose turn it is.
    pub(super) until: i64,
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
        let (taken, waiting) = lock(&mut db, items, time).await?;
        if !waiting.is_empty() {
            let sql = "UPDATE {local_vmoodle_item} SET notbefore = ? WHERE id IN ";
            Statement::new(sql, [(time + 1).into()]).among(ids(&waiting)).execute(&mut db).await?;
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

    /// Whether items wait: to be tried again, for a lock, for the end of a dead runner's lease.
    pub(super) async fn is_left(self, db: &mut Db) -> Result<bool> {
        let sql = "SELECT id FROM {local_vmoodle_item} WHERE jobid = ? AND (status = 'queued' \
                   OR (status = 'running' AND leaseuntil < ?)) LIMIT 1";
        Ok(db.fetch_one(sql, &[self.job.into(), now().into()]).await?.is_some())
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

/// Locks the tenants of items; gives the items whose tenants are locked now or are no longer there, and the numbers of
/// those whose tenants somebody else works on.
async fn lock(db: &mut Db, items: Vec<Row>, time: i64) -> Result<(Vec<Claimed>, Vec<i64>)> {
    let wanted: Vec<i64> = items.iter().filter_map(|item| item.int("tenantid")).collect();
    let select = Statement::new("SELECT * FROM {local_vmoodle} WHERE id IN ", []).among(ids(&wanted));
    let rows = select.text(" ORDER BY id FOR UPDATE").fetch(db).await?;
    let mut rows: HashMap<i64, Row> = rows.into_iter().filter_map(|row| Some((row.int("id")?, row))).collect();
    let (mut taken, mut waiting, mut locks, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
    for mut item in items {
        let (id, tenant) = (item.int("id").unwrap_or(0), item.int("tenantid").unwrap_or(0));
        let row = rows.remove(&tenant);
        let is_free = row.as_ref().map_or(!seen.contains(&tenant), |row| {
            let holder = row.int("lockitem").unwrap_or(0);
            holder == 0 || holder == id || row.int("lockuntil").unwrap_or(0) < time
        });
        if !is_free {
            waiting.push(id);
            continue;
        }
        if row.is_some() {
            seen.insert(tenant);
            locks.push((tenant, Param::from(id)));
        }
        let tries = attempts(&item);
        item.set("attempts", Cell::Int(tries + 1));
        taken.push(Claimed { item, tenant: row });
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
    Ok((taken, waiting))
}

fn attempts(item: &Row) -> i64 {
    item.int("attempts").unwrap_or(0)
}
