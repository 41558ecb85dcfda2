//! # vmoodle-core
//!
//! A *farm* is many Moodle sites on one code base. Each site is a *tenant* with a database, a dataroot and a host name of
//! its own. This crate decides which tenant a request is for, and it pilots tenants; the PHP extension and the Moodle
//! plugin are thin clothes over it.
//!
//! ```text
//! REQUEST  config.php -> gate -> resolve -> index, switch => $CFG
//! ADMIN    page / CLI -> console -> registry -> db, index
//! ```
//!
//! ## Two doors
//!
//! * [`gate`]: a request comes in, `$CFG` is made to fit. What it decides with is pure: [`resolve`] and [`switch`].
//! * [`console`]: the administrator's side: the registry, its checks, the publication of the index.
//!
//! Everything else is a word ([`host`], [`ident`], [`tenant`], [`settings`], [`secret`], [`targets`], [`warning`]) or private.
//!
//! ## What holds everywhere
//!
//! *The request door opens no socket, starts no thread and answers from one immutable index.* The control database may
//! be down: tenants keep serving. The index is a file that is mapped into memory, replaced by rename only, and checked
//! whole before the first look-up; a damaged one is never served, the last good one is.
//!
//! *A tenant's address comes from the registry, never from the client.* What a client sends only chooses the row.
//!
//! *A tenant's database handle can only be made from a [`tenant::Tenant`]*, so nothing can reach a database that the
//! registry does not own.
//!
//! *Names that are spliced into SQL or paths are types* ([`ident`]); SQL text is a type too, and built text must say who
//! checked it.
//!
//! *Secrets print as `_`* and never stand in an error.
//!
//! ## Where things point
//!
//! console -> registry -> moodle -> db -> words, and gate -> resolve -> index, switch -> words; nothing below knows who stands
//! above. A test holds the `use` lines against that order.

#[cfg(not(feature = "testing"))]
pub(crate) mod configphp;
#[cfg(feature = "testing")]
pub mod configphp;
pub mod console;
pub mod control;
pub(crate) mod cron;
#[cfg(not(feature = "testing"))]
pub(crate) mod db;
#[cfg(feature = "testing")]
pub mod db;
pub mod error;
pub mod farm;
#[cfg(not(feature = "testing"))]
pub(crate) mod files;
#[cfg(feature = "testing")]
pub mod files;
pub(crate) mod fleet;
pub mod gate;
pub mod host;
pub mod ident;
pub mod index;
pub(crate) mod job;
pub(crate) mod lifecycle;
#[cfg(not(feature = "testing"))]
#[allow(dead_code)]
pub(crate) mod moodle;
#[cfg(feature = "testing")]
pub mod moodle;
pub mod nearest;
#[cfg(not(feature = "testing"))]
pub(crate) mod nodes;
#[cfg(feature = "testing")]
pub mod nodes;
pub mod operation;
pub mod overrides;
pub mod parameter;
pub(crate) mod query;
#[cfg(not(feature = "testing"))]
pub(crate) mod registry;
#[cfg(feature = "testing")]
pub mod registry;
pub mod resolve;
pub mod secret;
pub mod settings;
#[cfg(not(feature = "testing"))]
pub(crate) mod snapshot;
#[cfg(feature = "testing")]
pub mod snapshot;
#[cfg(not(feature = "testing"))]
pub(crate) mod sqlscript;
#[cfg(feature = "testing")]
pub mod sqlscript;
pub mod steps;
pub mod switch;
pub mod targets;
pub mod tenant;
pub mod warning;

pub use error::{Error, Kind, Result};
