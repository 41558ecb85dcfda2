//! The vocabulary of these tests: a control site, its tenants and their index in a folder, and PHP that boots them.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};
use support::http::{Request, Response};
use support::need::{self, Need, program};
use support::process::{Server, Stop, free_port, output};
use support::scratch::Scratch;
use support::{extension, php, root, wait};
use vmoodle_core::farm::{Alias, Farm, Policy};
use vmoodle_core::gate::ControlFacts;
use vmoodle_core::host::{HostPattern, SiteAddress};
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::index::{compile, publish};
use vmoodle_core::secret::Stored;
use vmoodle_core::targets::Targets;
use vmoodle_core::tenant::{Endpoint, Engine, State, Tenant, TenantId};

/// The host name of the control site.
pub(crate) const CONTROL: &str = "control.example.org";

/// A control site and what it knows; nothing is on disk before [`Site::publish`].
pub(crate) struct Site {
    folder: Scratch,
    /// What config.php sets, `vmoodle` among it.
    pub(crate) cfg: Map<String, Value>,
    pub(crate) farm: Farm,
}

impl Site {
    /// A farm without tenants; `None` (said on stderr) where PHP is not installed.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::at(test, &format!("https://{CONTROL}"))
    }

    /// As [`Self::new`], with the control site at this address.
    pub(crate) fn at(test: &str, wwwroot: &str) -> Option<Self> {
        need::all(&[Need::Php])?;
        let folder = Scratch::new(test);
        let cfg = json!({
            "dbtype": "mariadb", "dblibrary": "native", "dbhost": "127.0.0.1", "dbname": "control_of_test", "dbuser": "control",
            // Nobody listens on port 1: the control database is down.
            "dbpass": "secret-of-control", "prefix": "mdl_", "dboptions": {"dbport": 1}, "wwwroot": wwwroot,
            "dataroot": folder.folder("control"), "dirroot": folder.folder("code"),
        });
        let cfg = cfg.as_object().unwrap().clone();
        let (id, control) = facts(&cfg).farm().unwrap();
        let farm = Farm {
            id,
            control,
            generation: 1,
            published: 1_700_000_000,
            tenants: Vec::new(),
            aliases: Vec::new(),
            policies: Vec::new(),
            components: None,
        };
        Some(Self { folder, cfg, farm })
    }

    /// The folder of the site; the control site's dataroot is `control` in it, its code `code`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the index is, unless a setting moved it.
    pub(crate) fn index(&self) -> PathBuf {
        self.folder.join("control/vmoodle/index")
    }

    /// Adds an enabled tenant, to be changed before the publication.
    pub(crate) fn tenant(&mut self, wwwroot: &str) -> &mut Tenant {
        let id = u32::try_from(self.farm.tenants.len() + 1).unwrap();
        self.farm.tenants.push(tenant(id, wwwroot));
        self.farm.tenants.last_mut().unwrap()
    }

    /// Gives a tenant a further host.
    pub(crate) fn alias(&mut self, host: &str, tenant: u32) {
        self.farm.aliases.push(Alias { pattern: HostPattern::parse(host).unwrap(), tenant: TenantId(tenant) });
    }

    /// Adds a policy for the tenants that these words mean.
    pub(crate) fn policy(&mut self, targets: &[&str], settings: &Value) {
        self.farm.policies.push(Policy {
            name: format!("policy {}", self.farm.policies.len()),
            targets: Targets::parse(targets).unwrap(),
            settings: settings.as_object().unwrap().clone(),
        });
    }

    /// Publishes the next generation, and writes what config.php sets.
    pub(crate) fn publish(&mut self) -> &Self {
        publish(&self.index(), &compile(&self.farm).unwrap()).unwrap();
        self.farm.generation += 1;
        self.write_cfg();
        self
    }

    /// Writes what config.php sets, without a publication.
    pub(crate) fn write_cfg(&self) {
        std::fs::write(self.folder.join("cfg.json"), serde_json::to_vec(&self.cfg).unwrap()).unwrap();
    }

    /// `php` with the extension, and the script of a theme with one of its cases.
    pub(crate) fn php(&self, theme: &str, case: &str) -> Command {
        self.php_with(&[], theme, case)
    }

    /// As [`Self::php`], with INI entries as `-d` takes them.
    pub(crate) fn php_with(&self, entries: &[&str], theme: &str, case: &str) -> Command {
        let mut command = php::command();
        for entry in entries {
            command.args(["-d", entry]);
        }
        command.arg(script(theme)).arg(case).env("VMOODLE_TEST_SITE", self.folder());
        command
    }

    /// What a theme's case says on the command line.
    pub(crate) fn ask(&self, theme: &str, case: &str) -> Value {
        json_of(&mut self.php(theme, case))
    }

    /// As [`Self::ask`], with `VMOODLE_HOST`.
    pub(crate) fn ask_as(&self, host: &str, theme: &str, case: &str) -> Value {
        json_of(self.php(theme, case).env("VMOODLE_HOST", host))
    }

    /// PHP's own web server, one process, on a theme's script.
    pub(crate) fn serve(&self, theme: &str) -> Web {
        let address: SocketAddr = format!("127.0.0.1:{}", free_port()).parse().unwrap();
        let arguments = [
            "-u".to_owned(),
            "VMOODLE_HOST".to_owned(),
            "-u".to_owned(),
            "PHP_CLI_SERVER_WORKERS".to_owned(),
            format!("PHP_INI_SCAN_DIR=:{}", extension::ini_folder().display()),
            format!("VMOODLE_TEST_SITE={}", self.folder().display()),
            program("php").expect("needed").display().to_string(),
            "-d".to_owned(),
            "display_errors=0".to_owned(),
            "-S".to_owned(),
            address.to_string(),
            script(theme).display().to_string(),
        ];
        let env = program("env").expect("coreutils");
        let server = Server::start(&env, arguments, None, &self.folder.join("web.log"), Stop::Term);
        wait::until(Duration::from_secs(20), "php -S", || TcpStream::connect(address).is_ok());
        Web { _server: server, address }
    }
}

