//! Which columns of text a replacement goes through.

use std::collections::HashSet;

use crate::db::TextColumn;
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::moodle::setting;

/// Tables that are left (lib/adminlib.php, `db_should_replace`, up to the empty line; the rest are ours).
const SKIPPED_TABLES: &[&str] = &[
    "config",
    "config_plugins",
    "filter_config",
    "sessions",
    "events_queue",
    "repository_instance_config",
    "files",
    // A hash of its column `reference` stands beside it.
    "files_reference",
    // Who this site and its peers are: `peers` sees to it.
    "mnet_host",
    "registration_hubs",
];

/// Tables in which a hash stands beside the text: a row that is changed is lost.
const HASHED_TABLES: &[&str] = &["files", "files_reference"];

/// Tables that hold little but secrets.
const SECRET_TABLES: &[&str] = &[
    "external_tokens",
    "mnet_session",
    "oauth2_access_token",
    "oauth2_refresh_token",
    "sessions",
    "tool_mfa",
    "tool_mfa_secrets",
    "user_password_history",
    "user_password_resets",
    "user_private_key",
];

/// Words that a column of secrets has in its name, or ends with.
const SECRET_WORDS: [&[&str]; 2] = [
    &["passw", "passphrase", "secret", "token", "credential", "privatekey", "apikey", "salt"],
    &["key", "pass", "pwd"],
];

/// Which columns are gone through.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only these, as `table` or `table.column`: also where they are left otherwise. All contents where none is named.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
    /// Whether secrets are gone through too.
    pub secrets: bool,
}

impl Scope {
    /// The columns of a site that are gone through.
    ///
    /// Fails with [`Kind::BadParameter`] where a name is no table or column of text of the site, and where what is named can
    /// never be changed.
    pub fn columns(&self, all: &[TextColumn]) -> Result<Vec<TextColumn>> {
        let known: HashSet<&str> = all.iter().map(|column| column.table.as_str()).collect();
        for name in self.only.iter().chain(&self.skip) {
            if !known.contains(name.as_str()) && !all.iter().any(|column| column.to_string() == *name) {
                return Err(Error::new(
                    Kind::BadParameter,
                    format!("`{}` is no table or column of text", escape(name)),
                )
                .hint("give names without prefix, such as `label` or `label.intro`"));
            }
        }
        let is_named = |name: &str, column: &TextColumn| name == column.table.as_str() || name == column.to_string();
        let named = |names: &[String], column: &TextColumn| names.iter().any(|name| is_named(name, column));
        let mut chosen = Vec::new();
        for column in all {
            let asked = named(&self.only, column);
            if named(&self.skip, column) || !(asked || self.only.is_empty() && is_content(column)) {
                continue;
            }
            if let Some(why) = unchangeable(column) {
                if self.only.iter().any(|name| *name == column.table.as_str()) && is_hash(column) {
                    continue;
                }
                return Err(Error::new(Kind::BadParameter, format!("`{column}` is never changed: {why}")));
            }
            // Of settings the values, not the names.
            let is_name =
                matches!(column.table.as_str(), "config" | "config_plugins") && column.column.as_str() != "value";
            if !is_name && (self.secrets || !is_secret(column)) {
                chosen.push(column.clone());
            }
        }
        if let Some(name) = self.only.iter().find(|name| !chosen.iter().any(|column| is_named(name, column))) {
            let message =
                format!("nothing of `{name}` is left to look in: what it holds are secrets, or `skip` names it");
            return Err(Error::new(Kind::BadParameter, message).hint("give `secrets` where they are meant"));
        }
        Ok(chosen)
    }
}

/// Whether a column holds contents.
pub(in crate::moodle) fn is_content(column: &TextColumn) -> bool {
    let table = column.table.as_str();
    // `/(^|_)logs?($|_)/`, so no underscores of our own: the farm's registry is no content.
    let is_log = table.split('_').any(|word| matches!(word, "log" | "logs"));
    !is_log && !is_farm(table) && !SKIPPED_TABLES.contains(&table) && !is_hash(column)
}

