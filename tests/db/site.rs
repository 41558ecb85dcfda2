//! A tenant's own database, with the tables of a real Moodle where dumps of one are at hand.

use std::path::PathBuf;

use serde_json::Map;
use support::database::{Database, Engine};
use support::need::{self, Need};
use support::scratch::Scratch;
use support::{moodle, tenant};
use vmoodle_core::db::Db;
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::secret::{Keyring, Stored};
use vmoodle_core::settings::{Given, Settings};
use vmoodle_core::tenant::{Endpoint, State, Tenant, TenantId};

/// A site: its database, its dataroot, its row.
pub(crate) struct Site {
    pub(crate) database: Database,
    pub(crate) dataroot: PathBuf,
    tenant: Tenant,
    _folder: Scratch,
}

/// A site with all of Moodle's tables, freshly installed; `None` (said on stderr) where something is missing.
pub(crate) fn real(test: &str, engine: Engine) -> Option<Site> {
    need::all(&[Need::Dumps])?;
    let site = empty(test, engine)?;
    moodle::fill(&site.database, "Source");
    Some(site)
}

/// A site with the few tables of `fixtures/schema/405.xml`.
pub(crate) fn small(test: &str, engine: Engine) -> Option<Site> {
    let site = empty(test, engine)?;
    tenant::fill(&site.database, "Source");
    Some(site)
}

/// A site whose database is empty.
pub(crate) fn empty(test: &str, engine: Engine) -> Option<Site> {
    let database = Database::shared(engine, &format!("{test}_{}", engine.dbtype()))?;
    let folder = Scratch::new("site");
    let dataroot = folder.folder("data");
    let tcp = engine == Engine::Postgres;
    let tenant = Tenant {
        id: TenantId(1),
        name: "Source".into(),
        shortname: "source".into(),
        address: SiteAddress::parse("https://tenant.example.org").unwrap(),
        database: Endpoint {
            engine: vmoodle_core::tenant::Engine::parse(engine.dbtype()).unwrap(),
            host: if tcp { "127.0.0.1" } else { "localhost" }.into(),
            port: tcp.then_some(database.port),
            socket: (!tcp).then(|| database.socket.display().to_string()),
            database: DbName::parse(&database.name).unwrap(),
            user: Some(database.user().into()),
            password: Some(Stored::from_column(database.password())),
        },
        prefix: Prefix::parse("mdl_").unwrap(),
        persist: false,
        options: Map::new(),
        dataroot: dataroot.display().to_string(),
        mnet: -1,
        state: State::Creating,
        settings: Map::new(),
        tags: Vec::new(),
    };
    Some(Site { database, dataroot, tenant, _folder: folder })
}

impl Site {
    /// Connects as the tenant.
    pub(crate) async fn open(&self) -> Db {
        let settings = Settings::new(Given::default(), &self.tenant.dataroot).unwrap();
        Db::open_tenant(&self.tenant, &settings, &Keyring::none()).await.unwrap()
    }

    /// What one column of a query says, row by row.
    pub(crate) fn read(&self, sql: &str) -> Vec<String> {
        self.database.run(sql).lines().map(str::to_owned).collect()
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> u64 {
        self.read(&format!("SELECT COUNT(*) FROM mdl_{table}"))[0].parse().unwrap()
    }

    /// A core setting; empty where it is not there.
    pub(crate) fn config(&self, name: &str) -> String {
        self.read(&format!("SELECT value FROM mdl_config WHERE name = '{name}'")).first().cloned().unwrap_or_default()
    }

    /// Puts a core setting in place.
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.database.run(&format!(
            "DELETE FROM mdl_config WHERE name = '{name}'; INSERT INTO mdl_config (name, value) VALUES ('{name}', '{value}')"
        ));
    }
}

/// Waits for work on this thread.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
