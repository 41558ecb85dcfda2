//! The `config.php` of a site that stands alone: nothing of the farm is in it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::overrides;
use crate::secret::Secret;
use crate::tenant::Tenant;

/// How the code base is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Moodle up to 5.0: `lib/` lies beside `config.php`.
    Classic,
    /// Moodle 5.1 and later: `config.php` stays above `public/`, which holds `lib/`.
    Public,
}

impl Layout {
    /// The layout of a code base, by its folder that holds `config.php`.
    pub fn of(root: &std::path::Path) -> Self {
        if root.join("public/lib/setup.php").is_file() { Self::Public } else { Self::Classic }
    }

    fn setup(self) -> &'static str {
        match self {
            Self::Classic => "/lib/setup.php",
            Self::Public => "/public/lib/setup.php",
        }
    }
}

/// A tenant that leaves the farm.
#[derive(Debug, Clone, Copy)]
pub struct Leaver<'a> {
    /// Its row.
    pub tenant: &'a Tenant,
    /// The account that it will have; the farm's may serve it so far.
    pub user: &'a str,
    /// The account's password.
    pub password: &'a Secret,
    /// Its settings as boot sets them: the policies that mean it, its own laid over them.
    pub settings: &'a Map<String, Value>,
}

/// The `config.php` of a tenant that leaves; it holds the password, so the file is to be made with mode 0600.
///
/// Refuses settings that an override may not set, with [`crate::Kind::BadSetting`].
pub fn standalone(leaver: &Leaver<'_>, layout: Layout) -> Result<Secret> {
    overrides::check(leaver.settings)?;
    let Leaver { tenant, user, password, settings } = leaver;
    let database = &tenant.database;
    let mut options = tenant.options.clone();
    options.insert("dbpersist".into(), tenant.persist.into());
    options.insert("dbport".into(), database.port.map_or_else(|| "".into(), Value::from));
    options.insert("dbsocket".into(), database.socket.as_deref().unwrap_or_default().into());
    let mut all = Map::new();
    for (name, text) in [
        ("dbtype", database.engine.word()),
        ("dblibrary", "native"),
        ("dbhost", database.host.as_str()),
        ("dbname", database.database.as_str()),
        ("dbuser", user),
        ("dbpass", password.reveal()),
        ("prefix", tenant.prefix.as_str()),
    ] {
        all.insert(name.into(), text.into());
    }
    all.insert("dboptions".into(), options.into());
    all.insert("wwwroot".into(), tenant.address.to_string().into());
    all.insert("dataroot".into(), tenant.dataroot.as_str().into());
    all.insert("admin".into(), "admin".into());
    all.insert("directorypermissions".into(), 0o2777.into());
    all.extend((*settings).clone());
    Ok(render(&all, layout))
}

/// Any settings as a `config.php`; their names must be those of PHP properties.
pub fn render(settings: &Map<String, Value>, layout: Layout) -> Secret {
    let mut out =
        String::from("<?php  // Moodle configuration file\n\nunset($CFG);\nglobal $CFG;\n$CFG = new stdClass();\n\n");
    for (name, value) in settings {
        let _ = write!(out, "$CFG->{name} = ");
        match value.as_u64().filter(|_| name.ends_with("permissions")) {
            Some(mode) => {
                let _ = write!(out, "0{mode:o}");
            }
            None => literal(&mut out, value, 0),
        }
        out.push_str(";\n");
    }
    let _ = write!(out, "\nrequire_once(__DIR__ . '{}');\n", layout.setup());
    Secret::new(out)
}

/// A value as PHP writes it.
fn literal(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        // PHP reads the least integer as a negation of one that is too great.
        Value::Number(number) if number.as_i64() == Some(i64::MIN) => out.push_str("-9223372036854775807 - 1"),
        Value::Number(number) => {
            let _ = match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => write!(out, "{integer}"),
                (None, float) => write!(out, "{:?}", float.unwrap_or_default()),
            };
        }
        Value::String(text) => quoted(out, text),
        Value::Array(items) => bracketed(out, items.iter().map(|item| (None, item)), depth),
        Value::Object(items) => bracketed(out, items.iter().map(|(key, item)| (Some(key), item)), depth),
    }
}

fn bracketed<'a>(
    out: &mut String,
    items: impl ExactSizeIterator<Item = (Option<&'a String>, &'a Value)>,
    depth: usize,
) {
    if items.len() == 0 {
        out.push_str("[]");
        return;
    }
    let indent = "    ".repeat(depth + 1);
    out.push_str("[\n");
    for (key, item) in items {
        out.push_str(&indent);
        if let Some(key) = key {
            quoted(out, key);
            out.push_str(" => ");
        }
        literal(out, item, depth + 1);
        out.push_str(",\n");
    }
    out.push_str(&indent[4..]);
    out.push(']');
}

/// In single quotes, where only the quote and the backslash are special.
fn quoted(out: &mut String, text: &str) {
    out.push('\'');
    out.push_str(&text.replace('\\', "\\\\").replace('\'', "\\'"));
    out.push('\'');
}
