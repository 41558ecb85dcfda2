//! What Moodle keeps in files, in Redis and in revisions beside its tables, and how it is made to look again.
//!
//! ```text
//! Caches::drop_entries ── settings (muc/config.php) ── entries ── file    stores of files
//!                                                         └────── redis   Redis, one connection for a job
//! definition ── names of entries      identifier ── the site's, in its cache settings
//! purge ── folders renamed aside      revision ── numbers that grow      marks ── users who read their roles anew
//! ```

mod definition;
mod entries;
mod file;
mod identifier;
mod marks;
mod purge;
pub mod redis;
mod revision;
mod settings;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use identifier::rename_in_cache_settings;
// The operations on roles stand on the first and the last.
#[cfg_attr(not(feature = "testing"), allow(unused_imports))]
pub use marks::{mark_context_dirty, mark_preferences_changed, mark_user_dirty};
pub use purge::purge;
pub use revision::{REVISIONS, raise, raise_courses, raise_revisions};

use self::redis::Pool;
use super::stale::Stale;
use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::farm::FarmId;
use crate::settings::Shared;
use crate::tenant::Tenant;
use crate::warning::{Matter, Warning};
use entries::Drop;
use settings::{Found, Reader};

/// The folders of a dataroot that hold caches only (lib/moodlelib.php, `purge_other_caches`).
pub const CACHES: &[&str] = &["cache", "localcache"];

/// The folders of a dataroot that belong to running processes and signed-in users, which a copy has none of
/// (lib/classes/session/file.php, `lib/classes/lock/file_lock_factory.php`).
pub const RUNNING: &[&str] = &["sessions", "lock"];

/// Where a tenant's caches are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// `$CFG->cachedir`, which all nodes have in common.
    pub cachedir: PathBuf,
    /// `$CFG->localcachedir`, which each node may have for itself.
    pub localcachedir: PathBuf,
}

impl Folders {
    /// In the tenant's dataroot, or in a folder of its own where the control site moved them (see [`crate::switch`]).
    pub fn of(shared: &Shared, farm: Option<FarmId>, tenant: &Tenant) -> Self {
        let place = |name: &str, inside: &str| place(shared, farm, tenant, (name, inside));
        Self { cachedir: place("cachedir", "cache"), localcachedir: place("localcachedir", "localcache") }
    }

    /// Empties what themes have made, which browsers ask for by another address from now on (lib/outputlib.php,
    /// `theme_reset_all_caches`).
    pub fn purge_themes(&self) -> Result<()> {
        if self.localcachedir.is_dir() { purge(&self.localcachedir, &["theme"]) } else { Ok(()) }
    }

    /// Empties both, by renaming them aside.
    pub fn purge(&self) -> Result<()> {
        for folder in [&self.cachedir, &self.localcachedir] {
            if let (Some(above), Some(name)) = (folder.parent(), folder.file_name().and_then(|name| name.to_str())) {
                purge(above, &[name])?;
            }
        }
        Ok(())
    }
}

/// Where a tenant has a folder that a setting of the control site may have moved: the setting's name, and the folder's in a
/// dataroot.
pub fn place(shared: &Shared, farm: Option<FarmId>, tenant: &Tenant, (name, inside): (&str, &str)) -> PathBuf {
    match (shared.text(name), farm) {
        (Some(moved), Some(farm)) => {
            let own = farm.tenant_prefix(tenant.id);
            Path::new(moved.trim_end_matches('/')).join(own.trim_end_matches('_'))
        }
        _ => Path::new(&tenant.dataroot).join(inside),
    }
}

/// The caches of many tenants, for as long as a job works on them.
#[derive(Debug, Default)]
pub struct Caches {
    farm: Option<FarmId>,
    shared: Shared,
    settings: Arc<Reader>,
    pool: Pool,
}

impl Caches {
    /// The caches of a farm's tenants.
    pub fn of(control: &ControlSite) -> Self {
        Self { farm: Some(control.farm()), shared: control.settings.shared.clone(), ..Self::default() }
    }

