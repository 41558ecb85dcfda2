//! A farm of many small tenants on one MariaDB.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use support::{root, schema, tenant};
use vmoodle_core::console::{Console, ControlDatabase, ControlSite};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::{Given, Settings};

/// What the tenants' databases are called, with their number behind it.
pub(crate) const BASE: &str = "bulk_tenant_";

/// The farm, its control database and its dataroots.
pub(crate) struct Farm {
    pub(crate) control: Database,
    pub(crate) count: usize,
    console: Console,
    folder: Scratch,
}

impl Farm {
    /// Makes so many tenants; `None` (said on stderr) where MariaDB is not installed.
    pub(crate) fn new(count: usize) -> Option<Self> {
        let control = Database::shared(Engine::MariaDb, "bulk_control")?;
        control.run(&schema::statements(
            &root::workspace().join("php/local/vmoodle/db/install.xml"),
            Engine::MariaDb,
            "mdl_",
        ));
        let folder = Scratch::new("bulk");
        let console = Console::new(site_of(&control, &folder.folder("control").display().to_string()));
        let farm = Self { control, count, console, folder };
        for number in 0..count {
            let database = Database::shared(Engine::MariaDb, &format!("{BASE}{number}"))?;
            tenant::fill(&database, &format!("Site {number}"));
            let host = format!("s{number}.example.org");
            let dataroot = farm.folder.folder(format!("data/{host}"));
            for name in ["cache/cachestore_file/default_application", "localcache"] {
                std::fs::create_dir_all(dataroot.join(name)).expect("a folder");
            }
            let mut row = object(database.registry_columns());
            row.extend(object(json!({ "vhostname": format!("https://{host}"), "vdatapath": dataroot })));
            farm.console.tenant_add(&row).expect("a row of the registry");
        }
        Some(farm)
    }

    /// Where the tenants' dataroots are.
    pub(crate) fn dataroots(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs a job over all tenants; gives its counts.
    pub(crate) fn job(&self, operation: &str, parameters: &Value, at_once: u64) -> Map<String, Value> {
        let options = object(json!({ "concurrency": at_once }));
        let parameters = object(parameters.clone());
        let job = self.console.job_submit(operation, &parameters, &["all".to_owned()], &options).expect("a job");
        self.console.job_run(job, &mut |_| {}).expect("a run")
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn site_of(database: &Database, dataroot: &str) -> ControlSite {
    ControlSite {
        database: ControlDatabase {
            engine: vmoodle_core::tenant::Engine::MariaDb,
            host: "localhost".into(),
            port: None,
            socket: Some(database.socket.display().to_string()),
            database: DbName::parse(&database.name).expect("a name"),
            user: database.user().into(),
            password: Secret::new(database.password()),
            options: Map::new(),
        },
        prefix: Prefix::parse("mdl_").expect("a prefix"),
        address: SiteAddress::parse("https://control.example.org").expect("an address"),
        settings: Settings::new(Given::default(), dataroot).expect("settings"),
        dataroot: dataroot.to_owned(),
        dirroot: String::new(),
        php: "php".into(),
    }
}
