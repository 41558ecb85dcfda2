//! A replacement in a site's texts: found and shown first, then put in place, or back.

use std::collections::{BTreeMap, HashMap};

use super::patch::{Patch, Patches, Standing, Way};
use super::scope::{Scope, is_secret, is_secret_by_name};
use super::walk::Walk;
use super::{Needle, Rewritten, rewritten};
use crate::db::{Cell, Db, Param, Part, Row, Sql, TextColumn};
use crate::error::{Error, Kind, Result};
use crate::ident::{ColumnName, TableName};
use crate::moodle::serialized;
use crate::moodle::setting;

/// How many samples a column shows.
const SAMPLES: usize = 3;
/// How many signs of a value a sample shows before what changes, and in all.
const SHOWN: (usize, usize) = (20, 80);
/// How many rows one statement reads.
const PAGE: usize = 200;
/// How many columns a refusal names.
const NAMED: usize = 5;

/// What a replacement would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// By `table.column`.
    pub columns: BTreeMap<String, Column>,
    /// Every value.
    pub patches: Patches,
}

/// What a replacement would change in a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// How many values.
    pub values: u64,
    /// How many damaged serialised values hold what is looked for, and stay.
    pub damaged: u64,
    /// Some of them.
    pub samples: Vec<Sample>,
}

/// A value before and after; `_` for a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

/// What a replacement would change on a site; changes nothing.
///
/// Fails with [`Kind::StateRefused`] where a value would not fit into its column any more, and where more than `most` octets
/// would be needed to put everything back.
pub async fn find(db: &mut Db, needle: &Needle, scope: &Scope, most: usize) -> Result<Found> {
    let all = db.text_columns().await?;
    let chosen = scope.columns(&all)?;
    let mut search = Search { needle, scope, most, octets: 0, found: Found::default(), too_long: BTreeMap::new() };
    for columns in chosen.chunk_by(|one, next| one.table == next.table) {
        let columns: Vec<&TextColumn> = columns.iter().collect();
        // What a value is, the name beside it may tell.
        let is_name = |column: &&TextColumn| column.table == columns[0].table && column.column.as_str() == "name";
        let beside = columns.iter().any(|column| column.column.as_str() == "value");
        let beside = all.iter().filter(|_| beside).find(is_name).map(|column| &column.column);
        let mut walk = Walk::new(&columns[0].table, &columns, beside, needle.filter(), db.engine().is_mysql());
        loop {
            let rows = walk.next(db).await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                search.look(row, &columns)?;
            }
        }
    }
    search.end()
}

struct Search<'a> {
    needle: &'a Needle,
    scope: &'a Scope,
    most: usize,
    octets: usize,
    found: Found,
    too_long: BTreeMap<String, u64>,
}

impl Search<'_> {
    fn look(&mut self, row: &Row, columns: &[&TextColumn]) -> Result<()> {
        let Some(id) = row.int("id") else { return Ok(()) };
        for column in columns {
            let Some(old) = row.text(column.column.as_str()) else { continue };
            let new = match rewritten(old, column.limit, &|text| self.needle.in_text(text)) {
                Rewritten::Same => continue,
                other if self.is_left(row, column, old) => {
                    drop(other);
                    continue;
                }
                Rewritten::Damaged => {
                    self.found.columns.entry(column.to_string()).or_default().damaged += 1;
                    continue;
                }
                Rewritten::TooLong => {
                    *self.too_long.entry(column.to_string()).or_default() += 1;
                    continue;
                }
                Rewritten::New(new) => new,
            };
            let is_hidden = is_secret(column) || is_secret_by_name(row.text("name"), column.column.as_str(), old);
            let told = self.found.columns.entry(column.to_string()).or_default();
            told.values += 1;
            if told.samples.len() < SAMPLES {
                told.samples.push(if is_hidden { Sample::hidden() } else { Sample::of(old, &new) });
            }
            let patch = Patch::of(id, old, &new);
            self.octets += patch.octets();
            if self.octets > self.most {
                return Err(Error::new(
                    Kind::StateRefused,
                    format!("more would change than can be put back: over {} MB of changed texts", self.most >> 20),
                )
                .hint("take fewer tables at a time: name them in `tables`, or leave some out with `skip`"));
            }
            let table = self.found.patches.entry(column.table.to_string()).or_default();
            table.entry(column.column.to_string()).or_default().push(patch);
        }
        Ok(())
    }

    /// Whether a row is nobody's to change: a setting that says who the site is; a secret, where those stay.
    fn is_left(&self, row: &Row, column: &TextColumn, value: &str) -> bool {
        let name = row.text("name").unwrap_or_default();
        let is_identity = match column.table.as_str() {
            "config" => setting::is_identity(None, name),
            "config_plugins" => setting::is_identity(Some(""), name),
            _ => false,
        };
        is_identity || !self.scope.secrets && is_secret_by_name(row.text("name"), column.column.as_str(), value)
    }

    fn end(self) -> Result<Found> {
        if self.too_long.is_empty() {
            return Ok(self.found);
        }
        let named: Vec<String> =
            self.too_long.iter().take(NAMED).map(|(column, values)| format!("{values} in `{column}`")).collect();
        let more = self.too_long.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and in {more} columns more") } else { String::new() };
        Err(Error::new(
            Kind::StateRefused,
            format!("values would not fit into their columns any more: {}{more}", named.join(", ")),
        )
        .hint("shorten them first, or leave these columns out with `skip`"))
    }
}

