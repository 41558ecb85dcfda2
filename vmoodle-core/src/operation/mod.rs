//! The operations: one file each, and the one list of them.

mod change_state;
pub mod contract;
mod disable_tenant;
mod enable_tenant;
pub mod param;
mod retire_tenant;
mod tenant_status;

use crate::error::{Error, Kind, Result};
use crate::host::escape;
use contract::Operation;

/// Every operation.
pub static OPERATIONS: &[&dyn Operation] = &[
    &disable_tenant::DisableTenant,
    &enable_tenant::EnableTenant,
    &retire_tenant::RetireTenant,
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
