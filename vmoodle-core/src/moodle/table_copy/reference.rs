//! What becomes of a column that holds ids of another table.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::Declared;
use crate::db::{ColumnType, Db, TableShape};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::TableName;
use crate::moodle::records::{self, Record};
use crate::moodle::site::system_context;

/// What becomes of such a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The number stays: it is no id, or means the same everywhere.
    Keep,
    /// This value in its place.
    Value(Value),
    /// The id of the row that has the same value in a column of the other table.
    By {
        /// The other table.
        table: TableName,
        /// Its column.
        column: String,
    },
    /// The system context, which every site has one of.
    System,
    /// Nobody said: only 0 and nothing can be taken over.
    Unsaid,
}

/// Columns that hold a user's id, whatever their table.
const USERS: &[&str] = &["userid", "usermodified", "usercreated", "modifierid", "createdby", "authorid", "ownerid"];

/// Columns that hold an id, though their names do not end so.
const IDS: &[&str] = &["category", "instance", "module", "parent", "section"];

impl Rule {
    /// Reads a given rule: `keep`, `system`, `table.column`, or `{"value": …}`.
    pub fn parse(given: &Value) -> Result<Self> {
        match given {
            Value::String(word) if word == "keep" => return Ok(Self::Keep),
            Value::String(word) if word == "system" => return Ok(Self::System),
            Value::String(word) => {
                if let Some((table, column)) = word.split_once('.') {
                    return Ok(Self::By { table: TableName::parse(table)?, column: column.to_owned() });
                }
            }
            Value::Object(map) if map.len() == 1 && map.contains_key("value") => {
                return Ok(Self::Value(map["value"].clone()));
            }
            _ => {}
        }
        let message = format!("`{}` is no rule for a reference", escape(&given.to_string()));
        Err(Error::new(Kind::BadParameter, message)
            .hint("give `keep`, `system`, a table and column such as `user.username`, or `{\"value\": 0}`"))
    }

    /// The rule of a column where none is given; `None` where it is no reference.
    fn usual(shape: &TableShape, column: &str, declared: &Declared) -> Option<Self> {
        let by = |table: &str, column: &str| {
            TableName::parse(table).ok().map(|table| Self::By { table, column: column.to_owned() })
        };
        let of_name = || match column {
            name if USERS.contains(&name) => Some("user"),
            "course" | "courseid" => Some("course"),
            "roleid" => Some("role"),
            "contextid" => Some("context"),
            name if name.ends_with("id") || IDS.contains(&name) => Some(""),
            _ => None,
        };
        if shape.column(column).is_none_or(|column| column.kind != ColumnType::Int) {
            return None;
        }
        match declared.0.get(column).map(String::as_str).or_else(of_name)? {
            "user" => by("user", "username"),
            "course" => by("course", "shortname"),
            "role" => by("role", "shortname"),
            "context" => Some(Self::System),
            _ => Some(Self::Unsaid),
        }
    }
}

/// The rules of a table's columns, those that are given before the usual ones.
pub(super) fn rules(shape: &TableShape, given: &Record, declared: &Declared) -> Result<HashMap<String, Rule>> {
    let mut rules = HashMap::new();
    for (column, rule) in given {
        if shape.column(column).is_none() {
            let message = format!("`{}` has no column `{}`", shape.name, escape(column));
            return Err(Error::new(Kind::BadParameter, message));
        }
        rules.insert(column.clone(), Rule::parse(rule)?);
    }
    for column in &shape.columns {
        let name = column.name.as_str();
        if !rules.contains_key(name)
            && let Some(rule) = Rule::usual(shape, name, declared)
        {
            rules.insert(name.to_owned(), rule);
        }
    }
    Ok(rules)
}

/// What the rows of the source refer to, by column: each id with what that row is called.
pub(super) type Names = HashMap<String, HashMap<i64, String>>;

