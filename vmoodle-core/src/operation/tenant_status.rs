//! Collects the facts of a tenant that a few statements tell.

use super::contract::{Change, Meta, Operation, Work};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::steps::Doing;

/// Collects the facts of a tenant.
pub(super) struct TenantStatus;

static META: Meta = Meta {
    name: "tenant_status",
    parameters: &[],
    dangerous: false,
    idempotent: true,
    undoable: false,
    reads_only: true,
    publishes: false,
    makes: false,
};

const FACTS: &[(&str, &str)] = &[
    ("version", "SELECT value AS fact FROM {config} WHERE name = 'version'"),
    ("release", "SELECT value AS fact FROM {config} WHERE name = 'release'"),
    ("users", "SELECT COUNT(*) AS fact FROM {user} WHERE deleted = 0"),
    ("courses", "SELECT COUNT(*) AS fact FROM {course} WHERE category > 0"),
    ("lastcron", "SELECT value AS fact FROM {config_plugins} WHERE plugin = 'tool_task' AND name = 'lastcronstart'"),
];

impl Operation for TenantStatus {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, _: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(collect(work))
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "collecting facts changes nothing that could be undone")) })
    }
}

async fn collect(work: &mut Work<'_>) -> Result<()> {
    let mut facts = Vec::new();
    let read = match Db::open_tenant(work.tenant, &work.control.settings, work.keyring).await {
        Ok(mut site) => {
            let read = read(&mut site, &mut facts).await;
            site.close().await;
            read
        }
        Err(error) => Err(error),
    };
    facts.push(("reachable", Some(i64::from(read.is_ok()).to_string())));
    if let (Err(error), Some(steps)) = (read, work.steps.as_mut()) {
        steps.warn(error.to_string());
    }
    store(work, facts).await
}

async fn read(site: &mut Db, facts: &mut Vec<(&'static str, Option<String>)>) -> Result<()> {
    for (name, sql) in FACTS {
        let row = site.fetch_one(*sql, &[]).await?;
        let value = row.and_then(|row| row.text("fact").map(str::to_owned).or(row.int("fact").map(|n| n.to_string())));
        facts.push((name, value));
    }
    Ok(())
}

async fn store(work: &mut Work<'_>, facts: Vec<(&'static str, Option<String>)>) -> Result<()> {
    let id = i64::from(work.tenant.id.0);
    let mut transaction = work.db.begin().await?;
    for (fact, value) in facts {
        let sql = "DELETE FROM {local_vmoodle_status} WHERE tenantid = ? AND fact = ?";
        transaction.execute(sql, &[id.into(), fact.into()]).await?;
        let sql = "INSERT INTO {local_vmoodle_status} (tenantid, fact, value, collected) VALUES (?, ?, ?, ?)";
        let now = crate::registry::farm::now();
        transaction.execute(sql, &[id.into(), fact.into(), value.into(), now.into()]).await?;
    }
    Ok(transaction.commit().await?)
}
