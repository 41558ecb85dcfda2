//! The operations: one file each, and the one list of them.

mod adopt_site;
mod allow_sync;
mod by_script;
mod capability_sync;
mod change_policy;
mod change_settings;
mod change_state;
mod clone_tenant;
pub mod contract;
mod copy_file;
mod copy_plugin_config;
mod copy_table;
mod courses;
mod create_tenant;
mod destroy_tenant;
mod devirtualise_tenant;
mod disable_tenant;
mod enable_tenant;
mod enforce_config;
mod image;
mod kill_sessions;
mod maintenance;
mod make;
mod plugin_state;
mod plugin_sync;
mod plugins;
mod purge_caches;
mod purge_trash;
#[cfg(feature = "testing")]
mod rehearsal;
mod release_config;
mod rename_tenant;
mod replace_text;
mod reset_admin;
mod restore_tenant;
mod retire_tenant;
mod role_change;
mod role_sync;
mod row_changes;
mod run_script;
mod run_sql;
mod set_config;
mod snapshot_tenant;
mod source;
mod sync_language_customisation;
mod tenant_status;
mod uninstall_plugin;
mod unset_config;
mod upgrade;

use crate::error::{Error, Kind, Result};
use crate::host::escape;
use contract::Operation;

/// Every operation.
pub static OPERATIONS: &[&dyn Operation] = &[
    &adopt_site::AdoptSite,
    &allow_sync::AllowSync,
    &capability_sync::CapabilitySync,
    &courses::category_visibility::CATEGORY_VISIBILITY,
    &courses::check_course::CheckCourse,
    &clone_tenant::CloneTenant,
    &copy_file::CopyFile,
    &copy_plugin_config::CopyPluginConfig,
    &copy_table::CopyTable,
    &courses::course_visibility::COURSE_VISIBILITY,
    &courses::create_category::CREATE_CATEGORY,
    &create_tenant::CreateTenant,
    &courses::delete_category::DELETE_CATEGORY,
    &courses::delete_course::DELETE_COURSE,
    &destroy_tenant::DestroyTenant,
    &devirtualise_tenant::DevirtualiseTenant,
    &disable_tenant::DisableTenant,
    &courses::empty_category::EMPTY_CATEGORY,
    &enable_tenant::EnableTenant,
    &enforce_config::EnforceConfig,
    &kill_sessions::KillSessions,
    &maintenance::Maintenance,
    &purge_caches::PurgeCaches,
    &plugin_state::PluginState,
    &plugin_sync::PluginSync,
    &purge_trash::PurgeTrash,
    &release_config::ReleaseConfig,
    &rename_tenant::RenameTenant,
    &replace_text::ReplaceText,
    &reset_admin::ResetAdmin,
    &courses::restore_course::RESTORE_COURSE,
    &restore_tenant::RestoreTenant,
    &retire_tenant::RetireTenant,
    &role_sync::RoleSync,
    &run_script::RunScript,
    &run_sql::RunSql,
    &set_config::SetConfig,
    &snapshot_tenant::SnapshotTenant,
    &sync_language_customisation::SyncLanguageCustomisation,
    &tenant_status::TenantStatus,
    &uninstall_plugin::UninstallPlugin,
    &unset_config::UnsetConfig,
    &upgrade::Upgrade,
];

/// What only tests can ask for; nothing lists it.
#[cfg(feature = "testing")]
static HIDDEN: &[&dyn Operation] = &rehearsal::ALL;
#[cfg(not(feature = "testing"))]
static HIDDEN: &[&dyn Operation] = &[];

/// The operation of a name. Fails with `operation_not_found`.
pub fn find(name: &str) -> Result<&'static dyn Operation> {
    OPERATIONS.iter().chain(HIDDEN).copied().find(|operation| operation.meta().name == name).ok_or_else(|| {
        let names: Vec<_> = OPERATIONS.iter().map(|operation| operation.meta().name).collect();
        Error::new(Kind::OperationNotFound, format!("no operation has the name `{}`", escape(name)))
            .hint(format!("choose one of: {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::parameter::Type;

    #[test]
    fn what_is_dangerous_needs_no_confirmation_only_with_the_value_that_makes_it_harmless() {
        let with = |mode: &str| json!({ "mode": mode }).as_object().cloned().unwrap();
        let sql = find("run_sql").unwrap();
        assert!(!sql.is_dangerous(&with("read")));
        assert!(sql.is_dangerous(&with("write")) && sql.is_dangerous(&Map::new()));
        assert_eq!(sql.describe()["harmless"], json!({"parameter": "mode", "value": "read"}));
        let destroy = find("destroy_tenant").unwrap();
        assert!(destroy.is_dangerous(&Map::new()) && destroy.describe()["harmless"] == Value::Null);
        assert!(!find("set_config").unwrap().is_dangerous(&Map::new()));
    }

    #[test]
    fn a_harmless_value_is_a_choice_of_a_dangerous_operation() {
        for operation in OPERATIONS {
            let Some((name, value)) = operation.harmless() else { continue };
            let meta = operation.meta();
            let parameter = meta.parameters.iter().find(|parameter| parameter.name == name).expect(meta.name);
            let is_choice = matches!(parameter.kind, Type::Choice(choices) if choices.contains(&value));
            assert!(meta.dangerous && is_choice, "{}", meta.name);
        }
    }
}
