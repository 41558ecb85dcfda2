//! Writes a tenant out as a plain Moodle that runs without vmoodle; the tenant stays.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::lifecycle::{require_whole, standalone};
use crate::parameter::{Param, Type};
use crate::steps::{Doing, blocking};

/// Writes a tenant out as a plain Moodle that runs without vmoodle; the tenant stays.
pub(super) struct DevirtualiseTenant;

static META: Meta = Meta {
    name: "devirtualise_tenant",
    parameters: &[Param { name: "folder", kind: Type::Text, required: true, default: None }],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for DevirtualiseTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            require_whole(work.tenant, "written out")?;
            let given = work.parameters.get("folder").and_then(Value::as_str).unwrap_or_default();
            let folder = standalone::folder_of(&work.control.dirroot, work.tenant, given)?;
            Ok(vec![Change { what: "folder".into(), before: Value::Null, after: json!(folder) }])
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move { standalone::leave(&mut work.ground()?, folder_in(changes)?.as_ref()).await })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let (ground, folder) = (work.ground()?, std::path::PathBuf::from(folder_in(changes)?));
            ground.steps.step("removed", async || blocking(move || files::remove(&folder)).await).await
        })
    }
}

fn folder_in(changes: &[Change]) -> Result<&str> {
    let folder = changes.first().and_then(|change| change.after.as_str());
    folder.ok_or_else(|| Error::new(Kind::Internal, "a site that leaves has no folder"))
}
