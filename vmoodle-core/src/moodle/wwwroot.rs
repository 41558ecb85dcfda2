//! A site's address in its contents: every column of text of every table, as Moodle's own search and replace goes
//! through them (lib/adminlib.php, `db_replace` and `db_should_replace`).
//!
//! Not by the server's `REPLACE`, as there: it knows no end of a host, breaks the lengths of serialised values and cuts
//! what has become too long. The server only finds the rows; each value is rewritten here, a serialised one by its texts
//! (any column may hold one; `block_instances.configdata` holds it in base64, where no server can look).

use std::collections::BTreeMap;

use super::address::Replacement;
use super::serialized;
use crate::db::{Db, Fault, Limit, Param, Part, Row, Sql, TextColumn};
use crate::error::Result;
use crate::host::SiteAddress;
use crate::ident::TableName;

/// Tables that are left (lib/adminlib.php, `db_should_replace`, up to the empty line; the rest are ours).
const SKIPPED_TABLES: &[&str] = &[
    "config",
    "config_plugins",
    "filter_config",
    "sessions",
    "events_queue",
    "repository_instance_config",
    "files",
    // A hash of its column `reference` stands beside it.
    "files_reference",
    // Who this site and its peers are: `peers` sees to it.
    "mnet_host",
    "registration_hubs",
];

/// Columns that hold `base64_encode(serialize(…))`, so that the address cannot be searched for.
const BASE64_COLUMNS: &[(&str, &str)] = &[("block_instances", "configdata")];

/// How many rows are read at once.
const CHUNK: usize = 200;

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
    let pattern = format!("%{}%", old.host());
    let columns = db.text_columns().await?;
    for columns in columns.chunk_by(|one, next| one.table == next.table) {
        let wanted: Vec<&TextColumn> = columns.iter().filter(|column| is_content(column)).collect();
        if let Some(first) = wanted.first() {
            let search = Search { table: &first.table, columns: &wanted, pattern: &pattern };
            search.replace(db, &replacement, &mut report).await?;
        }
    }
    report.settings = settings(db, &pattern, &replacement).await?;
    Ok(report)
}

/// Whether a column holds contents.
fn is_content(column: &TextColumn) -> bool {
    let table = column.table.as_str();
    // `/(^|_)logs?($|_)/`, so no underscores of our own: the farm's registry is no content.
    let is_log = table.split('_').any(|word| matches!(word, "log" | "logs"));
    let is_farm = table == "local_vmoodle" || table.starts_with("local_vmoodle_");
    !is_log && !is_farm && !SKIPPED_TABLES.contains(&table) && !column.column.as_str().ends_with("hash")
}

fn is_base64(column: &TextColumn) -> bool {
    BASE64_COLUMNS.contains(&(column.table.as_str(), column.column.as_str()))
}

/// The search through one table.
struct Search<'a> {
    table: &'a TableName,
    columns: &'a [&'a TextColumn],
    pattern: &'a str,
}

