//! What a site's database is made of: tables and columns that only the server can name.

use std::collections::HashSet;
use std::fmt;

use super::{Db, Fault, Sql};
use crate::ident::{ColumnName, TableName};

/// How much a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Whatever comes.
    None,
    /// So many characters.
    Characters(usize),
    /// So many octets (MariaDB's text types).
    Octets(usize),
}

impl Limit {
    /// Whether a text fits in.
    pub fn takes(self, text: &str) -> bool {
        match self {
            Self::None => true,
            Self::Characters(most) => text.len() <= most || text.chars().count() <= most,
            Self::Octets(most) => text.len() <= most,
        }
    }
}

/// A column of text in a table that has a column `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    /// Its table, without prefix.
    pub table: TableName,
    /// Its name.
    pub column: ColumnName,
    /// How much it holds.
    pub limit: Limit,
}

impl fmt::Display for TextColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

impl Db {
    /// Whether it is a tenant's database, and not the control site's.
    pub fn is_of_tenant(&self) -> bool {
        self.tenant.is_some()
    }

    /// The site's tables, without prefix, in order; what has no name that Moodle would give is passed over.
    pub async fn tables(&mut self) -> Result<Vec<TableName>, Fault> {
        let select = "SELECT table_name AS tablename FROM information_schema.tables
            WHERE table_type = 'BASE TABLE' AND table_schema = ";
        let sql = Sql::joined(&[select, self.current_schema(), " ORDER BY table_name"]);
        let rows = self.fetch(sql, &[]).await?;
        Ok(rows.iter().filter_map(|row| self.own_table(row.text("tablename")?)).collect())
    }

    /// The site's columns of text, table by table.
    pub async fn text_columns(&mut self) -> Result<Vec<TextColumn>, Fault> {
        let tables: HashSet<TableName> = self.tables().await?.into_iter().collect();
        let select = "SELECT table_name AS tablename, column_name AS columnname, data_type AS datatype,
                character_maximum_length AS maxlength
            FROM information_schema.columns
            WHERE (column_name = 'id' OR data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext',
                'character', 'character varying')) AND table_schema = ";
        let sql = Sql::joined(&[select, self.current_schema(), " ORDER BY table_name, ordinal_position"]);
        let (mut with_id, mut found) = (HashSet::new(), Vec::new());
        for row in self.fetch(sql, &[]).await? {
            let Some(table) = row.text("tablename").and_then(|table| self.own_table(table)) else { continue };
            let kind = row.text("datatype").unwrap_or_default();
            match row.text("columnname").and_then(|column| ColumnName::parse(column).ok()) {
                Some(column) if column.as_str() == "id" && kind.contains("int") => {
                    with_id.insert(table);
                }
                Some(column) if tables.contains(&table) => {
                    let most = row.int("maxlength").and_then(|most| usize::try_from(most).ok());
                    let limit = match most {
                        None => Limit::None,
                        Some(most) if kind.ends_with("text") => Limit::Octets(most),
                        Some(most) => Limit::Characters(most),
                    };
                    found.push(TextColumn { table, column, limit });
                }
                _ => {}
            }
        }
        found.retain(|column| with_id.contains(&column.table));
        Ok(found)
    }

    /// What the database takes on disk, in bytes, as far as its own account can tell.
    pub async fn octets(&mut self) -> Result<Option<i64>, Fault> {
        let select = if self.engine().is_mysql() {
            "SELECT CAST(SUM(data_length + index_length) AS SIGNED) AS octets FROM information_schema.tables
             WHERE table_schema = DATABASE()"
        } else {
            "SELECT pg_database_size(current_database()) AS octets"
        };
        Ok(self.fetch_one(select, &[]).await?.and_then(|row| row.int("octets")))
    }

    fn own_table(&self, name: &str) -> Option<TableName> {
        TableName::parse(name.strip_prefix(self.prefix.as_str())?).ok()
    }
}
