//! Policies of the farm, changed by compare-and-swap: what two operations have in common.
//!
//! A policy is one row for all tenants that its selector means. So a plan shows for each tenant what the change makes of its
//! own settings; of a run the first items write the row, and those that come later find nothing left to do and are skipped.

use serde_json::{Map, Value, json};

use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::overrides;
use crate::registry::policies::{self, Stored};

/// What the name of the row's own change begins with.
const ROW: &str = "policy:";

/// The changes that make the row what it shall be: of the tenant's own settings, and of the row. None where that does not
/// concern the tenant, or is so already.
pub(super) async fn plan(
    work: &mut Work<'_>,
    name: &str,
    wanted: impl FnOnce(Option<&Stored>) -> Result<Option<Stored>>,
) -> Result<Vec<Change>> {
    let old = policies::stored(work.db, name).await?;
    let new = wanted(old.as_ref())?;
    if old == new {
        return Ok(Vec::new());
    }
    let before = policies::settings_with(work.db, work.tenant, name, old.as_ref()).await?;
    let after = policies::settings_with(work.db, work.tenant, name, new.as_ref()).await?;
    let mut changes = Vec::new();
    for (what, before, after) in overrides::differences(&before, &after) {
        changes.push(Change { what, before, after });
    }
    if changes.is_empty() {
        return Ok(changes);
    }
    let shown = |row: Option<&Stored>| row.map_or(Value::Null, Stored::to_json);
    changes.push(Change { what: format!("{ROW}{name}"), before: shown(old.as_ref()), after: shown(new.as_ref()) });
    Ok(changes)
}

/// Makes the row what it shall be.
pub(super) async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let (name, before, after) = row(changes)?;
    swap(work, name, before, after).await
}

/// Puts it back.
pub(super) async fn undo(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let (name, before, after) = row(changes)?;
    swap(work, name, after, before).await
}

fn row(changes: &[Change]) -> Result<(&str, Option<Stored>, Option<Stored>)> {
    let found = changes.iter().find_map(|change| Some((change.what.strip_prefix(ROW)?, change)));
    let (name, change) = found.ok_or_else(|| Error::new(Kind::Internal, "a change of a policy has no row"))?;
    Ok((name, Stored::from_json(&change.before)?, Stored::from_json(&change.after)?))
}

async fn swap(work: &mut Work<'_>, name: &str, from: Option<Stored>, to: Option<Stored>) -> Result<()> {
    let mut transaction = work.db.begin().await?;
    // Whoever writes to the registry waits here.
    crate::registry::generation::lock(&mut transaction).await?;
    let now = policies::stored(&mut transaction, name).await?;
    if now != to {
        if now != from {
            let message = format!("the policy `{name}` was changed by somebody else meanwhile");
            return Err(Error::new(Kind::StateRefused, message).hint("look at it, then plan the change anew"));
        }
        policies::write(&mut transaction, name, to.as_ref()).await?;
    }
    Ok(transaction.commit().await?)
}

/// The parameter that names the policy.
pub(super) fn name(parameters: &Map<String, Value>) -> Result<String> {
    let name = parameters.get("policy").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::new(Kind::BadParameter, "`policy` must be a name of 1 to 100 characters"));
    }
    Ok(name)
}

/// Settings that the words `name` or `plugin/name` give values to, as a policy has them.
pub(super) fn nested(values: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut settings = Map::new();
    let mut plugins: Map<String, Value> = Map::new();
    for (name, value) in values {
        match name.split_once('/') {
            None => {
                settings.insert(name.clone(), value.clone());
            }
            Some((plugin, name)) => {
                let inner = plugins.entry(plugin).or_insert_with(|| json!({}));
                inner[name] = value.clone();
            }
        }
    }
    if !plugins.is_empty() {
        overrides::lay_over(
            &mut settings,
            &Map::from_iter([(overrides::FORCED_PLUGIN_SETTINGS.to_owned(), json!(plugins))]),
        );
    }
    overrides::check(&settings)?;
    Ok(settings)
}
