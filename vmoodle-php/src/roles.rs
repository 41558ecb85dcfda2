//! Roles and role sheets from PHP: one short function per method of the console, under the same name.

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::ZendHashTable;
use vmoodle_core::console::Console;

use crate::boot::with_console;
use crate::jobs::{given, words};
use crate::parameter::Entries;
use crate::shape::{list, map, value};

type Table = ZBox<ZendHashTable>;

/// The roles of many tenants side by side.
#[php_function]
#[php(name = "Vmoodle\\role_compare", optional = "filter", defaults(filter = Entries::NONE))]
pub(crate) fn vmoodle_role_compare(targets: &ZendHashTable, filter: Entries<'_>) -> PhpResult<Table> {
    let targets = words(targets)?;
    let filter = filter.0.map(given).transpose()?.unwrap_or_default();
    with_console(|console| console.role_compare(&targets, &filter)).map(|found| map(&found))
}

/// Keeps the sheet of a tenant's role.
#[php_function]
#[php(name = "Vmoodle\\sheet_save")]
pub(crate) fn vmoodle_sheet_save(name: &str, tenant: &str, role: &str) -> PhpResult<Table> {
    with_console(|console| console.sheet_save(name, tenant, role)).map(|sheet| map(&sheet))
}

/// The sheets that are kept.
#[php_function]
#[php(name = "Vmoodle\\sheets")]
pub(crate) fn vmoodle_sheets() -> PhpResult<Table> {
    with_console(Console::sheets).map(|all| list(all.iter().map(|one| value(map(one)))))
}

/// Removes a sheet.
#[php_function]
#[php(name = "Vmoodle\\sheet_remove")]
pub(crate) fn vmoodle_sheet_remove(name: &str) -> PhpResult<Table> {
    with_console(|console| console.sheet_remove(name)).map(|sheet| map(&sheet))
}

/// A sheet as Moodle's own XML preset.
#[php_function]
#[php(name = "Vmoodle\\sheet_export", optional = "role")]
pub(crate) fn vmoodle_sheet_export(name: &str, role: Option<&str>) -> PhpResult<String> {
    with_console(|console| console.sheet_export(name, role))
}

/// Keeps a preset as a sheet.
#[php_function]
#[php(name = "Vmoodle\\sheet_import")]
pub(crate) fn vmoodle_sheet_import(name: &str, xml: &str) -> PhpResult<Table> {
    with_console(|console| console.sheet_import(name, xml)).map(|sheet| map(&sheet))
}

pub(crate) fn register(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .function(wrap_function!(vmoodle_role_compare))
        .function(wrap_function!(vmoodle_sheet_save))
        .function(wrap_function!(vmoodle_sheets))
        .function(wrap_function!(vmoodle_sheet_remove))
        .function(wrap_function!(vmoodle_sheet_export))
        .function(wrap_function!(vmoodle_sheet_import))
}
