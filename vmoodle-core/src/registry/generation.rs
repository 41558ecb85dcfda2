//! The table `local_vmoodle_generation`: how often the registry was published, and the lock of all who write to it.

use crate::db::{Cause, Db};
use crate::error::Result;

use super::farm::now;

/// The generation as it stands; 0 when nothing was ever published.
pub async fn read(db: &mut Db) -> Result<u64> {
    let row = db.fetch_one("SELECT generation FROM {local_vmoodle_generation} WHERE id = 1", &[]).await?;
    Ok(row.and_then(|row| row.int("generation")).unwrap_or(0).max(0).unsigned_abs())
}

/// Makes the one row, outside of a transaction: PostgreSQL would abort it when somebody else was first.
pub async fn ensure(db: &mut Db) -> Result<()> {
    if db.fetch_one("SELECT id FROM {local_vmoodle_generation} WHERE id = 1", &[]).await?.is_some() {
        return Ok(());
    }
    let sql = "INSERT INTO {local_vmoodle_generation} (id, generation, timepublished) VALUES (1, 0, 0)";
    match db.execute(sql, &[]).await {
        Err(fault) if fault.cause() != Cause::DuplicateKey => Err(fault.into()),
        _ => Ok(()),
    }
}

/// Waits until nobody else writes to the registry, then keeps others waiting until the transaction ends.
pub async fn lock(db: &mut Db) -> Result<u64> {
    let sql = "SELECT generation FROM {local_vmoodle_generation} WHERE id = 1 FOR UPDATE";
    let row = db.fetch_one(sql, &[]).await?;
    Ok(row.and_then(|row| row.int("generation")).unwrap_or(0).max(0).unsigned_abs())
}

/// Writes the new generation.
pub async fn raise(db: &mut Db, generation: u64) -> Result<()> {
    let sql = "UPDATE {local_vmoodle_generation} SET generation = ?, timepublished = ? WHERE id = 1";
    db.execute(sql, &[i64::try_from(generation).unwrap_or(i64::MAX).into(), now().into()]).await?;
    Ok(())
}