/// PHP's own web server.
pub(crate) struct Web {
    // Held for its drop.
    _server: Server,
    address: SocketAddr,
}

impl Web {
    /// What a theme's case says to a request; the case is named by a header.
    pub(crate) fn send(&self, case: &str, request: Request) -> Response {
        request.header("X-Case", case).send(self.address)
    }

    /// What it says to `GET /` with this Host header.
    pub(crate) fn ask(&self, host: impl AsRef<[u8]>, case: &str) -> Value {
        self.send(case, Request::new("GET", host, "/")).json()
    }
}

/// Which farm a config.php is of.
pub(crate) fn facts(cfg: &Map<String, Value>) -> ControlFacts {
    let text = |name: &str| cfg[name].as_str().unwrap().to_owned();
    ControlFacts {
        wwwroot: text("wwwroot"),
        dbname: text("dbname"),
        prefix: text("prefix"),
        dirroot: Some(text("dirroot")),
    }
}

/// A tenant with nothing out of the ordinary; its password is `secret-of-<number>`.
pub(crate) fn tenant(id: u32, wwwroot: &str) -> Tenant {
    Tenant {
        id: TenantId(id),
        name: format!("School {id}"),
        shortname: format!("s{id}"),
        address: SiteAddress::parse(wwwroot).unwrap(),
        database: Endpoint {
            engine: Engine::MariaDb,
            host: "db.example.org".into(),
            port: None,
            socket: None,
            database: DbName::parse(&format!("moodle_{id}")).unwrap(),
            user: Some(format!("user{id}")),
            password: Some(Stored::from_column(format!("secret-of-{id}"))),
        },
        prefix: Prefix::parse("mdl_").unwrap(),
        persist: false,
        options: Map::new(),
        dataroot: format!("/var/moodledata/{id}"),
        mnet: 0,
        state: State::Enabled,
        settings: Map::new(),
        tags: Vec::new(),
    }
}

/// The script of a theme.
pub(crate) fn script(theme: &str) -> PathBuf {
    root::workspace().join("tests/php").join(theme).with_extension("php")
}

/// Runs a command to its end and reads its standard output.
pub(crate) fn json_of(command: &mut Command) -> Value {
    let text = output(command);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command:?}: {error}: {text}"))
}