    /// Drops stale entries of a tenant, after the commit of what made them stale; gives what a person should know, and what
    /// is left to PHP.
    ///
    /// Every store that a definition is kept in is visited. Fails with `tenant_unreachable`, which may be retried, where a
    /// Redis server is down: what it holds would be stale when it comes back.
    pub async fn drop_entries(&self, tenant: &Tenant, stale: &[Stale]) -> Result<Dropped> {
        let stale: Arc<BTreeSet<Stale>> = Arc::new(stale.iter().cloned().collect());
        let dataroot = PathBuf::from(&tenant.dataroot);
        let folders = Folders::of(&self.shared, self.farm, tenant);
        let failed = |error: io::Error| {
            Error::new(Kind::TenantUnreachable, format!("the caches in `{}` cannot be written", tenant.dataroot))
                .because(error)
                .hint("give the dataroot to the farm's OS user")
        };
        let reader = self.settings.clone();
        let found = blocking(move || reader.read(&dataroot)).await?.map_err(failed)?;
        let (settings, siteidentifier) = match found {
            Found::Settings(settings, siteidentifier) => (settings, siteidentifier),
            Found::Nothing => return usual(folders, &stale).await?.map(|()| Dropped::default()).map_err(failed),
            Found::Unreadable => {
                usual(folders, &stale).await?.map_err(failed)?;
                let store = format!(
                    "the cache settings `{}/muc/config.php` are not what Moodle writes: what they name",
                    tenant.dataroot
                );
                let definitions = stale.iter().map(|stale| stale.definition.to_owned()).collect();
                return Ok(Dropped { by_php: vec![OnlyPhp { store, definitions }], ..Dropped::default() });
            }
        };
        let own = self.farm.map(|farm| farm.tenant_prefix(tenant.id));
        let drop = Drop { settings: &settings, siteidentifier: &siteidentifier, own: own.as_deref(), stale: &stale };
        let mut dropped = drop.unreachable();
        let shared = drop.redis(&self.pool).await?;
        dropped.warnings.extend(shared.into_iter().map(|told| Warning::new(Matter::CacheShared, told)));
        let (settings, siteidentifier, stale) = (settings.clone(), siteidentifier.clone(), stale.clone());
        blocking(move || {
            let drop = Drop { settings: &settings, siteidentifier: &siteidentifier, own: None, stale: &stale };
            drop.files(&folders.cachedir)
        })
        .await?
        .map_err(failed)?;
        Ok(dropped)
    }
}

/// What was dropped by [`Caches::drop_entries`], and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// What a person should know.
    pub warnings: Vec<Warning>,
    /// What Moodle's own code must drop, run as the site.
    pub by_php: Vec<OnlyPhp>,
}

/// Stale entries where only PHP can reach.
#[derive(Debug, PartialEq, Eq)]
pub struct OnlyPhp {
    /// The store, for people.
    pub store: String,
    /// The definitions: `core/config`; `*` for all.
    pub definitions: BTreeSet<String>,
}

/// Empties the definitions in the store that every site has at first: without its settings a site has no other, and the
/// identifier that its entries were named with is not known.
async fn usual(folders: Folders, stale: &Arc<BTreeSet<Stale>>) -> Result<io::Result<()>> {
    let stale = stale.clone();
    blocking(move || {
        let store = settings::Store {
            name: "default_application".to_owned(),
            plugin: "file".to_owned(),
            configuration: serde_json::Map::new(),
        };
        let place = file::place(&store, &folders.cachedir);
        let ids: BTreeSet<&str> = stale.iter().map(|stale| stale.definition).collect();
        if ids.contains(Stale::EVERY) {
            return match (place.parent(), place.is_dir()) {
                (Some(above), true) => {
                    purge::set_aside(above, &store.name)?.map_or(Ok(()), |place| purge::delete_asides(&place))
                }
                _ => Ok(()),
            };
        }
        ids.into_iter().try_for_each(|id| file::drop_all(&place, id))
    })
    .await
}

/// Does work on files beside the runner's own thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(Kind::Internal, "work on files has ended early").because(error))
}
