//! A plugin by its full name.

use std::fmt;

use super::table::{PluginType, TYPES, find};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::PluginName;

/// A plugin of a type that has a state: `mod_forum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plugin<'a> {
    /// Its type.
    pub kind: &'static PluginType,
    /// Its name within the type.
    pub name: &'a str,
}

impl<'a> Plugin<'a> {
    /// Reads a full name. Fails with `bad_identifier` for what is no name, and with `bad_parameter` for a type that Moodle
    /// cannot turn on and off.
    pub fn parse(full: &'a str) -> Result<Self> {
        PluginName::parse(full)?;
        let (kind, name) = full.split_once('_').filter(|(_, name)| !name.is_empty()).ok_or_else(|| {
            Error::new(Kind::BadIdentifier, format!("`{full}` is no plugin: a full name such as `mod_forum` is wanted"))
        })?;
        Ok(Self { kind: of_type(kind)?, name })
    }
}

impl fmt::Display for Plugin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.kind.name, self.name)
    }
}

/// A plugin type by name. Fails with `bad_parameter` for one without a state.
pub fn of_type(name: &str) -> Result<&'static PluginType> {
    find(name).ok_or_else(|| {
        let all: Vec<_> = TYPES.iter().map(|kind| kind.name).collect();
        let (all, shown) = (all.join(", "), escape(name));
        let message =
            format!("plugins of type `{shown}` cannot be turned on and off in Moodle; those of these types can: {all}");
        Error::new(Kind::BadParameter, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_a_type_with_a_state_and_a_name() {
        assert_eq!(Plugin::parse("mod_forum").unwrap().to_string(), "mod_forum");
        assert_eq!(Plugin::parse("qtype_multichoice_x").unwrap().name, "multichoice_x");
        for bad in ["forum", "mod_", "mod forum", "mod_forum'", "", "_x", "Mod_forum"] {
            assert_eq!(Plugin::parse(bad).unwrap_err().kind(), Kind::BadIdentifier, "{bad}");
        }
        let error = Plugin::parse("theme_boost").unwrap_err();
        assert_eq!(error.kind(), Kind::BadParameter);
        assert!(error.to_string().contains("block, communication"), "{error}");
    }
}
