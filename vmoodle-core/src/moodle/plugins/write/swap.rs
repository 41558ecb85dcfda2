//! One value, changed only where it is still what it was.

use serde_json::{Value, json};

use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::moodle::plugins::cell::{Cell, Difference};
use crate::moodle::plugins::states::{FILTER_NUMBERS, State};
use crate::moodle::plugins::table::Table;

/// The system context's number, as a part of a statement.
const SYSTEM: &str = "(SELECT id FROM {context} WHERE contextlevel = 10)";

/// Whether a row's word says that the plugin is on.
pub(super) fn is_on(value: &Value) -> bool {
    value.as_str() == Some(State::Enabled.word())
}

/// Changes a value; gives whether it did: `false` where it stands so already. Fails with `state_refused` where it is another
/// one than before.
pub(super) async fn swap(db: &mut Db, change: &Difference) -> Result<bool> {
    let written = match &change.cell {
        Cell::Row(table, name) => row(db, *table, name, change).await?,
        Cell::Filter(name) => filter(db, name, change).await?,
        Cell::Core(name) => setting(db, None, name, change).await?,
        Cell::Setting(plugin, name) => setting(db, Some(plugin), name, change).await?,
        Cell::Activities(_) => 0,
    };
    if written > 0 {
        return Ok(true);
    }
    let now = current(db, &change.cell).await?;
    if now == change.after {
        return Ok(false);
    }
    let message = format!("`{}` is {now} now, neither {} nor {}", change.cell, change.before, change.after);
    Err(Error::new(Kind::StateRefused, message).hint("somebody changed it since: plan again"))
}

async fn row(db: &mut Db, table: Table, name: &str, change: &Difference) -> Result<u64> {
    if change.before.is_null() || change.after.is_null() {
        return Ok(0);
    }
    let (on, was) = (is_on(&change.after), is_on(&change.before));
    let sql = Sql::joined(&[
        "UPDATE ",
        table_of(table),
        if on { " = 1 WHERE " } else { " = 0 WHERE " },
        key_of(table),
        " = ? AND ",
        column_of(table),
        if was { " = 1" } else { " <> 1" },
    ]);
    Ok(db.execute(sql, &[name.into()]).await?)
}

fn table_of(table: Table) -> &'static str {
    match table {
        Table::Modules => "{modules} SET visible",
        Table::Blocks => "{block} SET visible",
        Table::Processors => "{message_processors} SET enabled",
        Table::Repositories => "{repository} SET visible",
        Table::Portfolios => "{portfolio_instance} SET visible",
    }
}

fn key_of(table: Table) -> &'static str {
    match table {
        Table::Modules | Table::Blocks | Table::Processors => "name",
        Table::Repositories => "type",
        Table::Portfolios => "plugin",
    }
}

fn column_of(table: Table) -> &'static str {
    if table == Table::Processors { "enabled" } else { "visible" }
}

fn select_of(table: Table) -> &'static str {
    match table {
        Table::Modules => "SELECT visible AS state FROM {modules} WHERE name = ?",
        Table::Blocks => "SELECT visible AS state FROM {block} WHERE name = ?",
        Table::Processors => "SELECT enabled AS state FROM {message_processors} WHERE name = ?",
        Table::Repositories => "SELECT visible AS state FROM {repository} WHERE type = ?",
        Table::Portfolios => "SELECT visible AS state FROM {portfolio_instance} WHERE plugin = ? ORDER BY visible DESC",
    }
}

/// A filter's numbers: `active` and `sortorder`.
fn numbers(value: &Value) -> Option<[i64; 2]> {
    let state = State::parse(value["state"].as_str()?).ok()?;
    let active = FILTER_NUMBERS.iter().find(|(known, _)| *known == state)?.1;
    Some([active, value["position"].as_i64()?])
}

