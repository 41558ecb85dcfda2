//! The farm that the tests of this program share.

use std::sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{Farm, Web};
use support::fpm::Pool;
use support::http::{Response, Visitor};
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::process::output;

/// The tenants and their engines.
pub(crate) const TENANTS: [(&str, Engine); 3] = [
    ("one.example.org", Engine::MariaDb),
    ("two.example.org", Engine::MariaDb),
    ("three.example.org", Engine::Postgres),
];

/// A farm of real Moodles that answers.
pub(crate) struct Stage {
    pub(crate) web: Web,
    pub(crate) farm: Farm,
    pub(crate) databases: Vec<Database>,
    /// The control site's own server.
    pub(crate) control: MariaDb,
}

/// The farm as it is, for tests that leave it so; `None` (said on stderr) where something is missing.
pub(crate) fn shared() -> Option<RwLockReadGuard<'static, Stage>> {
    // A test that failed has broken its own assertion, not the farm.
    Some(stage()?.read().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// The farm for one test alone, which changes it and puts it back.
pub(crate) fn alone() -> Option<RwLockWriteGuard<'static, Stage>> {
    Some(stage()?.write().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn stage() -> Option<&'static RwLock<Stage>> {
    static STAGE: OnceLock<Option<RwLock<Stage>>> = OnceLock::new();
    STAGE.get_or_init(|| Stage::set().map(RwLock::new)).as_ref()
}

impl Stage {
    fn set() -> Option<Self> {
        need::all(&[Need::Moodle, Need::Dumps, Need::Php, Need::Fpm, Need::Nginx, Need::PostgreSql])?;
        let control = MariaDb::start()?;
        let farm = Farm::new(Kind::Moodle, "moodle", control.database("control"), json!({}));
        farm.upgrade();
        let databases: Option<Vec<Database>> =
            TENANTS.iter().map(|(host, engine)| Database::shared(*engine, &host.replace('.', "_"))).collect();
        let databases = databases?;
        for ((host, _), database) in TENANTS.iter().zip(&databases) {
            farm.add(host, database);
        }
        output(&mut farm.script("local/vmoodle/cli/publish.php", None));
        output(&mut farm.script("local/vmoodle/cli/upgrade.php", None));
        // A page that tells what boot made of $CFG: Moodle itself shows little of it.
        let probe = "<?php define('NO_MOODLE_COOKIES', true); require('config.php');
            header('Content-Type: application/json');
            echo json_encode(['cfg' => $CFG, 'site' => $SITE->fullname, 'current' => \\Vmoodle\\current()]);";
        farm.code().replace("probe.php", probe.as_bytes());
        // A person without rights.
        let user = "<?php define('CLI_SCRIPT', true); require('config.php'); require_once($CFG->dirroot . '/user/lib.php');
            $name = $argv[1];
            $DB->record_exists('user', ['username' => $name]) || user_create_user((object)['username' => $name, 'auth' => 'manual',
                'password' => 'Plain#1234', 'email' => $name . '@example.invalid', 'firstname' => $name, 'lastname' => 'P',
                'confirmed' => 1, 'mnethostid' => $CFG->mnet_localhost_id]);";
        farm.code().replace("probe_user.php", user.as_bytes());
        let web = farm.serve(&Pool { workers: 4, ..Pool::default() });
        Some(Self { web, farm, databases, control })
    }

    /// What Moodle sees as `$CFG` on a host.
    pub(crate) fn probe(&self, host: &str) -> Value {
        self.web.get(host, "/probe.php").json()
    }

    /// Logs the administrator in, and gives the visitor and the page that came.
    pub(crate) fn log_in(&self, host: &str) -> (Visitor, Response) {
        self.log_in_as(host, "admin", "Admin#1234")
    }

    /// Logs a user in, and gives the visitor and the page that came.
    pub(crate) fn log_in_as(&self, host: &str, user: &str, password: &str) -> (Visitor, Response) {
        log_in(&self.web, host, user, password)
    }
}

/// Logs a user of a site in, and gives the visitor and the page that came.
pub(crate) fn log_in(web: &Web, host: &str, user: &str, password: &str) -> (Visitor, Response) {
    let mut visitor = Visitor::new(web.address(), host);
    let form = visitor.get("/login/index.php");
    let token = form.body.split("name=\"logintoken\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let token = token.unwrap_or_else(|| panic!("{host}: no login form: {form:?}")).to_owned();
    let fields = [("username", user), ("password", password), ("logintoken", token.as_str())];
    let page = visitor.post("/login/index.php", &fields);
    (visitor, page)
}
