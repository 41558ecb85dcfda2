//! The registry: the rows of `local_vmoodle` and its sister tables in the control database, one file for each table.
//!
//! Reading is lenient: a row that is no tenant is a [`Finding`], never a failure of the whole. Writing is strict: what
//! `check` does not accept is refused and nothing is changed.
//!
//! ```text
//! console -> inspect (could a tenant serve?)     crons (which of them run their cron?)
//! console -> session (lock, load, write, raise the generation) -> tenants aliases policies servers generation
//!                       farm (all rows -> Farm)   upgrade (original rows -> today's)   -> row, check, fields, shape
//! ```
// `pub` for the tests at the boundary only, by the feature `testing`.
#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

pub mod aliases;
pub mod check;
pub(crate) mod crons;
pub mod farm;
mod fields;
pub mod generation;
pub mod inspect;
pub mod policies;
pub mod row;
pub mod servers;
pub mod session;
pub mod shape;
pub mod sheets;
pub mod tenants;
pub mod upgrade;

pub use farm::{Finding, Loaded};
pub(crate) use fields::{Fields, parse_targets};
pub use session::Session;
pub use shape::Shape;
