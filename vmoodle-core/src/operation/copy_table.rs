//! Brings rows of a table from another tenant, told from each other by a natural key.

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use super::image;
use super::row_changes::{self, Rows};
use super::source::{flag, open, source, text, words};
use crate::error::{Error, Kind, Result};
use crate::ident::TableName;
use crate::moodle::caches;
use crate::moodle::contents::{Way, is_secret_by_name, is_secret_name};
use crate::moodle::records::{Record, RowChange};
use crate::moodle::stale::Stale;
use crate::moodle::table_copy::{Declared, Rule, Source, Wish};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::steps::{self, Doing, blocking};

/// Brings rows of `table` from the tenant `source`: a row comes where none has its `key`, changes where one has; nothing is
/// emptied first, and rows that the source has not go only where `delete` is given.
///
/// The key is the columns of the table's unique index unless `key` names others. Ids of other tables become those of the
/// rows that are called the same on the target: users by user name, courses and roles by short name, the system context;
/// others by a rule in `references` (see [`Rule::parse`]), and without one they are refused. `filter` takes some of the
/// rows (`{"component": "mod_x"}`), `skip` leaves columns out, as secrets are unless `secrets` is given; so are rows whose
/// `name` makes a secret of their `value`, which stay as they are on the target too.
///
/// Rows are all that is brought: what Moodle makes beside some of them (contexts, sections, files) is not made.
pub(super) struct CopyTable;

static META: Meta = Meta {
    name: "copy_table",
    parameters: &[
        Param { name: "source", kind: Type::Text, required: true, default: None },
        Param { name: "table", kind: Type::Text, required: true, default: None },
        Param { name: "key", kind: Type::Words, required: false, default: None },
        Param { name: "filter", kind: Type::Json, required: false, default: Some("{}") },
        Param { name: "references", kind: Type::Json, required: false, default: Some("{}") },
        Param { name: "skip", kind: Type::Words, required: false, default: None },
        Param { name: "delete", kind: Type::Flag, required: false, default: Some("0") },
        Param { name: "secrets", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: true,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for CopyTable {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        TableName::parse(parameters.get("table").and_then(Value::as_str).unwrap_or_default())?;
        object(parameters, "filter")?;
        object(parameters, "references")?.values().try_for_each(|rule| Rule::parse(rule).map(|_| ()))
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(put(work, changes, Way::Forth))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(put(work, changes, Way::Back))
    }
}

fn object(parameters: &Map<String, Value>, name: &str) -> Result<Map<String, Value>> {
    match parameters.get(name) {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        // What PHP makes of an empty map.
        Some(Value::Array(none)) if none.is_empty() => Ok(Map::new()),
        Some(_) => Err(Error::new(Kind::BadParameter, format!("`{name}` must be a JSON object"))),
    }
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let from = source(work).await?;
    if from.id == work.tenant.id {
        return Ok(Vec::new());
    }
    let wish = Wish {
        table: TableName::parse(text(work, "table").unwrap_or_default())?,
        key: words(work, "key"),
        skip: words(work, "skip"),
        filter: object(work.parameters, "filter")?,
        references: object(work.parameters, "references")?,
        delete: flag(work, "delete"),
        secrets: flag(work, "secrets"),
    };
    let (table, dirroot) = (wish.table.clone(), work.control.dirroot.clone());
    let rows = work.memo.once("copy_table", async || {
        let own = table.clone();
        let declared = blocking(move || Ok(Declared::read(dirroot.as_ref(), &own))).await?;
        let mut site = open(work, &from).await?;
        let read = Source::read(&mut site, wish, &declared).await;
        site.close().await;
        read.map_err(|error| error.of_tenant(from.address.to_string()))
    });
    let rows = rows.await?;
    let mut site = work.open_site().await?;
    let changes = rows.changes(&mut site).await;
    site.close().await;
    let changes = Rows::new(table.as_str(), changes.map_err(|error| error.of_tenant(work.tenant.address.to_string()))?);
    let is_secret = |change: &RowChange, column: &str, value: &Value| {
        let called = |row: &Record| row.get("name").and_then(Value::as_str).map(str::to_owned);
        let mut names = change.before.iter().chain(&change.after).map(called);
        value.as_str().is_some_and(|text| names.any(|name| is_secret_by_name(name.as_deref(), column, text)))
    };
    let name = |change: &RowChange| {
        let shown = |name: &String| match change.key.get(name) {
            Some(value) if is_secret_name(table.as_str(), name) || is_secret(change, name, value) => "_".to_owned(),
            Some(Value::String(text)) => text.clone(),
            value => json!(value).to_string(),
        };
        rows.key().iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    let mut shown = changes.shown(&name);
    if !shown.is_empty() && work.steps.is_some() {
        shown.push(image::change(&json!([changes]), changes.holds(), work.keyring)?);
    }
    Ok(shown)
}

async fn put(work: &mut Work<'_>, changes: &[Change], way: Way) -> Result<()> {
    let rows: Vec<Rows> = image::read(changes, work.keyring)?;
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        row_changes::put(&mut transaction, rows, way).await?;
        caches::raise_revisions(&mut transaction, now()).await?;
        steps::boundary();
        transaction.commit().await?;
        steps::boundary();
        Ok::<_, Error>(())
    }
    .await;
    site.close().await;
    // What is kept of a table is kept under any name; settings are named beside it, for a Redis prefix that others share.
    work.stale.extend([Stale::every(), Stale::core_config()]);
    done.map_err(|error| error.of_tenant(work.tenant.address.to_string()))
}
