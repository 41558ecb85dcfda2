//! The table `local_vmoodle_policy`: settings enforced on the tenants that a selector names.

use serde_json::{Map, Value, json};

use super::farm::{now, or_taken};
use super::fields::{Fields, bad, parse_map, parse_targets};
use super::session::Session;
use crate::db::{Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::farm::Policy;
use crate::host::escape;
use crate::overrides;
use crate::targets::Targets;
use crate::tenant::Tenant;

const TABLE: &str = "local_vmoodle_policy";
const KNOWN: &[&str] = &["name", "targets", "settings", "enabled", "sortorder"];
const KEPT: &[&str] = &["id", "timecreated", "timemodified"];

/// The rows that count, the lowest first.
pub(super) async fn enabled(db: &mut Db) -> Result<Vec<Row>> {
    Ok(db.fetch("SELECT * FROM {local_vmoodle_policy} WHERE enabled = 1 ORDER BY sortorder, id", &[]).await?)
}

/// The policies that count, the lowest first; a row that is none is left out.
pub(crate) async fn all(db: &mut Db) -> Result<Vec<Policy>> {
    Ok(enabled(db).await?.iter().filter_map(|row| policy(row).ok()).collect())
}

/// Reads a row.
pub(super) fn policy(row: &Row) -> Result<Policy> {
    let settings = parse_map(row.text("settings").unwrap_or_default())
        .ok_or_else(|| Error::new(Kind::BadParameter, "`settings` is no JSON object"))?;
    overrides::check(&settings)?;
    let targets = parse_targets(row.text("targets").unwrap_or_default());
    if targets.is_empty() {
        return Err(Error::new(Kind::BadParameter, "`targets` is empty").hint("use `any` for all tenants"));
    }
    Ok(Policy { name: row.text("name").unwrap_or_default().to_owned(), targets: Targets::parse(&targets)?, settings })
}

impl Session<'_> {
    /// Adds a policy: `name`, `targets`, `settings`; `enabled` (yes), `sortorder` (0).
    pub async fn policy_add(&mut self, values: &Map<String, Value>) -> Result<Map<String, Value>> {
        let mut columns = columns(values)?;
        for (required, given) in [("name", "name"), ("targets", "targets"), ("settings", "settings")] {
            if !columns.iter().any(|(column, _)| *column == given) {
                return Err(bad(required, "it must be given"));
            }
        }
        columns.push(("timecreated", now().into()));
        let name = text_of(&columns, "name");
        let (names, params): (Vec<&'static str>, Vec<Param>) = columns.into_iter().unzip();
        let id = self.db.insert(Sql::insert(TABLE, &names), &params).await;
        let id = id.map_err(|fault| or_taken(fault, Kind::NameTaken, || taken(&name)))?;
        self.policy_written(id).await
    }

    /// Changes a policy.
    pub async fn policy_update(&mut self, name: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        let columns = columns(changes)?;
        let id = self.policy_row(name).await?.int("id").unwrap_or(0);
        let new_name = text_of(&columns, "name");
        let (names, mut params): (Vec<&'static str>, Vec<Param>) = columns.into_iter().unzip();
        params.push(id.into());
        let done = self.db.execute(Sql::update(TABLE, &names), &params).await;
        done.map_err(|fault| or_taken(fault, Kind::NameTaken, || taken(&new_name)))?;
        self.policy_written(id).await
    }

    /// Removes a policy; gives it as it was.
    pub async fn policy_remove(&mut self, name: &str) -> Result<Map<String, Value>> {
        let row = self.policy_row(name).await?;
        self.db.execute("DELETE FROM {local_vmoodle_policy} WHERE id = ?", &[row.int("id").into()]).await?;
        self.reload_policies().await?;
        Ok(shown(&row))
    }

    /// Reads back what was written: as a whole it must be a policy.
    async fn policy_written(&mut self, id: i64) -> Result<Map<String, Value>> {
        let row = self.db.fetch_one("SELECT * FROM {local_vmoodle_policy} WHERE id = ?", &[id.into()]).await?;
        let row = row.ok_or_else(|| Error::new(Kind::Internal, "a policy just written is not there"))?;
        policy(&row)?;
        self.reload_policies().await?;
        Ok(shown(&row))
    }

    async fn policy_row(&mut self, name: &str) -> Result<Row> {
        let row = self.db.fetch_one("SELECT * FROM {local_vmoodle_policy} WHERE name = ?", &[name.into()]).await?;
        row.ok_or_else(|| Error::new(Kind::PolicyNotFound, format!("no policy has the name `{}`", escape(name))))
    }
}

fn columns(values: &Map<String, Value>) -> Result<Vec<(&'static str, Param)>> {
    let fields = Fields::new(values, KNOWN, KEPT)?;
    let mut columns: Vec<(&'static str, Param)> = vec![("timemodified", now().into())];
    if let Some(name) = fields.name("name", 100)? {
        columns.push(("name", name.into()));
    }
    if let Some(targets) = fields.words("targets", parse_targets)? {
        Targets::parse(&targets)?;
        columns.push(("targets", json!(targets).to_string().into()));
    }
    if let Some(settings) = fields.map("settings")? {
        overrides::check(&settings)?;
        columns.push(("settings", Value::Object(settings).to_string().into()));
    }
    if let Some(enabled) = fields.flag("enabled")? {
        columns.push(("enabled", enabled.into()));
    }
    if fields.has("sortorder") {
        columns.push(("sortorder", fields.int("sortorder", 0..=999_999_999)?.unwrap_or(0).into()));
    }
    Ok(columns)
}

fn text_of(columns: &[(&'static str, Param)], name: &str) -> String {
    match columns.iter().find(|(column, _)| *column == name) {
        Some((_, Param::Text(Some(text)))) => text.clone(),
        _ => String::new(),
    }
}

fn taken(name: &str) -> String {
    format!("a policy has the name `{}` already", escape(name))
}

fn shown(row: &Row) -> Map<String, Value> {
    let text = |column| row.text(column).unwrap_or_default();
    let mut shown = Map::new();
    for column in ["id", "enabled", "sortorder", "timecreated", "timemodified"] {
        shown.insert(column.into(), json!(row.int(column)));
    }
    shown.insert("name".into(), json!(text("name")));
    shown.insert("targets".into(), json!(parse_targets(text("targets"))));
    shown.insert("settings".into(), parse_map(text("settings")).map_or(Value::Null, Value::Object));
    shown
}

/// A policy's row, without its name and times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// Whom it means.
    pub(crate) targets: Vec<String>,
    /// What it sets.
    pub(crate) settings: Map<String, Value>,
    /// Whether it counts.
    pub(crate) enabled: bool,
    /// Where it stands among the others: a greater number lies above.
    pub(crate) sortorder: i64,
}

impl Stored {
    /// One that sets nothing yet.
    pub(crate) fn new(targets: Vec<String>) -> Self {
        Self { targets, settings: Map::new(), enabled: true, sortorder: 0 }
    }

    /// As the journal holds it.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "targets": self.targets, "settings": self.settings, "enabled": self.enabled, "sortorder": self.sortorder })
    }

    /// What [`Self::to_json`] has written; null is no row.
    pub(crate) fn from_json(value: &Value) -> Result<Option<Self>> {
        let broken = || Error::new(Kind::Internal, "a policy in the journal cannot be read");
        if value.is_null() {
            return Ok(None);
        }
        let targets = value["targets"].as_array().ok_or_else(broken)?;
        Ok(Some(Self {
            targets: targets.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            settings: value["settings"].as_object().cloned().ok_or_else(broken)?,
            enabled: value["enabled"].as_bool().ok_or_else(broken)?,
            sortorder: value["sortorder"].as_i64().ok_or_else(broken)?,
        }))
    }
}

/// The row of a name. Fails with `bad_parameter` where its settings cannot be read.
pub(crate) async fn stored(db: &mut Db, name: &str) -> Result<Option<Stored>> {
    let row = db.fetch_one("SELECT * FROM {local_vmoodle_policy} WHERE name = ?", &[name.into()]).await?;
    row.map(|row| {
        Ok(Stored {
            targets: parse_targets(row.text("targets").unwrap_or_default()),
            settings: policy(&row)?.settings,
            enabled: row.int("enabled") == Some(1),
            sortorder: row.int("sortorder").unwrap_or(0),
        })
    })
    .transpose()
}

/// Makes the row of a name what it shall be; `None` takes it away. The caller holds the registry's lock.
pub(crate) async fn write(db: &mut Db, name: &str, to: Option<&Stored>) -> Result<()> {
    let Some(to) = to else {
        db.execute("DELETE FROM {local_vmoodle_policy} WHERE name = ?", &[name.into()]).await?;
        return Ok(());
    };
    overrides::check(&to.settings)?;
    Targets::parse(&to.targets)?;
    let row = db.fetch_one("SELECT id FROM {local_vmoodle_policy} WHERE name = ?", &[name.into()]).await?;
    let values: [Param; 5] = [
        json!(to.targets).to_string().into(),
        json!(to.settings).to_string().into(),
        to.enabled.into(),
        to.sortorder.into(),
        now().into(),
    ];
    let mut columns = vec!["targets", "settings", "enabled", "sortorder", "timemodified"];
    let mut params = values.to_vec();
    if let Some(id) = row.and_then(|row| row.int("id")) {
        params.push(id.into());
        db.execute(Sql::update(TABLE, &columns), &params).await?;
    } else {
        columns.extend(["name", "timecreated"]);
        params.extend([name.into(), now().into()]);
        db.insert(Sql::insert(TABLE, &columns), &params).await?;
    }
    Ok(())
}

/// The settings of a site as they would be with another row of one policy.
pub(crate) async fn settings_with(
    db: &mut Db,
    tenant: &Tenant,
    name: &str,
    row: Option<&Stored>,
) -> Result<Map<String, Value>> {
    let mut layers: Vec<(i64, i64, Policy)> = Vec::new();
    for row in enabled(db).await? {
        let (order, id) = (row.int("sortorder").unwrap_or(0), row.int("id").unwrap_or(0));
        layers.push((order, id, policy(&row)?));
    }
    // A new row is the last of its order.
    let id = layers.iter().find(|(_, _, policy)| policy.name == name).map_or(i64::MAX, |(_, id, _)| *id);
    layers.retain(|(_, _, policy)| policy.name != name);
    if let Some(row) = row.filter(|row| row.enabled) {
        let targets = Targets::parse(&row.targets)?;
        layers.push((row.sortorder, id, Policy { name: name.to_owned(), targets, settings: row.settings.clone() }));
    }
    layers.sort_by_key(|(order, id, _)| (*order, *id));
    let mut settings = Map::new();
    for (_, _, policy) in layers.iter().filter(|(_, _, policy)| policy.targets.mean(tenant)) {
        overrides::lay_over(&mut settings, &policy.settings);
    }
    overrides::lay_over(&mut settings, &tenant.settings);
    Ok(settings)
}

/// The settings of a site as boot sets them: the enabled policies that mean it, the lowest first, its own laid over them.
pub(crate) async fn settings_of(db: &mut Db, tenant: &Tenant) -> Result<Map<String, Value>> {
    let mut settings = Map::new();
    for row in enabled(db).await? {
        let policy = policy(&row)?;
        if policy.targets.mean(tenant) {
            overrides::lay_over(&mut settings, &policy.settings);
        }
    }
    overrides::lay_over(&mut settings, &tenant.settings);
    Ok(settings)
}
