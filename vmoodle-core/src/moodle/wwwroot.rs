//! A site's address in its contents: what a copy at another address must have rewritten.

use std::collections::BTreeMap;

use super::address::Replacement;
use super::contents::{Filter, Letters, Rewritten, Walk, is_content, rewritten};
use crate::db::{Db, Fault, Param, Part, Row, Sql, TextColumn};
use crate::error::Result;
use crate::host::SiteAddress;
use crate::ident::TableName;

/// What was replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Values that were rewritten, by `table.column`.
    pub rewritten: BTreeMap<String, u64>,
    /// Values that had to be left, by `table.column`: damaged serialised ones, and those that would not fit in.
    pub left: BTreeMap<String, u64>,
    /// Settings that name the old address still, as `name` or `plugin/name`: what they mean, a person must say.
    pub settings: Vec<String>,
}

/// Replaces one address by another in all contents. Done twice, the second time changes nothing.
///
/// Each chunk of rows is a transaction of its own, and a row that somebody changes meanwhile is left for the next time.
/// Revisions of courses must be raised after it: see [`super::caches::raise_revisions`].
pub async fn replace(db: &mut Db, old: &SiteAddress, new: &SiteAddress) -> Result<Report> {
    let replacement = Replacement::new(old, new)?;
    let mut report = Report::default();
    let filter = Filter { pattern: format!("%{}%", old.host()), letters: Letters::AsCollated };
    let columns = db.text_columns().await?;
    for columns in columns.chunk_by(|one, next| one.table == next.table) {
        let wanted: Vec<&TextColumn> = columns.iter().filter(|column| is_content(column)).collect();
        if let Some(first) = wanted.first() {
            let table = Table { name: &first.table, columns: &wanted };
            table.replace(db, &filter, &replacement, &mut report).await?;
        }
    }
    report.settings = settings(db, &filter.pattern, &replacement).await?;
    Ok(report)
}

/// The columns of one table that are gone through.
struct Table<'a> {
    name: &'a TableName,
    columns: &'a [&'a TextColumn],
}

impl Table<'_> {
    async fn replace(
        &self,
        db: &mut Db,
        filter: &Filter,
        replacement: &Replacement,
        report: &mut Report,
    ) -> Result<()> {
        let mut walk = Walk::new(self.name, self.columns, None, filter, db.engine().is_mysql());
        loop {
            let rows = walk.next(db).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let changes: Vec<Change<'_>> =
                rows.iter().filter_map(|row| self.change(row, replacement, report)).collect();
            if !changes.is_empty() {
                let mut transaction = db.begin().await?;
                for change in &changes {
                    self.write(&mut transaction, change, report).await?;
                }
                transaction.commit().await?;
            }
        }
    }

    /// What changes in a row; `None` when nothing does.
    fn change<'r>(&'r self, row: &'r Row, replacement: &Replacement, report: &mut Report) -> Option<Change<'r>> {
        let mut values = Vec::new();
        for column in self.columns {
            let Some(old) = row.text(column.column.as_str()) else { continue };
            match rewritten(old, column.limit, &|text| replacement.in_text(text)) {
                Rewritten::Same => {}
                Rewritten::New(new) => values.push((*column, old, new)),
                Rewritten::TooLong | Rewritten::Damaged => count(&mut report.left, column),
            }
        }
        let id = row.int("id")?;
        (!values.is_empty()).then_some(Change { id, values })
    }

    /// Writes a row, if it is as it was read.
    async fn write(&self, db: &mut Db, change: &Change<'_>, report: &mut Report) -> Result<(), Fault> {
        let mut parts = vec![Part::Text("UPDATE "), Part::Table(self.name)];
        for (number, (column, ..)) in change.values.iter().enumerate() {
            parts.push(Part::Text(if number > 0 { ", " } else { " SET " }));
            parts.extend([Part::Column(&column.column), Part::Text(" = ?")]);
        }
        let mut params: Vec<Param> = change.values.iter().map(|(_, _, new)| new.as_str().into()).collect();
        parts.push(Part::Text(" WHERE id = ?"));
        params.push(change.id.into());
        for (column, old, _) in &change.values {
            parts.extend([Part::Text(" AND "), Part::Column(&column.column), Part::Text(" = ?")]);
            params.push((*old).into());
        }
        if db.execute(Sql::of(&parts), &params).await? > 0 {
            change.values.iter().for_each(|(column, ..)| count(&mut report.rewritten, column));
        }
        Ok(())
    }
}

/// A row's new values, each with the old one.
struct Change<'a> {
    id: i64,
    values: Vec<(&'a TextColumn, &'a str, String)>,
}

fn count(counts: &mut BTreeMap<String, u64>, column: &TextColumn) {
    *counts.entry(column.to_string()).or_default() += 1;
}

/// The settings that name the old address still.
async fn settings(db: &mut Db, pattern: &str, replacement: &Replacement) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for select in [
        "SELECT '' AS plugin, name, value FROM {config} WHERE value LIKE ? ORDER BY name",
        "SELECT plugin, name, value FROM {config_plugins} WHERE value LIKE ? ORDER BY plugin, name",
    ] {
        for row in db.fetch(select, &[pattern.into()]).await? {
            let names_it = row.text("value").is_some_and(|value| replacement.in_text(value.as_bytes()).is_some());
            if let Some(name) = row.text("name").filter(|_| names_it) {
                found.push(row.text("plugin").map_or_else(|| name.to_owned(), |plugin| format!("{plugin}/{name}")));
            }
        }
    }
    Ok(found)
}
