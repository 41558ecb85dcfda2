//! The farm of these cases: a control site, a school that is a template too, and a class of copies.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{CONTROL, Farm, Web};
use support::fpm::Pool;
use support::need::{self, Need};
use support::process::output;

use crate::person::Person;

/// The tenant that the others are made of.
pub(crate) const SCHOOL: &str = "school.example.org";

/// How many copies there are.
pub(crate) const COPIES: usize = 20;

/// A farm of real Moodles that answers.
pub(crate) struct Stage {
    pub(crate) web: Web,
    pub(crate) farm: Farm,
}

/// The host of a copy, from 1.
pub(crate) fn class(number: usize) -> String {
    format!("class{number:02}.example.org")
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
        need::all(&[Need::Chromium, Need::Moodle, Need::Dumps, Need::Php, Need::Fpm, Need::Nginx])?;
        need::all(&[Need::MariaDb, Need::PostgreSql])?;
        let control = Database::shared(Engine::MariaDb, "browser_control")?;
        // PostgreSQL copies a database that nobody works in by itself, which is much quicker than to write it out.
        let school = Database::shared(Engine::Postgres, "browser_school")?;
        let mut farm = Farm::new(Kind::Moodle, "browser", control, json!({}));
        farm.upgrade();
        let key = farm.folder().join("key");
        output(farm.script("local/vmoodle/cli/key.php", None).arg(format!("--create={}", key.display())));
        farm.configure(&json!({ "vmoodle": { "keyfile": key } }));
        // What Moodle's French pack is told by; our own French comes with the plugin.
        let french = farm.folder().folder("data/control/lang/fr").join("langconfig.php");
        std::fs::write(french, "<?php $string['thislanguage'] = 'Français'; $string['parentlanguage'] = '';").unwrap();
        farm.call("server_add", server(&school)).unwrap();
        farm.add(SCHOOL, &school);
        output(&mut farm.script("local/vmoodle/cli/publish.php", None));
        output(farm.script("admin/cli/upgrade.php", Some(SCHOOL)).arg("--non-interactive"));
        output(
            farm.script("local/vmoodle/cli/snapshot.php", None).args([&format!("--targets={SCHOOL}"), "--name=basic"]),
        );
        let nodes: Vec<Value> = (1..=COPIES)
            .map(|number| {
                let host = class(number);
                json!({ "vhostname": format!("http://{host}"), "name": format!("Class {number:02}"), "tags": "class",
                    "vdatapath": farm.dataroot(&host) })
            })
            .collect();
        operate(&farm, "disable_tenant", &json!({}), SCHOOL, 1);
        let job = farm.call("job_submit", json!(["clone_tenant", { "source": SCHOOL, "nodes": nodes }, []])).unwrap();
        let made = farm.call("job_run", json!([job])).unwrap();
        assert_eq!(made["done"], COPIES, "{made}");
        operate(&farm, "enable_tenant", &json!({}), SCHOOL, 1);
        let web = farm.serve(&Pool { workers: 4, ..Pool::default() });
        Some(Self { web, farm })
    }

    /// The administrator, who has logged in on the control site.
    pub(crate) fn administrator(&self) -> Person {
        let person = Person::new(CONTROL, self.web.address().port());
        person.open("/login/index.php");
        person.fill("#username", "admin");
        person.fill("#password", "Admin#1234");
        person.follow("#loginbtn");
        person
    }

    /// Lets cron run the jobs that are queued.
    pub(crate) fn cron(&self) {
        let mut script = self.farm.script("admin/cli/adhoc_task.php", None);
        output(script.args(["--execute", "--classname=local_vmoodle\\task\\run_job"]));
    }

    /// A value of the registry's row of a tenant.
    pub(crate) fn row(&self, host: &str, column: &str) -> String {
        let sql = format!("SELECT {column} FROM mdl_local_vmoodle WHERE hostkey = '{host}'");
        self.farm.control().run(&sql).trim_end_matches('\n').to_owned()
    }

    /// A setting of a tenant, as Moodle itself reads it; empty where it is not there.
    pub(crate) fn setting(&self, host: &str, name: &str) -> String {
        let mut script = self.farm.script("admin/cli/cfg.php", Some(host));
        let told = script.arg(format!("--name={name}")).output().unwrap();
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }

    /// Runs an operation on one tenant without any page; gives the job's number.
    pub(crate) fn operate(&self, operation: &str, parameters: &Value, target: &str) -> Value {
        operate(&self.farm, operation, parameters, target, 1)
    }

    /// The same on all copies.
    pub(crate) fn operate_on_all(&self, operation: &str, parameters: &Value) -> Value {
        operate(&self.farm, operation, parameters, "tag:class", COPIES)
    }

    /// The number of the newest job.
    pub(crate) fn newest_job(&self) -> String {
        self.farm.control().run("SELECT MAX(id) FROM mdl_local_vmoodle_job").trim().to_owned()
    }
}

fn operate(farm: &Farm, operation: &str, parameters: &Value, target: &str, done: usize) -> Value {
    let job = farm.call("job_submit", json!([operation, parameters, [target], { "confirm": true }])).unwrap();
    let ended = farm.call("job_run", json!([job])).unwrap();
    assert_eq!(ended["done"], done, "{operation} on {target}: {ended}");
    job
}

/// The row of the server that makes the copies' databases.
fn server(database: &Database) -> Value {
    let (login, password) = ("browser_dba", "Dba-Secret-4711");
    // A copy of the school's database is a superuser's: its owner is one.
    database.run(&format!("CREATE ROLE {login} SUPERUSER LOGIN PASSWORD '{password}'"));
    json!([{ "name": "schools", "engine": database.engine.dbtype(), "login": login, "password": password,
        "host": "127.0.0.1", "port": database.port }])
}
