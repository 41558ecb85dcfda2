//! All statements on the table of the farm cron: one lease per site, over all nodes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::probe::Leftover;
use super::site::Site;
use crate::db::{Cause, Db};
use crate::error::Result;
use crate::registry::farm::now;

/// How long a lease lasts without a heartbeat, in seconds.
pub(super) const LEASE: i64 = 60;
/// The row of the farm itself: locked while a lease is granted, and it holds the last round.
const FARM: i64 = -1;

/// Who asks for a lease.
#[derive(Debug)]
pub(super) struct Runner {
    /// Unique over all runners.
    pub(super) owner: String,
    /// The node.
    pub(super) host: String,
    /// How many may run on the node at once.
    pub(super) most: usize,
    /// How many may work on one database server at once.
    pub(super) per_server: usize,
}

/// What is known of a site's last run.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// When it began, in seconds since 1970; 0 for never. No two runs of a site have the same.
    pub(super) began: i64,
    /// When it ended, in seconds since 1970; 0 for never.
    pub(super) served: i64,
    /// What Moodle did not run.
    pub(super) leftover: Leftover,
}

/// Whether a site may be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// It may; `stale` is the process of a runner that died on this node.
    Granted { stale: Option<i32> },
    /// Another runner runs it, or has run it since it was asked.
    Elsewhere,
    /// A job works on the tenant, or it is gone.
    Locked,
    /// As many as may run on this node.
    NodeFull,
    /// As many as may work on its server.
    ServerFull,
}

/// Makes the rows that are not there yet, and drops those of tenants that are gone.
///
/// Under the farm's lock, as a claim is: on MariaDB two runners that number new rows at once would end each other.
pub(super) async fn prepare(db: &mut Db) -> Result<()> {
    let farm = "SELECT id FROM {local_vmoodle_cron} WHERE tenantid = ?";
    if db.fetch_one(farm, &[FARM.into()]).await?.is_none() {
        match db.execute("INSERT INTO {local_vmoodle_cron} (tenantid) VALUES (?)", &[FARM.into()]).await {
            // Another runner has made it at the same moment.
            Err(fault) if fault.cause() == Cause::DuplicateKey => {}
            made => drop(made?),
        }
    }
    let mut db = db.begin().await?;
    lock_farm(&mut db).await?;
    let sites = "INSERT INTO {local_vmoodle_cron} (tenantid) \
        SELECT s.id FROM (SELECT id FROM {local_vmoodle} UNION ALL SELECT 0) s \
        WHERE NOT EXISTS (SELECT 1 FROM {local_vmoodle_cron} c WHERE c.tenantid = s.id)";
    db.execute(sites, &[]).await?;
    // Asked first: a DELETE with these conditions would lock the rows of all sites on MariaDB, those that run too.
    let gone = "SELECT id FROM {local_vmoodle_cron} WHERE tenantid > 0 AND leaseuntil < ? \
        AND tenantid NOT IN (SELECT id FROM {local_vmoodle})";
    for row in db.fetch(gone, &[now().into()]).await? {
        db.execute("DELETE FROM {local_vmoodle_cron} WHERE id = ?", &[row.int("id").into()]).await?;
    }
    db.commit().await?;
    Ok(())
}

/// Lets runners take turns until the end of the transaction.
async fn lock_farm(db: &mut Db) -> Result<()> {
    db.fetch("SELECT id FROM {local_vmoodle_cron} WHERE tenantid = ? FOR UPDATE", &[FARM.into()]).await?;
    Ok(())
}

/// Each site's last run.
pub(super) async fn past(db: &mut Db) -> Result<HashMap<i64, Past>> {
    let rows = db.fetch("SELECT tenantid, timestarted, timefinished, leftover FROM {local_vmoodle_cron}", &[]).await?;
    let past = rows.iter().map(|row| {
        let leftover = row.text("leftover").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let number = |column| row.int(column).unwrap_or(0);
        (number("tenantid"), Past { began: number("timestarted"), served: number("timefinished"), leftover })
    });
    Ok(past.collect())
}

/// Takes a site that was found due after the run that began at `last`, and notes in the registry that its cron begins.
pub(super) async fn claim(db: &mut Db, runner: &Runner, site: &Site, since: i64, last: i64) -> Result<Grant> {
    let mut db = db.begin().await?;
    let grant = decide(&mut db, runner, site, since, last).await?;
    match grant {
        Grant::Granted { .. } => db.commit().await?,
        _ => db.rollback().await?,
    }
    Ok(grant)
}

