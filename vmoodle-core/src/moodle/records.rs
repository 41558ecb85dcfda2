//! Rows of a site as wholes: read, compared, and put in place by a key of theirs, only where they are still what they were.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::db::{Cell, ColumnShape, ColumnType, Db, Param, Part, Row, Sql, TableShape};
use crate::error::{Error, Kind, Result};
use crate::ident::{ColumnName, TableName};

/// A row: its values by column. Numbers with a point are texts, without zeros at their end.
pub type Record = Map<String, Value>;

/// A row that comes, changes or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// The values that tell it from all others, as they stand before; of one that comes, after.
    pub key: Record,
    /// The row before; `None` where it comes.
    pub before: Option<Record>,
    /// The row after; `None` where it goes.
    pub after: Option<Record>,
}

impl RowChange {
    /// The same the other way round.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { key: self.key, before: self.after, after: self.before }
    }
}

/// The shape of a table that must be there. Fails with [`Kind::BadParameter`].
pub async fn shape(db: &mut Db, table: &TableName) -> Result<TableShape> {
    let shape = db.table_shape(table).await?;
    shape.ok_or_else(|| Error::new(Kind::BadParameter, format!("there is no table `{table}` with a column `id`")))
}

/// The rows whose columns have one of the values each, in the order of their ids; no more than `most` and one.
pub async fn read(
    db: &mut Db,
    shape: &TableShape,
    columns: &[&ColumnShape],
    filter: &[(&ColumnShape, Vec<Value>)],
    most: usize,
) -> Result<Vec<Record>> {
    let is_mysql = db.engine().is_mysql();
    let (mut records, mut after) = (Vec::new(), i64::MIN);
    loop {
        let mut parts = selected(columns, is_mysql);
        parts.extend([Part::Text(" FROM "), Part::Table(&shape.name), Part::Text(" WHERE id > ?")]);
        let mut params: Vec<Param> = vec![after.into()];
        for (column, values) in filter {
            parts.push(Part::Text(" AND ("));
            for (number, value) in values.iter().enumerate() {
                parts.push(Part::Text(if number > 0 { " OR " } else { "" }));
                equals(&mut parts, &mut params, column, value, is_mysql)?;
            }
            parts.push(Part::Text(if values.is_empty() { "1 = 0)" } else { ")" }));
        }
        parts.push(Part::Text(" ORDER BY id LIMIT 1000"));
        let rows = db.fetch(Sql::of(&parts), &params).await?;
        after = rows.last().and_then(|row| row.int("id")).unwrap_or(i64::MAX);
        let is_last = rows.len() < 1000;
        records.extend(rows.iter().map(|row| record(row, columns)));
        if is_last || records.len() > most {
            return Ok(records);
        }
    }
}

/// Makes a change, inside the caller's transaction; gives whether anything was to be done.
///
/// Fails with [`Kind::StateRefused`] where the row is neither what it was before nor what it is to be, and the caller rolls
/// all back.
pub async fn swap(db: &mut Db, shape: &TableShape, change: &RowChange) -> Result<bool> {
    let names = change.before.iter().chain(&change.after).flat_map(Record::keys);
    let mut columns: Vec<&ColumnShape> = names.filter_map(|name| shape.column(name)).collect();
    columns.sort_by_key(|column| column.name.as_str());
    columns.dedup();
    let (id, now) = standing(db, shape, change, &columns).await?;
    let is = |wanted: &Option<Record>| match (wanted, &now) {
        (Some(wanted), Some(now)) => wanted.iter().all(|(name, value)| name == "id" || now.get(name) == Some(value)),
        (None, None) => true,
        _ => false,
    };
    if is(&change.after) {
        return Ok(false);
    }
    if !is(&change.before) {
        let key = json!(change.key).to_string();
        let message = format!("the row {key} of `{}` was changed by somebody else meanwhile", shape.name);
        return Err(Error::new(Kind::StateRefused, message).hint("look at it, then plan the change anew"));
    }
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => update(db, shape, id, before, after).await?,
        (None, Some(after)) => insert(db, shape, after).await?,
        (Some(_), None) => {
            let parts = [Part::Text("DELETE FROM "), Part::Table(&shape.name), Part::Text(" WHERE id = ?")];
            db.execute(Sql::of(&parts), &[id.into()]).await?;
        }
        (None, None) => return Ok(false),
    }
    Ok(true)
}

/// The row that has the key now, with its id; it is locked.
async fn standing(
    db: &mut Db,
    shape: &TableShape,
    change: &RowChange,
    columns: &[&ColumnShape],
) -> Result<(i64, Option<Record>)> {
    let is_mysql = db.engine().is_mysql();
    let mut parts = selected(columns, is_mysql);
    parts.extend([Part::Text(" FROM "), Part::Table(&shape.name), Part::Text(" WHERE id > ?")]);
    let mut params: Vec<Param> = vec![i64::MIN.into()];
    for (name, value) in &change.key {
        let column = shape.column(name).ok_or_else(|| Error::new(Kind::Internal, "a key names no column"))?;
        parts.push(Part::Text(" AND "));
        equals(&mut parts, &mut params, column, value, is_mysql)?;
    }
    parts.push(Part::Text(" FOR UPDATE"));
    let rows = db.fetch(Sql::of(&parts), &params).await?;
    match rows.as_slice() {
        [] => Ok((0, None)),
        [row] => Ok((row.int("id").unwrap_or(0), Some(record(row, columns)))),
        _ => Err(Error::new(Kind::StateRefused, format!("`{}` has two rows of one key", shape.name))),
    }
}

