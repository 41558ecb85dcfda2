//! Makes what roles may do with other roles as it is on another tenant, or as a matrix says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::contract::{Change, Meta, Operation, Work};
use super::role_change::{here, make, planned, sheets_of, take_back, text};
use crate::error::{Error, Kind, Result};
use crate::moodle::roles::{Allow, Difference, Scope, is_shortname};
use crate::parameter::{Param, Type};
use crate::steps::Doing;

/// Makes what roles may do with other roles as it is elsewhere.
pub(super) struct AllowSync;

static META: Meta = Meta {
    name: "allow_sync",
    parameters: &[
        Param {
            name: "kind",
            kind: Type::Choice(&["assign", "override", "switch", "view"]),
            required: true,
            default: None,
        },
        Param { name: "source", kind: Type::Text, required: false, default: None },
        Param { name: "matrix", kind: Type::Json, required: false, default: None },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for AllowSync {
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
    let allow = text(parameters, "kind").and_then(Allow::of);
    let allow = allow.ok_or_else(|| Error::new(Kind::BadParameter, "`kind` is missing"))?;
    let matrix: BTreeMap<String, Vec<String>> = match (text(parameters, "source"), parameters.get("matrix")) {
        (Some(source), None) => {
            let sheets = sheets_of(work, source, None).await?;
            let others = sheets
                .iter()
                .map(|sheet| (sheet.shortname.clone(), sheet.allows.get(&allow).cloned().unwrap_or_default()));
            others.collect()
        }
        (None, Some(matrix)) => read_matrix(matrix)?,
        _ => return Err(Error::new(Kind::BadParameter, "give one of `source` and `matrix`")),
    };
    let is_source = text(parameters, "source").is_some();
    let nothing = Scope { roles: Some(&[]), capabilities: Some(&[]) };
    let site = here(work, nothing).await?;
    let mut found = Difference::default();
    for (name, mut others) in matrix.clone() {
        let Some(role) = site.roles.get(&name).filter(|_| is_shortname(&name)) else {
            found.left_out.push(crate::host::escape(&name).into_owned());
            continue;
        };
        if is_source {
            // A role that the source does not know is none of its business.
            let own = role.allows.get(&allow).into_iter().flatten();
            others.extend(own.filter(|other| !matrix.contains_key(*other)).cloned());
        }
        found.allow(&name, role, allow, &others, &site);
    }
    planned(work, found).await
}

/// Who may what with whom: `{"manager": ["teacher", "student"]}`; roles that are not named stay.
fn read_matrix(matrix: &Value) -> Result<BTreeMap<String, Vec<String>>> {
    let read: Option<BTreeMap<String, Vec<String>>> = serde_json::from_value(matrix.clone()).ok();
    read.filter(|matrix| {
        matrix.iter().all(|(name, others)| is_shortname(name) && others.iter().all(|o| is_shortname(o)))
    })
    .ok_or_else(|| {
        Error::new(Kind::BadParameter, "`matrix` must be a map of roles to lists of roles, by their short names")
    })
}
