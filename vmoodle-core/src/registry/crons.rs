//! Which tenants' crons run at this moment, by the leases of the farm cron.

use std::collections::HashSet;

use super::farm::now;
use crate::db::{Db, Fault};
use crate::tenant::Tenant;

/// The numbers of the tenants whose crons run, on whatever node.
///
/// Whoever holds the lock of a tenant's row and does not find it here has it for itself: the farm cron notes its lease before
/// it looks at that lock, in one transaction.
pub(crate) async fn running(db: &mut Db) -> Result<HashSet<i64>, Fault> {
    let sql = "SELECT tenantid FROM {local_vmoodle_cron} WHERE tenantid > 0 AND leaseuntil >= ?";
    let rows = db.fetch(sql, &[now().into()]).await?;
    Ok(rows.iter().filter_map(|row| row.int("tenantid")).collect())
}

/// Whether this tenant's cron runs.
pub(crate) async fn runs(db: &mut Db, tenant: &Tenant) -> Result<bool, Fault> {
    Ok(running(db).await?.contains(&i64::from(tenant.id.0)))
}
