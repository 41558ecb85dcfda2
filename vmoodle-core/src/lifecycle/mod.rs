//! A tenant's life: made, copied, moved to the trash and back, all of it in steps that can be repeated.
//!
//! ```text
//! operation -> wish (rows of tenants to be made) -> build (database, files, identity)
//! operation -> adopt (rows of sites that are there)
//! operation -> trash, snapshots, rename, standalone
//!                 -> server (who may make databases) -> db, files, snapshot, moodle
//! ```

pub(crate) mod adopt;
pub(crate) mod build;
pub(crate) mod import;
pub(crate) mod rename;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod snapshots;
pub(crate) mod standalone;
pub(crate) mod trash;
pub(crate) mod trial;
pub(crate) mod wish;

use crate::control::ControlSite;
use crate::db::Db;
use crate::secret::Keyring;
use crate::steps::Steps;
use crate::tenant::Tenant;

/// What work on one tenant stands on.
pub(crate) struct Ground<'a> {
    pub(crate) control: &'a ControlSite,
    pub(crate) keyring: &'a Keyring,
    /// The control database.
    pub(crate) db: &'a mut Db,
    pub(crate) tenant: &'a Tenant,
    pub(crate) steps: &'a mut Steps,
}
