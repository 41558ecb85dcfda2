//! The control site, as its own `config.php` describes it; boot takes this down before anything is switched.

use serde_json::{Map, Value};

use crate::farm::FarmId;
use crate::host::SiteAddress;
use crate::ident::{DbName, Prefix};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tenant::{Endpoint, Engine};

/// The control site's database, with its password in clear.
#[derive(Debug, Clone)]
pub struct ControlDatabase {
    /// The driver.
    pub engine: Engine,
    /// Host name or address; for the local socket `localhost`.
    pub host: String,
    /// TCP port; the engine's own when `None`.
    pub port: Option<u16>,
    /// Path of the unix socket (MariaDB) or of its folder (PostgreSQL).
    pub socket: Option<String>,
    /// The database.
    pub database: DbName,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Further entries of `$CFG->dboptions`; `ssl` and `dbschema` count.
    pub options: Map<String, Value>,
}

/// The control site: where the registry is, and what no tenant may take.
#[derive(Debug, Clone)]
pub struct ControlSite {
    /// Its database, which holds the registry.
    pub database: ControlDatabase,
    /// The prefix of its tables.
    pub prefix: Prefix,
    /// Its address; no tenant or alias may have its key.
    pub address: SiteAddress,
    /// Its dataroot; no tenant's may be in it or around it.
    pub dataroot: String,
    /// The code base.
    pub dirroot: String,
    /// The PHP program that runs Moodle's own scripts.
    pub php: String,
    /// The farm's settings.
    pub settings: Settings,
}

impl ControlSite {
    /// The farm that it administers.
    pub fn farm(&self) -> FarmId {
        FarmId::new(&self.address, &self.database.database, &self.prefix)
    }

    /// Where its database is, without account: to tell whether a tenant has the same one.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let database = &self.database;
        Endpoint {
            engine: database.engine,
            host: database.host.clone(),
            port: database.port,
            socket: database.socket.clone(),
            database: database.database.clone(),
            user: None,
            password: None,
        }
    }
}
