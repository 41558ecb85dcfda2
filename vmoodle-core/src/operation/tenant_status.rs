//! Collects the facts of a tenant: those of a list in one statement, sizes where they are asked for.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

use super::contract::{Change, Meta, Operation, Work};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{server, upgrade};
use crate::moodle::status::{self, FileFacts, Status};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::steps::{Doing, Fact, Memo, blocking};
use crate::warning::Matter;

/// Collects the facts of a tenant.
pub(super) struct TenantStatus;

static META: Meta = Meta {
    name: "tenant_status",
    parameters: &[Param { name: "sizes", kind: Type::Flag, required: false, default: Some("0") }],
    dangerous: false,
    idempotent: true,
    undoable: false,
    reads_only: true,
    publishes: false,
    makes: false,
};

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

/// A tenant that does not answer keeps the facts it had, with their age.
async fn collect(work: &mut Work<'_>) -> Result<()> {
    let memo = work.memo.clone();
    let mut facts = match read(work, &memo).await {
        Ok(facts) => facts,
        Err(error) => {
            if let Some(steps) = work.steps.as_mut() {
                steps.warn(Matter::FactsMissing, error.to_string());
            }
            vec![("reachable", number(0)), ("error", Some(error.to_string()))]
        }
    };
    let dataroot = PathBuf::from(&work.tenant.dataroot);
    let FileFacts { stores, closed, free } = blocking(move || Ok(status::look(&dataroot))).await?;
    if closed {
        facts.iter_mut().filter(|(name, _)| *name == "maintenance").for_each(|(_, value)| *value = number(1));
    }
    facts.extend([
        ("cachestores", stores.map(|all| all.join(", "))),
        ("diskfree", free.map(|octets| octets.to_string())),
    ]);
    if let Some(steps) = work.steps.as_mut() {
        steps.collect(facts);
    }
    Ok(())
}

async fn read(work: &mut Work<'_>, memo: &Memo) -> Result<Vec<Fact>> {
    let mut site = work.open_site().await?;
    let read = read_site(work, memo, &mut site).await;
    work.leave_site(site, &read).await;
    read
}

async fn read_site(work: &mut Work<'_>, memo: &Memo, site: &mut Db) -> Result<Vec<Fact>> {
    let status = status::read(site, now()).await?;
    let (db, control) = (&mut *work.db, work.control);
    let wanted = memo.once("wanted", async || Ok(upgrade::wanted(db, control).await.ok())).await?;
    let pending = wanted.as_ref().as_ref().and_then(|wanted| status::is_pending(&status, wanted));
    let mut facts = named(&status, pending);
    if work.parameters.get("sizes").and_then(Value::as_bool).unwrap_or(false) {
        match sizes(work, memo, site).await {
            Ok(sizes) => facts.extend(sizes),
            // What is known is kept: to measure takes long, and may be cut off.
            Err(error) => work.steps.iter_mut().for_each(|steps| steps.warn(Matter::FactsMissing, error.to_string())),
        }
    }
    Ok(facts)
}

async fn sizes(work: &mut Work<'_>, memo: &Memo, site: &mut Db) -> Result<[Fact; 2]> {
    let octets = match of_server(work, memo).await {
        Some(octets) => Some(octets),
        None => site.octets().await?,
    };
    let files = status::file_octets(site).await?;
    Ok([("databaseoctets", octets.map(|octets| octets.to_string())), ("fileoctets", number(files))])
}

fn named(status: &Status, pending: Option<bool>) -> Vec<Fact> {
    let moodle = &status.moodle;
    vec![
        ("reachable", number(1)),
        ("error", None),
        ("version", Some(moodle.version.to_string())),
        ("release", Some(moodle.release.clone())),
        ("branch", number(i64::from(moodle.branch))),
        ("upgrading", number(i64::from(moodle.upgrading))),
        ("pending", pending.and_then(|pending| number(i64::from(pending)))),
        ("users", number(status.users)),
        ("activeusers", number(status.active_users)),
        ("courses", number(status.courses)),
        ("lastcron", status.last_cron.and_then(number)),
        ("duetasks", number(status.due_tasks)),
        ("failingtasks", number(status.failing_tasks)),
        ("maintenance", number(i64::from(status.maintenance))),
    ]
}

#[allow(clippy::unnecessary_wraps, reason = "every fact may lack a value")]
fn number(number: i64) -> Option<String> {
    Some(number.to_string())
}

/// What the tenant's database takes, by a question that its server answers for all databases at once; `None` where nobody
/// is known who may ask.
async fn of_server(work: &mut Work<'_>, memo: &Memo) -> Option<i64> {
    let name = server::name_of(work.db, work.tenant, work.control).await.ok()?;
    let sizes: Rc<HashMap<String, i64>> = memo
        .once(&format!("sizes of {name}"), async || {
            let asked = async {
                let admin = server::admin(work.db, &name, work.control, work.keyring).await?;
                admin.sizes().await
            };
            Ok(asked.await.unwrap_or_default())
        })
        .await
        .ok()?;
    sizes.get(work.tenant.database.database.as_str()).copied()
}
