//! Where a connection goes: everything a driver needs to open one.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::ident::DbName;
use crate::secret::{Keyring, Secret};
use crate::settings::Settings;
use crate::tenant::{Engine, Tenant};

/// How long a server may take to answer when the options say nothing (`connecttimeout`, in seconds).
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the connection is encrypted; never on a unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// When the server can.
    Preferred,
    /// Always (`ssl` = `require`).
    Required,
    /// Always, and the server's certificate is checked, its name included (`ssl` = `verify-full`).
    Verified,
}

/// Where a connection goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) engine: Engine,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) socket: Option<String>,
    /// `None`: the server itself (MariaDB), or its database for maintenance (PostgreSQL).
    pub(super) database: Option<DbName>,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) schema: Option<DbName>,
    pub(super) tls: Tls,
    pub(super) timeout: Duration,
}

impl Place {
    /// The control site's database.
    pub(super) fn of_control(site: &ControlSite) -> Result<Self> {
        let database = &site.database;
        Ok(Self {
            engine: database.engine,
            host: database.host.clone(),
            port: database.port,
            socket: database.socket.clone(),
            database: Some(database.database.clone()),
            user: database.user.clone(),
            password: database.password.clone(),
            schema: schema(&database.options)?,
            tls: tls(&database.options)?,
            timeout: timeout(&database.options),
        })
    }

    /// A tenant's database; as in boot the farm's account, where there is one, goes before the tenant's own.
    pub(super) fn of_tenant(tenant: &Tenant, settings: &Settings, keyring: &Keyring) -> Result<Self> {
        let database = &tenant.database;
        let (user, password) = match (&settings.account, &database.user) {
            (Some((user, password)), _) => (user.clone(), password.clone()),
            (None, Some(user)) => {
                let password = database.password.as_ref().map(|stored| keyring.open_stored(stored)).transpose()?;
                (user.clone(), password)
            }
            (None, None) => {
                return Err(Error::new(Kind::BadConfiguration, "the tenant has no database account, nor has the farm")
                    .hint("set `vdblogin` and `vdbpass` of the tenant, or `$CFG->vmoodle['dbuser']`"));
            }
        };
        Ok(Self {
            engine: database.engine,
            host: database.host.clone(),
            port: database.port,
            socket: database.socket.clone(),
            database: Some(database.database.clone()),
            user,
            password: password.unwrap_or_else(|| Secret::new("")),
            schema: schema(&tenant.options)?,
            tls: tls(&tenant.options)?,
            timeout: timeout(&tenant.options),
        })
    }

    /// The same server, in another database or in none.
    pub(super) fn in_database(&self, database: Option<&DbName>) -> Self {
        Self { database: database.cloned(), schema: None, ..self.clone() }
    }

    /// Whether a unix socket counts: Moodle asks it of the local host only.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.host.as_str(), "" | "localhost" | "127.0.0.1")
    }

    /// The host for TCP, without the brackets of an IPv6 address.
    pub(super) fn tcp_host(&self) -> &str {
        match self.host.as_str() {
            "" => "localhost",
            host => host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host),
        }
    }
}

fn tls(options: &Map<String, Value>) -> Result<Tls> {
    match options.get("ssl").and_then(Value::as_str).unwrap_or_default() {
        "" | "prefer" => Ok(Tls::Preferred),
        "require" => Ok(Tls::Required),
        "verify-full" => Ok(Tls::Verified),
        other => {
            let message = format!("`{}` is no value of the database option `ssl`", crate::host::escape(other));
            Err(Error::new(Kind::BadConfiguration, message).hint("Moodle knows `require` and `verify-full`"))
        }
    }
}

fn schema(options: &Map<String, Value>) -> Result<Option<DbName>> {
    options.get("dbschema").and_then(Value::as_str).filter(|s| !s.is_empty()).map(DbName::parse).transpose()
}

fn timeout(options: &Map<String, Value>) -> Duration {
    let asked = options.get("connecttimeout").and_then(Value::as_u64).filter(|seconds| (1..=60).contains(seconds));
    asked.map_or(CONNECT_TIMEOUT, Duration::from_secs)
}
