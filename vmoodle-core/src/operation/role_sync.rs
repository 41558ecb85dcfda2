//! Makes a role as it is on another tenant, on a saved sheet or in a preset.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::contract::{Change, Meta, Operation, Work};
use super::role_change::{here, make, planned, sheets_of, take_back, text};
use crate::error::{Error, Kind, Result};
use crate::moodle::roles::{self, Difference, Only, Scope, Sheet};
use crate::parameter::{Param, Type};
use crate::registry::sheets;
use crate::steps::Doing;

/// Makes a role as it is elsewhere: on the tenant `source`, on the sheet `sheet`, or in the preset `preset`; or several roles
/// at once as they are in `presets`, a JSON list of presets. Roles that are made together may be named by one another.
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
        Param { name: "presets", kind: Type::Json, required: false, default: None },
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
            let sheets = match work.parameters.get("presets") {
                None => vec![sheet(work).await?],
                Some(presets) => several(work.parameters, presets)?,
            };
            let names: Vec<&str> = sheets.iter().map(|sheet| sheet.shortname.as_str()).collect();
            let mut site = here(work, Scope { roles: Some(&names), ..Scope::default() }).await?;
            if create {
                for name in names {
                    site.roles.entry(name.to_owned()).or_default();
                }
            }
            let mut found = Difference::default();
            for sheet in &sheets {
                found.join(sheet.differences(&site, parts, create)?);
            }
            planned(work, found).await
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(take_back(work, changes))
    }
}

/// The sheets of several presets.
fn several(parameters: &Map<String, Value>, presets: &Value) -> Result<Vec<Sheet>> {
    let bad = |message: &str| Error::new(Kind::BadParameter, message.to_owned());
    if ["role", "source", "sheet", "preset"].iter().any(|name| text(parameters, name).is_some()) {
        return Err(bad("`presets` stands alone"));
    }
    let presets = presets.as_array().filter(|presets| !presets.is_empty());
    let one = |preset: &Value| roles::parse(preset.as_str().ok_or_else(|| bad("a preset in `presets` is no text"))?);
    let sheets: Vec<Sheet> = presets
        .ok_or_else(|| bad("`presets` must be a JSON list of presets"))?
        .iter()
        .map(one)
        .collect::<Result<_>>()?;
    let names: BTreeSet<&str> = sheets.iter().map(|sheet| sheet.shortname.as_str()).collect();
    if names.len() < sheets.len() {
        return Err(bad("two presets in `presets` are of the same role"));
    }
    Ok(sheets)
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
