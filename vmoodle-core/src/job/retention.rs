//! How long the journal keeps a job that has ended.

use crate::db::{Db, Row};
use crate::error::{Error, Kind, Result};
use crate::operation;
use crate::registry::farm::now;

/// The youngest that may go, in seconds: what was done today is looked up, retried and undone.
const YOUNGEST: i64 = 86_400;

/// Removes the jobs that ended longer ago than `age` seconds, with their items; gives how many jobs went.
///
/// What is still needed stays whatever its age: how a tenant that is there was made, and what a tenant that is half made, or in
/// the trash, is made of or brought back by. Each job goes in a transaction of its own: a run that is cut off has removed whole jobs.
pub(crate) async fn purge(db: &mut Db, age: i64) -> Result<u64> {
    if age < YOUNGEST {
        return Err(Error::new(Kind::BadParameter, format!("{age} is below {YOUNGEST}, the seconds of a day"))
            .hint("the journal keeps every job for a day at least: it is what retries and undoes are made of"));
    }
    let sql = "SELECT job.id, job.operation, \
               (SELECT COUNT(*) FROM {local_vmoodle_item} item JOIN {local_vmoodle} tenant ON tenant.id = item.tenantid \
                 WHERE item.jobid = job.id) AS tenants, \
               (SELECT COUNT(*) FROM {local_vmoodle_item} item JOIN {local_vmoodle} tenant ON tenant.id = item.tenantid \
                 WHERE item.jobid = job.id AND tenant.state IN ('creating', 'trashed')) AS unsettled \
               FROM {local_vmoodle_job} job WHERE job.timefinished > 0 AND job.timefinished < ? ORDER BY job.id";
    let is_needed = |row: &Row| {
        let has = |column| row.int(column).unwrap_or(0) > 0;
        let makes = || row.text("operation").is_some_and(|name| operation::find(name).is_ok_and(|it| it.meta().makes));
        has("unsettled") || (has("tenants") && makes())
    };
    let old: Vec<i64> = db
        .fetch(sql, &[(now() - age).into()])
        .await?
        .iter()
        .filter(|row| !is_needed(row))
        .filter_map(|row| row.int("id"))
        .collect();
    let mut gone = 0;
    for job in old {
        let mut db = db.begin().await?;
        db.execute("DELETE FROM {local_vmoodle_item} WHERE jobid = ?", &[job.into()]).await?;
        gone += db.execute("DELETE FROM {local_vmoodle_job} WHERE id = ?", &[job.into()]).await?;
        db.commit().await?;
    }
    Ok(gone)
}
