//! Plugins that can be turned on and off: where Moodle keeps that, and what it leaves behind when it changes.
//!
//! ```text
//! table ── one line for each type        plugin ── a plugin's full name
//! states ── what a site says, in one query        decide, filters ── what would change (pure)
//! cell ── one value that holds a state        write ── compare-and-swap, traces, what else Moodle does
//! present, versions ── the plugins of a code base        matrix ── many sites side by side
//! ```
//!
//! Read in Moodle 4.5: `enable_plugin` and `get_enabled_plugins` of `lib/classes/plugininfo/*.php` and of the plugininfo
//! classes that plugins bring. Moodle itself asks about dependencies only when a plugin is uninstalled
//! (`core_plugin_manager::can_uninstall_plugin`): turning off what another plugin needs is allowed, here too.
//!
//! What is not left behind: the event `config_log_created`, which the site's log stores keep beside the rows of
//! `config_log` that are written here.

pub mod cell;
pub mod decide;
mod filters;
pub mod matrix;
pub mod plugin;
pub mod present;
pub mod states;
pub mod table;
pub mod versions;
pub mod write;

pub use cell::{Cell, Difference};
pub use decide::Position;
pub use plugin::Plugin;
pub use states::{State, States};
#[cfg(any(test, feature = "testing"))]
pub use table::TYPES;
pub use table::{PluginType, kind_of_setting};
