//! A farm of many small tenants on one server.

use std::path::Path;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use support::{root, schema, tenant};
use vmoodle_core::console::{Console, ControlDatabase, ControlSite};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::{Given, Settings};

/// The tables that are read; a tenant of the bench has no others.
const TABLES: [&str; 6] = ["config", "config_plugins", "user", "course", "task_scheduled", "task_adhoc"];

/// What is asked, and how.
pub(crate) struct Farm {
    pub(crate) control: Database,
    pub(crate) console: Console,
    pub(crate) tenants: u32,
    /// Goes with the farm.
    folder: Scratch,
}

impl Farm {
    /// Makes the databases and the registry, for a code base and tenants that are up to its hash where one is given; `None`
    /// (said on stderr) where the engine is not installed.
    pub(crate) fn new(engine: Engine, tenants: u32, code: Option<(&Path, &str)>) -> Option<Self> {
        let control = Database::shared(engine, "status_control")?;
        control.run(&schema::statements(&root::workspace().join("php/local/vmoodle/db/install.xml"), engine, "mdl_"));
        let model = Database::shared(engine, "status_0")?;
        tenant::fill(&model, "Tenant");
        if let Some((_, hash)) = code {
            model.run(&format!("INSERT INTO mdl_config (name, value) VALUES ('allversionshash', '{hash}')"));
        }
        let dirroot = code.map_or(String::new(), |(folder, _)| folder.display().to_string());
        let folder = Scratch::new("status");
        let console = Console::new(site(&control, &folder.folder("control").display().to_string(), dirroot));
        let farm = Self { control, console, tenants, folder };
        for number in 1..=tenants {
            farm.control.run(&copy(engine, number));
        }
        farm.register();
        Some(farm)
    }

    /// The database of a tenant by its number, from 1.
    pub(crate) fn database(&self, number: u32) -> Database {
        Database { name: name(number), ..self.control.clone() }
    }

    /// The first row through the front door, the others as it is.
    fn register(&self) {
        let mut row = self.database(1).registry_columns();
        row["vhostname"] = json!("https://t1.example.org");
        row["vdatapath"] = json!(self.folder.folder("t1"));
        let Value::Object(row) = row else { unreachable!("it was a map") };
        self.console.tenant_add(&row).expect("a tenant");
        let columns =
            "vdbtype, vdbhost, vdbport, vdbsocket, vdblogin, vdbpass, vdbprefix, vdboptions, mnet, enabled, state";
        let own = |number: u32| {
            format!(
                "('https://t{number}.example.org', 't{number}.example.org', '{}', '{}')",
                name(number),
                self.folder.join(format!("t{number}")).display()
            )
        };
        for number in 2..=self.tenants {
            let values = own(number);
            let values = values.trim_matches(['(', ')']);
            self.control.run(&format!(
                "INSERT INTO mdl_local_vmoodle (vhostname, hostkey, vdbname, vdatapath, {columns}) \
                 SELECT {values}, {columns} FROM mdl_local_vmoodle ORDER BY id LIMIT 1"
            ));
        }
        assert_eq!(self.console.tenants(&Map::new()).expect("rows").len(), self.tenants as usize);
    }
}

fn name(number: u32) -> String {
    format!("status_{number}")
}

fn copy(engine: Engine, number: u32) -> String {
    let target = name(number);
    match engine {
        Engine::MariaDb => {
            let tables = TABLES.iter().map(|table| {
                let (from, to) = (format!("`status_0`.`mdl_{table}`"), format!("`{target}`.`mdl_{table}`"));
                format!("CREATE TABLE {to} LIKE {from}; INSERT INTO {to} SELECT * FROM {from};")
            });
            format!("DROP DATABASE IF EXISTS `{target}`; CREATE DATABASE `{target}`; {}", tables.collect::<String>())
        }
        Engine::Postgres => format!("CREATE DATABASE \"{target}\" TEMPLATE \"status_0\""),
    }
}

/// A control site that is in this database.
fn site(database: &Database, dataroot: &str, dirroot: String) -> ControlSite {
    let tcp = database.engine == Engine::Postgres;
    ControlSite {
        database: ControlDatabase {
            engine: vmoodle_core::tenant::Engine::parse(database.engine.dbtype()).expect("an engine"),
            host: if tcp { "127.0.0.1" } else { "localhost" }.into(),
            port: tcp.then_some(database.port),
            socket: (!tcp).then(|| database.socket.display().to_string()),
            database: DbName::parse(&database.name).expect("a name"),
            user: database.user().into(),
            password: Secret::new(database.password()),
            options: Map::new(),
        },
        prefix: Prefix::parse("mdl_").expect("a prefix"),
        address: SiteAddress::parse("https://farm.example.org").expect("an address"),
        settings: Settings::new(Given::default(), dataroot).expect("settings"),
        dataroot: dataroot.to_owned(),
        dirroot,
        php: "php".into(),
    }
}
