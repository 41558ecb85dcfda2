//! What a tenant's caches and sessions hold of tables that are no longer those: it goes, in files and in Redis.

use super::{Ground, in_tenant};
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::moodle::caches::{Caches, Dropped, Folders};
use crate::moodle::config;
use crate::moodle::session::{self, Keeper};
use crate::moodle::stale::Stale;
use crate::registry::policies;
use crate::secret::Keyring;
use crate::steps::blocking;
use crate::tenant::Tenant;
use crate::warning::{Matter, Warning};

/// All that the tenant's caches hold, for the runner to drop.
pub(crate) async fn everything(control: &ControlSite, keyring: &Keyring, tenant: &Tenant) -> Result<Vec<Stale>> {
    let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
    let plugins = config::plugins(&mut site).await;
    site.close().await;
    Ok(Stale::everything(&plugins?))
}

/// Drops what can be reached now; gives what a person should know. A server of caches that does not answer must keep nobody
/// from restoring a site, or from throwing it away.
pub(crate) async fn drop_now(control: &ControlSite, keyring: &Keyring, tenant: &Tenant) -> Vec<Warning> {
    let dropped = async {
        let stale = everything(control, keyring, tenant).await?;
        let Dropped { mut warnings, by_php } = Caches::of(control).drop_entries(tenant, &stale).await?;
        warnings.extend(in_tenant::drop_entries(control, tenant, &by_php).await);
        Ok::<_, Error>(warnings)
    };
    dropped
        .await
        .unwrap_or_else(|error| vec![Warning::new(Matter::CacheStays, format!("entries of its caches stay: {error}"))])
}

/// Empties the folders of the tenant's caches, wherever the control site has moved them.
pub(crate) async fn empty_folders(control: &ControlSite, tenant: &Tenant) -> Result<()> {
    let folders = Folders::of(&control.settings.shared, Some(control.farm()), tenant);
    blocking(move || folders.purge()).await
}

/// Ends the sessions that Redis keeps, of which no row tells: who is signed in by a number may be somebody else in other
/// tables.
pub(crate) async fn end_sessions(ground: &mut Ground<'_>) -> Result<()> {
    let Ground { control, keyring, db, tenant, steps } = ground;
    let settings = policies::settings_of(db, tenant).await?;
    let keeper = Keeper::of(&control.settings.shared, control.farm(), tenant, &settings);
    let Keeper::Redis(server, prefix) = keeper else { return Ok(()) };
    steps
        .step("sessions", async || {
            let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
            let users = session::everybody(&mut site).await;
            site.close().await;
            let found = session::sids_in_redis(&server, &prefix, &users?).await?;
            session::delete_in_redis(&server, &prefix, &found).await?;
            Ok::<_, Error>(())
        })
        .await
}
