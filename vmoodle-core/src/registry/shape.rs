//! Which tables and columns the control database has: today's, or only the original's.

use std::collections::HashMap;

use crate::db::Db;
use crate::error::{Error, Kind, Result};

/// The tables that this crate uses, each with its columns; `php/local/vmoodle/db/install.xml` declares them.
pub const TABLES: &[(&str, &[&str])] = &[
    (
        "local_vmoodle",
        &[
            "id",
            "name",
            "shortname",
            "description",
            "vhostname",
            "hostkey",
            "vdbtype",
            "vdbhost",
            "vdbport",
            "vdbsocket",
            "vdblogin",
            "vdbpass",
            "vdbname",
            "vdbprefix",
            "vdbpersist",
            "vdboptions",
            "vdatapath",
            "mnet",
            "enabled",
            "state",
            "settings",
            "tags",
            "timecreated",
            "timemodified",
            "lastcron",
            "lastcrongap",
            "croncount",
            "metadata",
            "lockitem",
            "lockuntil",
        ],
    ),
    ("local_vmoodle_alias", &["id", "host", "tenantid", "timecreated"]),
    (
        "local_vmoodle_policy",
        &["id", "name", "targets", "settings", "enabled", "sortorder", "timecreated", "timemodified"],
    ),
    (
        "local_vmoodle_server",
        &[
            "id",
            "name",
            "engine",
            "host",
            "port",
            "socket",
            "login",
            "password",
            "passwordfile",
            "accounthost",
            "connections",
            "weight",
            "timecreated",
            "timemodified",
        ],
    ),
    ("local_vmoodle_generation", &["id", "generation", "timepublished"]),
    (
        "local_vmoodle_job",
        &[
            "id",
            "operation",
            "parameters",
            "targets",
            "options",
            "mode",
            "status",
            "undoes",
            "retries",
            "userid",
            "timecreated",
            "timestarted",
            "timefinished",
            "cancelled",
        ],
    ),
    (
        "local_vmoodle_item",
        &[
            "id",
            "jobid",
            "tenantid",
            "wwwroot",
            "server",
            "parameters",
            "status",
            "attempts",
            "notbefore",
            "leaseowner",
            "leaseuntil",
            "heartbeat",
            "steps",
            "memory",
            "warnings",
            "beforeimage",
            "afterimage",
            "output",
            "errorcode",
            "error",
            "timestarted",
            "timefinished",
        ],
    ),
    ("local_vmoodle_sheet", &["id", "name", "role", "source", "contents", "timecreated", "timemodified"]),
    ("local_vmoodle_status", &["id", "tenantid", "fact", "value", "collected"]),
    (
        "local_vmoodle_cron",
        &[
            "id",
            "tenantid",
            "owner",
            "leaseuntil",
            "host",
            "pid",
            "server",
            "duesince",
            "timestarted",
            "timefinished",
            "outcome",
            "exitcode",
            "leftover",
            "summary",
        ],
    ),
    ("local_vmoodle_trash", &["id", "tenantid", "wwwroot", "dataroot", "moved", "timetrashed", "timeover"]),
];

/// What is there.
#[derive(Debug)]
pub struct Shape(HashMap<String, Vec<String>>);

impl Shape {
    /// Asks the database. Fails with [`Kind::RegistryMissing`] when there is no registry at all.
    pub async fn read(db: &mut Db) -> Result<Self> {
        let names: Vec<&'static str> = TABLES.iter().map(|(table, _)| *table).collect();
        let shape = Self(db.columns(&names).await?);
        if shape.has("local_vmoodle") {
            return Ok(shape);
        }
        Err(Error::new(Kind::RegistryMissing, "the control database has no table `local_vmoodle`")
            .hint("install the plugin: copy `local/vmoodle` into the code base and run `php admin/cli/upgrade.php`"))
    }

    /// Whether a table is there.
    pub fn has(&self, table: &str) -> bool {
        self.0.contains_key(table)
    }

    /// Whether every table and column is there; otherwise the registry is the original's and is only read.
    pub fn is_current(&self) -> bool {
        TABLES.iter().all(|(table, columns)| {
            self.0.get(*table).is_some_and(|there| columns.iter().all(|column| there.iter().any(|c| c == column)))
        })
    }

    /// Refuses to write to an original registry.
    pub fn require_current(&self) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        Err(Error::new(Kind::RegistryMissing, "the registry is an original one, which can only be read")
            .hint("let Moodle upgrade the plugin first: `php admin/cli/upgrade.php`"))
    }
}
