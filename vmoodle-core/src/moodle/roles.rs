//! Roles: what each may do at the system context, where it can be assigned, and what it may do with other roles.
//!
//! ```text
//! read ── a site's roles in two round trips        sheet ── one role apart from a site, and what differs from it
//! apply ── changes in one transaction, row by row  compare ── many sites' roles side by side
//! preset ── a sheet as Moodle's own XML
//! ```
//!
//! Overrides in other contexts and the table `capabilities` are never touched. Moodle keeps a role's capabilities in its
//! cache `core/roledefs` (lib/accesslib.php, `assign_capability`, `accesslib_clear_role_cache`): whoever changes them drops
//! the role's entry after the commit. It marks no context as dirty for them (`context::mark_dirty` is called for
//! assignments, locks and moves only): a session holds assignments, no definitions. Names, context levels and the allow
//! tables are read from their tables (`get_role_contextlevels`, `get_assignable_roles`); course contacts alone keep a
//! role's name (`core_course_category::role_assignment_changed`).

mod apply;
mod compare;
mod preset;
mod read;
mod sheet;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use apply::{Part, RoleChange, apply};
pub use compare::{Comparison, Row, Wanted};
pub use preset::{parse, write};
pub use read::{Role, Roles, Scope, read};
pub use sheet::{Difference, Only, Sheet};

/// What a role may do (lib/accesslib.php, `CAP_INHERIT` and its like).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// It says nothing: there is no row.
    Inherit,
    /// It may.
    Allow,
    /// It may not, unless another role of the user's may.
    Prevent,
    /// It may never.
    Prohibit,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Inherit, Self::Allow, Self::Prevent, Self::Prohibit];

    /// Its word, as in Moodle's XML.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inherit => "inherit",
            Self::Allow => "allow",
            Self::Prevent => "prevent",
            Self::Prohibit => "prohibit",
        }
    }

    /// The permission of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.word() == word)
    }

    /// Its number in `role_capabilities`.
    pub fn number(self) -> i64 {
        match self {
            Self::Inherit => 0,
            Self::Allow => 1,
            Self::Prevent => -1,
            Self::Prohibit => -1000,
        }
    }

    /// The permission of a number; what Moodle has no name for counts as none.
    pub fn of_number(number: i64) -> Self {
        Self::ALL.into_iter().find(|permission| permission.number() == number).unwrap_or(Self::Inherit)
    }
}

/// What a role may do with another role: the tables `role_allow_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allow {
    /// Give it to users.
    Assign,
    /// Change what it may do in a context.
    Override,
    /// Look at a course as it does.
    Switch,
    /// See who has it.
    View,
}

impl Allow {
    /// All of them, in the order of Moodle's XML.
    pub const ALL: [Self; 4] = [Self::Assign, Self::Override, Self::Switch, Self::View];

    /// Its word, as in Moodle's tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Override => "override",
            Self::Switch => "switch",
            Self::View => "view",
        }
    }

    /// The one of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|allow| allow.word() == word)
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Moodle's archetypes (lib/accesslib.php, `get_role_archetypes`).
pub const ARCHETYPES: [&str; 8] =
    ["manager", "coursecreator", "editingteacher", "teacher", "student", "guest", "user", "frontpage"];

/// Whether a text can be a role's short name: `PARAM_ALPHANUMEXT` and the column's length
/// (`define_role_table_advanced.php`, `read_submitted_permissions`).
pub fn is_shortname(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a text can be a capability's name: `PARAM_CAPABILITY` and the column's length.
pub fn is_capability(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b':'))
}

/// The component that a capability's name begins with: `mod_forum` of `mod/forum:post`, `core` of `moodle/site:config`.
pub fn component_of(capability: &str) -> String {
    match capability.split(':').next().unwrap_or_default() {
        "moodle" => "core".to_owned(),
        path if path.starts_with("moodle/") => "core".to_owned(),
        path => path.replacen('/', "_", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_moodles() {
        for permission in Permission::ALL {
            assert_eq!(Permission::of(permission.word()), Some(permission));
            assert_eq!(Permission::of_number(permission.number()), permission);
        }
        assert_eq!(Permission::of_number(7), Permission::Inherit);
        assert!(is_shortname("editing-teacher_2") && is_capability("mod/forum:addquestion"));
        for bad in ["", "x'; DROP", "a b", "é", &"x".repeat(300)] {
            assert!(!is_shortname(bad) && !is_capability(bad), "{bad}");
        }
        assert_eq!(component_of("mod/forum:post"), "mod_forum");
        assert_eq!(component_of("moodle/site:config"), "core");
    }
}
