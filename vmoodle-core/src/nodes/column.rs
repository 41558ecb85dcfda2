//! The columns that a file of nodes may have.

use crate::ident::{ConfigName, PluginName};
use crate::nearest::nearest;

/// Columns of the registry that can be given.
pub(super) const REGISTRY: &[&str] = &[
    "name",
    "shortname",
    "description",
    "vhostname",
    "vdbtype",
    "vdbhost",
    "vdbport",
    "vdbsocket",
    "vdblogin",
    "vdbpass",
    "vdbname",
    "vdbprefix",
    "vdbpersist",
    "vdboptions",
    "vdatapath",
    "mnet",
    "enabled",
    "settings",
    "tags",
    "metadata",
];

/// Columns that say how the tenant is made. `forcedns` had no effect in the original either: no name is looked up.
pub(super) const MAKING: &[&str] = &["vtemplate", "services", "forcedns"];

/// Maps that only JSON can hold: settings of the tenant's tables `config` and `config_plugins`.
pub(super) const MAPS: &[&str] = &["config", "plugins"];

/// What must have a value, in the file or in the defaults.
pub(super) const REQUIRED: &[&str] = &["vhostname", "name", "shortname", "vdatapath", "vdbname"];

/// The original's defaults.
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    ("vdbtype", "mariadb"),
    ("vdbprefix", "mdl_"),
    ("vdbpersist", "0"),
    ("enabled", "1"),
    ("mnet", "1"),
    ("services", "default"),
];

/// A column for a setting inside the tenant.
#[derive(Debug, PartialEq)]
pub(super) enum Meta<'a> {
    /// `config_<key>`
    Config(&'a str),
    /// `<type>_<plugin>|<setting>`
    Plugin(&'a str, &'a str),
}

/// Reads the name of a column for a setting inside the tenant.
pub(super) fn meta(column: &str) -> Option<Meta<'_>> {
    if let Some((plugin, setting)) = column.split_once('|') {
        let fine = plugin.contains('_') && PluginName::parse(plugin).is_ok() && !setting.is_empty();
        return (fine && setting.len() <= 100 && !setting.chars().any(char::is_control))
            .then_some(Meta::Plugin(plugin, setting));
    }
    let key = column.strip_prefix("config_")?;
    ConfigName::parse(key).is_ok().then_some(Meta::Config(key))
}

/// Whether there is such a column.
pub(super) fn is_known(column: &str) -> bool {
    [REGISTRY, MAKING, MAPS].iter().any(|some| some.contains(&column)) || meta(column).is_some()
}

/// What is said of a column that there is not.
pub(super) fn unknown(column: &str) -> String {
    let shown = crate::host::escape(column);
    let all = REGISTRY.iter().chain(MAKING);
    match nearest(column, all.copied()) {
        Some(one) => format!("there is no column `{shown}`: did you mean `{one}`?"),
        None => format!("there is no column `{shown}`: settings are `config_<key>` or `<type>_<plugin>|<setting>`"),
    }
}
