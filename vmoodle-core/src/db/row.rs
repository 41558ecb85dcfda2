//! Values that go to a server and come from it, the same for both engines.

use std::fmt;
use std::sync::Arc;

/// A typed parameter; PostgreSQL wants to know the type of a null too. It prints as `_`.
#[derive(Clone, PartialEq, Eq)]
pub enum Param {
    /// An integer column.
    Int(Option<i64>),
    /// A text column.
    Text(Option<String>),
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl From<i64> for Param {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Param {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<&str> for Param {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Param {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Param {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

/// A value of a row.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// NULL, or a type that vmoodle never reads.
    Null,
    /// An integer of any width.
    Int(i64),
    /// A text of any length.
    Text(String),
}

impl From<Param> for Cell {
    fn from(param: Param) -> Self {
        match param {
            Param::Int(Some(number)) => Self::Int(number),
            Param::Text(Some(text)) => Self::Text(text),
            Param::Int(None) | Param::Text(None) => Self::Null,
        }
    }
}

/// A row, read by column name. A column that is not there reads as NULL: an original registry has fewer.
///
/// It prints its columns' names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Row {
    columns: Arc<Vec<String>>,
    cells: Vec<Cell>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.columns.iter()).finish()
    }
}

impl Row {
    /// A row of a result; its columns' names are shared by all rows of it.
    pub(super) fn new(columns: Arc<Vec<String>>, cells: Vec<Cell>) -> Self {
        Self { columns, cells }
    }

    /// The value of a column.
    pub fn cell(&self, column: &str) -> &Cell {
        self.columns.iter().position(|name| name == column).map_or(&Cell::Null, |at| &self.cells[at])
    }

    /// An integer; also one that stands in a text column. `None` for NULL and for any other text.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.cell(column) {
            Cell::Int(number) => Some(*number),
            Cell::Text(text) => text.trim().parse().ok(),
            Cell::Null => None,
        }
    }

    /// A text that is not empty: NULL and the empty text mean the same everywhere in vmoodle.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column) {
            Cell::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The columns in order, each with its value.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.columns.iter().map(String::as_str).zip(&self.cells)
    }

    /// Lays a value over the row's own, or adds the column.
    pub fn set(&mut self, column: &str, cell: Cell) {
        if let Some(at) = self.columns.iter().position(|name| name == column) {
            self.cells[at] = cell;
        } else {
            Arc::make_mut(&mut self.columns).push(column.to_owned());
            self.cells.push(cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_not_there_reads_as_null_and_values_are_not_printed() {
        let mut row = Row::default();
        row.set("vdbpass", Cell::Text("hidden".into()));
        row.set("mnet", Cell::Text(" -1".into()));
        assert_eq!((row.int("mnet"), row.int("nothing"), row.text("nothing")), (Some(-1), None, None));
        assert_eq!(format!("{row:?} {:?}", Param::from("hidden")), r#"["vdbpass", "mnet"] _"#);
    }
}
