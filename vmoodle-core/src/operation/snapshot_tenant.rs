//! Takes a snapshot of a tenant: its database as it stands at one moment, and its files.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{build, require_whole, snapshots};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::snapshot::shelf::new_id;
use crate::steps::{Doing, blocking};

/// Takes a snapshot of a tenant: its database as it stands at one moment, and its files.
pub(super) struct SnapshotTenant;

static META: Meta = Meta {
    name: "snapshot_tenant",
    parameters: &[Param { name: "name", kind: Type::Text, required: false, default: None }],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for SnapshotTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            require_whole(work.tenant, "put away")?;
            let id = new_id(work.tenant.address.host().as_str(), now());
            Ok(vec![Change { what: "snapshot".into(), before: Value::Null, after: json!(id) }])
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let name = work.parameters.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
            snapshots::take(&mut work.ground()?, id_in(changes)?, name, "snapshot").await
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (ground, id) = (work.ground()?, id_in(changes)?.to_owned());
            let snapshots = build::shelf(&ground);
            let delete = async || {
                blocking(move || match snapshots.delete(&id) {
                    Err(error) if error.kind() == Kind::SnapshotNotFound => Ok(()),
                    done => done,
                })
                .await
            };
            ground.steps.step("deleted", delete).await
        })
    }
}

fn id_in(changes: &[Change]) -> Result<&str> {
    let id = changes.first().and_then(|change| change.after.as_str());
    id.ok_or_else(|| Error::new(Kind::Internal, "a snapshot has no number"))
}
