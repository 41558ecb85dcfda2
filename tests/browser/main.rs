//! A person at the farm's pages: a real Moodle 4.5 on MariaDB, a headless Chromium, and what an administrator does there.
//!
//! Skipped where there is no Chromium, `MOODLE_DIR` names no Moodle or `VMOODLE_DUMPS` no databases for it. With
//! `VMOODLE_PICTURES` naming a folder, the cases leave pictures of the pages there.
// What pages cost is told: it is a matter of the machine, and no assertion.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod compare;
mod cost;
mod jobs;
mod life;
mod person;
mod show;
mod stage;
mod tenants;
