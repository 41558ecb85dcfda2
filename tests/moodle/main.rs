//! The plugin in a real Moodle 4.5: three tenants and a control site on one code base, two on MariaDB, one on PostgreSQL.
//!
//! Skipped where `MOODLE_DIR` names no Moodle or `VMOODLE_DUMPS` no databases for it.
#![allow(clippy::unwrap_used)]

mod admin;
mod code_change;
mod contents;
mod courses;
mod cron;
mod exec;
mod fleet;
mod identity;
mod life;
mod nodes;
mod original;
mod pages;
mod phpunit;
mod plugins;
mod policies;
mod roles;
mod scripts;
mod services;
mod sql;
mod stage;
mod standalone;
mod status;
#[path = "super.rs"]
mod super_administration;
mod uninstall;
mod waves;
