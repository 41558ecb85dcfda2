//! One table's rows that may hold a text, chunk by chunk.

use crate::db::{Db, Fault, Param, Part, Row, Sql, TextColumn};
use crate::ident::{ColumnName, TableName};

/// Columns that hold `base64_encode(serialize(…))`, so that a text cannot be searched for.
const BASE64_COLUMNS: &[(&str, &str)] = &[("block_instances", "configdata")];

/// How many rows are read at once.
const CHUNK: usize = 200;

/// What the server looks for: rows that it leaves out hold nothing to replace, those that it gives may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::moodle) struct Filter {
    /// A pattern of `LIKE`.
    pub(in crate::moodle) pattern: String,
    /// Which letters are the same.
    pub(in crate::moodle) letters: Letters,
}

/// Which letters are the same for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::moodle) enum Letters {
    /// Only the same ones, as far as the engine tells them apart.
    Same,
    /// Upper and lower case; on MariaDB by the collation, which is a binary one on few sites.
    AsCollated,
    /// Upper and lower case, whatever the collation.
    AnyCase,
}

/// The way through a table, in stretches of 50,000 rows, so that no search of a great one outlives a statement's time.
pub(in crate::moodle) struct Walk {
    stretch: Sql,
    select: Sql,
    pattern: String,
    searched: usize,
    after: i64,
    end: i64,
    over: bool,
}

impl Walk {
    /// Through the rows of a table that may hold something in one of these columns. Each row comes with `id`, these columns
    /// and `with`.
    pub(in crate::moodle) fn new(
        table: &TableName,
        columns: &[&TextColumn],
        with: Option<&ColumnName>,
        filter: &Filter,
        is_mysql: bool,
    ) -> Self {
        let stretch = Sql::of(&[
            Part::Text("SELECT MAX(id) AS maxid FROM (SELECT id FROM "),
            Part::Table(table),
            Part::Text(" WHERE id > ? ORDER BY id LIMIT 50000) stretch"),
        ]);
        let folded = filter.letters == Letters::AnyCase && is_mysql;
        let like = match filter.letters {
            Letters::AnyCase if is_mysql => ") LIKE ?",
            Letters::AnyCase | Letters::AsCollated if !is_mysql => " ILIKE ?",
            _ => " LIKE ?",
        };
        let mut parts = vec![Part::Text("SELECT id")];
        let others = with.filter(|with| columns.iter().all(|column| column.column != **with));
        for column in columns.iter().map(|column| &column.column).chain(others) {
            parts.extend([Part::Text(", "), Part::Column(column)]);
        }
        parts.extend([Part::Text(" FROM "), Part::Table(table), Part::Text(" WHERE id > ? AND id <= ? AND (")]);
        for (number, column) in columns.iter().enumerate() {
            parts.push(Part::Text(if number > 0 { " OR " } else { "" }));
            let is_base64 = is_base64(column);
            parts.push(Part::Text(if folded && !is_base64 { "LOWER(" } else { "" }));
            parts.push(Part::Column(&column.column));
            parts.push(Part::Text(if is_base64 { " <> ''" } else { like }));
        }
        parts.push(Part::Text(") ORDER BY id LIMIT 200"));
        Self {
            stretch,
            select: Sql::of(&parts),
            pattern: if folded { filter.pattern.to_lowercase() } else { filter.pattern.clone() },
            searched: columns.iter().filter(|column| !is_base64(column)).count(),
            after: i64::MIN,
            end: i64::MIN,
            over: false,
        }
    }

    /// The next rows; none at the end.
    pub(in crate::moodle) async fn next(&mut self, db: &mut Db) -> Result<Vec<Row>, Fault> {
        while !self.over {
            if self.after >= self.end {
                let next = db.fetch_one(self.stretch.clone(), &[self.after.into()]).await?;
                let Some(next) = next.and_then(|row| row.int("maxid")) else {
                    self.over = true;
                    break;
                };
                self.end = next;
            }
            let mut params: Vec<Param> = vec![self.after.into(), self.end.into()];
            params.extend(std::iter::repeat_n(Param::from(self.pattern.as_str()), self.searched));
            let rows = db.fetch(self.select.clone(), &params).await?;
            let read_to = rows.last().and_then(|row| row.int("id")).filter(|_| rows.len() == CHUNK);
            self.after = read_to.unwrap_or(self.end);
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }
}

fn is_base64(column: &TextColumn) -> bool {
    BASE64_COLUMNS.contains(&(column.table.as_str(), column.column.as_str()))
}
