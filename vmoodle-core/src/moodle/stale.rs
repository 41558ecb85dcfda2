//! What a change of rows leaves stale in Moodle's cache (MUC): "you changed X, so drop Y".

/// Entries of one definition of `lib/db/caches.php`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stale {
    /// Component and area: `core/config`.
    pub definition: &'static str,
    /// The entry; all of the definition's where there is none.
    pub key: Option<String>,
}

impl Stale {
    /// What stands for every definition of the whole site; none is called so.
    pub(super) const EVERY: &'static str = "*";

    /// Every cache of the whole site (cache/classes/helper.php, `purge_all`). Where other sites may use the same Redis
    /// prefix, entries that are noted beside it are dropped for certain.
    pub fn every() -> Self {
        Self { definition: Self::EVERY, key: None }
    }

    /// Every cache, and by name the settings of these plugins: all that a site knows by heart of tables that were changed
    /// behind its back.
    pub fn everything(plugins: &[String]) -> Vec<Self> {
        let named = plugins.iter().map(|plugin| Self::plugin_config(plugin));
        [Self::every(), Self::core_config()].into_iter().chain(named).collect()
    }

    /// All entries of a definition.
    pub fn all_of(definition: &'static str) -> Self {
        Self { definition, key: None }
    }

    /// Core settings, which Moodle keeps as one entry (lib/moodlelib.php, `get_config`).
    pub fn core_config() -> Self {
        Self { definition: "core/config", key: Some("core".to_owned()) }
    }

    /// A plugin's settings, under its full name (`auth_manual`). Moodle keeps an empty entry for a plugin that has none,
    /// so a first row makes it stale too.
    pub fn plugin_config(plugin: &str) -> Self {
        Self { definition: "core/config", key: Some(plugin.to_owned()) }
    }

    /// The lists of plugins that are installed and enabled (`lib/classes/plugin_manager.php`, `reset_caches`).
    pub fn plugin_manager() -> Self {
        Self { definition: "core/plugin_manager", key: None }
    }

    /// A role's capabilities (lib/accesslib.php, `accesslib_clear_role_cache`).
    pub fn role(id: i64) -> Self {
        Self { definition: "core/roledefs", key: Some(id.to_string()) }
    }

    /// The course contacts with their roles' names (course/classes/category.php, `role_assignment_changed`).
    pub fn course_contacts() -> Self {
        Self { definition: "core/coursecontacts", key: None }
    }

    /// The list of capabilities (lib/accesslib.php, `get_all_capabilities`).
    pub fn capabilities() -> Self {
        Self { definition: "core/capabilities", key: Some("core_capabilities".to_owned()) }
    }

    /// Whether a message processor is enabled (message/classes/api.php, `is_processor_enabled`).
    pub fn message_processor(name: &str) -> Self {
        Self { definition: "core/message_processors_enabled", key: Some(name.to_owned()) }
    }

    /// The repositories that people may choose from (repository/lib.php).
    pub fn repositories() -> Self {
        Self { definition: "core/repositories", key: None }
    }
}
