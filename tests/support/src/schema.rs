//! Moodle's table declarations (`db/install.xml`, "XMLDB") as `CREATE TABLE`.

use std::fmt::Write as _;
use std::path::Path;

use roxmltree::{Document, Node};

use crate::database::Engine;

/// The statements that make the tables declared in the file `install_xml`, as Moodle itself would make them.
///
/// # Panics
/// When the file cannot be read or declares a type that Moodle does not have.
pub fn statements(install_xml: &Path, engine: Engine, prefix: &str) -> String {
    let text =
        std::fs::read_to_string(install_xml).unwrap_or_else(|error| panic!("{}: {error}", install_xml.display()));
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", install_xml.display()));
    document
        .descendants()
        .filter(|node| node.has_tag_name("TABLE"))
        .map(|table| table_statements(table, engine, prefix))
        .collect()
}

/// The declared tables and their columns, in the order of the file.
pub fn columns(install_xml: &Path) -> Vec<(String, Vec<String>)> {
    let text =
        std::fs::read_to_string(install_xml).unwrap_or_else(|error| panic!("{}: {error}", install_xml.display()));
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", install_xml.display()));
    document
        .descendants()
        .filter(|node| node.has_tag_name("TABLE"))
        .map(|table| {
            let names = children(table, "FIELD").map(|field| attribute(field, "NAME").to_owned());
            (attribute(table, "NAME").to_owned(), names.collect())
        })
        .collect()
}

fn table_statements(table: Node<'_, '_>, engine: Engine, prefix: &str) -> String {
    let name = format!("{prefix}{}", attribute(table, "NAME"));
    let mut lines: Vec<String> = children(table, "FIELD").map(|field| column(field, engine)).collect();
    let mut after = String::new();
    for (number, key) in children(table, "KEY").chain(children(table, "INDEX")).enumerate() {
        let fields = quote_list(attribute(key, "FIELDS"), engine);
        let unique = attribute(key, "TYPE").ends_with("unique") || attribute(key, "UNIQUE") == "true";
        if attribute(key, "TYPE") == "primary" {
            lines.push(format!("PRIMARY KEY ({fields})"));
            continue;
        }
        let kind = if unique { "UNIQUE INDEX" } else { "INDEX" };
        let index = quote(&format!("{name}_{number}_ix"), engine);
        let _ = writeln!(after, "CREATE {kind} {index} ON {} ({fields});", quote(&name, engine));
    }
    let tail = match engine {
        Engine::MariaDb => " ENGINE=InnoDB ROW_FORMAT=COMPRESSED DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        Engine::Postgres => "",
    };
    format!("CREATE TABLE {} (\n{}\n){tail};\n{after}", quote(&name, engine), lines.join(",\n"))
}

fn column(field: Node<'_, '_>, engine: Engine) -> String {
    let name = quote(attribute(field, "NAME"), engine);
    let kind = column_type(field, engine);
    if attribute(field, "SEQUENCE") == "true" {
        return match engine {
            Engine::MariaDb => format!("{name} {kind} NOT NULL AUTO_INCREMENT"),
            Engine::Postgres => format!("{name} BIGSERIAL NOT NULL"),
        };
    }
    let required = attribute(field, "NOTNULL") == "true";
    let null = if required { " NOT NULL" } else { "" };
    let default = match field.attribute("DEFAULT") {
        Some(value) => format!(" DEFAULT '{value}'"),
        // Both of Moodle's generators give a required text column the empty text.
        None if required && attribute(field, "TYPE") == "char" => " DEFAULT ''".to_owned(),
        None => String::new(),
    };
    format!("{name} {kind}{null}{default}")
}

fn column_type(field: Node<'_, '_>, engine: Engine) -> String {
    let length: u32 = attribute(field, "LENGTH").parse().unwrap_or(10);
    let decimals = field.attribute("DECIMALS").unwrap_or("0");
    match (attribute(field, "TYPE"), engine) {
        ("int", Engine::MariaDb) => match length {
            0..=2 => format!("TINYINT({length})"),
            3..=4 => format!("SMALLINT({length})"),
            5..=6 => format!("MEDIUMINT({length})"),
            7..=9 => format!("INT({length})"),
            _ => format!("BIGINT({length})"),
        },
        ("int", Engine::Postgres) => match length {
            0..=4 => "SMALLINT",
            5..=9 => "INTEGER",
            _ => "BIGINT",
        }
        .to_owned(),
        ("number", _) => format!("DECIMAL({length},{decimals})"),
        ("float", _) => "DOUBLE PRECISION".to_owned(),
        ("char", _) => format!("VARCHAR({length})"),
        ("text", Engine::MariaDb) => "LONGTEXT".to_owned(),
        ("text", Engine::Postgres) => "TEXT".to_owned(),
        ("binary", Engine::MariaDb) => "LONGBLOB".to_owned(),
        ("binary", Engine::Postgres) => "BYTEA".to_owned(),
        (other, _) => panic!("`{other}` is no type of XMLDB"),
    }
}

fn children<'a, 'i>(table: Node<'a, 'i>, tag: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    table.descendants().filter(move |node| node.has_tag_name(tag))
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

fn quote(name: &str, engine: Engine) -> String {
    match engine {
        Engine::MariaDb => format!("`{name}`"),
        Engine::Postgres => format!("\"{name}\""),
    }
}

fn quote_list(names: &str, engine: Engine) -> String {
    let names: Vec<String> = names.split(',').map(|name| quote(name.trim(), engine)).collect();
    names.join(", ")
}
