//! Moves a retired tenant to the trash, from which it can be brought back.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::trash;
use crate::parameter::{Param, Type};
use crate::steps::Doing;
use crate::tenant::State;

/// Moves a retired tenant to the trash, from which it can be brought back.
pub(super) struct DestroyTenant;

static META: Meta = Meta {
    name: "destroy_tenant",
    parameters: &[
        Param { name: "hosts", kind: Type::Text, required: true, default: None },
        Param { name: "days", kind: Type::Int, required: false, default: Some("30") },
    ],
    dangerous: true,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for DestroyTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move { plan(work) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let days = work.parameters.get("days").and_then(Value::as_i64).unwrap_or(trash::RETENTION_DAYS);
            trash::discard(&mut work.ground()?, State::Retired, days).await
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            trash::bring_back(&mut work.ground()?, State::Retired).await?;
            work.forget_all().await
        })
    }
}

/// Only what is retired, and only what was named by its own host: a selector that means too much destroys nothing.
fn plan(work: &Work<'_>) -> Result<Vec<Change>> {
    let tenant = work.tenant;
    match tenant.state {
        State::Trashed => return Ok(Vec::new()),
        State::Retired => {}
        other => {
            let message = format!("only a retired tenant can be destroyed, and this one is {}", other.word());
            return Err(Error::new(Kind::StateRefused, message)
                .hint("retire it first, and give people time: `retire_tenant`")
                .of_tenant(tenant.address.to_string()));
        }
    }
    let key = tenant.address.key();
    let named = work.parameters.get("hosts").and_then(Value::as_str).unwrap_or_default();
    if !named.split([',', ' ']).any(|host| host.trim().eq_ignore_ascii_case(&key)) {
        let message = format!("its host is not confirmed: `hosts` does not name `{key}`");
        return Err(
            Error::new(Kind::JobRefused, message).hint("name every tenant that shall go by its host, with commas")
        );
    }
    let days = work.parameters.get("days").and_then(Value::as_i64).unwrap_or_default();
    if !(0..=3650).contains(&days) {
        return Err(Error::new(Kind::BadParameter, "`days` must be a number from 0 to 3650"));
    }
    Ok(vec![
        Change { what: "state".into(), before: json!(State::Retired.word()), after: json!(State::Trashed.word()) },
        Change { what: "dataroot".into(), before: json!(tenant.dataroot), after: json!("trash") },
        Change { what: "kept for days".into(), before: Value::Null, after: json!(days) },
    ])
}