impl Sample {
    fn hidden() -> Self {
        Self { before: "_".to_owned(), after: "_".to_owned() }
    }

    /// What is around the first place that changes; of a value in base64, of what it holds.
    fn of(before: &str, after: &str) -> Self {
        let readable = |text: &str| {
            serialized::plain(text.as_bytes())
                .map_or_else(|| text.to_owned(), |inside| String::from_utf8_lossy(&inside).into_owned())
        };
        let (before, after) = (readable(before), readable(after));
        let same = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
        let (ahead, length) = SHOWN;
        let start = same.saturating_sub(ahead);
        let cut = |text: &str| {
            let shown: String = text.chars().skip(start).take(length).collect();
            let begin = if start > 0 { "…" } else { "" };
            let end = if text.chars().count() > start + length { "…" } else { "" };
            format!("{begin}{shown}{end}")
        };
        Self { before: cut(&before), after: cut(&after) }
    }
}

/// Puts values in place, or back, inside the caller's transaction; gives how many of a column were neither the one nor the
/// other, and were left: somebody changed them meanwhile.
///
/// A value is compared whole, so what was edited is never overwritten.
pub async fn put(db: &mut Db, patches: &Patches, way: Way) -> Result<BTreeMap<String, u64>> {
    let mut left = BTreeMap::new();
    for (table, columns) in patches {
        for (column, patches) in columns {
            let (table, column) = (TableName::parse(table)?, ColumnName::parse(column)?);
            for page in patches.chunks(PAGE) {
                let others = put_page(db, &table, &column, page, way).await?;
                if others > 0 {
                    *left.entry(format!("{table}.{column}")).or_default() += others;
                }
            }
        }
    }
    Ok(left)
}

async fn put_page(db: &mut Db, table: &TableName, column: &ColumnName, page: &[Patch], way: Way) -> Result<u64> {
    let mut select = vec![
        Part::Text("SELECT id, "),
        Part::Column(column),
        Part::Text(" FROM "),
        Part::Table(table),
        Part::Text(" WHERE id IN (?"),
    ];
    select.extend(std::iter::repeat_n(Part::Text(", ?"), page.len() - 1));
    select.push(Part::Text(") ORDER BY id FOR UPDATE"));
    let ids: Vec<Param> = page.iter().map(|patch| patch.0.into()).collect();
    let rows = db.fetch(Sql::of(&select), &ids).await?;
    let now: HashMap<i64, &str> = rows
        .iter()
        .filter_map(|row| match row.cell(column.as_str()) {
            Cell::Text(text) => Some((row.int("id")?, text.as_str())),
            _ => None,
        })
        .collect();
    let update = Sql::of(&[
        Part::Text("UPDATE "),
        Part::Table(table),
        Part::Text(" SET "),
        Part::Column(column),
        Part::Text(" = ? WHERE id = ?"),
    ]);
    let mut others = 0;
    for patch in page {
        match now.get(&patch.0).map_or(Standing::Other, |value| patch.standing(value, way)) {
            Standing::Due(value) => {
                db.execute(update.clone(), &[value.into(), patch.0.into()]).await?;
            }
            Standing::Done => {}
            Standing::Other => others += 1,
        }
    }
    Ok(others)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_sample_shows_what_changes_and_what_base64_holds() {
        let long = "x".repeat(100);
        let sample = Sample::of(&format!("{long}https://old {long}"), &format!("{long}https://new {long}"));
        assert!(sample.before.starts_with("…xxxx") && sample.before.contains("//old ") && sample.before.ends_with('…'));
        assert!(sample.after.contains("//new ") && sample.after.chars().count() < 90, "{}", sample.after);
        let block = |text: &str| STANDARD.encode(format!("s:{}:\"{text}\";", text.len()));
        assert_eq!(Sample::of(&block("old"), &block("new")).after, "s:3:\"new\";");
        assert_eq!(Sample::of("old", "").after, "");
    }
}
