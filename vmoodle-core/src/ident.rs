//! Identifiers that may be spliced into SQL or paths: nothing else ever is.

use std::fmt;

use crate::error::{Error, Kind, Result};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $max:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks the text; refuses with [`Kind::BadIdentifier`] and the whole rule.
            pub fn parse(text: &str) -> Result<Self> {
                let accepts: fn(&str) -> bool = $accepts;
                if text.len() <= $max && accepts(text) {
                    return Ok(Self(text.to_owned()));
                }
                let shown = crate::host::escape(text);
                Err(Error::new(Kind::BadIdentifier, format!("`{shown}` is no {}: {}", $what, $rule)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

identifier! {
    /// The name of a database: letters, digits, `_`, `-` and `$`, beginning with a letter, digit or `_`, at most 63
    /// octets (PostgreSQL's limit; MariaDB's is 64).
    DbName, "database name",
    "it must have 1 to 63 letters, digits, `_`, `-` or `$`, and not begin with `-` or `$`", 63,
    |s| s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
}

identifier! {
    /// A table prefix as Moodle accepts it: lower case letters, digits and `_`, at most 10, beginning with a letter;
    /// it may be empty (`lib/dml/moodle_database.php`, `install.php`).
    Prefix, "table prefix", "it must have at most 10 lower case letters, digits or `_` and begin with a letter", 10,
    |s| s.is_empty() || s.as_bytes()[0].is_ascii_lowercase()
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

identifier! {
    /// The name of a setting in `$CFG`: a PHP property name of ASCII letters, digits and `_`.
    ConfigName, "setting name", "it must have 1 to 100 letters, digits or `_` and not begin with a digit", 100,
    |s| !s.is_empty() && is_word(s) && !s.as_bytes()[0].is_ascii_digit()
}

identifier! {
    /// The full name of a plugin in `forced_plugin_settings`: `type_name`, or a name such as `question` or `moodlecourse`
    /// (`lib/moodlelib.php`, `get_config`).
    PluginName, "plugin name", "it must have 1 to 100 lower case letters, digits or `_` and begin with a letter", 100,
    |s| s.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

identifier! {
    /// A database account that vmoodle makes: lower case letters, digits and `_`, beginning with a letter, at most 32
    /// octets (MySQL's limit; those of MariaDB and PostgreSQL are wider).
    AccountName, "account name", "it must have 1 to 32 lower case letters, digits or `_` and begin with a letter", 32,
    |s| s.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

identifier! {
    /// The name of a table without the site's prefix, as the server tells it.
    TableName, "table name", "it must have 1 to 63 letters, digits or `_`", 63, |s| !s.is_empty() && is_word(s)
}

identifier! {
    /// The name of a column, as the server tells it.
    ColumnName, "column name", "it must have 1 to 63 letters, digits or `_`", 63, |s| !s.is_empty() && is_word(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_hold_nothing_that_quotes_or_comments() {
        for bad in ["", "a b", "a`b", "a'b", "a\"b", "a;b", "a.b", "a/b", "-a", "$a", "é", &"a".repeat(64)] {
            assert!(DbName::parse(bad).is_err(), "{bad}");
        }
        for good in ["moodle", "vmdl_x", "a-b", "1a", "m$1"] {
            assert!(DbName::parse(good).is_ok(), "{good}");
        }
        assert!(Prefix::parse("").is_ok() && Prefix::parse("mdl_").is_ok() && Prefix::parse("m2_").is_ok());
        assert!(AccountName::parse("moodle_12").is_ok());
        for bad in ["", "Moodle", "1a", "_a", "a-b", "a'b", "a@b", "é", &"a".repeat(33)] {
            assert!(AccountName::parse(bad).is_err(), "{bad}");
        }
        for bad in ["Mdl_", "2m", "_m", "mdl-", "mdl_12345678"] {
            assert!(Prefix::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "a b", "a`b", "a\"b", "a}b", "a]b", "é"] {
            assert!(TableName::parse(bad).is_err() && ColumnName::parse(bad).is_err(), "{bad}");
        }
    }
}