/// Reads what the source's rows refer to.
pub(super) async fn names(db: &mut Db, rules: &HashMap<String, Rule>, rows: &[Record]) -> Result<Names> {
    let mut names = Names::new();
    for (column, rule) in rules {
        let ids: BTreeSet<i64> = rows.iter().filter_map(|row| row.get(column)?.as_i64()).filter(|id| *id > 0).collect();
        let called = match rule {
            Rule::By { table, column } => by_id(db, table, column, &ids).await?,
            Rule::System => {
                let system = system_context(db).await?;
                ids.into_iter().filter(|id| *id == system).map(|id| (id, String::new())).collect()
            }
            _ => continue,
        };
        names.insert(column.clone(), called);
    }
    Ok(names)
}

/// The ids that the same names have on the target.
pub(super) async fn ids(
    db: &mut Db,
    rules: &HashMap<String, Rule>,
    names: &Names,
) -> Result<HashMap<String, HashMap<String, i64>>> {
    let mut ids = HashMap::new();
    for (column, called) in names {
        let wanted: BTreeSet<&str> = called.values().map(String::as_str).collect();
        let found = match &rules[column] {
            Rule::By { table, column } => by_name(db, table, column, &wanted).await?,
            _ => HashMap::from([(String::new(), system_context(db).await?)]),
        };
        ids.insert(column.clone(), found);
    }
    Ok(ids)
}

async fn by_id(db: &mut Db, table: &TableName, column: &str, ids: &BTreeSet<i64>) -> Result<HashMap<i64, String>> {
    let found = look(db, table, column, "id", ids.iter().map(|id| (*id).into())).await?;
    Ok(found.into_iter().collect())
}

async fn by_name(db: &mut Db, table: &TableName, column: &str, names: &BTreeSet<&str>) -> Result<HashMap<String, i64>> {
    let mut found = HashMap::new();
    for (id, name) in look(db, table, column, column, names.iter().map(|name| (*name).into())).await? {
        if found.insert(name.clone(), id).is_some() {
            let message = format!("`{table}` has several rows whose `{column}` is `{}`", escape(&name));
            return Err(Error::new(Kind::StateRefused, message).hint("give a rule that names one row each"));
        }
    }
    Ok(found)
}

/// Ids and names of the rows whose column is one of the values.
async fn look(
    db: &mut Db,
    table: &TableName,
    column: &str,
    by: &str,
    values: impl Iterator<Item = Value>,
) -> Result<Vec<(i64, String)>> {
    let mut shape = records::shape(db, table).await?;
    let unknown = || Error::new(Kind::BadParameter, format!("`{table}` has no column `{}`", escape(column)));
    let named = shape.column(column).cloned().ok_or_else(unknown)?;
    // The id can be looked for as any column can.
    let id = crate::db::ColumnShape { name: crate::ident::ColumnName::parse("id")?, kind: ColumnType::Int };
    shape.columns.push(id.clone());
    let by = if by == "id" { id } else { named.clone() };
    let values: Vec<Value> = values.collect();
    let mut found = Vec::new();
    for page in values.chunks(500) {
        let rows = records::read(db, &shape, &[&named], &[(&by, page.to_vec())], usize::MAX).await?;
        found.extend(rows.into_iter().filter_map(|row| {
            let name = match row.get(column)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some((row.get("id")?.as_i64()?, name))
        }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_words_a_column_or_a_value() {
        let by =
            |table: &str, column: &str| Rule::By { table: TableName::parse(table).unwrap(), column: column.into() };
        assert_eq!(Rule::parse(&json!("keep")).unwrap(), Rule::Keep);
        assert_eq!(Rule::parse(&json!("cohort.idnumber")).unwrap(), by("cohort", "idnumber"));
        assert_eq!(Rule::parse(&json!({"value": null})).unwrap(), Rule::Value(Value::Null));
        for bad in [json!("cohort"), json!(0), json!(null), json!({"x": 1}), json!("a b.c")] {
            assert!(Rule::parse(&bad).is_err(), "{bad}");
        }
    }
}