async fn update(db: &mut Db, shape: &TableShape, id: i64, before: &Record, after: &Record) -> Result<()> {
    let is_mysql = db.engine().is_mysql();
    let mut parts = vec![Part::Text("UPDATE "), Part::Table(&shape.name)];
    let mut params = Vec::new();
    for (name, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(value)) {
        let Some(column) = shape.column(name) else { continue };
        parts.push(Part::Text(if params.is_empty() { " SET " } else { ", " }));
        parts.extend([Part::Column(&column.name), Part::Text(" = "), placeholder(column, is_mysql)]);
        params.push(param(column, value)?);
    }
    if params.is_empty() {
        return Ok(());
    }
    parts.push(Part::Text(" WHERE id = ?"));
    params.push(id.into());
    db.execute(Sql::of(&parts), &params).await?;
    Ok(())
}

async fn insert(db: &mut Db, shape: &TableShape, after: &Record) -> Result<()> {
    let is_mysql = db.engine().is_mysql();
    let id = ColumnName::parse("id")?;
    let (mut names, mut places, mut params) = (Vec::new(), Vec::new(), Vec::new());
    // A row that comes back has the id that it had.
    if let Some(own) = after.get("id").and_then(Value::as_i64) {
        names.push(Part::Column(&id));
        places.push(Part::Text("?"));
        params.push(own.into());
    }
    for (name, value) in after {
        let Some(column) = shape.column(name) else { continue };
        let comma = Part::Text(if names.is_empty() { "" } else { ", " });
        names.extend([comma, Part::Column(&column.name)]);
        places.extend([comma, placeholder(column, is_mysql)]);
        params.push(param(column, value)?);
    }
    let mut parts = vec![Part::Text("INSERT INTO "), Part::Table(&shape.name), Part::Text(" (")];
    parts.extend(names);
    parts.push(Part::Text(") VALUES ("));
    parts.extend(places);
    parts.push(Part::Text(")"));
    db.insert(Sql::of(&parts), &params).await?;
    Ok(())
}

/// `SELECT id, [a], CAST([b] AS CHAR) AS [b]`: a driver's own numbers with a point are not exact.
fn selected<'a>(columns: &[&'a ColumnShape], is_mysql: bool) -> Vec<Part<'a>> {
    let mut parts = vec![Part::Text("SELECT id")];
    for column in columns {
        parts.push(Part::Text(", "));
        if column.kind == ColumnType::Number {
            let end = if is_mysql { " AS CHAR) AS " } else { " AS VARCHAR) AS " };
            parts.extend([Part::Text("CAST("), Part::Column(&column.name), Part::Text(end)]);
        }
        parts.push(Part::Column(&column.name));
    }
    parts
}

fn equals<'a>(
    parts: &mut Vec<Part<'a>>,
    params: &mut Vec<Param>,
    column: &'a ColumnShape,
    value: &Value,
    is_mysql: bool,
) -> Result<()> {
    parts.push(Part::Column(&column.name));
    if value.is_null() {
        parts.push(Part::Text(" IS NULL"));
    } else {
        parts.extend([Part::Text(" = "), placeholder(column, is_mysql)]);
        params.push(param(column, value)?);
    }
    Ok(())
}

fn placeholder(column: &ColumnShape, is_mysql: bool) -> Part<'static> {
    Part::Text(if column.kind == ColumnType::Number && !is_mysql { "CAST(? AS NUMERIC)" } else { "?" })
}

/// A value as a column takes it.
fn param(column: &ColumnShape, value: &Value) -> Result<Param> {
    let bad = || Error::new(Kind::BadParameter, format!("`{}` does not take the value {value}", column.name));
    Ok(match (column.kind, value) {
        (ColumnType::Int, Value::Null) => Param::Int(None),
        (ColumnType::Int, Value::Number(number)) => number.as_i64().ok_or_else(bad)?.into(),
        (ColumnType::Int, Value::String(text)) => text.trim().parse::<i64>().map_err(|_| bad())?.into(),
        (ColumnType::Text(_) | ColumnType::Number, Value::Null) => Param::Text(None),
        (ColumnType::Text(_) | ColumnType::Number, Value::String(text)) => text.as_str().into(),
        (ColumnType::Text(_) | ColumnType::Number, Value::Number(number)) => number.to_string().into(),
        _ => return Err(bad()),
    })
}

fn record(row: &Row, columns: &[&ColumnShape]) -> Record {
    let mut record = Record::new();
    record.insert("id".to_owned(), json!(row.int("id")));
    for column in columns {
        let value = match row.cell(column.name.as_str()) {
            Cell::Null => Value::Null,
            Cell::Int(number) => json!(number),
            Cell::Text(text) if column.kind == ColumnType::Number => json!(plain(text)),
            Cell::Text(text) => json!(text),
        };
        record.insert(column.name.to_string(), value);
    }
    record
}

/// A number as both engines write it: `1.50000` is `1.5`.
fn plain(number: &str) -> &str {
    let has_point = number.contains('.') && !number.contains(['e', 'E']);
    if has_point { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_alike_for_both_engines() {
        for (from, to) in [("1.50000", "1.5"), ("10.000", "10"), ("100", "100"), ("0", "0"), ("1.0e10", "1.0e10")] {
            assert_eq!(plain(from), to);
        }
    }
}
