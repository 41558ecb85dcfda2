//! The tenant that others are made like: what several operations have in common.

use serde_json::Value;

use super::contract::Work;
use crate::db::Db;
use crate::error::Result;
use crate::registry::{Shape, row, tenants};
use crate::tenant::Tenant;

/// The tenant that the parameter `source` names. Fails with `tenant_not_found`.
pub(super) async fn source(work: &mut Work<'_>) -> Result<Tenant> {
    let name = work.parameters.get("source").and_then(Value::as_str).unwrap_or_default();
    let shape = Shape::read(work.db).await?;
    row::tenant(&tenants::find(work.db, &shape, name).await?)
}

/// Connects to it.
pub(super) async fn open(work: &Work<'_>, source: &Tenant) -> Result<Db> {
    Db::open_tenant(source, &work.control.settings, work.keyring).await
}

/// The words of a parameter; none where it was not given.
pub(super) fn words(work: &Work<'_>, name: &str) -> Vec<String> {
    let words = work.parameters.get(name).and_then(Value::as_array);
    words.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// A parameter's text; `None` where it is empty or not given.
pub(super) fn text<'a>(work: &'a Work<'_>, name: &str) -> Option<&'a str> {
    work.parameters.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a flag is given.
pub(super) fn flag(work: &Work<'_>, name: &str) -> bool {
    work.parameters.get(name).and_then(Value::as_bool).unwrap_or(false)
}
