//! The extension as PHP sees it: each theme is a PHP script and the Rust file beside it, which says what must come out.
//!
//! No theme needs a database: the index is compiled and published here, and boot opens no socket.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod command_line;
mod config;
mod current;
mod ending;
mod exception;
mod farms;
mod jobs;
mod kept;
mod memory;
mod panic;
mod phpinfo;
mod pilot;
mod resolve;
mod settings;
mod site;
mod standalone;
mod stub;
mod switch;
mod valgrind;
mod web;
