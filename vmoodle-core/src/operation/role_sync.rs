//! Makes a role as it is on another tenant, on a saved sheet or in a preset.

use serde_json::Value;

use super::contract::{Change, Meta, Operation, Work};
use super::role_change::{here, make, planned, sheets_of, take_back, text};
use crate::error::{Error, Kind, Result};
use crate::moodle::roles::{self, Only, Sheet};
use crate::parameter::{Param, Type};
use crate::registry::sheets;
use crate::steps::Doing;

/// Makes a role as it is elsewhere.
pub(super) struct RoleSync;

const fn optional(name: &'static str) -> Param {
    Param { name, kind: Type::Text, required: false, default: None }
}

static META: Meta = Meta {
    name: "role_sync",
    parameters: &[
        optional("role"),
        optional("source"),
        optional("sheet"),
        optional("preset"),
        Param { name: "create", kind: Type::Flag, required: false, default: Some("0") },
        optional("parts"),
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for RoleSync {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let parts = Only::parse(text(work.parameters, "parts").unwrap_or_default())?;
            let create = work.parameters.get("create").and_then(Value::as_bool).unwrap_or(false);
            let sheet = sheet(work).await?;
            let site = here(work, Some(&[&sheet.shortname])).await?;
            planned(work, sheet.differences(&site, parts, create)?).await
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(take_back(work, changes))
    }
}

/// The sheet that is asked for, under the short name that is asked for.
async fn sheet(work: &mut Work<'_>) -> Result<Sheet> {
    let parameters = work.parameters;
    let given = ["source", "sheet", "preset"].map(|name| text(parameters, name));
    let role = text(parameters, "role");
    let sheet = match given {
        [Some(source), None, None] => {
            let role = role.ok_or_else(|| Error::new(Kind::BadParameter, "`role` is missing"))?;
            sheets_of(work, source, Some(role)).await?.first().cloned()
        }
        [None, Some(name), None] => Some(sheets::find(work.db, name).await?),
        [None, None, Some(xml)] => Some(roles::parse(xml)?),
        _ => return Err(Error::new(Kind::BadParameter, "give one of `source`, `sheet` and `preset`")),
    };
    let mut sheet = sheet.ok_or_else(|| Error::new(Kind::Internal, "a source has no sheet of its role"))?;
    if let Some(role) = role {
        role.clone_into(&mut sheet.shortname);
    }
    sheet.checked()
}
