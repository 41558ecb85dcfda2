//! A farm of many tenants on one server, each with copies of the tables of one Moodle that a bench touches.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use support::{moodle, root, schema, tenant};
use vmoodle_core::console::{Console, ControlDatabase, ControlSite};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::{Given, Settings};

/// The farm, its control database and its dataroots.
#[derive(Debug)]
pub struct Many {
    /// The database of the control site, on the tenants' server.
    pub control: Database,
    /// What administers the farm.
    pub console: Console,
    /// How many tenants there are, from 1 on.
    pub count: u32,
    name: String,
    folder: Scratch,
}

impl Many {
    /// Makes `count` tenants whose databases hold these tables of a fresh Moodle, or all of its tables when none is named.
    /// `None` (said on stderr) where the engine is not installed; without dumps of a Moodle, the tables of the fixture.
    ///
    /// # Panics
    /// When a database, a row or a folder cannot be made.
    pub fn new(engine: Engine, name: &str, tables: &[&str], count: u32) -> Option<Self> {
        Self::like(engine, name, tables, count, "SELECT 1", Path::new(""))
    }

    /// As [`Self::new`], after this SQL on what the tenants are copies of, and with this code base.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn like(engine: Engine, name: &str, tables: &[&str], count: u32, sql: &str, code: &Path) -> Option<Self> {
        let control = Database::durable(engine, &format!("{name}_control"))?;
        control.run(&schema::statements(&root::workspace().join("php/local/vmoodle/db/install.xml"), engine, "mdl_"));
        let original = Database::durable(engine, &format!("{name}_0"))?;
        match moodle::dumps() {
            Some(_) => moodle::fill(&original, "Tenant"),
            None => tenant::fill(&original, "Tenant"),
        }
        original.run(&keep_only(engine, tables));
        original.run(sql);
        let folder = Scratch::new(name);
        let site = control_site(&control, &folder.folder("control"));
        let console = Console::new(ControlSite { dirroot: code.display().to_string(), ..site });
        let farm = Self { control, console, count, name: name.to_owned(), folder };
        for number in 1..=count {
            original.run(&farm.copy(&original, number));
            for part in ["cache/cachestore_file/default_application", "localcache"] {
                std::fs::create_dir_all(farm.dataroots().join(host(number)).join(part)).expect("a folder");
            }
        }
        farm.register();
        Some(farm)
    }

    /// The database of a tenant by its number, from 1.
    pub fn database(&self, number: u32) -> Database {
        Database { name: format!("{}{number}", self.base()), ..self.control.clone() }
    }

    /// What the tenants' databases are called, with their number behind it.
    pub fn base(&self) -> String {
        format!("{}_", self.name)
    }

    /// Where the tenants' dataroots are, each in a folder by its host.
    pub fn dataroots(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs a job over all tenants, so many at once; every item must be done.
    ///
    /// # Panics
    /// When one is not.
    pub fn job(&self, operation: &str, parameters: Value, at_once: u32) {
        let options = map(json!({ "concurrency": at_once }));
        let job = self.console.job_submit(operation, &map(parameters), &["all".into()], &options).expect("a job");
        let counts = self.console.job_run(job, &mut |_| {}).expect("a run");
        assert_eq!(Value::Object(counts), json!({ "done": self.count }), "{operation}");
    }

    /// The first row through the front door, the others as it is.
    fn register(&self) {
        let mut row = map(self.database(1).registry_columns());
        let dataroot = |number| self.dataroots().join(host(number)).display().to_string();
        row.extend(map(json!({ "vhostname": format!("https://{}", host(1)), "vdatapath": dataroot(1) })));
        self.console.tenant_add(&row).expect("a tenant");
        let columns =
            "vdbtype, vdbhost, vdbport, vdbsocket, vdblogin, vdbpass, vdbprefix, vdboptions, mnet, enabled, state";
        for number in 2..=self.count {
            self.control.run(&format!(
                "INSERT INTO mdl_local_vmoodle (vhostname, hostkey, vdbname, vdatapath, {columns})
                 SELECT 'https://{host}', '{host}', '{}', '{}', {columns} FROM mdl_local_vmoodle ORDER BY id LIMIT 1",
                self.database(number).name,
                dataroot(number),
                host = host(number),
            ));
        }
        assert_eq!(self.console.tenants(&Map::new()).expect("rows").len(), self.count as usize);
    }

    fn copy(&self, original: &Database, number: u32) -> String {
        let target = self.database(number).name;
        if original.engine == Engine::Postgres {
            return format!("CREATE DATABASE \"{target}\" TEMPLATE \"{}\"", original.name);
        }
        let tables = original.run("SHOW TABLES");
        let copies = tables.lines().map(|table| {
            let (from, to) = (format!("`{}`.`{table}`", original.name), format!("`{target}`.`{table}`"));
            format!("CREATE TABLE {to} LIKE {from}; INSERT INTO {to} SELECT * FROM {from};")
        });
        format!("DROP DATABASE IF EXISTS `{target}`; CREATE DATABASE `{target}`; {}", copies.collect::<String>())
    }
}

/// The host of a tenant by its number.
fn host(number: u32) -> String {
    format!("t{number}.example.org")
}

/// Drops all tables but these; no names, no drop.
fn keep_only(engine: Engine, tables: &[&str]) -> String {
    let kept: Vec<String> = tables.iter().map(|table| format!("'mdl_{table}'")).collect();
    let kept = kept.join(", ");
    match engine {
        _ if tables.is_empty() => "SELECT 1".to_owned(),
        Engine::MariaDb => format!(
            "SET SESSION group_concat_max_len = 1000000;
             SELECT GROUP_CONCAT('`', table_name, '`') INTO @others FROM information_schema.tables
             WHERE table_schema = DATABASE() AND table_name NOT IN ({kept});
             EXECUTE IMMEDIATE IF(@others IS NULL, 'SELECT 1', CONCAT('DROP TABLE ', @others))"
        ),
        Engine::Postgres => format!(
            "DO $$ DECLARE name text; BEGIN
               FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ({kept}) LOOP
                 EXECUTE format('DROP TABLE %I CASCADE', name);
               END LOOP;
             END $$"
        ),
    }
}

/// A control site that is in this database.
///
/// # Panics
/// When the database's name or the dataroot is none.
pub fn control_site(database: &Database, dataroot: &Path) -> ControlSite {
    let tcp = database.engine == Engine::Postgres;
    let dataroot = dataroot.display().to_string();
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
        settings: Settings::new(Given::default(), &dataroot).expect("settings"),
        dataroot,
        dirroot: String::new(),
        php: "php".into(),
    }
}

/// The map that a JSON text is.
///
/// # Panics
/// When it is none.
pub fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}
