//! The operations: one file each, and the one list of them.

mod change_state;
mod clone_tenant;
pub mod contract;
mod create_tenant;
mod destroy_tenant;
mod devirtualise_tenant;
mod disable_tenant;
mod enable_tenant;
mod make;
mod purge_trash;
mod rename_tenant;
mod restore_tenant;
mod retire_tenant;
mod run_sql;
mod snapshot_tenant;
mod tenant_status;

use crate::error::{Error, Kind, Result};
use crate::host::escape;
use contract::Operation;

/// Every operation.
pub static OPERATIONS: &[&dyn Operation] = &[
    &clone_tenant::CloneTenant,
    &create_tenant::CreateTenant,
    &destroy_tenant::DestroyTenant,
    &devirtualise_tenant::DevirtualiseTenant,
    &disable_tenant::DisableTenant,
    &enable_tenant::EnableTenant,
    &purge_trash::PurgeTrash,
    &rename_tenant::RenameTenant,
    &restore_tenant::RestoreTenant,
    &retire_tenant::RetireTenant,
    &run_sql::RunSql,
    &snapshot_tenant::SnapshotTenant,
    &tenant_status::TenantStatus,
];

/// The operation of a name. Fails with `operation_not_found`.
pub fn find(name: &str) -> Result<&'static dyn Operation> {
    OPERATIONS.iter().copied().find(|operation| operation.meta().name == name).ok_or_else(|| {
        let names: Vec<_> = OPERATIONS.iter().map(|operation| operation.meta().name).collect();
        Error::new(Kind::OperationNotFound, format!("no operation has the name `{}`", escape(name)))
            .hint(format!("choose one of: {}", names.join(", ")))
    })
}
