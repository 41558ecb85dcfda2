//! New passwords of administrators: sealed in the memory of the items that made them, until somebody is told them, once.

use serde_json::{Map, Value, json};

use super::journal;
use super::state::DONE;
use crate::db::{Db, Row};
use crate::error::Result;
use crate::secret::{Keyring, Stored};
use crate::steps::{sealed_in, without_sealed};

/// How many of a job's passwords nobody has been told yet.
pub(super) fn untold(items: &[Row]) -> usize {
    items.iter().filter(|item| sealed(item).is_some()).count()
}

/// Tells a job's new passwords, by the addresses of their sites, and forgets them: nobody is told them again.
pub(crate) async fn tell(db: &mut Db, keyring: &Keyring, job: i64) -> Result<Map<String, Value>> {
    journal::job(db, job).await?;
    let mut db = db.begin().await?;
    let sql =
        "SELECT tenantid, wwwroot, status, memory FROM {local_vmoodle_item} WHERE jobid = ? ORDER BY id FOR UPDATE";
    let items = db.fetch(sql, &[job.into()]).await?;
    let mut told = Map::new();
    for item in &items {
        if let (Some(sealed), Some(tenant)) = (sealed(item), item.int("tenantid")) {
            let password = keyring.open_stored(&sealed)?;
            told.insert(item.text("wwwroot").unwrap_or_default().to_owned(), json!(password.reveal()));
            forget(&mut db, tenant, &sealed).await?;
        }
    }
    db.commit().await?;
    Ok(told)
}

/// The password of an item that is done: what others keep is not the administrator's yet.
fn sealed(item: &Row) -> Option<Stored> {
    item.text("memory").filter(|_| item.text("status") == Some(DONE)).and_then(sealed_in)
}

/// An item that goes on where another one has failed has its memory too.
async fn forget(db: &mut Db, tenant: i64, sealed: &Stored) -> Result<()> {
    let sql = "SELECT id, memory FROM {local_vmoodle_item} WHERE tenantid = ? AND memory IS NOT NULL";
    for item in db.fetch(sql, &[tenant.into()]).await? {
        let memory = item.text("memory").unwrap_or_default();
        if sealed_in(memory).as_ref() == Some(sealed) {
            let sql = "UPDATE {local_vmoodle_item} SET memory = ? WHERE id = ?";
            db.execute(sql, &[without_sealed(memory).into(), item.int("id").into()]).await?;
        }
    }
    Ok(())
}
