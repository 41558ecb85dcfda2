//! One value of a site that holds, or follows from, a plugin's state.

use std::fmt;

use serde_json::Value;

use super::states::State;
use super::table::{Table, find};
use crate::error::{Error, Kind, Result};

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// A row of a plugin: `"enabled"`, `"disabled"`, of a repository `"available"`.
    Row(Table, String),
    /// A filter's row at the system context: `{"state": "enabled", "position": 3}`; null for none.
    Filter(String),
    /// A core setting: a text; null for none.
    Core(String),
    /// A plugin's setting, likewise.
    Setting(String, String),
    /// A module's activities whose visibility changes with it: numbers of course modules by `visible/visibleold`.
    Activities(String),
}

impl Cell {
    /// Reads what [`Display`](fmt::Display) writes. Fails with `internal`: it came from the journal.
    pub fn parse(text: &str) -> Result<Self> {
        let strange = || Error::new(Kind::Internal, format!("`{}` is no plugin's value", crate::host::escape(text)));
        if let Some(setting) = text.strip_prefix("setting ") {
            return Ok(match setting.split_once('/') {
                Some((plugin, name)) => Self::Setting(plugin.to_owned(), name.to_owned()),
                None => Self::Core(setting.to_owned()),
            });
        }
        if let Some(name) = text.strip_prefix("activities of mod_") {
            return Ok(Self::Activities(name.to_owned()));
        }
        let (kind, name) = text.split_once('_').ok_or_else(strange)?;
        if kind == "filter" {
            return Ok(Self::Filter(name.to_owned()));
        }
        find(kind)
            .and_then(|kind| Table::of(kind.name))
            .map(|table| Self::Row(table, name.to_owned()))
            .ok_or_else(strange)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(table, name) => write!(f, "{}_{name}", table.kind()),
            Self::Filter(name) => write!(f, "filter_{name}"),
            Self::Core(name) => write!(f, "setting {name}"),
            Self::Setting(plugin, name) => write!(f, "setting {plugin}/{name}"),
            Self::Activities(name) => write!(f, "activities of mod_{name}"),
        }
    }
}

/// One value that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where it stands.
    pub cell: Cell,
    /// What is there.
    pub before: Value,
    /// What will be.
    pub after: Value,
}

impl Difference {
    /// Whether Moodle's own code must make it: rows of repositories and portfolios come and go with instances and their
    /// settings, and before it turns a portfolio on, Moodle asks it whether it is fit
    /// (`lib/classes/plugininfo/{repository,portfolio}.php`).
    pub fn is_moodles(&self) -> bool {
        match &self.cell {
            Cell::Row(Table::Repositories, _) => self.before.is_null() || self.after.is_null(),
            Cell::Row(Table::Portfolios, _) => {
                self.before.is_null() || self.after.is_null() || self.after.as_str() == Some(State::Enabled.word())
            }
            _ => false,
        }
    }

    /// The same, the other way.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { cell: self.cell.clone(), before: self.after.clone(), after: self.before.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in [
            "mod_forum",
            "block_html_x",
            "message_email",
            "repository_upload",
            "portfolio_flickr",
            "filter_tex",
            "setting auth",
            "setting format_topics/disabled",
            "activities of mod_forum",
        ] {
            assert_eq!(Cell::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "forum", "auth_ldap", "theme_boost"] {
            assert!(Cell::parse(bad).is_err(), "{bad}");
        }
    }
}
