//! The one table of plugin types that have a state.

/// A plugin type that can be turned on and off.
#[derive(Debug, PartialEq, Eq)]
pub struct PluginType {
    /// Its name: `mod`.
    pub name: &'static str,
    /// Where the state is kept.
    pub kept: Kept,
}

/// Where a state is kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// A column of the plugin's own row.
    Row(Table),
    /// A setting that lists names, with commas between.
    List(List),
    /// A setting of its own.
    Flag(Flag),
    /// Rows of `filter_active` at the system context (lib/filterlib.php, `filter_set_global_state`).
    Filters,
}

/// A table with one row for each plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// `modules`.
    Modules,
    /// `block`.
    Blocks,
    /// `message_processors`.
    Processors,
    /// `repository`: a row is there once the type was enabled, which Moodle does with instances of it.
    Repositories,
    /// `portfolio_instance`, likewise.
    Portfolios,
}

/// A list of names.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    /// The setting: of core where the plugin is empty.
    pub setting: (&'static str, &'static str),
    /// What stands before each name.
    pub prefix: &'static str,
    /// Whether those that are off are listed.
    pub lists_off: bool,
    /// Whether the order of the list says something.
    pub ordered: bool,
    /// How a change is told in `config_log`.
    pub told: Told,
}

/// How a change of a list is told in `config_log`.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// The whole list before and after, as a setting of this plugin; a new order too.
    Whole(&'static str),
    /// Each plugin under this name, 0 and 1; a new order under the second name, or not at all.
    Each(&'static str, Option<&'static str>),
}

/// A setting for each plugin.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// The plugin of the setting.
    pub owner: Owner,
    /// Whether it says that the plugin is on (`enabled`), or that it is off (`disabled`).
    pub says_on: bool,
    /// Its value where the plugin is on; no row for `None`.
    pub on: Option<&'static str>,
    /// Its value where it is off.
    pub off: Option<&'static str>,
    /// The setting that holds the order of the type's plugins, if there is one.
    pub order: Option<(&'static str, &'static str)>,
}

/// Under which plugin a flag stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// Under this prefix and the plugin's name.
    Each(&'static str),
    /// Under `question`, the plugin's name being part of the setting's.
    Question,
}

const fn row(name: &'static str, table: Table) -> PluginType {
    PluginType { name, kept: Kept::Row(table) }
}

const fn core(name: &'static str, setting: &'static str, ordered: bool, told: Told) -> PluginType {
    let list = List { setting: ("", setting), prefix: "", lists_off: false, ordered, told };
    PluginType { name, kept: Kept::List(list) }
}

const fn disabled(name: &'static str, prefix: &'static str) -> PluginType {
    flag(name, prefix, None)
}

const fn flag(name: &'static str, prefix: &'static str, order: Option<(&'static str, &'static str)>) -> PluginType {
    let flag = Flag { owner: Owner::Each(prefix), says_on: false, on: None, off: Some("1"), order };
    PluginType { name, kept: Kept::Flag(flag) }
}

/// `set_config` writes a 0 where others remove the row.
const fn assign(name: &'static str, prefix: &'static str) -> PluginType {
    let flag = Flag { owner: Owner::Each(prefix), says_on: false, on: Some("0"), off: Some("1"), order: None };
    PluginType { name, kept: Kept::Flag(flag) }
}

const fn enabled(name: &'static str, prefix: &'static str) -> PluginType {
    let flag = Flag { owner: Owner::Each(prefix), says_on: true, on: Some("1"), off: None, order: None };
    PluginType { name, kept: Kept::Flag(flag) }
}

/// Every plugin type of Moodle 4.5 that has a state, by name.
pub static TYPES: &[PluginType] = &[
    enabled("aiplacement", "aiplacement_"),
    enabled("aiprovider", "aiprovider_"),
    core("antivirus", "antiviruses", true, Told::Whole("core")),
    assign("assignfeedback", "assignfeedback_"),
    assign("assignsubmission", "assignsubmission_"),
    core("auth", "auth", true, Told::Whole("core")),
    disabled("availability", "availability_"),
    disabled("bbbext", "bbbext_"),
    row("block", Table::Blocks),
    disabled("communication", "communication_"),
    flag("contenttype", "contentbank_", Some(("", "contentbank_plugins_sortorder"))),
    disabled("customfield", "customfield_"),
    flag("dataformat", "dataformat_", Some(("", "dataformat_plugins_sortorder"))),
    core("editor", "texteditors", true, Told::Each("editor_visibility", Some("editor_position"))),
    core("enrol", "enrol_plugins_enabled", true, Told::Each("enrol_plugins_enabled", None)),
    // admin/tool/mfa/classes/manager.php: it has no `enable_plugin`, and its settings pages write these.
    PluginType {
        name: "factor",
        kept: Kept::Flag(Flag {
            owner: Owner::Each("factor_"),
            says_on: true,
            on: Some("1"),
            off: Some("0"),
            order: Some(("tool_mfa", "factor_order")),
        }),
    },
    core("fileconverter", "converter_plugins_sortorder", true, Told::Each("converter_plugins_sortorder", None)),
    PluginType { name: "filter", kept: Kept::Filters },
    disabled("format", "format_"),
    PluginType {
        name: "logstore",
        kept: Kept::List(List {
            setting: ("tool_log", "enabled_stores"),
            prefix: "logstore_",
            lists_off: false,
            ordered: true,
            told: Told::Each("tool_logstore_visibility", None),
        }),
    },
    core("media", "media_plugins_sortorder", true, Told::Each("media_plugins_sortorder", None)),
    row("message", Table::Processors),
    row("mod", Table::Modules),
    core("paygw", "paygw_plugins_sortorder", true, Told::Each("paygw_plugins_sortorder", None)),
    row("portfolio", Table::Portfolios),
    disabled("qbank", "qbank_"),
    PluginType {
        name: "qbehaviour",
        kept: Kept::List(List {
            setting: ("question", "disabledbehaviours"),
            prefix: "",
            lists_off: true,
            ordered: false,
            told: Told::Whole("question"),
        }),
    },
    PluginType {
        name: "qtype",
        kept: Kept::Flag(Flag { owner: Owner::Question, says_on: false, on: None, off: Some("1"), order: None }),
    },
    row("repository", Table::Repositories),
    // It has no `enable_plugin`; `get_enabled_plugins` reads the setting that its siblings write.
    disabled("smsgateway", "smsgateway_"),
    disabled("tiny", "tiny_"),
    core("webservice", "webserviceprotocols", false, Told::Whole("core")),
];

