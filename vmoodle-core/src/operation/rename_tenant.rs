//! Gives a tenant another address: host, path or protocol.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::host::SiteAddress;
use crate::lifecycle::{rename, require_whole};
use crate::parameter::{Param, Type};
use crate::steps::Doing;

/// Gives a tenant another address: host, path or protocol.
pub(super) struct RenameTenant;

static META: Meta = Meta {
    name: "rename_tenant",
    parameters: &[
        Param { name: "wwwroot", kind: Type::Text, required: true, default: None },
        Param { name: "alias", kind: Type::Flag, required: false, default: Some("1") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for RenameTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let to = SiteAddress::parse(work.parameters.get("wwwroot").and_then(Value::as_str).unwrap_or_default())?;
            require_whole(work.tenant, "renamed")?;
            let from = &work.tenant.address;
            if *from == to {
                return Ok(Vec::new());
            }
            Ok(vec![Change { what: "wwwroot".into(), before: json!(from.to_string()), after: json!(to.to_string()) }])
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (from, to) = ends(changes)?;
            let alias = work.parameters.get("alias").and_then(Value::as_bool).unwrap_or(true);
            rename::rename(&mut work.ground()?, &from, &to, alias).await?;
            work.forget_all().await
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (from, to) = ends(changes)?;
            rename::rename(&mut work.ground()?, &to, &from, false).await?;
            work.forget_all().await
        })
    }
}

fn ends(changes: &[Change]) -> Result<(SiteAddress, SiteAddress)> {
    let change = changes.first().ok_or_else(|| Error::new(Kind::Internal, "a renaming has no address"))?;
    let address = |value: &Value| SiteAddress::parse(value.as_str().unwrap_or_default());
    Ok((address(&change.before)?, address(&change.after)?))
}
