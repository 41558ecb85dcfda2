//! Takes a plain Moodle into the farm: the same site, served by the farm's code from now on.

use serde_json::{Value, json};

use super::contract::{Births, Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::adopt;
use crate::parameter::{Param, Type};
use crate::steps::Doing;
use crate::tenant::State;
use crate::warning::Matter;

/// Takes a plain Moodle into the farm: the same site, served by the farm's code from now on.
pub(super) struct AdoptSite;

static META: Meta = Meta {
    name: adopt::OPERATION,
    parameters: &[
        Param { name: "nodes", kind: Type::Json, required: true, default: None },
        Param { name: "all_or_nothing", kind: Type::Flag, required: false, default: Some("0") },
        Param {
            name: "state",
            kind: Type::Choice(&["enabled", "disabled"]),
            required: false,
            default: Some("enabled"),
        },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: true,
};

impl Operation for AdoptSite {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn births(&self) -> Births {
        Births::Adopted
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move { Ok(plan(work)) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (end, told) = (end_state(work), told(work));
            let mut ground = work.ground()?;
            adopt::adopt(&mut ground, end).await?;
            for line in told {
                ground.steps.warn(Matter::NotTaken, line);
            }
            Ok(())
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            // An item that was never begun has no image.
            let own = work.tenant.address.to_string();
            let wwwroot = match changes.first() {
                Some(change) => address_in(change)?.to_owned(),
                None => own,
            };
            adopt::release(&mut work.ground()?, &wwwroot).await
        })
    }
}

/// What is taken over; nothing where it is done.
fn plan(work: &Work<'_>) -> Vec<Change> {
    let tenant = work.tenant;
    if tenant.state != State::Creating {
        return Vec::new();
    }
    let taken = |what: &str, after: Value| Change { what: what.into(), before: Value::Null, after };
    let mut changes = vec![
        taken("wwwroot", json!(tenant.address.to_string())),
        taken("database", json!(tenant.database.database.as_str())),
        taken("dataroot", json!(tenant.dataroot)),
        taken("state", json!(end_state(work).word())),
    ];
    if !tenant.settings.is_empty() {
        changes.push(taken("settings", tenant.settings.keys().cloned().collect()));
    }
    changes.extend(told(work).into_iter().map(|line| taken("told", json!(line))));
    changes
}

fn end_state(work: &Work<'_>) -> State {
    match work.parameters.get("state").and_then(Value::as_str) {
        Some("disabled") => State::Disabled,
        _ => State::Enabled,
    }
}

/// What of its `config.php` was not understood or not taken.
fn told(work: &Work<'_>) -> Vec<String> {
    let lines = work.parameters.get("told").and_then(Value::as_array);
    lines.into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned)).collect()
}

fn address_in(change: &Change) -> Result<&str> {
    change.after.as_str().ok_or_else(|| Error::new(Kind::Internal, "an adoption has no address"))
}
