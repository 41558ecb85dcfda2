//! All rows of the registry, read into a [`Farm`]; what cannot be read is found, said and left out.

use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;

use super::shape::Shape;
use super::upgrade::{self, Fix, Verdict};
use super::{aliases, policies, row, tenants};
use crate::control::ControlSite;
use crate::db::{Cause, Db, Fault, Row};
use crate::error::{Error, Kind, Result};
use crate::farm::{Alias, Components, Farm, Policy};
use crate::host::escape;
use crate::secret::Keyring;
use crate::tenant::{Tenant, TenantId};

/// A row that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What the row is: `tenant`, `alias`, `policy` or `server`.
    pub what: &'static str,
    /// Its number.
    pub id: i64,
    /// Its address, host or name, fit for a log line.
    pub name: String,
    /// Why it cannot be used.
    pub reason: String,
}

impl Finding {
    pub(super) fn new(what: &'static str, row: &Row, name: &str, reason: impl fmt::Display) -> Self {
        let name = escape(row.text(name).unwrap_or_default()).into_owned();
        Self { what, id: row.int("id").unwrap_or(0), name, reason: reason.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{} `{}`: {}", self.what, self.id, self.name, self.reason)
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The tenants, each key once.
    pub tenants: Vec<Tenant>,
    /// The aliases of these tenants.
    pub aliases: Vec<Alias>,
    /// The enabled policies, the lowest first.
    pub policies: Vec<Policy>,
    /// The rows that were left out, or that only say that their host is out of service.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// Reads all rows, and what is to be changed in them for the registry to be today's.
    pub async fn read(
        db: &mut Db,
        shape: &Shape,
        control: &ControlSite,
        keyring: &Keyring,
    ) -> Result<(Self, Vec<Fix>)> {
        let mut loaded = Self::default();
        let mut fixes = Vec::new();
        let mut taken = HashSet::from([control.address.key()]);
        tenants::each(db, |row| {
            fixes.extend(loaded.take(row, &mut taken, keyring));
            ControlFlow::Continue(())
        })
        .await?;
        if shape.has("local_vmoodle_alias") {
            loaded.read_aliases(db).await?;
        }
        if shape.has("local_vmoodle_policy") {
            loaded.read_policies(db).await?;
        }
        Ok((loaded, fixes))
    }

    /// Puts a row in the place of what was known of it, after a write.
    pub(super) fn put(&mut self, row: &Row) -> Result<()> {
        let tenant = row::tenant(row)?;
        self.drop_tenant(tenant.id);
        self.tenants.push(tenant);
        Ok(())
    }

    /// Forgets a tenant and its aliases.
    pub(super) fn forget(&mut self, id: TenantId) {
        self.drop_tenant(id);
        self.aliases.retain(|alias| alias.tenant != id);
    }

    fn drop_tenant(&mut self, id: TenantId) {
        self.tenants.retain(|tenant| tenant.id != id);
        self.findings.retain(|finding| finding.what != "tenant" || finding.id != i64::from(id.0));
    }

    fn take(&mut self, row: &Row, taken: &mut HashSet<String>, keyring: &Keyring) -> Option<Fix> {
        let found = |reason: &dyn fmt::Display| Finding::new("tenant", row, "vhostname", reason);
        let (mut tenant, fault) = match row::tenant(row) {
            Ok(tenant) => (tenant, None),
            Err(fault) => {
                let Some(tenant) = row::broken(row) else {
                    self.findings.push(found(&fault));
                    return None;
                };
                (tenant, Some(fault))
            }
        };
        if !taken.insert(tenant.address.key()) {
            let id = tenant.id;
            self.findings.push(found(&format_args!(
                "its host belongs to another tenant or to the control site; give `#{id}` another `vhostname`, or remove it"
            )));
            return upgrade::fix(row, Verdict::Duplicate);
        }
        let fix = if let Some(fault) = fault {
            self.findings.push(found(&fault));
            upgrade::fix(row, Verdict::Broken(&tenant))
        } else {
            let mut fix = upgrade::fix(row, Verdict::Sound(&tenant));
            match tenant.database.password.as_ref().map(|stored| keyring.reseal(stored)) {
                Some(Ok(Some(sealed))) => {
                    fix.get_or_insert_default().reseal(i64::from(tenant.id.0), "vdbpass", sealed.column());
                    tenant.database.password = Some(sealed);
                }
                Some(Err(reason)) => self.findings.push(found(&reason)),
                Some(Ok(None)) | None => {}
            }
            fix
        };
        self.tenants.push(tenant);
        fix
    }

    async fn read_aliases(&mut self, db: &mut Db) -> Result<()> {
        let known: HashSet<TenantId> = self.tenants.iter().map(|tenant| tenant.id).collect();
        for row in aliases::all(db).await? {
            match aliases::alias(&row) {
                Ok(alias) if known.contains(&alias.tenant) => self.aliases.push(alias),
                Ok(alias) => {
                    let reason = format!("its tenant #{} is not there, or cannot be read", alias.tenant);
                    self.findings.push(Finding::new("alias", &row, "host", reason));
                }
                Err(reason) => self.findings.push(Finding::new("alias", &row, "host", reason)),
            }
        }
        Ok(())
    }

    async fn read_policies(&mut self, db: &mut Db) -> Result<()> {
        for row in policies::enabled(db).await? {
            match policies::policy(&row) {
                Ok(policy) => self.policies.push(policy),
                Err(reason) => self.findings.push(Finding::new("policy", &row, "name", reason)),
            }
        }
        Ok(())
    }

    /// The farm that an index is compiled from.
    pub fn into_farm(self, control: &ControlSite, generation: u64, components: Option<Components>) -> Farm {
        Farm {
            id: control.farm(),
            control: control.address.clone(),
            generation,
            published: now().unsigned_abs(),
            tenants: self.tenants,
            aliases: self.aliases,
            policies: self.policies,
            components,
        }
    }

    /// A tenant by its key.
    pub(super) fn tenant_at(&self, key: &str) -> Result<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.address.key() == key).ok_or_else(|| not_found(key))
    }
}

/// No tenant has this address.
pub(super) fn not_found(name: &str) -> Error {
    Error::new(Kind::TenantNotFound, format!("no tenant has the address `{}`", escape(name)))
        .hint("list the tenants: `php local/vmoodle/cli/tenants.php`")
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// What a unique column refused, told in our words; any other fault as it is.
pub(super) fn or_taken(fault: Fault, kind: Kind, message: impl FnOnce() -> String) -> Error {
    if fault.cause() == Cause::DuplicateKey { Error::new(kind, message()) } else { fault.into() }
}
