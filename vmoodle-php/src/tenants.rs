//! The registry and the index from PHP: one short function per method of the console, under the same name.

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::ZendHashTable;
use serde_json::{Map, Value};

use crate::boot::with_console;
use crate::error::thrown;
use crate::parameter::Entries;
use crate::shape::{list, map, to_map, value};

type Table = ZBox<ZendHashTable>;

fn given(table: &ZendHashTable) -> PhpResult<Map<String, Value>> {
    to_map(table).map_err(|e| thrown(&e))
}

macro_rules! console_functions {
    ($($(#[$doc:meta])* $function:ident as $name:literal ($($argument:ident: $kind:ident),*) => $method:ident;)*) => {
        $(
            $(#[$doc])*
            #[php_function]
            #[php(name = $name)]
            pub(crate) fn $function($($argument: console_functions!(@type $kind)),*) -> PhpResult<Table> {
                $(console_functions!(@read $kind $argument);)*
                with_console(|console| console.$method($($argument),*)).map(|row| map(&row))
            }
        )*
    };
    (@type text) => { &str };
    (@type row) => { &ZendHashTable };
    (@read text $argument:ident) => {};
    (@read row $argument:ident) => { let $argument = &given($argument)?; };
}

console_functions! {
    /// One tenant's row.
    vmoodle_tenant as "Vmoodle\\tenant" (wwwroot: text) => tenant;
    /// Adds a tenant's row.
    vmoodle_tenant_add as "Vmoodle\\tenant_add" (row: row) => tenant_add;
    /// Changes a tenant's row.
    vmoodle_tenant_update as "Vmoodle\\tenant_update" (wwwroot: text, changes: row) => tenant_update;
    /// Removes a tenant's row; its database and files stay.
    vmoodle_tenant_remove as "Vmoodle\\tenant_remove" (wwwroot: text) => tenant_remove;
    /// Gives a tenant a further host.
    vmoodle_alias_add as "Vmoodle\\alias_add" (host: text, tenant: text) => alias_add;
    /// Changes an alias.
    vmoodle_alias_update as "Vmoodle\\alias_update" (host: text, changes: row) => alias_update;
    /// Removes an alias.
    vmoodle_alias_remove as "Vmoodle\\alias_remove" (host: text) => alias_remove;
    /// Adds a policy.
    vmoodle_policy_add as "Vmoodle\\policy_add" (row: row) => policy_add;
    /// Changes a policy.
    vmoodle_policy_update as "Vmoodle\\policy_update" (name: text, changes: row) => policy_update;
    /// Removes a policy.
    vmoodle_policy_remove as "Vmoodle\\policy_remove" (name: text) => policy_remove;
    /// Adds a database server.
    vmoodle_server_add as "Vmoodle\\server_add" (row: row) => server_add;
    /// Changes a database server.
    vmoodle_server_update as "Vmoodle\\server_update" (name: text, changes: row) => server_update;
    /// Removes a database server.
    vmoodle_server_remove as "Vmoodle\\server_remove" (name: text) => server_remove;
    /// Compiles the registry into the index.
    vmoodle_publish as "Vmoodle\\publish" () => publish;
    /// Makes a key file for the passwords of the registry.
    vmoodle_key_create as "Vmoodle\\key_create" (path: text) => key_create;
    /// Puts a new key above those of the key file, and seals every password again.
    vmoodle_key_renew as "Vmoodle\\key_renew" () => key_renew;
    /// Brings this node's index up to the registry's generation.
    vmoodle_index_refresh as "Vmoodle\\index_refresh" () => index_refresh;
}

/// The registry's rows.
#[php_function]
#[php(name = "Vmoodle\\tenants", optional = "filter", defaults(filter = Entries::NONE))]
pub(crate) fn vmoodle_tenants(filter: Entries<'_>) -> PhpResult<Table> {
    let filter = filter.0.map(given).transpose()?.unwrap_or_default();
    with_console(|console| console.tenants(&filter)).map(|rows| list(rows.iter().map(|row| value(map(row)))))
}

/// Named checks of a tenant's row, whether it is in the registry or not.
#[php_function]
#[php(name = "Vmoodle\\tenant_check")]
pub(crate) fn vmoodle_tenant_check(tenant: &ZendHashTable) -> PhpResult<Table> {
    let row = given(tenant)?;
    with_console(|console| console.tenant_check(&row))
        .map(|checks| list(checks.iter().map(|check| value(map(&check.to_map())))))
}

/// How the index on disk is.
#[php_function]
#[php(name = "Vmoodle\\index_status")]
pub(crate) fn vmoodle_index_status() -> PhpResult<Table> {
    with_console(|console| Ok(console.index_status())).map(|status| map(&status))
}

pub(crate) fn register(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .function(wrap_function!(vmoodle_tenants))
        .function(wrap_function!(vmoodle_tenant))
        .function(wrap_function!(vmoodle_tenant_add))
        .function(wrap_function!(vmoodle_tenant_update))
        .function(wrap_function!(vmoodle_tenant_remove))
        .function(wrap_function!(vmoodle_tenant_check))
        .function(wrap_function!(vmoodle_alias_add))
        .function(wrap_function!(vmoodle_alias_update))
        .function(wrap_function!(vmoodle_alias_remove))
        .function(wrap_function!(vmoodle_policy_add))
        .function(wrap_function!(vmoodle_policy_update))
        .function(wrap_function!(vmoodle_policy_remove))
        .function(wrap_function!(vmoodle_server_add))
        .function(wrap_function!(vmoodle_server_update))
        .function(wrap_function!(vmoodle_server_remove))
        .function(wrap_function!(vmoodle_publish))
        .function(wrap_function!(vmoodle_key_create))
        .function(wrap_function!(vmoodle_key_renew))
        .function(wrap_function!(vmoodle_index_refresh))
        .function(wrap_function!(vmoodle_index_status))
}
