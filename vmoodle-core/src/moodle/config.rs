//! `{config}` and `{config_plugins}`: a site's settings.
//!
//! Moodle keeps both tables in its cache `core/config` (lib/moodlelib.php, `get_config`): whoever writes here drops it
//! after the commit.

use std::collections::HashMap;

use crate::db::{Db, Fault, Param, Sql};

/// The values of core settings, those that are there.
pub async fn values(db: &mut Db, names: &[&str]) -> Result<HashMap<String, String>, Fault> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let params: Vec<Param> = names.iter().map(|name| (*name).into()).collect();
    let rows = db.fetch(among("SELECT name, value FROM {config} WHERE name IN (?", names.len()), &params).await?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.text("name")?.to_owned(), row.text("value").unwrap_or_default().to_owned())))
        .collect())
}

/// The value of a core setting.
pub async fn value(db: &mut Db, name: &str) -> Result<Option<String>, Fault> {
    Ok(values(db, &[name]).await?.remove(name))
}

/// Sets a core setting, as `set_config` does; gives whether that changed anything.
pub async fn set(db: &mut Db, name: &str, value: &str) -> Result<bool, Fault> {
    let row = db.fetch_one("SELECT id, value FROM {config} WHERE name = ?", &[name.into()]).await?;
    match row.map(|row| (row.int("id"), row.text("value").unwrap_or_default() == value)) {
        Some((_, true)) => return Ok(false),
        Some((id, false)) => {
            db.execute("UPDATE {config} SET value = ? WHERE id = ?", &[value.into(), id.into()]).await?;
        }
        None => {
            db.insert(Sql::insert("config", &["name", "value"]), &[name.into(), value.into()]).await?;
        }
    }
    Ok(true)
}

/// Sets core settings in three statements, whatever they were.
pub async fn set_many(db: &mut Db, values: &[(&str, String)]) -> Result<(), Fault> {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let old = self::values(db, &names).await?;
    let (known, new): (Vec<_>, Vec<_>) = values.iter().partition(|(name, _)| old.contains_key(*name));
    if !known.is_empty() {
        let mut parts = vec!["UPDATE {config} SET value = CASE name"];
        parts.extend(known.iter().map(|_| " WHEN ? THEN ?"));
        parts.push(" ELSE value END WHERE name IN (?");
        parts.extend(known.iter().skip(1).map(|_| ", ?"));
        parts.push(")");
        let pairs = known.iter().flat_map(|(name, value)| [Param::from(*name), value.as_str().into()]);
        let params: Vec<Param> = pairs.chain(known.iter().map(|(name, _)| Param::from(*name))).collect();
        db.execute(Sql::joined(&parts), &params).await?;
    }
    if !new.is_empty() {
        let params: Vec<Param> =
            new.iter().flat_map(|(name, value)| [Param::from(*name), value.as_str().into()]).collect();
        db.execute(Sql::insert_rows("config", &["name", "value"], new.len()), &params).await?;
    }
    Ok(())
}

/// Removes core settings, as `unset_config` does; gives how many there were.
pub async fn unset(db: &mut Db, names: &[&str]) -> Result<u64, Fault> {
    if names.is_empty() {
        return Ok(0);
    }
    let params: Vec<Param> = names.iter().map(|name| (*name).into()).collect();
    db.execute(among("DELETE FROM {config} WHERE name IN (?", names.len()), &params).await
}

/// All settings of a plugin.
pub async fn plugin_values(db: &mut Db, plugin: &str) -> Result<HashMap<String, String>, Fault> {
    let rows = db.fetch("SELECT name, value FROM {config_plugins} WHERE plugin = ?", &[plugin.into()]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.text("name")?.to_owned(), row.text("value").unwrap_or_default().to_owned())))
        .collect())
}

/// The plugins that have settings.
pub async fn plugins(db: &mut Db) -> Result<Vec<String>, Fault> {
    let rows = db.fetch("SELECT DISTINCT plugin FROM {config_plugins} ORDER BY plugin", &[]).await?;
    Ok(rows.iter().filter_map(|row| row.text("plugin").map(str::to_owned)).collect())
}

/// Sets a plugin's setting, as `set_config` does; gives whether that changed anything.
pub async fn set_plugin(db: &mut Db, plugin: &str, name: &str, value: &str) -> Result<bool, Fault> {
    let select = "SELECT id, value FROM {config_plugins} WHERE plugin = ? AND name = ?";
    let row = db.fetch_one(select, &[plugin.into(), name.into()]).await?;
    match row.map(|row| (row.int("id"), row.text("value").unwrap_or_default() == value)) {
        Some((_, true)) => return Ok(false),
        Some((id, false)) => {
            db.execute("UPDATE {config_plugins} SET value = ? WHERE id = ?", &[value.into(), id.into()]).await?;
        }
        None => {
            let sql = Sql::insert("config_plugins", &["plugin", "name", "value"]);
            db.insert(sql, &[plugin.into(), name.into(), value.into()]).await?;
        }
    }
    Ok(true)
}

/// Removes settings of a plugin; gives how many there were.
pub async fn unset_plugin(db: &mut Db, plugin: &str, names: &[&str]) -> Result<u64, Fault> {
    if names.is_empty() {
        return Ok(0);
    }
    let mut params: Vec<Param> = vec![plugin.into()];
    params.extend(names.iter().map(|name| Param::from(*name)));
    db.execute(among("DELETE FROM {config_plugins} WHERE plugin = ? AND name IN (?", names.len()), &params).await
}

/// A statement that ends in a list of `count` parameters, of which the first is written already.
fn among(beginning: &'static str, count: usize) -> Sql {
    let mut parts = vec![beginning];
    parts.extend((1..count).map(|_| ", ?"));
    parts.push(")");
    Sql::joined(&parts)
}
