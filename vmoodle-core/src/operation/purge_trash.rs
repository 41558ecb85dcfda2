//! Removes what lies in the trash and is over age, for good.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{trash, wish::flag};
use crate::parameter::{Param, Type};
use crate::steps::Doing;
use crate::tenant::State;

/// Removes what lies in the trash and is over age, for good.
pub(super) struct PurgeTrash;

static META: Meta = Meta {
    name: "purge_trash",
    parameters: &[Param { name: "young", kind: Type::Flag, required: false, default: Some("0") }],
    dangerous: true,
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for PurgeTrash {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            // It may have been brought back since the plan: a run that was killed is resumed with the plan it had.
            if work.tenant.state != State::Trashed {
                let message = format!("the tenant is {} by now", work.tenant.state.word());
                return Err(Error::new(Kind::StateRefused, message).of_tenant(work.tenant.address.to_string()));
            }
            trash::remove(&mut work.ground()?).await
        })
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "what was removed from the trash is gone")) })
    }
}

/// What is not in the trash, or not over age where `young` is not said, stays.
async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    if work.tenant.state != State::Trashed
        || (!flag(work.parameters, "young") && trash::is_kept(work.db, work.tenant).await?)
    {
        return Ok(Vec::new());
    }
    let gone = |what: &str, before: Value| Change { what: what.into(), before, after: Value::Null };
    let tenant = work.tenant;
    Ok(vec![
        gone("tenant", json!(tenant.address.to_string())),
        gone("database", json!(tenant.database.database.as_str())),
        gone("dataroot", json!(tenant.dataroot)),
    ])
}
