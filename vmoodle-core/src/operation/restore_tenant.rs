//! Puts a snapshot in a tenant’s place; what is there is put away first, by a snapshot of its own.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{build, require_whole, snapshots};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::snapshot::shelf::new_id;
use crate::steps::Doing;
use crate::warning::Matter;

/// Where an undo keeps the number of its own safety snapshot.
const SAFETY: &str = "safety snapshot";

/// Puts a snapshot in a tenant’s place; what is there is put away first, by a snapshot of its own.
pub(super) struct RestoreTenant;

static META: Meta = Meta {
    name: "restore_tenant",
    parameters: &[Param { name: "snapshot", kind: Type::Text, required: true, default: None }],
    dangerous: true,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for RestoreTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (before, after) = ends(changes)?;
            snapshots::restore(&mut work.ground()?, after, before).await?;
            work.forget_all().await
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (before, _) = ends(changes)?;
            let mut ground = work.ground()?;
            // People may have worked on it since: that can be had back too.
            let chosen = ground.steps.recall(SAFETY).and_then(Value::as_str).map(str::to_owned);
            let safety = chosen.clone().unwrap_or_else(|| new_id(ground.tenant.address.host().as_str(), now()));
            if chosen.is_none() {
                ground.steps.remember(SAFETY, json!(safety)).await?;
            }
            snapshots::restore(&mut ground, before, &safety).await?;
            ground.steps.warn(Matter::SnapshotKept, format!("what was there before is in the snapshot `{safety}`"));
            work.forget_all().await
        })
    }
}

/// A damaged, foreign or too new snapshot is refused here; all its files are verified before anything is touched.
async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    require_whole(work.tenant, "restored")?;
    let wanted = work.parameters.get("snapshot").and_then(Value::as_str).unwrap_or_default();
    let manifest = build::shelf_of(work.control).open(wanted)?;
    snapshots::check(work.control, work.tenant, &manifest.id)?;
    snapshots::require_alone(work.db, work.tenant, work.control, work.keyring).await?;
    let safety = new_id(work.tenant.address.host().as_str(), now());
    Ok(vec![Change { what: "contents".into(), before: json!(safety), after: json!(manifest.id) }])
}

fn ends(changes: &[Change]) -> Result<(&str, &str)> {
    let ends = changes.first().and_then(|change| Some((change.before.as_str()?, change.after.as_str()?)));
    ends.ok_or_else(|| Error::new(Kind::Internal, "a restoration has no snapshot"))
}
