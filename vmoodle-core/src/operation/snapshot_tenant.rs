//! Takes a snapshot of a tenant: its database as it stands at one moment, and its files.

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{build, require_whole, snapshots};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::shelf::new_id;
use crate::steps::{Doing, blocking};
use crate::warning::Matter;

/// Takes a snapshot of a tenant: its database as it stands at one moment, and its files.
///
/// With `keep` so many of the snapshots of its address stay, this one included: the oldest others go, those with a name
/// never.
pub(super) struct SnapshotTenant;

/// What a change is called that deletes an old snapshot.
const PRUNED: &str = "old snapshot";

static META: Meta = Meta {
    name: "snapshot_tenant",
    parameters: &[
        Param { name: "name", kind: Type::Text, required: false, default: None },
        Param { name: "keep", kind: Type::Int, required: false, default: None },
    ],
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

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        keep(parameters).map(drop)
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move { plan(work) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let name = work.parameters.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
            let mut ground = work.ground()?;
            snapshots::take(&mut ground, id_in(changes)?, name, "snapshot").await?;
            let old = pruned(changes);
            if old.is_empty() {
                return Ok(());
            }
            let snapshots = build::shelf(&ground);
            let prune = move || {
                // One that has got a name meanwhile is a template.
                let unnamed = |id: &String| snapshots.open(id).is_ok_and(|one| one.facts.name.is_none());
                snapshots.delete_all(&old.into_iter().filter(unnamed).collect::<Vec<_>>())
            };
            ground.steps.step("pruned", async || blocking(prune).await).await
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let given = work.parameters.get("name").and_then(Value::as_str).map(str::to_owned);
            let (ground, id) = (work.ground()?, id_in(changes)?.to_owned());
            let snapshots = build::shelf(&ground);
            if let Ok(Some(name)) = snapshots.open(&id).map(|one| one.facts.name)
                && Some(&name) != given.as_ref()
            {
                let message = format!("the snapshot `{id}` has become the template `{name}`");
                return Err(Error::new(Kind::StateRefused, message)
                    .hint("delete it where that is meant: `php local/vmoodle/cli/snapshot.php --delete=...`"));
            }
            ground.steps.step("deleted", async || blocking(move || snapshots.delete_all(&[id])).await).await?;
            let gone = pruned(changes).len();
            if gone > 0 {
                ground.steps.warn(
                    Matter::SnapshotsGone,
                    format!("{gone} older snapshots went with this one's making: they stay gone"),
                );
            }
            Ok(())
        })
    }
}

/// How many are to stay.
fn keep(parameters: &Map<String, Value>) -> Result<Option<usize>> {
    match parameters.get("keep").and_then(Value::as_i64) {
        None => Ok(None),
        Some(number @ 1..=1000) => Ok(usize::try_from(number).ok()),
        Some(_) => Err(Error::new(Kind::BadParameter, "`keep` must be a number from 1 to 1000")
            .hint("leave it out to keep all snapshots")),
    }
}

fn plan(work: &Work<'_>) -> Result<Vec<Change>> {
    require_whole(work.tenant, "put away")?;
    let id = new_id(work.tenant.address.host().as_str(), now());
    let mut changes = vec![Change { what: "snapshot".into(), before: Value::Null, after: json!(id) }];
    if let Some(keep) = keep(work.parameters)? {
        // The one that is taken counts, unless it gets a name.
        let is_named = work.parameters.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        let stay = if is_named { keep } else { keep - 1 };
        let (found, _) = build::shelf_of(work.control).list()?;
        let address = work.tenant.address.to_string();
        let own = found.iter().rev().filter(|one| one.facts.name.is_none() && one.facts.wwwroot == address);
        let gone = |one: &Manifest| Change { what: PRUNED.into(), before: json!(one.id), after: Value::Null };
        changes.extend(own.skip(stay).map(gone));
    }
    Ok(changes)
}

/// The snapshots that go, by their numbers.
fn pruned(changes: &[Change]) -> Vec<String> {
    let gone = changes.iter().filter(|change| change.what == PRUNED);
    gone.filter_map(|change| change.before.as_str().map(str::to_owned)).collect()
}

fn id_in(changes: &[Change]) -> Result<&str> {
    let id = changes.first().and_then(|change| change.after.as_str());
    id.ok_or_else(|| Error::new(Kind::Internal, "a snapshot has no number"))
}
