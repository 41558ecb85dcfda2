//! The PHP extension `vmoodle`: plain functions in the namespace `Vmoodle`, each a few lines over `vmoodle-core`.
//!
//! What lives how long: names and INI entries for the process (`settings`, `names`); one gate per farm for the
//! worker (`boot`), with the values that its tenants set (`kept`); the booted site for the request. Nothing is opened and no thread is started before PHP-FPM forks.
// The binding talks to Zend's C API; `php_module` makes an entry point without a doc comment.
#![allow(unsafe_code, missing_docs)]
// `php_function` repeats the parameters' types without their lifetimes.
#![allow(elided_lifetimes_in_paths)]

mod boot;
mod cfg;
mod error;
mod fleet;
mod jobs;
mod kept;
mod memory;
mod names;
mod parameter;
mod request;
mod roles;
mod settings;
mod shape;
mod tenants;

use std::panic::catch_unwind;

use ext_php_rs::prelude::*;
use ext_php_rs::zend::ModuleEntry;
use ext_php_rs::{info_table_end, info_table_header, info_table_row, info_table_start};

/// Runs when PHP starts, before FPM forks: registers names, classes and INI entries, and does nothing else.
extern "C" fn startup(_type: i32, module: i32) -> i32 {
    let started = catch_unwind(|| {
        settings::register(module);
        names::intern();
        error::register()
    });
    if matches!(started, Ok(Ok(()))) { 0 } else { -1 }
}

/// Runs at the end of each request, before PHP frees the request's memory.
extern "C" fn request_shutdown(_type: i32, _module: i32) -> i32 {
    if catch_unwind(boot::forget_request).is_ok() { 0 } else { -1 }
}

/// Runs when all values of a request are gone.
unsafe extern "C" fn request_over() -> i32 {
    memory::request_is_over();
    0
}

/// The table of `phpinfo()`: settings that are no secret, and the index as this process sees it.
extern "C" fn info(_module: *mut ModuleEntry) {
    let _ = catch_unwind(|| {
        info_table_start!();
        info_table_header!("vmoodle", "enabled");
        info_table_row!("Version", env!("CARGO_PKG_VERSION"));
        for (name, value) in settings::shown() {
            info_table_row!(name, value);
        }
        for (name, value) in boot::shown() {
            info_table_row!(name, value);
        }
        info_table_end!();
    });
}

/// The module.
#[php_module]
#[php(startup = "startup")]
pub fn get_module(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    let module = module.name("vmoodle").info_function(info).request_shutdown_function(request_shutdown);
    let module = module.post_deactivate_function(request_over);
    fleet::register(roles::register(jobs::register(tenants::register(boot::register(module)))))
}
