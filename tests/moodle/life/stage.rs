//! The farm of these cases: two schools that are copied, one on each engine, and a template of each.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{Farm, Web};
use support::fpm::Pool;
use support::http::{Response, Visitor};
use support::need::{self, Need};
use support::process::output;

use crate::stage::log_in;

/// A login that makes databases and accounts on both servers, and its password.
pub(crate) const LOGIN: (&str, &str) = ("life_dba", "Dba-Secret-4711");

/// What stands in the file of each school's course.
pub(crate) const NOTE: &str = "Seen by the copy: été 🌞";

/// The password of every administrator that a dump brings along.
pub(crate) const OLD_PASSWORD: &str = "Admin#1234";

/// A farm of real Moodles that answers.
pub(crate) struct Stage {
    pub(crate) web: Web,
    pub(crate) farm: Farm,
}

/// What a script of the plugin printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Its JSON, where it did all that it should.
    pub(crate) fn done(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.json()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The school whose database this engine holds.
pub(crate) fn school(engine: Engine) -> String {
    format!("school-{}.example.org", engine.dbtype())
}

/// The template that is made of it.
pub(crate) fn template(engine: Engine) -> String {
    format!("basic-{}", engine.dbtype())
}

/// The farm, for one case after the other; `None` (said on stderr) where something is missing.
pub(crate) fn alone() -> Option<MutexGuard<'static, Stage>> {
    static STAGE: OnceLock<Option<Mutex<Stage>>> = OnceLock::new();
    let stage = STAGE.get_or_init(|| Stage::set().map(Mutex::new)).as_ref()?;
    // A case that failed has broken its own assertion, not the farm.
    Some(stage.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Stage {
    fn set() -> Option<Self> {
        need::all(&[Need::Moodle, Need::Dumps, Need::Php, Need::Fpm, Need::Nginx, Need::PostgreSql])?;
        let control = Database::shared(Engine::MariaDb, "life_control")?;
        let mut farm = Farm::new(Kind::Moodle, "life", control, json!({}));
        farm.upgrade();
        let key = farm.folder().join("key");
        output(farm.script("local/vmoodle/cli/key.php", None).arg(format!("--create={}", key.display())));
        farm.configure(&json!({ "vmoodle": { "keyfile": key } }));
        farm.code().replace("life_probe.php", include_bytes!("probe.php"));
        for engine in Engine::ALL {
            let database = Database::shared(engine, &format!("life_school_{}", engine.dbtype()))?;
            farm.call("server_add", server(&database)).unwrap();
            farm.add(&school(engine), &database);
        }
        let web = farm.serve(&Pool { workers: 4, ..Pool::default() });
        let stage = Self { web, farm };
        for engine in Engine::ALL {
            stage.ask(&school(engine), &["seed", NOTE]);
            let (targets, name) = (format!("--targets={}", school(engine)), format!("--name={}", template(engine)));
            stage.run("snapshot", &[&targets, &name, "--json"], None).done();
        }
        Some(stage)
    }

    /// Runs a script of the plugin on the control site, with JSON on its standard input.
    pub(crate) fn run(&self, script: &str, arguments: &[&str], given: Option<&Value>) -> Ran {
        let mut command = self.farm.script(&format!("local/vmoodle/cli/{script}.php"), None);
        command.args(arguments).args(given.map(|_| "--set-stdin"));
        let input = given.map(ToString::to_string).unwrap_or_default();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Runs an operation on one tenant; gives the job.
    pub(crate) fn operate(&self, operation: &str, host: &str, parameters: &Value) -> Value {
        let (operation, targets) = (format!("--operation={operation}"), format!("--targets={host}"));
        self.run("run", &[&operation, &targets, "--yes", "--json"], Some(parameters)).done()
    }

    /// Takes back what a job has changed.
    pub(crate) fn undo(&self, job: &Value) {
        self.run("job", &[&format!("--undo={}", job["id"]), "--json"], None).done();
    }

    /// Makes a copy of a tenant.
    pub(crate) fn copy(&self, source: &str, node: &Value) -> Value {
        let parameters = json!({ "source": source, "nodes": [node] });
        self.run("run", &["--operation=clone_tenant", "--json"], Some(&parameters)).done()
    }

    /// Asks the probe as the tenant, on the command line.
    pub(crate) fn ask(&self, host: &str, arguments: &[&str]) -> Value {
        let mut command: Command = self.farm.script("life_probe.php", Some(host));
        let text = output(command.args(arguments));
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Logs an administrator in: the visitor, once Moodle says who it is.
    pub(crate) fn enter(&self, host: &str, password: &str) -> Visitor {
        let (mut visitor, page) = self.log_in(host, password);
        let who = visitor.get("/life_probe.php?do=who");
        assert_eq!(who.status, 200, "{host}: {who:?}\n{}", self.web.fpm.log());
        assert_eq!(who.json()["user"], "admin", "{host}: {page:?}");
        visitor
    }

    pub(crate) fn log_in(&self, host: &str, password: &str) -> (Visitor, Response) {
        log_in(&self.web, host, "admin", password)
    }
}

/// The row of the server that a database is on.
fn server(database: &Database) -> Value {
    let (login, password) = LOGIN;
    let mut row = json!({ "name": database.engine.dbtype(), "engine": database.engine.dbtype(), "login": login, "password": password });
    match database.engine {
        Engine::MariaDb => {
            database.run(&format!(
                "GRANT ALL ON *.* TO '{login}'@'localhost' IDENTIFIED BY '{password}' WITH GRANT OPTION"
            ));
            row["socket"] = json!(database.socket);
        }
        Engine::Postgres => {
            // A copy of the school's database is a superuser's: its owner is one.
            database.run(&format!("CREATE ROLE {login} SUPERUSER LOGIN PASSWORD '{password}'"));
            row["host"] = json!("127.0.0.1");
            row["port"] = json!(database.port);
        }
    }
    json!([row])
}
