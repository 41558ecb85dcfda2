//! Rows of a table, brought from one site to another: told from each other by a natural key, since ids mean nothing elsewhere.
//!
//! Columns that hold ids of other tables are mapped by what those rows are called on both sites; which columns those are, the
//! code's own `install.xml` says, and where it says nothing, their names.

mod declared;
mod plan;
mod reference;

pub use declared::Declared;
pub use plan::{Counts, Source, Wish};
pub use reference::Rule;
