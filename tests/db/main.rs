//! The core and real database servers: every case is written once and run on MariaDB and on PostgreSQL.
#![allow(clippy::unwrap_used)]

mod admin;
mod adopt;
mod broken;
mod brought;
mod caches;
mod check;
mod clone;
mod collision;
mod columns;
mod config;
mod connection;
mod courses;
mod crash;
mod cron;
mod fleet;
mod identity;
mod job;
mod life;
mod maintenance;
mod many;
mod original;
mod plugins;
mod policies;
mod publish;
mod purge;
mod replace;
mod roles;
mod rows;
mod runner;
mod scripts;
mod secrets;
mod serialized;
mod shelf;
mod site;
mod sql;
mod status;
mod table_copy;
mod transfer;
mod trouble;
mod undo;
mod upgrade;
mod users;
mod waves;
mod wwwroot;

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use support::{root, schema};
use vmoodle_core::console::{Console, ControlDatabase, ControlSite};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::{Given, Settings};

/// Makes two tests of a function that takes an [`Engine`]: `mariadb` and `postgres`.
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* fn $name:ident($engine:ident: Engine) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn case($engine: Engine) $body

            #[test]
            fn mariadb() {
                case(Engine::MariaDb);
            }

            #[test]
            fn postgres() {
                case(Engine::Postgres);
            }
        }
    )*};
}
pub(crate) use on_both_engines;

/// A control site with an empty registry, and its console.
pub(crate) struct Farm {
    pub(crate) database: Database,
    pub(crate) console: Console,
    pub(crate) control: ControlSite,
    pub(crate) folder: Scratch,
}

/// Makes a farm for a test; `None` (said on stderr) where the engine is not installed.
pub(crate) fn farm(test: &str, engine: Engine) -> Option<Farm> {
    farm_with(test, engine, &root::workspace().join("php/local/vmoodle/db/install.xml"), Given::default())
}

/// A farm whose registry is declared by another file, and with settings.
pub(crate) fn farm_with(test: &str, engine: Engine, install_xml: &std::path::Path, given: Given) -> Option<Farm> {
    let database = Database::shared(engine, &format!("{test}_{}", engine.dbtype()))?;
    database.run(&schema::statements(install_xml, engine, "mdl_"));
    let folder = Scratch::new("db");
    let control = control(&database, folder.folder("control").display().to_string(), given);
    Some(Farm { console: Console::new(control.clone()), database, control, folder })
}

/// The control site in a database, with this dataroot.
pub(crate) fn control(database: &Database, dataroot: String, given: Given) -> ControlSite {
    let tcp = database.engine == Engine::Postgres;
    ControlSite {
        database: ControlDatabase {
            engine: vmoodle_core::tenant::Engine::parse(database.engine.dbtype()).unwrap(),
            host: if tcp { "127.0.0.1" } else { "localhost" }.into(),
            port: tcp.then_some(database.port),
            socket: (!tcp).then(|| database.socket.display().to_string()),
            database: DbName::parse(&database.name).unwrap(),
            user: database.user().into(),
            password: Secret::new(database.password()),
            options: Map::new(),
        },
        prefix: Prefix::parse("mdl_").unwrap(),
        address: SiteAddress::parse("https://control.example.org").unwrap(),
        settings: Settings::new(given, &dataroot).unwrap(),
        dataroot,
        dirroot: String::new(),
        php: "php".into(),
    }
}

impl Farm {
    /// What `tenant_add` takes for a tenant with this host; nothing listens where its database is said to be.
    pub(crate) fn row(&self, host: &str) -> Map<String, Value> {
        let name = host.replace(['.', '/', '-', ':'], "_");
        map(json!({
            "vhostname": format!("https://{host}"), "vdbname": format!("t_{name}"), "vdblogin": "tenant", "vdbpass": "hidden!",
            "vdatapath": self.folder.join(&name),
        }))
    }

    /// Adds a tenant with this host.
    pub(crate) fn add(&self, host: &str) -> Map<String, Value> {
        self.console.tenant_add(&self.row(host)).unwrap()
    }

    /// The tenants' keys, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let rows = self.console.tenants(&Map::new()).unwrap();
        rows.iter().map(|row| row["key"].as_str().unwrap_or("-").to_owned()).collect()
    }

    /// Everything that the registry holds, to see that nothing changed; and the index's generation.
    pub(crate) fn all(&self) -> String {
        let tables = ["", "_alias", "_policy", "_server", "_generation"];
        let read = |table| self.database.run(&format!("SELECT * FROM mdl_local_vmoodle{table} ORDER BY id"));
        let mut all: String = tables.map(read).concat();
        all.push_str(&self.generation().to_string());
        all
    }

    /// The generation of the index in place; 0 for none.
    pub(crate) fn generation(&self) -> u64 {
        self.console.index_status()["generation"].as_u64().unwrap_or(0)
    }

    /// The index.
    pub(crate) fn index(&self) -> PathBuf {
        self.control.settings.index.clone()
    }
}

/// A JSON object.
pub(crate) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}
