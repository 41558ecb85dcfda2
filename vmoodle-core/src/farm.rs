//! The whole farm in memory: what the registry holds and the index is compiled from.

use std::fmt;

use serde_json::{Map, Value};
use twox_hash::XxHash3_64;

use crate::host::{HostPattern, SiteAddress};
use crate::ident::{DbName, Prefix};
use crate::targets::Targets;
use crate::tenant::{Tenant, TenantId};

/// Tells one farm from another: made of what the registry is found by, so a copied control site is another farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FarmId(pub u64);

impl FarmId {
    /// The farm whose control site has this address and keeps its registry in this database under this prefix.
    ///
    /// The scheme takes no part, nor does the server's name: nodes may reach one server under several names.
    pub fn new(control: &SiteAddress, database: &DbName, prefix: &Prefix) -> Self {
        Self(XxHash3_64::oneshot(format!("{}\n{database}\n{prefix}", control.key()).as_bytes()))
    }

    /// What keys of this tenant begin with in stores that tenants share, such as Redis: unique over farms and tenants.
    pub fn tenant_prefix(self, tenant: TenantId) -> String {
        format!("vm{:08x}_{tenant}_", self.0 >> 32)
    }
}

impl fmt::Display for FarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A further host of a tenant, answered with a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// What it answers to.
    pub pattern: HostPattern,
    /// The tenant it leads to.
    pub tenant: TenantId,
}

/// Settings enforced on the tenants that a selector names.
#[derive(Debug)]
pub struct Policy {
    /// Its unique name.
    pub name: String,
    /// The tenants it is for.
    pub targets: Targets,
    /// What it sets.
    pub settings: Map<String, Value>,
}

/// Moodle's component cache, built once for all tenants of a code base.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Components {
    /// The file, for `$CFG->alternative_component_cache`.
    pub path: String,
    /// The code base it was built from.
    pub dirroot: String,
    /// Modification time of `version.php` then, in seconds since 1970.
    pub versionmtime: i64,
    /// Size of `version.php` then, in bytes.
    pub versionsize: u64,
}

/// Everything that is compiled into an index.
#[derive(Debug)]
pub struct Farm {
    /// Which farm it is.
    pub id: FarmId,
    /// The control site's address; no tenant or alias may have its key.
    pub control: SiteAddress,
    /// The registry's generation.
    pub generation: u64,
    /// When it was read, in seconds since 1970.
    pub published: u64,
    /// The tenants, each key once.
    pub tenants: Vec<Tenant>,
    /// The aliases.
    pub aliases: Vec<Alias>,
    /// The enabled policies, the lowest first: later ones win.
    pub policies: Vec<Policy>,
    /// The shared component cache, when one was built.
    pub components: Option<Components>,
}