impl Search<'_> {
    /// Goes through the table in stretches of 50,000 rows, so that no search of a great one outlives a statement's time.
    async fn replace(&self, db: &mut Db, replacement: &Replacement, report: &mut Report) -> Result<()> {
        let stretch = Sql::of(&[
            Part::Text("SELECT MAX(id) AS maxid FROM (SELECT id FROM "),
            Part::Table(self.table),
            Part::Text(" WHERE id > ? ORDER BY id LIMIT 50000) stretch"),
        ]);
        let select = self.select(db.engine().is_mysql());
        let searched = self.columns.iter().filter(|column| !is_base64(column)).count();
        let (mut after, mut end) = (i64::MIN, i64::MIN);
        loop {
            if after >= end {
                let next = db.fetch_one(stretch.clone(), &[after.into()]).await?;
                let Some(next) = next.and_then(|row| row.int("maxid")) else { return Ok(()) };
                end = next;
            }
            let mut params: Vec<Param> = vec![after.into(), end.into()];
            params.extend(std::iter::repeat_n(Param::from(self.pattern), searched));
            let rows = db.fetch(select.clone(), &params).await?;
            let changes: Vec<Change<'_>> =
                rows.iter().filter_map(|row| self.change(row, replacement, report)).collect();
            if !changes.is_empty() {
                let mut transaction = db.begin().await?;
                for change in &changes {
                    self.write(&mut transaction, change, report).await?;
                }
                transaction.commit().await?;
            }
            let read_to = rows.last().and_then(|row| row.int("id")).filter(|_| rows.len() == CHUNK);
            after = read_to.unwrap_or(end);
        }
    }

    /// `SELECT id, [a], [b] FROM {t} WHERE id > ? AND id <= ? AND ([a] LIKE ? OR [b] LIKE ?) ORDER BY id LIMIT 200`.
    fn select(&self, is_mysql: bool) -> Sql {
        // MariaDB compares without regard to case anyway.
        let like = if is_mysql { " LIKE ?" } else { " ILIKE ?" };
        let mut parts = vec![Part::Text("SELECT id")];
        for column in self.columns {
            parts.extend([Part::Text(", "), Part::Column(&column.column)]);
        }
        parts.extend([Part::Text(" FROM "), Part::Table(self.table), Part::Text(" WHERE id > ? AND id <= ? AND (")]);
        for (number, column) in self.columns.iter().enumerate() {
            parts.push(Part::Text(if number > 0 { " OR " } else { "" }));
            parts.push(Part::Column(&column.column));
            parts.push(Part::Text(if is_base64(column) { " <> ''" } else { like }));
        }
        parts.push(Part::Text(") ORDER BY id LIMIT 200"));
        Sql::of(&parts)
    }

    /// What changes in a row; `None` when nothing does.
    fn change<'r>(&'r self, row: &'r Row, replacement: &Replacement, report: &mut Report) -> Option<Change<'r>> {
        let mut values = Vec::new();
        for column in self.columns {
            let Some(old) = row.text(column.column.as_str()) else { continue };
            match rewritten(old, column.limit, replacement) {
                Rewritten::Same => {}
                Rewritten::New(new) => values.push((*column, old, new)),
                Rewritten::Left => count(&mut report.left, column),
            }
        }
        let id = row.int("id")?;
        (!values.is_empty()).then_some(Change { id, values })
    }

    /// Writes a row, if it is as it was read.
    async fn write(&self, db: &mut Db, change: &Change<'_>, report: &mut Report) -> Result<(), Fault> {
        let mut parts = vec![Part::Text("UPDATE "), Part::Table(self.table)];
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

enum Rewritten {
    Same,
    New(String),
    Left,
}

fn rewritten(old: &str, limit: Limit, replacement: &Replacement) -> Rewritten {
    let edit = |text: &[u8]| replacement.in_text(text);
    match serialized::rewrite(old.as_bytes(), &edit) {
        Ok(None) => Rewritten::Same,
        Ok(Some(new)) => match String::from_utf8(new) {
            Ok(new) if limit.takes(&new) => Rewritten::New(new),
            _ => Rewritten::Left,
        },
        // Damaged: what it says must not matter to us.
        Err(serialized::Malformed) if edit(old.as_bytes()).is_none() => Rewritten::Same,
        Err(serialized::Malformed) => Rewritten::Left,
    }
}

fn count(counts: &mut BTreeMap<String, u64>, column: &TextColumn) {
    *counts.entry(format!("{}.{}", column.table, column.column)).or_default() += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ident::ColumnName;

    #[test]
    fn logs_hashes_settings_and_the_registry_are_left() {
        let wanted = |table: &str, column: &str| {
            is_content(&TextColumn {
                table: TableName::parse(table).unwrap(),
                column: ColumnName::parse(column).unwrap(),
                limit: Limit::None,
            })
        };
        for (table, column) in
            [("label", "intro"), ("block_instances", "configdata"), ("blog_external", "url"), ("local_vmoodled", "a")]
        {
            assert!(wanted(table, column), "{table}");
        }
        for (table, column) in [
            ("config", "value"),
            ("log", "url"),
            ("logstore_standard_log", "other"),
            ("bigbluebuttonbn_logs", "meta"),
            ("log_display", "action"),
            ("files_reference", "reference"),
            ("x", "contenthash"),
            ("local_vmoodle", "vhostname"),
            ("local_vmoodle_alias", "host"),
        ] {
            assert!(!wanted(table, column), "{table}");
        }
    }

    #[test]
    fn what_would_not_fit_or_is_damaged_is_left() {
        let parse = |text: &str| SiteAddress::parse(text).unwrap();
        let with = Replacement::new(&parse("https://o.fr"), &parse("https://new.example.org")).unwrap();
        let is = |old: &str, limit| match rewritten(old, limit, &with) {
            Rewritten::Same => "same".to_owned(),
            Rewritten::Left => "left".to_owned(),
            Rewritten::New(new) => new,
        };
        assert_eq!(is("https://o.fr/é", Limit::Characters(25)), "https://new.example.org/é");
        assert_eq!(is("https://o.fr/é", Limit::Characters(24)), "left");
        assert_eq!(is("https://o.fr/é", Limit::Octets(25)), "left");
        assert_eq!(is("s:99:\"https://o.fr\";", Limit::None), "left");
        assert_eq!(is("s:99:\"https://x.fr\";", Limit::None), "same");
        assert_eq!(is("s:12:\"https://o.fr\";", Limit::None), "s:23:\"https://new.example.org\";");
    }
}
