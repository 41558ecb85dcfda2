//! Which columns hold ids of other tables, as the code's `install.xml` files declare it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use roxmltree::{Document, ParsingOptions};

use crate::ident::TableName;

/// How deep plugins lie in the tree: `mod/assign/submission/file/db`, below `public` since Moodle 5.1.
const DEPTH: u32 = 6;
/// Folders that hold no plugins.
const PASSED: &[&str] =
    &["amd", "backup", "classes", "lang", "node_modules", "pix", "templates", "tests", "vendor", "yui"];
/// The largest file that is read, in octets; the core's has 600,000.
const LARGEST: u64 = 8 << 20;

/// The foreign keys of a table: by column the table that it refers to. Empty where nothing declares the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared(pub HashMap<String, String>);

impl Declared {
    /// Looks through a code base. What cannot be read declares nothing.
    pub fn read(dirroot: &Path, table: &TableName) -> Self {
        let mut found = Self::default();
        // An empty path would be the process's own folder.
        if dirroot.is_absolute() {
            look(dirroot, table, DEPTH, &mut found);
        }
        found
    }

    fn parse(&mut self, xml: &str, table: &TableName) {
        if !xml.contains(&format!("\"{table}\"")) {
            return;
        }
        let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
        let Ok(document) = Document::parse_with_options(xml, options) else { return };
        let is_it = |node: &roxmltree::Node<'_, '_>| {
            node.has_tag_name("TABLE") && node.attribute("NAME") == Some(table.as_str())
        };
        let Some(declared) = document.descendants().find(is_it) else { return };
        for key in declared.descendants().filter(|node| node.has_tag_name("KEY")) {
            let (Some(fields), Some(other)) = (key.attribute("FIELDS"), key.attribute("REFTABLE")) else { continue };
            if !fields.contains(',') && key.attribute("REFFIELDS") == Some("id") {
                self.0.insert(fields.trim().to_owned(), other.to_owned());
            }
        }
    }
}

fn look(folder: &Path, table: &TableName, depth: u32, found: &mut Declared) {
    let file = folder.join("db/install.xml");
    if fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST)
        && let Ok(xml) = fs::read_to_string(&file)
    {
        found.parse(&xml, table);
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|_| depth > 0) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !name.starts_with('.') && !PASSED.contains(&name.as_ref()) {
            look(&entry.path(), table, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_are_found_wherever_the_plugin_lies() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mod/x/sub/y/db");
        fs::create_dir_all(&folder).unwrap();
        let xml = r#"<XMLDB><TABLES><TABLE NAME="other"/><TABLE NAME="x_items"><KEYS>
            <KEY NAME="primary" TYPE="primary" FIELDS="id"/>
            <KEY NAME="who" TYPE="foreign" FIELDS="owner" REFTABLE="user" REFFIELDS="id"/>
            <KEY NAME="two" TYPE="foreign" FIELDS="a, b" REFTABLE="t" REFFIELDS="a, b"/>
        </KEYS></TABLE></TABLES></XMLDB>"#;
        fs::write(folder.join("install.xml"), xml).unwrap();
        let read = |table: &str| Declared::read(root.path(), &TableName::parse(table).unwrap());
        assert_eq!(read("x_items").0, HashMap::from([("owner".to_owned(), "user".to_owned())]));
        assert_eq!(read("nothing"), Declared::default());
        assert_eq!(Declared::read(Path::new(""), &TableName::parse("x_items").unwrap()), Declared::default());
    }
}
