//! Rows that operations bring, change or take away: shown in numbers, kept whole in the image, made and put back by
//! compare-and-swap.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::contract::Change;
use super::image::Holds;
use crate::db::Db;
use crate::error::Result;
use crate::ident::TableName;
use crate::moodle::contents::{Way, is_secret_by_name, is_secret_name};
use crate::moodle::records::{self, Record, RowChange};
use crate::moodle::table_copy::Counts;

/// How many rows of a kind are named.
const NAMED: usize = 5;

/// The changes of one table's rows, in the order in which they are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rows {
    table: String,
    changes: Vec<RowChange>,
}

impl Rows {
    /// What goes, goes first: what comes may need its place.
    pub(super) fn new(table: &str, mut changes: Vec<RowChange>) -> Self {
        changes.sort_by_key(|change| (change.after.is_some(), change.before.is_none()));
        Self { table: table.to_owned(), changes }
    }

    /// What people see of it: how many rows come, change and go, and what some of them are called.
    pub(super) fn shown(&self, name: &dyn Fn(&RowChange) -> String) -> Vec<Change> {
        let Counts { inserts, updates, deletes } = Counts::of(&self.changes);
        let kinds = [("rows that come", inserts, (false, true)), ("rows that change", updates, (true, true))];
        let kinds = kinds.into_iter().chain([("rows that go", deletes, (true, false))]);
        let of = |wanted: (bool, bool)| {
            let those = self.changes.iter();
            those.filter(move |change| (change.before.is_some(), change.after.is_some()) == wanted)
        };
        kinds
            .filter(|(_, rows, _)| *rows > 0)
            .map(|(what, rows, wanted)| Change {
                what: format!("{}: {what}", self.table),
                before: Value::Null,
                after: json!({ "rows": rows, "some": of(wanted).take(NAMED).map(name).collect::<Vec<_>>() }),
            })
            .collect()
    }

    /// Whether a secret is in the rows.
    pub(super) fn holds(&self) -> Holds {
        let mut rows = self.changes.iter().flat_map(|change| change.before.iter().chain(&change.after));
        let is_secret = |row: &Record| {
            let called = row.get("name").and_then(Value::as_str);
            row.iter().filter_map(|(name, value)| Some((name, value.as_str()?))).any(|(name, text)| {
                !text.is_empty() && is_secret_name(&self.table, name) || is_secret_by_name(called, name, text)
            })
        };
        if rows.any(is_secret) { Holds::Secrets } else { Holds::Contents }
    }
}

/// Makes changes, or puts them back the last first, inside the caller's transaction.
///
/// Fails with `state_refused` where a row is neither the one nor the other.
pub(super) async fn put(db: &mut Db, all: Vec<Rows>, way: Way) -> Result<()> {
    let mut all = all;
    if way == Way::Back {
        all.reverse();
    }
    for Rows { table, changes } in all {
        if changes.is_empty() {
            continue;
        }
        let shape = records::shape(db, &TableName::parse(&table)?).await?;
        if way == Way::Forth {
            for change in &changes {
                records::swap(db, &shape, change).await?;
            }
        } else {
            for change in changes.into_iter().rev() {
                records::swap(db, &shape, &change.reversed()).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_column_or_by_the_name_beside_it() {
        let holds = |table: &str, row: Value| {
            let row = row.as_object().cloned().unwrap();
            Rows::new(table, vec![RowChange { key: Record::new(), before: Some(row), after: None }]).holds()
        };
        for secret in [json!({"apikey": "x"}), json!({"name": "password", "value": "x"})] {
            assert_eq!(holds("x_items", secret.clone()), Holds::Secrets, "{secret}");
        }
        for none in [
            json!({"apikey": ""}),
            json!({"name": "url", "value": "x"}),
            json!({"name": "password", "value": ""}),
            json!({"name": "password", "other": "x"}),
            json!({"name": null, "value": "x"}),
        ] {
            assert_eq!(holds("x_items", none.clone()), Holds::Contents, "{none}");
        }
    }
}
