//! Gives roles the same permissions for capabilities: those of another tenant, or one that is said.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::contract::{Change, Meta, Operation, Work};
use super::role_change::{here, make, planned, sheets_of, take_back, text, words};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::moodle::roles::{Difference, Permission, Scope, Sheet, is_capability};
use crate::parameter::{Param, Type};
use crate::steps::Doing;

/// Gives roles the same permissions for capabilities.
pub(super) struct CapabilitySync;

static META: Meta = Meta {
    name: "capability_sync",
    parameters: &[
        Param { name: "capability", kind: Type::Text, required: true, default: None },
        Param { name: "roles", kind: Type::Text, required: false, default: Some("all") },
        Param { name: "source", kind: Type::Text, required: false, default: None },
        Param {
            name: "permission",
            kind: Type::Choice(&["inherit", "allow", "prevent", "prohibit"]),
            required: false,
            default: None,
        },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for CapabilitySync {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(take_back(work, changes))
    }
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let parameters: &Map<String, Value> = work.parameters;
    let capabilities = words(text(parameters, "capability").unwrap_or_default());
    if let Some(name) = capabilities.iter().find(|name| !is_capability(name)) {
        return Err(Error::new(Kind::BadParameter, format!("`{}` is no name of a capability", escape(name))));
    }
    let named = Some(words(text(parameters, "roles").unwrap_or("all"))).filter(|names| *names != ["all"]);
    let permission = text(parameters, "permission").and_then(Permission::of);
    let sheets: Option<Rc<Vec<Sheet>>> = match (text(parameters, "source"), permission) {
        (Some(source), None) => Some(sheets_of(work, source, None).await?),
        (None, Some(_)) => None,
        _ => return Err(Error::new(Kind::BadParameter, "give one of `source` and `permission`")),
    };
    let site = here(work, Scope { roles: named.as_deref(), capabilities: Some(&capabilities) }).await?;
    let lacks = |name: &&&str| !site.roles.contains_key(**name);
    if let Some(name) = named.iter().flatten().find(lacks) {
        return Err(Error::new(Kind::RoleNotFound, format!("the site has no role `{}`", escape(name))));
    }
    let mut found = Difference::default();
    for (name, role) in &site.roles {
        if named.as_ref().is_some_and(|names| !names.contains(&name.as_str())) {
            continue;
        }
        for capability in &capabilities {
            let wanted = match &sheets {
                None => permission,
                // What the source does not know it says nothing of.
                Some(sheets) => sheets
                    .iter()
                    .find(|sheet| sheet.shortname == *name)
                    .and_then(|sheet| sheet.permissions.get(*capability).copied()),
            };
            if let Some(wanted) = wanted {
                found.permission(name, role, capability, wanted, &site);
            }
        }
    }
    if let Some(sheets) = &sheets {
        let knows = |capability: &&str| sheets.iter().any(|sheet| sheet.permissions.contains_key(*capability));
        if let Some(name) = capabilities.iter().find(|name| !knows(name)) {
            let message = format!("the source has no capability `{}`", escape(name));
            return Err(Error::new(Kind::BadParameter, message));
        }
    }
    planned(work, found).await
}