fn is_farm(table: &str) -> bool {
    table == "local_vmoodle" || table.starts_with("local_vmoodle_")
}

fn is_hash(column: &TextColumn) -> bool {
    column.column.as_str().ends_with("hash")
}

/// Why a column is never changed, though it is named.
fn unchangeable(column: &TextColumn) -> Option<&'static str> {
    let table = column.table.as_str();
    if is_farm(table) {
        return Some("it is the farm's own");
    }
    (HASHED_TABLES.contains(&table) || is_hash(column)).then_some("it is a hash, or one stands beside it")
}

/// Whether what a column holds is nobody's to read.
pub(super) fn is_secret(column: &TextColumn) -> bool {
    is_secret_name(column.table.as_str(), column.column.as_str())
}

/// Whether what a column of this name holds in a table is nobody's to read.
pub(crate) fn is_secret_name(table: &str, column: &str) -> bool {
    let [inside, at_end] = SECRET_WORDS;
    let is_named = inside.iter().any(|word| column.contains(word)) || at_end.iter().any(|word| column.ends_with(word));
    SECRET_TABLES.contains(&table) || is_named
}

/// Whether the name in the same row makes a secret of a value: settings of plugins, of LTI tools, of repositories.
pub(crate) fn is_secret_by_name(name: Option<&str>, column: &str, value: &str) -> bool {
    column == "value" && name.is_some_and(|name| setting::is_secret(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Limit;
    use crate::ident::{ColumnName, TableName};

    fn column(table: &str, column: &str) -> TextColumn {
        TextColumn {
            table: TableName::parse(table).unwrap(),
            column: ColumnName::parse(column).unwrap(),
            limit: Limit::None,
        }
    }

    #[test]
    fn logs_hashes_settings_and_the_registry_are_left() {
        for (table, name) in
            [("label", "intro"), ("block_instances", "configdata"), ("blog_external", "url"), ("local_vmoodled", "a")]
        {
            assert!(is_content(&column(table, name)), "{table}");
        }
        for (table, name) in [
            ("config", "value"),
            ("log", "url"),
            ("logstore_standard_log", "other"),
            ("bigbluebuttonbn_logs", "meta"),
            ("log_display", "action"),
            ("files_reference", "reference"),
            ("x", "contenthash"),
            ("local_vmoodle", "vhostname"),
            ("local_vmoodle_alias", "host"),
        ] {
            assert!(!is_content(&column(table, name)), "{table}");
        }
    }

    #[test]
    fn what_is_named_is_taken_unless_it_is_a_secret_or_can_never_be_changed() {
        let all = [
            column("label", "intro"),
            column("label", "name"),
            column("logstore_standard_log", "other"),
            column("user", "password"),
            column("user", "description"),
            column("question", "stamphash"),
            column("question", "name"),
            column("sessions", "sessdata"),
            column("files", "source"),
            column("local_vmoodle", "vhostname"),
        ];
        let chosen = |only: &[&str], skip: &[&str], secrets| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let scope = Scope { only: names(only), skip: names(skip), secrets };
            scope.columns(&all).map(|columns| columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(chosen(&[], &[], false).unwrap(), "label.intro label.name user.description question.name");
        assert_eq!(chosen(&[], &["label.name", "user"], true).unwrap(), "label.intro question.name");
        assert_eq!(chosen(&["logstore_standard_log"], &[], false).unwrap(), "logstore_standard_log.other");
        assert_eq!(
            chosen(&["label", "sessions"], &[], false).unwrap_err().kind(),
            Kind::BadParameter,
            "secrets are not meant"
        );
        assert_eq!(
            chosen(&["user", "sessions"], &[], true).unwrap(),
            "user.password user.description sessions.sessdata"
        );
        assert_eq!(chosen(&["question"], &[], false).unwrap(), "question.name", "its hash is left");
        for bad in ["files", "local_vmoodle", "question.stamphash", "nothing", "label.nothing"] {
            assert_eq!(chosen(&[bad], &[], true).unwrap_err().kind(), Kind::BadParameter, "{bad}");
        }
        assert!(chosen(&[], &["lable"], false).is_err(), "a slip must not let a table in");
    }
}
