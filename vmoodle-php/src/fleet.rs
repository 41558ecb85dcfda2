//! The description of a fleet from PHP: one short function per method of the console, under the same name.

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::ZendHashTable;

use crate::boot::with_console;
use crate::jobs::given;
use crate::parameter::{Bytes, Entries};
use crate::shape::map;

type Table = ZBox<ZendHashTable>;

/// What differs from a description.
#[php_function]
#[php(name = "Vmoodle\\fleet_plan")]
pub(crate) fn vmoodle_fleet_plan(contents: Bytes<'_>, folder: &str) -> PhpResult<Table> {
    with_console(|console| console.fleet_plan(contents.0, folder)).map(|found| map(&found))
}

/// Writes down the jobs that make tenants as a description says.
#[php_function]
#[php(name = "Vmoodle\\fleet_apply", optional = "options", defaults(options = Entries::NONE))]
pub(crate) fn vmoodle_fleet_apply(contents: Bytes<'_>, folder: &str, options: Entries<'_>) -> PhpResult<Table> {
    let options = options.0.map(given).transpose()?.unwrap_or_default();
    with_console(|console| console.fleet_apply(contents.0, folder, &options)).map(|found| map(&found))
}

pub(crate) fn register(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module.function(wrap_function!(vmoodle_fleet_plan)).function(wrap_function!(vmoodle_fleet_apply))
}