async fn decide(db: &mut Db, runner: &Runner, site: &Site, since: i64, last: i64) -> Result<Grant> {
    let time = now();
    lock_farm(db).await?;
    let count = "SELECT COUNT(CASE WHEN host = ? THEN 1 END) AS here, COUNT(CASE WHEN server = ? THEN 1 END) AS there \
        FROM {local_vmoodle_cron} WHERE leaseuntil >= ?";
    let busy = db.fetch_one(count, &[runner.host.as_str().into(), site.server.as_str().into(), time.into()]).await?;
    let busy =
        |column| busy.as_ref().and_then(|row| row.int(column)).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    if busy("here") >= runner.most {
        return Ok(Grant::NodeFull);
    }
    if busy("there") >= runner.per_server {
        return Ok(Grant::ServerFull);
    }
    let sql = "SELECT owner, host, pid, leaseuntil, timestarted FROM {local_vmoodle_cron} WHERE tenantid = ?";
    let Some(row) = db.fetch_one(sql, &[site.id.into()]).await? else { return Ok(Grant::Locked) };
    let number = |column| row.int(column).unwrap_or(0);
    if number("leaseuntil") >= time || number("timestarted") != last {
        return Ok(Grant::Elsewhere);
    }
    let stale = row.text("owner").filter(|_| row.text("host") == Some(runner.host.as_str()));
    let stale = stale.and_then(|_| i32::try_from(number("pid")).ok()).filter(|pid| *pid > 1);
    let take = "UPDATE {local_vmoodle_cron} SET owner = ?, leaseuntil = ?, host = ?, server = ?, pid = 0, duesince = ?, \
        timestarted = ?, outcome = 'running', exitcode = NULL WHERE tenantid = ?";
    let params = [
        runner.owner.as_str().into(),
        (time + LEASE).into(),
        runner.host.as_str().into(),
        site.server.as_str().into(),
        since.into(),
        // Runs may be shorter than a second.
        time.max(last + 1).into(),
        site.id.into(),
    ];
    db.execute(take, &params).await?;
    if site.id > 0 {
        // In this order: MariaDB reads what it has written already.
        let begun = "UPDATE {local_vmoodle} SET lastcrongap = CASE WHEN lastcron > 0 THEN ? - lastcron ELSE 0 END, \
            lastcron = ?, croncount = croncount + 1 WHERE id = ? AND state = 'enabled' \
            AND (lockitem IS NULL OR lockitem = 0 OR lockuntil < ?)";
        if db.execute(begun, &[time.into(), time.into(), site.id.into(), time.into()]).await? == 0 {
            return Ok(Grant::Locked);
        }
    }
    Ok(Grant::Granted { stale })
}

/// Notes a site's process.
pub(super) async fn note_process(db: &mut Db, runner: &Runner, id: i64, pid: u32) -> Result<()> {
    let sql = "UPDATE {local_vmoodle_cron} SET pid = ? WHERE tenantid = ? AND owner = ?";
    db.execute(sql, &[i64::from(pid).into(), id.into(), runner.owner.as_str().into()]).await?;
    Ok(())
}

/// Keeps what a runner holds; gives the sites that it still has.
pub(super) async fn beat(db: &mut Db, runner: &Runner) -> Result<Vec<i64>> {
    let sql = "UPDATE {local_vmoodle_cron} SET leaseuntil = ? WHERE owner = ?";
    db.execute(sql, &[(now() + LEASE).into(), runner.owner.as_str().into()]).await?;
    let rows =
        db.fetch("SELECT tenantid FROM {local_vmoodle_cron} WHERE owner = ?", &[runner.owner.as_str().into()]).await?;
    Ok(rows.iter().filter_map(|row| row.int("tenantid")).collect())
}

/// Gives a site back, with how its run ended.
pub(super) async fn finish(
    db: &mut Db,
    runner: &Runner,
    id: i64,
    outcome: &str,
    exit: Option<i64>,
    leftover: Option<&Leftover>,
) -> Result<()> {
    let leftover = leftover.and_then(|leftover| serde_json::to_string(leftover).ok());
    let sql = "UPDATE {local_vmoodle_cron} SET owner = NULL, leaseuntil = 0, pid = 0, timefinished = ?, outcome = ?, \
        exitcode = ?, leftover = ? WHERE tenantid = ? AND owner = ?";
    let params = [now().into(), outcome.into(), exit.into(), leftover.into(), id.into(), runner.owner.as_str().into()];
    db.execute(sql, &params).await?;
    Ok(())
}

/// Notes a round that has ended.
pub(super) async fn note_round(db: &mut Db, runner: &Runner, began: i64, summary: &Map<String, Value>) -> Result<()> {
    let sql =
        "UPDATE {local_vmoodle_cron} SET host = ?, timestarted = ?, timefinished = ?, summary = ? WHERE tenantid = ?";
    let summary = Value::Object(summary.clone()).to_string();
    let params = [runner.host.as_str().into(), began.into(), now().into(), summary.into(), FARM.into()];
    db.execute(sql, &params).await?;
    Ok(())
}
