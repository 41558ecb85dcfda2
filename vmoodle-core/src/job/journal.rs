//! All statements on the tables of jobs and items.

use serde_json::{Map, Value, json};

use super::state::{CANCELLED, DONE, FAILED, QUEUED, RUNNING, UNKNOWN};
use crate::db::{Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::registry::farm::now;
use crate::tenant::Tenant;

/// How long a lease lasts without a heartbeat, in seconds.
pub(super) const LEASE: i64 = 60;
/// How often an item may be begun.
pub(super) const ATTEMPTS: i64 = 3;

/// What a new job is.
pub(super) struct NewJob<'a> {
    pub(super) operation: &'a str,
    pub(super) parameters: &'a Map<String, Value>,
    pub(super) targets: Vec<String>,
    pub(super) options: &'a Map<String, Value>,
    pub(super) mode: &'a str,
    pub(super) undoes: i64,
    pub(super) retries: i64,
    pub(super) userid: i64,
}

/// What a new item is.
#[derive(Clone)]
pub(super) struct NewItem {
    pub(super) tenant: i64,
    pub(super) wwwroot: String,
    pub(super) server: String,
    pub(super) parameters: String,
    /// What an undo puts back.
    pub(super) image: Option<String>,
    /// What an earlier item has done already.
    pub(super) memory: Option<String>,
    /// Why it fails before it begins: code and sentence.
    pub(super) error: Option<(&'static str, String)>,
    /// When it may begin, in seconds since 1970; 0 for at once.
    pub(super) notbefore: i64,
}

impl NewItem {
    /// The first item of a tenant.
    pub(super) fn of(tenant: &Tenant, parameters: &Map<String, Value>) -> Self {
        let place = &tenant.database;
        Self {
            tenant: i64::from(tenant.id.0),
            wwwroot: tenant.address.to_string(),
            server: format!("{}:{}:{}", place.engine.word(), place.host, place.port.unwrap_or(0)),
            parameters: json!(parameters).to_string(),
            image: None,
            memory: None,
            error: None,
            notbefore: 0,
        }
    }

