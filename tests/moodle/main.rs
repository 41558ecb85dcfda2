//! The plugin in a real Moodle 4.5: three tenants and a control site on one code base, two on MariaDB, one on PostgreSQL.
//!
//! Skipped where `MOODLE_DIR` names no Moodle or `VMOODLE_DUMPS` no databases for it.
#![allow(clippy::unwrap_used)]

mod code_change;
mod identity;
mod nodes;
mod original;
mod pages;
mod scripts;
mod sql;
mod stage;
