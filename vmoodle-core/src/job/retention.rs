//! How long the journal keeps a job that has ended.

use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::registry::farm::now;

/// The youngest that may go, in seconds: what was done today is looked up, retried and undone.
const YOUNGEST: i64 = 86_400;

/// Removes the jobs that ended longer ago than `age` seconds, with their items; gives how many jobs went.
///
/// What is still needed stays whatever its age: the items of a tenant that is half made, and of one in the trash, which
/// bring it back. Each job goes in a transaction of its own: a run that is cut off has removed whole jobs.
pub(crate) async fn purge(db: &mut Db, age: i64) -> Result<u64> {
    if age < YOUNGEST {
        return Err(Error::new(Kind::BadParameter, format!("{age} is below {YOUNGEST}, the seconds of a day"))
            .hint("the journal keeps every job for a day at least: it is what retries and undoes are made of"));
    }
    let sql = "SELECT id FROM {local_vmoodle_job} WHERE timefinished > 0 AND timefinished < ? AND NOT EXISTS \
               (SELECT 1 FROM {local_vmoodle_item} i JOIN {local_vmoodle} t ON t.id = i.tenantid \
                 WHERE i.jobid = {local_vmoodle_job}.id AND t.state IN ('creating', 'trashed')) ORDER BY id";
    let old: Vec<i64> = db.fetch(sql, &[(now() - age).into()]).await?.iter().filter_map(|row| row.int("id")).collect();
    let mut gone = 0;
    for job in old {
        let mut db = db.begin().await?;
        db.execute("DELETE FROM {local_vmoodle_item} WHERE jobid = ?", &[job.into()]).await?;
        gone += db.execute("DELETE FROM {local_vmoodle_job} WHERE id = ?", &[job.into()]).await?;
        db.commit().await?;
    }
    Ok(gone)
}
