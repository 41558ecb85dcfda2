//! What a table of a site's database is made of: its columns with their types, and what is unique in it.

use super::{Db, Fault, Limit, Sql};
use crate::ident::{ColumnName, TableName};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Whole numbers.
    Int,
    /// Numbers with a point: they come and go as text.
    Number,
    /// Texts.
    Text(Limit),
    /// Something that vmoodle never reads: octets.
    Other,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnShape {
    /// Its name.
    pub name: ColumnName,
    /// What it holds.
    pub kind: ColumnType,
}

/// A table that has a column `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Its name, without prefix.
    pub name: TableName,
    /// Its columns in order, without `id`.
    pub columns: Vec<ColumnShape>,
    /// The columns of each unique index but that of `id`, in the order of the indexes' names.
    pub unique: Vec<Vec<String>>,
}

impl TableShape {
    /// A column of it.
    pub fn column(&self, name: &str) -> Option<&ColumnShape> {
        self.columns.iter().find(|column| column.name.as_str() == name)
    }
}

impl Db {
    /// What a table is made of; `None` where there is none of that name that has a column `id`.
    pub async fn table_shape(&mut self, table: &TableName) -> Result<Option<TableShape>, Fault> {
        let full = format!("{}{table}", self.prefix);
        let select = "SELECT column_name AS columnname, data_type AS datatype, character_maximum_length AS maxlength
            FROM information_schema.columns WHERE table_name = ? AND table_schema = ";
        let sql = Sql::joined(&[select, self.current_schema(), " ORDER BY ordinal_position"]);
        let (mut columns, mut has_id) = (Vec::new(), false);
        for row in self.fetch(sql, &[full.as_str().into()]).await? {
            let kind = row.text("datatype").unwrap_or_default();
            let Some(name) = row.text("columnname").and_then(|name| ColumnName::parse(name).ok()) else { continue };
            if name.as_str() == "id" {
                has_id = kind.contains("int");
                continue;
            }
            let most = row.int("maxlength").and_then(|most| usize::try_from(most).ok());
            columns.push(ColumnShape { name, kind: kind_of(kind, most) });
        }
        if !has_id {
            return Ok(None);
        }
        let mut unique: Vec<(String, Vec<String>)> = Vec::new();
        for row in self.fetch(self.unique_columns(), &[full.as_str().into()]).await? {
            let (Some(index), Some(column)) = (row.text("indexname"), row.text("columnname")) else { continue };
            match unique.last_mut().filter(|(name, _)| name == index) {
                Some((_, columns)) => columns.push(column.to_owned()),
                None => unique.push((index.to_owned(), vec![column.to_owned()])),
            }
        }
        let unique = unique.into_iter().map(|(_, columns)| columns).collect();
        Ok(Some(TableShape { name: table.clone(), columns, unique }))
    }

    fn unique_columns(&self) -> &'static str {
        if self.engine().is_mysql() {
            "SELECT index_name AS indexname, column_name AS columnname FROM information_schema.statistics
             WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0 AND index_name <> 'PRIMARY'
             ORDER BY index_name, seq_in_index"
        } else {
            "SELECT i.relname AS indexname, a.attname AS columnname
             FROM pg_index x
             JOIN pg_class t ON t.oid = x.indrelid
             JOIN pg_namespace s ON s.oid = t.relnamespace
             JOIN pg_class i ON i.oid = x.indexrelid
             CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
             WHERE s.nspname = CURRENT_SCHEMA() AND t.relname = ? AND x.indisunique AND NOT x.indisprimary
                 AND x.indpred IS NULL
             ORDER BY i.relname, k.place"
        }
    }
}

/// What a server's type is for us (`information_schema.columns.data_type` of both engines).
fn kind_of(kind: &str, most: Option<usize>) -> ColumnType {
    match kind {
        kind if kind.contains("int") && !kind.contains("interval") => ColumnType::Int,
        "decimal" | "numeric" | "double" | "float" | "real" | "double precision" => ColumnType::Number,
        "char" | "varchar" | "character" | "character varying" => {
            ColumnType::Text(most.map_or(Limit::None, Limit::Characters))
        }
        "tinytext" | "text" | "mediumtext" | "longtext" => ColumnType::Text(most.map_or(Limit::None, Limit::Octets)),
        _ => ColumnType::Other,
    }
}