/// The type of a name; `None` where it is not known or has no state.
pub fn find(name: &str) -> Option<&'static PluginType> {
    TYPES.iter().find(|kind| kind.name == name)
}

/// The type whose plugins' states, or their order, a setting holds; `None` for any other setting.
pub fn kind_of_setting(plugin: Option<&str>, name: &str) -> Option<&'static PluginType> {
    let owner = plugin.unwrap_or_default();
    TYPES.iter().find(|kind| match &kind.kept {
        Kept::List(list) => list.setting == (owner, name),
        Kept::Flag(flag) => {
            let word = if flag.says_on { "enabled" } else { "disabled" };
            let own = match flag.owner {
                Owner::Each(prefix) => owner.starts_with(prefix) && name == word,
                Owner::Question => {
                    owner == "question" && name.strip_suffix(word).is_some_and(|rest| rest.ends_with('_'))
                }
            };
            own || flag.order == Some((owner, name))
        }
        Kept::Row(_) | Kept::Filters => false,
    })
}

impl PluginType {
    /// Whether the order of its plugins says something, and can be changed.
    pub fn is_ordered(&self) -> bool {
        match &self.kept {
            Kept::List(list) => list.ordered,
            Kept::Flag(flag) => flag.order.is_some(),
            Kept::Filters => true,
            Kept::Row(_) => false,
        }
    }

    /// Whether its plugins know a third state between on and off.
    pub fn has_available(&self) -> bool {
        matches!(self.kept, Kept::Filters | Kept::Row(Table::Repositories))
    }
}

impl Table {
    /// Its type's name.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Modules => "mod",
            Self::Blocks => "block",
            Self::Processors => "message",
            Self::Repositories => "repository",
            Self::Portfolios => "portfolio",
        }
    }

    /// The table of a type's name.
    pub fn of(kind: &str) -> Option<Self> {
        match find(kind)?.kept {
            Kept::Row(table) => Some(table),
            _ => None,
        }
    }
}

impl Flag {
    /// The setting of a plugin: of which plugin, and its name.
    pub fn setting(&self, name: &str) -> (String, String) {
        let word = if self.says_on { "enabled" } else { "disabled" };
        match self.owner {
            Owner::Each(prefix) => (format!("{prefix}{name}"), word.to_owned()),
            Owner::Question => ("question".to_owned(), format!("{name}_{word}")),
        }
    }

    /// Whether a value means on.
    pub fn is_on(&self, value: Option<&str>) -> bool {
        if self.says_on {
            value.is_some_and(|value| {
                value.trim().parse::<f64>().is_ok_and(|number| (number - 1.0).abs() < f64::EPSILON)
            })
        } else {
            // PHP's `empty()`.
            matches!(value, None | Some("" | "0"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_in_alphabetical_order_once() {
        assert!(TYPES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn settings_that_hold_states_are_known() {
        let kind = |plugin, name| kind_of_setting(plugin, name).map(|kind| kind.name);
        assert_eq!((kind(None, "auth"), kind(None, "theme")), (Some("auth"), None));
        assert_eq!(kind(Some("tool_log"), "enabled_stores"), Some("logstore"));
        assert_eq!((kind(Some("format_topics"), "disabled"), kind(Some("format_topics"), "x")), (Some("format"), None));
        assert_eq!((kind(Some("question"), "essay_disabled"), kind(Some("question"), "x")), (Some("qtype"), None));
        assert_eq!(kind(Some("tool_mfa"), "factor_order"), Some("factor"));
    }

    #[test]
    fn flags_are_read_as_php_reads_them() {
        let Kept::Flag(off) = &find("format").unwrap().kept else { panic!() };
        assert!(off.is_on(None) && off.is_on(Some("")) && off.is_on(Some("0")) && !off.is_on(Some("1")));
        let Kept::Flag(on) = &find("aiprovider").unwrap().kept else { panic!() };
        assert!(on.is_on(Some("1")) && !on.is_on(None) && !on.is_on(Some("0")) && !on.is_on(Some("2")));
        let Kept::Flag(question) = &find("qtype").unwrap().kept else { panic!() };
        assert_eq!(question.setting("essay"), ("question".into(), "essay_disabled".into()));
    }
}