async fn filter(db: &mut Db, name: &str, change: &Difference) -> Result<u64> {
    let (before, after) = (numbers(&change.before), numbers(&change.after));
    Ok(match (before, after) {
        (None, None) => 0,
        (Some([active, place]), Some([to, there])) => {
            let sql = "UPDATE {filter_active} SET active = ?, sortorder = ? WHERE filter = ? AND active = ? AND sortorder = ? AND contextid = ";
            let params = [to.into(), there.into(), name.into(), active.into(), place.into()];
            db.execute(Sql::joined(&[sql, SYSTEM]), &params).await?
        }
        (Some([active, place]), None) => {
            let sql = "DELETE FROM {filter_active} WHERE filter = ? AND active = ? AND sortorder = ? AND contextid = ";
            db.execute(Sql::joined(&[sql, SYSTEM]), &[name.into(), active.into(), place.into()]).await?
        }
        (None, Some([to, there])) => {
            if !current(db, &change.cell).await?.is_null() {
                return Ok(0);
            }
            let system = db.fetch_one("SELECT id FROM {context} WHERE contextlevel = 10", &[]).await?;
            let system = system.and_then(|row| row.int("id")).unwrap_or(1);
            let sql = Sql::insert("filter_active", &["filter", "contextid", "active", "sortorder"]);
            db.insert(sql, &[name.into(), system.into(), to.into(), there.into()]).await?;
            1
        }
    })
}

/// A setting of core, or of a plugin.
async fn setting(db: &mut Db, plugin: Option<&str>, name: &str, change: &Difference) -> Result<u64> {
    let key = || plugin.into_iter().chain([name]).map(Param::from);
    let (before, after) = (change.before.as_str(), change.after.as_str());
    let place = |core: &'static str, of_plugin: &'static str| if plugin.is_some() { of_plugin } else { core };
    Ok(match (before, after) {
        (None, None) => 0,
        (Some(before), Some(after)) => {
            let sql = place(
                "UPDATE {config} SET value = ? WHERE name = ? AND value = ?",
                "UPDATE {config_plugins} SET value = ? WHERE plugin = ? AND name = ? AND value = ?",
            );
            let params: Vec<Param> = [after.into()].into_iter().chain(key()).chain([before.into()]).collect();
            db.execute(sql, &params).await?
        }
        (Some(before), None) => {
            let sql = place(
                "DELETE FROM {config} WHERE name = ? AND value = ?",
                "DELETE FROM {config_plugins} WHERE plugin = ? AND name = ? AND value = ?",
            );
            let params: Vec<Param> = key().chain([before.into()]).collect();
            db.execute(sql, &params).await?
        }
        (None, Some(after)) => {
            if !current(db, &change.cell).await?.is_null() {
                return Ok(0);
            }
            let params: Vec<Param> = key().chain([after.into()]).collect();
            let sql = if plugin.is_some() {
                Sql::insert("config_plugins", &["plugin", "name", "value"])
            } else {
                Sql::insert("config", &["name", "value"])
            };
            db.insert(sql, &params).await?;
            1
        }
    })
}

/// What stands there now; null for nothing.
async fn current(db: &mut Db, cell: &Cell) -> Result<Value> {
    let (sql, params): (Sql, Vec<Param>) = match cell {
        Cell::Core(name) => ("SELECT value FROM {config} WHERE name = ?".into(), vec![name.as_str().into()]),
        Cell::Setting(plugin, name) => (
            "SELECT value FROM {config_plugins} WHERE plugin = ? AND name = ?".into(),
            vec![plugin.as_str().into(), name.as_str().into()],
        ),
        Cell::Row(table, name) => (select_of(*table).into(), vec![name.as_str().into()]),
        Cell::Filter(name) => {
            let select = "SELECT active, sortorder FROM {filter_active} WHERE filter = ? AND contextid = ";
            (Sql::joined(&[select, SYSTEM]), vec![name.as_str().into()])
        }
        Cell::Activities(_) => return Ok(Value::Null),
    };
    let Some(row) = db.fetch_one(sql, &params).await? else { return Ok(Value::Null) };
    Ok(match cell {
        Cell::Row(table, _) => {
            let off = if *table == Table::Repositories { State::Available } else { State::Disabled };
            json!(if row.int("state") == Some(1) { State::Enabled } else { off }.word())
        }
        Cell::Filter(_) => {
            let active = row.int("active").unwrap_or(0);
            let state = FILTER_NUMBERS.iter().find(|(_, number)| *number == active);
            let word = state.map_or(State::Disabled, |(state, _)| *state).word();
            json!({ "state": word, "position": row.int("sortorder") })
        }
        _ => json!(row.text("value").unwrap_or_default()),
    })
}
