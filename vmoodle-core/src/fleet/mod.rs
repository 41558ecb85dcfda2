//! The description of a fleet: what the tenants that selectors mean shall have. Nothing here reads a database.
//!
//! ```text
//! source ── YAML or JSON, every part with its line        block ── the parts of one block, checked
//! want ── what one tenant shall have: later blocks win    work ── the operations that make it so
//! ```
//!
//! ```yaml
//! blocks:
//!   - name: everybody
//!     targets: all
//!     config: {theme: boost, smtppass: {env: FARM_SMTPPASS}, supportname: null}
//!     plugins: {mod_chat: disabled, filter_tex: available}
//!     roles:
//!       tutor: {sheet: tutors, capabilities: {"mod/forum:post": allow}}
//!     maintenance: off
//! ```
//!
//! | key | what it says |
//! |---|---|
//! | `targets` | whom the block means: words as everywhere, a list of them or one text with spaces between |
//! | `config` | settings, `name` or `plugin/name`: a text, a whole number, true or false; null takes the row away; `{env: NAME}` is a secret of the environment, masked wherever it is shown |
//! | `plugins` | by full name `enabled`, `disabled` or `available` |
//! | `roles` | by short name a kept `sheet` or a `preset` (a file beside this one), and `capabilities` over it; a role with a sheet or a preset is made where it is missing |
//! | `maintenance` | `on`, `off` or `cli-on` |

mod block;
mod source;
mod want;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::Value;

pub(crate) use want::{Overlap, Want, of_tenant};
pub(crate) use work::works;

use crate::error::{Error, Kind, Result};
use crate::moodle::plugins::State;
use crate::moodle::roles::{Permission, Sheet};
use crate::moodle::setting::Setting;
use crate::targets::Targets;

/// The largest description that is read, in octets.
const LARGEST: usize = 1 << 20;

/// How many faults a message tells.
const TOLD: usize = 5;

/// One thing that is wrong in a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, from 1; 0 where the file as a whole is meant.
    pub(crate) line: u64,
    /// What is wrong. Never a secret.
    pub(crate) message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

/// What some tenants shall have. Settings may be secrets, so it prints nothing.
pub(crate) struct Block {
    /// What it is called: its `name`, or its number.
    pub(crate) name: String,
    /// Whom it means.
    pub(crate) targets: Targets,
    /// Settings, with their values as `set_config` takes them.
    pub(crate) config: BTreeMap<Setting, Value>,
    /// Plugins by full name.
    pub(crate) plugins: BTreeMap<String, State>,
    /// Roles by short name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// The mode of maintenance.
    pub(crate) maintenance: Option<Mode>,
}

/// What a role shall be.
pub(crate) struct Role {
    /// The line that names it.
    pub(crate) line: u64,
    /// Where the rest of it is taken from.
    pub(crate) from: From,
    /// What it may do, whatever it is taken from says.
    pub(crate) capabilities: BTreeMap<String, Permission>,
}

/// Where a role is taken from.
pub(crate) enum From {
    /// Nowhere: it must be there.
    Nothing,
    /// A sheet that the farm keeps under this name.
    Kept(String),
    /// A preset that was read.
    Preset(Box<Sheet>),
}

/// A kind of maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// None.
    Off,
    /// Administrators alone may use the site.
    On,
    /// Nobody may.
    CliOn,
}

impl Mode {
    /// Its word, as the operation takes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::CliOn => "cli-on",
        }
    }
}

/// Reads a description, YAML or JSON, and checks it whole. Presets are read from `folder`, secrets by `environment`.
///
/// Fails with `fleet_invalid`, which tells the lines.
pub(crate) fn parse(text: &[u8], folder: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Block>> {
    let read = source::read(text).and_then(|root| block::blocks(&root, folder, environment));
    read.map_err(|faults| invalid(&faults))
}

/// The error of a description with faults.
pub(crate) fn invalid(faults: &[Fault]) -> Error {
    let mut told: Vec<String> = faults.iter().take(TOLD).map(ToString::to_string).collect();
    if faults.len() > TOLD {
        told.push(format!("and {} more", faults.len() - TOLD));
    }
    Error::new(Kind::FleetInvalid, format!("the fleet description cannot be used: {}", told.join("; ")))
        .hint("mend the file; nothing was changed")
}

#[cfg(test)]
mod tests;
