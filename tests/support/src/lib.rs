//! The vocabulary of the tests: servers of one's own, code bases, farms, a raw HTTP client.
//!
//! Every test program starts what it needs itself, in a folder of its own, and leaves nothing behind:
//!
//! ```text
//! need ── is it installed?      scratch ── a folder that goes away      process ── a server that goes away
//!   mariadb  postgres  redis  fpm  nginx ── private servers on such a folder
//!   database ── a throw-away database on one of them     schema ── install.xml as CREATE TABLE
//!   code ── a code base (minimoodle, or a real Moodle) with our php/ in it     tenant ── a site's tables and rows
//!   farm ── all of it: control site, tenants, index, web     http ── what a client sends, byte for byte
//! ```
//!
//! A missing need prints `skipped: why`, and fails the test when its name stands in `VMOODLE_REQUIRE`.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

pub mod code;
pub mod database;
pub mod extension;
pub mod farm;
pub mod fpm;
pub mod http;
pub mod mariadb;
pub mod moodle;
pub mod need;
pub mod nginx;
pub mod php;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod root;
pub mod schema;
pub mod scratch;
pub mod tenant;
pub mod wait;
