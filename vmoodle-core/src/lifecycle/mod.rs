//! A tenant's life: made, copied, moved to the trash and back, all of it in steps that can be repeated.
//!
//! ```text
//! operation -> wish (rows of tenants to be made) -> build (database, files, identity)
//! operation -> adopt (rows of sites that are there)
//! operation -> trash, snapshots, rename, standalone -> stale (what caches and sessions hold of other tables)
//! operation -> once, upgrade (what only Moodle's own scripts can do) -> process
//!                 -> server (who may make databases) -> db, files, snapshot, moodle
//! script, in_tenant (what only Moodle's own PHP can do) -> process
//! ```

pub(crate) mod adopt;
pub(crate) mod build;
pub(crate) mod import;
pub(crate) mod in_tenant;
pub(crate) mod once;
pub(crate) mod process;
pub(crate) mod rename;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod snapshots;
pub(crate) mod stale;
pub(crate) mod standalone;
pub(crate) mod trash;
pub(crate) mod trial;
pub(crate) mod upgrade;
pub(crate) mod wish;

use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::secret::Keyring;
use crate::steps::Steps;
use crate::tenant::{State, Tenant};

/// Refuses a tenant that is not there as a whole: half built, in the trash, or one that is left to people.
pub(crate) fn require_whole(tenant: &Tenant, what: &str) -> Result<()> {
    if !matches!(tenant.state, State::Creating | State::Trashed | State::Broken) {
        return Ok(());
    }
    let message = format!("a tenant that is {} cannot be {what}", tenant.state.word());
    Err(Error::new(Kind::StateRefused, message).of_tenant(tenant.address.to_string()))
}

/// What work on one tenant stands on.
pub(crate) struct Ground<'a> {
    pub(crate) control: &'a ControlSite,
    pub(crate) keyring: &'a Keyring,
    /// The control database.
    pub(crate) db: &'a mut Db,
    pub(crate) tenant: &'a Tenant,
    pub(crate) steps: &'a mut Steps,
}
