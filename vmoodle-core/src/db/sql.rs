//! SQL text as a type: literals of this crate only, written once for both engines.

use std::borrow::Cow;

use crate::ident::{ColumnName, Prefix, TableName};

/// A statement: `{table}` stands for a table of the site with its prefix, `[column]` for a column's quoted name, `?` for
/// a parameter.
///
/// It can be made of literals and checked names alone, so nothing that came from outside is ever part of it: there is no
/// way in for a `String`.
#[derive(Debug, Clone)]
pub struct Sql(Cow<'static, str>);

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// A piece of a statement about tables that only the server can name.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// A literal.
    Text(&'static str),
    /// A table of the site.
    Table(&'a TableName),
    /// A column.
    Column(&'a ColumnName),
}

/// How an engine writes names and parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// What stands around a name.
    pub(super) quote: char,
    /// Whether parameters are `$1`, `$2`… instead of `?`.
    pub(super) numbered: bool,
}

impl Sql {
    /// Joins literals.
    pub fn joined(parts: &[&'static str]) -> Self {
        Self(Cow::Owned(parts.concat()))
    }

    /// Joins literals and checked names.
    pub fn of(parts: &[Part<'_>]) -> Self {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Table(name) => text.extend(["{", name.as_str(), "}"]),
                Part::Column(name) => text.extend(["[", name.as_str(), "]"]),
            }
        }
        Self(Cow::Owned(text))
    }

    /// `INSERT` of one row into a table, one parameter for each column.
    pub fn insert(table: &'static str, columns: &[&'static str]) -> Self {
        Self::insert_rows(table, columns, 1)
    }

    /// `INSERT` of several rows into a table, row by row one parameter for each column.
    pub fn insert_rows(table: &'static str, columns: &[&'static str], rows: usize) -> Self {
        let row = format!("({})", vec!["?"; columns.len()].join(", "));
        let rows = vec![row; rows].join(", ");
        Self(Cow::Owned(format!("INSERT INTO {{{table}}} ({}) VALUES {rows}", columns.join(", "))))
    }

    /// `UPDATE` of the row with an id: one parameter for each column, then the id.
    pub fn update(table: &'static str, columns: &[&'static str]) -> Self {
        Self(Cow::Owned(format!("UPDATE {{{table}}} SET {} = ? WHERE id = ?", columns.join(" = ?, "))))
    }

    /// The text for an engine; texts in single quotes are left as they are.
    pub(super) fn render(&self, dialect: Dialect, prefix: &Prefix) -> String {
        let mut out = String::with_capacity(self.0.len() + 32);
        let (mut number, mut in_text) = (0, false);
        for c in self.0.chars() {
            match c {
                '\'' => {
                    in_text = !in_text;
                    out.push(c);
                }
                _ if in_text => out.push(c),
                '{' => {
                    out.push(dialect.quote);
                    out.push_str(prefix.as_str());
                }
                '}' | '[' | ']' => out.push(dialect.quote),
                '?' if dialect.numbered => {
                    number += 1;
                    out.push('$');
                    out.push_str(&number.to_string());
                }
                _ => out.push(c),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_get_the_prefix_and_parameters_their_numbers() {
        let prefix = Prefix::parse("mdl_").unwrap();
        let (mysql, postgres) = (Dialect { quote: '`', numbered: false }, Dialect { quote: '"', numbered: true });
        let sql = Sql::from("SELECT '{x}?''' FROM {config} WHERE name = ? AND value = ?");
        assert_eq!(sql.render(mysql, &prefix), "SELECT '{x}?''' FROM `mdl_config` WHERE name = ? AND value = ?");
        assert_eq!(sql.render(postgres, &prefix), "SELECT '{x}?''' FROM \"mdl_config\" WHERE name = $1 AND value = $2");
        let sql = Sql::update("t", &["a", "b"]);
        assert_eq!(sql.render(postgres, &prefix), "UPDATE \"mdl_t\" SET a = $1, b = $2 WHERE id = $3");
        let (table, column) = (TableName::parse("t").unwrap(), ColumnName::parse("key").unwrap());
        let sql = Sql::of(&[Part::Text("SELECT "), Part::Column(&column), Part::Text(" FROM "), Part::Table(&table)]);
        assert_eq!(sql.render(mysql, &prefix), "SELECT `key` FROM `mdl_t`");
        assert_eq!(sql.render(postgres, &prefix), "SELECT \"key\" FROM \"mdl_t\"");
        let sql = Sql::insert("t", &["a", "b"]);
        assert_eq!(sql.render(mysql, &prefix), "INSERT INTO `mdl_t` (a, b) VALUES (?, ?)");
        let sql = Sql::insert_rows("t", &["a", "b"], 2);
        assert_eq!(sql.render(postgres, &prefix), "INSERT INTO \"mdl_t\" (a, b) VALUES ($1, $2), ($3, $4)");
    }
}
