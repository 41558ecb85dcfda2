//! What no two tenants may share; asked before a row is written.

use super::farm::Loaded;
use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::host::{HostPattern, escape};
use crate::tenant::{Tenant, TenantId, dataroots_touch};

/// Whether a tenant may share its database or dataroot because its administrator said so (`allowshared`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It must have its own.
    Refused,
    /// It may.
    Allowed,
}

/// The host must not be another tenant's, an alias or the control site's.
pub fn host(tenant: &Tenant, loaded: &Loaded, control: &ControlSite) -> Result<()> {
    let key = tenant.address.key();
    if let Some(alias) = loaded.aliases.iter().find(|alias| alias.pattern.as_str() == key) {
        let owner = name_of(loaded, alias.tenant);
        return Err(Error::new(Kind::HostTaken, format!("`{key}` is an alias of {owner}")));
    }
    free_of_sites(&key, Some(tenant.id), loaded, control)
}

/// An alias must not be a tenant's host, another alias or the control site's host. A wildcard never collides with an
/// exact name below it: the exact name wins.
pub fn alias(
    pattern: &HostPattern,
    known_as: Option<&HostPattern>,
    loaded: &Loaded,
    control: &ControlSite,
) -> Result<()> {
    let taken = loaded.aliases.iter().find(|alias| alias.pattern == *pattern && known_as != Some(pattern));
    if let Some(alias) = taken {
        let owner = name_of(loaded, alias.tenant);
        return Err(Error::new(Kind::HostTaken, format!("`{pattern}` is an alias of {owner} already")));
    }
    free_of_sites(pattern.as_str(), None, loaded, control)
}

fn free_of_sites(key: &str, own: Option<TenantId>, loaded: &Loaded, control: &ControlSite) -> Result<()> {
    if control.address.key() == key {
        return Err(Error::new(Kind::HostTaken, format!("`{key}` is the host of the control site")));
    }
    match loaded.tenants.iter().find(|other| Some(other.id) != own && other.address.key() == key) {
        Some(other) => Err(Error::new(Kind::HostTaken, format!("`{key}` is the host of {}", name(other)))),
        None => Ok(()),
    }
}

/// The database with this prefix must not be another tenant's or the control site's.
pub fn database(tenant: &Tenant, loaded: &Loaded, control: &ControlSite) -> Result<()> {
    let shared = |owner: &str| {
        let (database, prefix) = (&tenant.database.database, &tenant.prefix);
        let message = format!("the database `{database}` with the prefix `{prefix}` belongs to {owner}");
        Err(Error::new(Kind::DatabaseTaken, message)
            .hint("give `allowshared` if two sites shall truly share one database"))
    };
    if control.prefix == tenant.prefix && control.endpoint().is_same_database(&tenant.database) {
        return shared("the control site");
    }
    let same = |other: &&Tenant| {
        other.id != tenant.id && other.prefix == tenant.prefix && other.database.is_same_database(&tenant.database)
    };
    match loaded.tenants.iter().find(same) {
        Some(other) => shared(&name(other)),
        None => Ok(()),
    }
}

/// The dataroot must not be, hold or lie in that of another tenant or of the control site.
pub fn dataroot(tenant: &Tenant, loaded: &Loaded, control: &ControlSite) -> Result<()> {
    let shared = |owner: &str, path: &str| {
        let message = format!("the dataroot `{}` touches `{}` of {owner}", escape(&tenant.dataroot), escape(path));
        Err(Error::new(Kind::DatarootTaken, message).hint("give every site a folder of its own beside the others"))
    };
    if dataroots_touch(control.dataroot.trim_end_matches('/'), &tenant.dataroot) {
        return shared("the control site", &control.dataroot);
    }
    let touching = |other: &&Tenant| other.id != tenant.id && dataroots_touch(&other.dataroot, &tenant.dataroot);
    match loaded.tenants.iter().find(touching) {
        Some(other) => shared(&name(other), &other.dataroot),
        None => Ok(()),
    }
}

fn name(tenant: &Tenant) -> String {
    format!("the tenant `{}`", tenant.address)
}

fn name_of(loaded: &Loaded, id: TenantId) -> String {
    loaded.tenants.iter().find(|tenant| tenant.id == id).map_or_else(|| format!("tenant #{id}"), name)
}
