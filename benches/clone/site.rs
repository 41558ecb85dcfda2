//! A Moodle on a server of its own, its administrator, and the place for its clones.

use std::cell::Cell;
use std::path::Path;

use support::database::{Database, Engine};
use support::moodle;
use vmoodle_benches::many::control_site;
use vmoodle_core::db::admin::ServerAdmin;
use vmoodle_core::db::transfer::Door;
use vmoodle_core::ident::{AccountName, DbName};
use vmoodle_core::secret::Secret;

/// What is cloned, by whom and where to.
pub(crate) struct Site {
    pub(crate) source: Database,
    pub(crate) account: AccountName,
    pub(crate) admin: ServerAdmin,
    made: Cell<u32>,
}

impl Site {
    /// A fresh Moodle with so many rows of log; `None` (said on stderr) where the engine is not installed.
    pub(crate) fn new(engine: Engine, log_rows: u32) -> Option<Self> {
        let source = Database::durable(engine, "clone_source")?;
        let control = Database::durable(engine, "clone_control")?;
        moodle::fill(&source, "Source");
        source.run(&log(engine, log_rows));
        let admin = ServerAdmin::of_control(&control_site(&control, Path::new("/nowhere"))).expect("an administrator");
        let [owner, account] = ["clone_owner", "clone_account"].map(|name| AccountName::parse(name).expect("a name"));
        wait(async {
            for account in [&owner, &account] {
                admin.create_account(account, &Secret::random()).await.expect("an account");
            }
            // As a tenant's is: every object changes its owner with the clone.
            admin.grant(&Self::name(&source), &owner).await.expect("rights");
        });
        Some(Self { source, account, admin, made: Cell::new(0) })
    }

    pub(crate) fn name(database: &Database) -> DbName {
        DbName::parse(&database.name).expect("a name")
    }

    /// A place for a clone that no clone had before. None is taken away while others are measured: a file system without a
    /// journal (ext4) looks past every file deleted within the last five minutes for each that it makes, which took a copy of
    /// 0.3 seconds to 2.4.
    pub(crate) fn target(&self) -> Database {
        self.made.set(self.made.get() + 1);
        Database { name: format!("clone_target_{}", self.made.get()), ..self.source.clone() }
    }

    /// The same, as an empty database.
    pub(crate) fn empty_target(&self) -> Database {
        let target = self.target();
        wait(self.admin.create_database(&Self::name(&target))).expect("an empty database");
        target
    }

    pub(crate) fn door(database: &Database) -> Door {
        Door::of_control(&control_site(database, Path::new("/nowhere"))).expect("a door")
    }
}

pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

fn log(engine: Engine, rows: u32) -> String {
    let numbers = match engine {
        Engine::MariaDb => format!("(SELECT seq AS n FROM seq_1_to_{rows}) AS numbers"),
        Engine::Postgres => format!("generate_series(1, {rows}) AS n"),
    };
    if rows == 0 {
        return "SELECT 1".to_owned();
    }
    format!(
        "INSERT INTO mdl_logstore_standard_log (eventname, component, action, target, objecttable, objectid, crud,
           edulevel, contextid, contextlevel, contextinstanceid, userid, courseid, other, timecreated, origin, ip)
         SELECT '\\\\core\\\\event\\\\course_viewed', 'core', 'viewed', 'course', 'course', n, 'r', 2, n % 5000, 50, n % 700,
           n % 3000, n % 700, CONCAT('{{\"section\":', n % 12, '}}'), 1700000000 + n, 'web', CONCAT('10.0.', n % 250, '.', n % 200)
         FROM {numbers}"
    )
}