    /// An item that stands for what could not be granted.
    pub(super) fn refused(wwwroot: &str, error: &Error) -> Self {
        Self {
            tenant: 0,
            wwwroot: wwwroot.chars().take(255).collect(),
            server: String::new(),
            parameters: "{}".to_owned(),
            image: None,
            memory: None,
            error: Some((error.code(), error.to_string())),
            notbefore: 0,
        }
    }
}

/// How many items one statement writes: eleven parameters each, far below what the engines take.
const PAGE: usize = 500;

/// How long an image is, in octets, that a statement of its own writes.
pub(super) const LONG: usize = 16 << 10;

/// Writes a job and its items, inside the caller's transaction.
pub(super) async fn create(db: &mut Db, new: &NewJob<'_>, items: &[NewItem]) -> Result<i64> {
    let columns = [
        "operation",
        "parameters",
        "targets",
        "options",
        "mode",
        "status",
        "undoes",
        "retries",
        "userid",
        "timecreated",
    ];
    let values = [
        new.operation.into(),
        json!(new.parameters).to_string().into(),
        json!(new.targets).to_string().into(),
        json!(new.options).to_string().into(),
        new.mode.into(),
        QUEUED.into(),
        new.undoes.into(),
        new.retries.into(),
        new.userid.into(),
        now().into(),
    ];
    let job = db.insert(Sql::insert("local_vmoodle_job", &columns), &values).await?;
    for page in pages(items) {
        let values: Vec<Param> = page.iter().flat_map(|item| row_of(job, item)).collect();
        db.execute(Sql::insert_rows("local_vmoodle_item", &COLUMNS, page.len()), &values).await?;
    }
    Ok(job)
}

/// The items that one statement writes: an undo brings their images, which may be long.
fn pages(items: &[NewItem]) -> impl Iterator<Item = &[NewItem]> {
    let is_long = |item: &NewItem| item.image.as_ref().is_some_and(|image| image.len() > LONG);
    items.chunk_by(move |one, next| !is_long(one) && !is_long(next)).flat_map(|page| page.chunks(PAGE))
}

const COLUMNS: [&str; 11] = [
    "jobid",
    "tenantid",
    "wwwroot",
    "server",
    "parameters",
    "status",
    "beforeimage",
    "memory",
    "errorcode",
    "error",
    "notbefore",
];

fn row_of(job: i64, item: &NewItem) -> [Param; 11] {
    let (code, error) = item.error.clone().map_or((None, None), |(code, text)| (Some(code.to_owned()), Some(text)));
    [
        job.into(),
        item.tenant.into(),
        item.wwwroot.as_str().into(),
        item.server.as_str().into(),
        item.parameters.as_str().into(),
        if code.is_some() { FAILED } else { QUEUED }.into(),
        item.image.clone().into(),
        item.memory.clone().into(),
        code.into(),
        error.into(),
        item.notbefore.into(),
    ]
}

/// What the last item that worked on a tenant has done, for one that goes on.
pub(super) async fn last_memory(db: &mut Db, tenant: i64) -> Result<Option<String>> {
    let sql = "SELECT memory FROM {local_vmoodle_item} WHERE tenantid = ? ORDER BY id DESC LIMIT 1";
    let row = db.fetch_one(sql, &[tenant.into()]).await?;
    Ok(row.and_then(|row| row.text("memory").map(str::to_owned)))
}

/// A job's row. Fails with `job_not_found`.
pub(super) async fn job(db: &mut Db, id: i64) -> Result<Row> {
    let row = db.fetch_one("SELECT * FROM {local_vmoodle_job} WHERE id = ?", &[id.into()]).await?;
    row.ok_or_else(|| Error::new(Kind::JobNotFound, format!("no job has the number {id}")))
}

/// A job's items, in order.
pub(super) async fn items(db: &mut Db, job: i64) -> Result<Vec<Row>> {
    Ok(db.fetch("SELECT * FROM {local_vmoodle_item} WHERE jobid = ? ORDER BY id", &[job.into()]).await?)
}

/// The items of a job whose memory may hold a new password, without the rest of them.
pub(super) async fn keepers(db: &mut Db, job: i64) -> Result<Vec<Row>> {
    let sql = r#"SELECT status, memory FROM {local_vmoodle_item} WHERE jobid = ? AND memory LIKE '%"password":%'"#;
    Ok(db.fetch(sql, &[job.into()]).await?)
}

/// How many items are in each state.
pub(super) async fn counts(db: &mut Db, job: i64) -> Result<Map<String, Value>> {
    let sql = "SELECT status, COUNT(*) AS items FROM {local_vmoodle_item} WHERE jobid = ? GROUP BY status";
    let rows = db.fetch(sql, &[job.into()]).await?;
    Ok(rows.iter().map(|r| (r.text("status").unwrap_or_default().to_owned(), json!(r.int("items")))).collect())
}

/// How many items of tenants have failed for good.
pub(super) async fn failed(db: &mut Db, job: i64) -> Result<u64> {
    let sql = "SELECT COUNT(*) AS items FROM {local_vmoodle_item} \
               WHERE jobid = ? AND tenantid > 0 AND status IN ('failed', 'unknown')";
    let row = db.fetch_one(sql, &[job.into()]).await?;
    Ok(row.and_then(|row| row.int("items")).unwrap_or(0).unsigned_abs())
}

/// Keeps what a runner holds: its items and their tenants' locks.
pub(super) async fn beat(db: &mut Db, job: i64, owner: &str) -> Result<()> {
    let until = now() + LEASE;
    let sql = "UPDATE {local_vmoodle_item} SET leaseuntil = ?, heartbeat = ? \
               WHERE jobid = ? AND status = 'running' AND leaseowner = ?";
    db.execute(sql, &[until.into(), now().into(), job.into(), owner.into()]).await?;
    let sql = "UPDATE {local_vmoodle} SET lockuntil = ? WHERE lockitem IN \
               (SELECT id FROM {local_vmoodle_item} WHERE jobid = ? AND status = 'running' AND leaseowner = ?)";
    db.execute(sql, &[until.into(), job.into(), owner.into()]).await?;
    Ok(())
}

/// Stops a job: what is queued is cancelled, what runs ends at its next step.
pub(super) async fn cancel(db: &mut Db, job: i64) -> Result<()> {
    db.execute("UPDATE {local_vmoodle_job} SET cancelled = 1 WHERE id = ?", &[job.into()]).await?;
    stop(db, job).await?;
    close(db, job).await
}

/// Cancels what is queued.
pub(super) async fn stop(db: &mut Db, job: i64) -> Result<()> {
    let sql = "UPDATE {local_vmoodle_item} SET status = ?, timefinished = ? WHERE jobid = ? AND status = 'queued'";
    db.execute(sql, &[CANCELLED.into(), now().into(), job.into()]).await?;
    Ok(())
}

/// Ends a job whose items have all ended.
pub(super) async fn close(db: &mut Db, job: i64) -> Result<()> {
    let counts = counts(db, job).await?;
    let has = |status: &str| counts.contains_key(status);
    if has(QUEUED) || has(RUNNING) {
        return Ok(());
    }
    let failed = has(FAILED) || has(UNKNOWN);
    let status = if failed {
        FAILED
    } else if has(CANCELLED) {
        CANCELLED
    } else {
        DONE
    };
    let sql = "UPDATE {local_vmoodle_job} SET status = ?, timefinished = ? WHERE id = ? AND timefinished = 0";
    db.execute(sql, &[status.into(), now().into(), job.into()]).await?;
    Ok(())
}
