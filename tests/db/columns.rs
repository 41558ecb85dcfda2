//! The tables that Rust uses are those that `db/install.xml` declares.

use support::{root, schema};
use vmoodle_core::registry::shape::TABLES;

#[test]
fn rust_uses_the_columns_that_install_xml_declares() {
    let declared = schema::columns(&root::workspace().join("php/local/vmoodle/db/install.xml"));
    for (table, columns) in TABLES {
        let (_, there) =
            declared.iter().find(|(name, _)| name == table).unwrap_or_else(|| panic!("no table `{table}`"));
        assert_eq!(there, columns, "{table}");
    }
    assert_eq!(declared.len(), TABLES.len());
}
