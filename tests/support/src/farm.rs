//! A farm: a code base, its control site, tenants, the index, and the servers that answer for them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::code::{Code, Kind};
use crate::database::{Database, Engine};
use crate::fpm::{Fpm, Pool};
use crate::http::{Request, Response};
use crate::nginx::{Nginx, Site};
use crate::php::{self, Thrown};
use crate::process::output;
use crate::scratch::Scratch;
use crate::{moodle, root, schema, tenant};

/// The host name of the control site.
pub const CONTROL: &str = "control.example.org";

/// A control site and the tenants that it knows.
#[derive(Debug)]
pub struct Farm {
    code: Code,
    control: Database,
    kind: Kind,
    settings: Value,
    folder: Scratch,
}

impl Farm {
    /// Makes the code base and a control site in the empty database `control`.
    ///
    /// `vmoodle` is what `$CFG->vmoodle` gets. With [`Kind::Mini`] the registry's tables are there at once; with
    /// [`Kind::Moodle`] the plugin must be installed by Moodle first ([`Self::upgrade`]).
    pub fn new(kind: Kind, name: &str, control: Database, vmoodle: Value) -> Self {
        let folder = Scratch::new(name);
        let code = Code::new(kind, &folder.join("code"));
        match kind {
            Kind::Mini => {
                tenant::fill(&control, "Control site");
                let install_xml = root::workspace().join("php/local/vmoodle/db/install.xml");
                control.run(&schema::statements(&install_xml, control.engine, "mdl_"));
            }
            Kind::Moodle => moodle::fill(&control, "Control site"),
        }
        let mut settings = control.config();
        settings["wwwroot"] = json!(format!("http://{CONTROL}"));
        settings["dataroot"] = json!(folder.folder("data/control"));
        settings["admin"] = json!("admin");
        settings["directorypermissions"] = json!(0o2777);
        settings["vmoodle"] = vmoodle;
        let farm = Self { code, control, kind, settings, folder };
        farm.code.configure(&farm.settings);
        farm
    }

    /// Changes the control site's settings: the members of `change` replace those of the same name.
    pub fn configure(&mut self, change: &Value) {
        for (name, value) in change.as_object().expect("an object of settings") {
            self.settings[name] = value.clone();
        }
        self.code.configure(&self.settings);
    }

    /// The code base.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The control site's database.
    pub fn control(&self) -> &Database {
        &self.control
    }

    /// The folder that holds the code base and the dataroots.
    pub fn folder(&self) -> &Scratch {
        &self.folder
    }

    /// The dataroot of the site with this host name (a path may follow it).
    pub fn dataroot(&self, host: &str) -> PathBuf {
        let name = if host == CONTROL { "control".to_owned() } else { host.replace(['/', ':'], "_") };
        self.folder.folder(format!("data/{name}"))
    }

    /// The index file, where no setting moved it.
    pub fn index(&self) -> PathBuf {
        self.dataroot(CONTROL).join("vmoodle/index")
    }

    /// The registry row of an enabled tenant with this host name, in this database.
    pub fn row(&self, host: &str, database: &Database) -> Value {
        let mut row = database.registry_columns();
        row["name"] = json!(format!("Site {host}"));
        row["shortname"] = json!(host);
        row["vhostname"] = json!(format!("http://{host}"));
        row["vdatapath"] = json!(self.dataroot(host));
        row["state"] = json!("enabled");
        row
    }

    /// Makes a site named `Site <host>` in the empty `database`, and registers it as an enabled tenant.
    ///
    /// # Panics
    /// When the registry refuses it.
    pub fn add(&self, host: &str, database: &Database) -> Value {
        let name = format!("Site {host}");
        match self.kind {
            Kind::Mini => tenant::fill(database, &name),
            Kind::Moodle => moodle::fill(database, &name),
        }
        let row = self.row(host, database);
        self.call("tenant_add", json!([row])).unwrap();
        row
    }

    /// Calls one function of the extension on the control site.
    ///
    /// # Errors
    /// What it threw.
    pub fn call(&self, function: &str, arguments: Value) -> Result<Value, Thrown> {
        self.calls(&[(function, arguments)]).remove(0)
    }

    /// Calls functions of the extension on the control site, in one process.
    pub fn calls(&self, calls: &[(&str, Value)]) -> Vec<Result<Value, Thrown>> {
        php::call(self.code.path(), calls)
    }

    /// A PHP script of the code base, as `php admin/cli/cfg.php`; without a host it runs on the control site.
    pub fn script(&self, script: &str, host: Option<&str>) -> Command {
        let mut command = php::command();
        command.arg(script).current_dir(self.code.path());
        if let Some(host) = host {
            command.env("VMOODLE_HOST", host);
        }
        command
    }

    /// Lets Moodle install what is new in the code base on the control site: our plugin, the first time.
    pub fn upgrade(&self) {
        output(self.script("admin/cli/upgrade.php", None).args(["--non-interactive", "--lang=en"]));
    }

    /// Starts php-fpm and nginx on the code base.
    pub fn serve(&self, pool: &Pool) -> Web {
        self.serve_at(pool, None)
    }

    /// As [`Self::serve`], on a port of the caller's choice.
    pub fn serve_at(&self, pool: &Pool, port: Option<u16>) -> Web {
        let fpm = Fpm::start(pool);
        let site = Site { root: self.code.path().to_owned(), fpm: fpm.socket(), port };
        Web { nginx: Nginx::start(&[site]), fpm }
    }
}

/// The servers of a farm.
#[derive(Debug)]
pub struct Web {
    /// nginx.
    pub nginx: Nginx,
    /// php-fpm.
    pub fpm: Fpm,
}

impl Web {
    /// Where nginx listens.
    pub fn address(&self) -> SocketAddr {
        self.nginx.address(0)
    }

    /// Asks for a page with this Host header.
    pub fn get(&self, host: impl AsRef<[u8]>, target: &str) -> Response {
        self.send(&Request::new("GET", host, target))
    }

    /// Sends a request.
    pub fn send(&self, request: &Request) -> Response {
        request.send(self.address())
    }
}

/// Empty databases on the shared servers, one for each word of `engines`; `None` where one is not installed.
pub fn databases(test: &str, engines: &[Engine]) -> Option<Vec<Database>> {
    engines.iter().enumerate().map(|(number, engine)| Database::shared(*engine, &format!("{test}_{number}"))).collect()
}
