//! A role sheet: a role apart from any site, and what of a site differs from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ARCHETYPES, Allow, Part, Permission, Role, RoleChange, Roles, is_capability, is_shortname};
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// A role's definition. What is `None`, and a capability that is not named, is left as it is on a site that takes the sheet
/// over, as Moodle does with a preset (`define_role_table_advanced.php`, `force_preset`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Its short name.
    pub shortname: String,
    /// Its name; empty where Moodle translates the short name.
    pub name: Option<String>,
    /// Its description, as HTML.
    pub description: Option<String>,
    /// Its archetype; empty for none.
    pub archetype: Option<String>,
    /// The context levels where it can be assigned.
    pub contextlevels: Option<BTreeSet<i64>>,
    /// The roles that it may assign, override, switch to and view, by short name.
    pub allows: BTreeMap<Allow, Vec<String>>,
    /// Permissions at the system context.
    pub permissions: BTreeMap<String, Permission>,
}

/// What of a sheet is taken over.
// Four independent choices, each read by name.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only {
    /// Permissions.
    pub capabilities: bool,
    /// Where it can be assigned.
    pub contextlevels: bool,
    /// What it may do with other roles.
    pub allows: bool,
    /// Name, description and archetype.
    pub names: bool,
}

impl Only {
    /// The words of the parts.
    pub const WORDS: [&str; 4] = ["capabilities", "contextlevels", "allows", "names"];

    /// The parts of a list with commas; an empty one means all.
    pub fn parse(list: &str) -> Result<Self> {
        let words: Vec<&str> = list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if let Some(word) = words.iter().find(|word| !Self::WORDS.contains(word)) {
            return Err(Error::new(Kind::BadParameter, format!("a role has no part `{}`", escape(word)))
                .hint(format!("there are: {}", Self::WORDS.join(", "))));
        }
        let has = |word| words.is_empty() || words.contains(&word);
        Ok(Self {
            capabilities: has("capabilities"),
            contextlevels: has("contextlevels"),
            allows: has("allows"),
            names: has("names"),
        })
    }
}

/// What a site lacks to be as a sheet says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The changes.
    pub changes: Vec<RoleChange>,
    /// What the site cannot take over, because it does not know it: capabilities and roles.
    pub left_out: Vec<String>,
}

impl Sheet {
    /// The sheet of a site's role: every capability that the site knows, with what the role may do.
    pub fn of(shortname: &str, role: &Role, site: &Roles) -> Self {
        let permission = |capability: &String| (capability.clone(), role.permission(capability));
        Self {
            shortname: shortname.to_owned(),
            name: Some(role.name.clone()),
            description: Some(role.description.clone()),
            archetype: Some(role.archetype.clone()),
            contextlevels: Some(role.contextlevels.clone()),
            allows: Allow::ALL
                .into_iter()
                .map(|allow| (allow, role.allows.get(&allow).cloned().unwrap_or_default()))
                .collect(),
            permissions: site.capabilities.iter().map(permission).collect(),
        }
    }

    /// Checks what Moodle's form and tables allow (lib/db/install.xml, table `role`). An archetype that Moodle does not know
    /// becomes none, as in `create_role`.
    pub fn checked(mut self) -> Result<Self> {
        let bad = |rule: &str| Err(Error::new(Kind::BadParameter, format!("the role sheet cannot be used: {rule}")));
        if !is_shortname(&self.shortname) {
            return bad("its short name must have 1 to 100 letters, digits, `_` or `-`");
        }
        if self.name.as_ref().is_some_and(|name| name.chars().count() > 254) {
            return bad("its name has more than 254 characters");
        }
        if [&self.name, &self.description].into_iter().flatten().any(|text| text.contains('\0')) {
            return bad("a text has a null character");
        }
        self.archetype =
            self.archetype.map(|word| if ARCHETYPES.contains(&word.as_str()) { word } else { String::new() });
        Ok(self)
    }

    /// Whether another sheet says otherwise of a part.
    pub fn contradicts(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_some() && other.is_some() && one != other
        }
        differ(self.name.as_ref(), other.name.as_ref())
            || differ(self.description.as_ref(), other.description.as_ref())
            || differ(self.archetype.as_ref(), other.archetype.as_ref())
            || differ(self.contextlevels.as_ref(), other.contextlevels.as_ref())
            || other.allows.iter().any(|(allow, others)| differ(self.allows.get(allow), Some(others)))
            || other.permissions.iter().any(|(name, may)| differ(self.permissions.get(name), Some(may)))
    }

    /// Takes up what another sheet says; where both say something, the other one wins.
    pub fn lay_over(&mut self, other: Self) {
        self.shortname = other.shortname;
        self.name = other.name.or(self.name.take());
        self.description = other.description.or(self.description.take());
        self.archetype = other.archetype.or(self.archetype.take());
        self.contextlevels = other.contextlevels.or(self.contextlevels.take());
        self.allows.extend(other.allows);
        self.permissions.extend(other.permissions);
    }

    /// What must change on a site for its role to be as the sheet says. A role that is not there is made where `create`
    /// allows it, and then takes the whole sheet whatever `only` says; otherwise this fails with `role_not_found`.
    pub fn differences(&self, site: &Roles, only: Only, create: bool) -> Result<Difference> {
        let mut found = Difference::default();
        let fresh = Role::default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        // One without a number is only expected to be there.
        let role = match site.roles.get(&self.shortname).filter(|role| role.id > 0) {
            Some(role) => role,
            // What is said of a role's permissions alone makes none.
            None if create && (self.name.is_some() || self.archetype.is_some()) => {
                let after = json!({ "name": text(&self.name), "description": text(&self.description), "archetype": text(&self.archetype) });
                found.note(&self.shortname, Part::Role, Value::Null, after);
                &fresh
            }
            None => return Err(no_role(&self.shortname).hint("give `create` to make it")),
        };
        let is_new = role.id == 0;
        if only.names && !is_new {
            for (part, before, after) in [
                (Part::Name, &role.name, &self.name),
                (Part::Description, &role.description, &self.description),
                (Part::Archetype, &role.archetype, &self.archetype),
            ] {
                if let Some(after) = after {
                    found.note(&self.shortname, part, json!(before), json!(after));
                }
            }
        }
        if let (Some(levels), true) = (&self.contextlevels, only.contextlevels || is_new) {
            for level in levels.union(&role.contextlevels) {
                let (before, after) = (role.contextlevels.contains(level), levels.contains(level));
                found.note(&self.shortname, Part::ContextLevel(*level), json!(before), json!(after));
            }
        }
        if only.allows || is_new {
            for (allow, others) in &self.allows {
                found.allow(&self.shortname, role, *allow, others, site);
            }
        }
        if only.capabilities || is_new {
            for (capability, permission) in &self.permissions {
                found.permission(&self.shortname, role, capability, *permission, site);
            }
        }
        Ok(found)
    }
}

impl Difference {
    /// Takes up another sheet's.
    pub fn join(&mut self, other: Self) {
        self.changes.extend(other.changes);
        for name in other.left_out {
            if !self.left_out.contains(&name) {
                self.left_out.push(name);
            }
        }
    }

    /// Notes a change, unless it is none.
    pub fn note(&mut self, role: &str, part: Part, from: Value, to: Value) {
        if from != to {
            self.changes.push(RoleChange { role: role.to_owned(), part, from, to });
        }
    }

    /// Notes what a role is to be allowed, unless the site does not know the capability.
    pub fn permission(&mut self, name: &str, role: &Role, capability: &str, wanted: Permission, site: &Roles) {
        if !is_capability(capability) || !site.capabilities.contains(capability) {
            // What nobody knows, nobody may do.
            if wanted != Permission::Inherit {
                self.leave_out(capability);
            }
            return;
        }
        let before = json!(role.permission(capability));
        self.note(name, Part::Capability(capability.to_owned()), before, json!(wanted));
    }

    /// Notes the other roles that a role is to have to do with, those apart that the site does not know.
    pub fn allow(&mut self, name: &str, role: &Role, allow: Allow, wanted: &[String], site: &Roles) {
        let none = Vec::new();
        let now = role.allows.get(&allow).unwrap_or(&none);
        let others: BTreeSet<&String> = wanted.iter().chain(now).collect();
        for other in others {
            if !is_shortname(other) || !(site.roles.contains_key(other) || other == name) {
                self.leave_out(other);
                continue;
            }
            let (before, after) = (json!(now.contains(other)), json!(wanted.contains(other)));
            self.note(name, Part::Allow(allow, other.clone()), before, after);
        }
    }

    fn leave_out(&mut self, name: &str) {
        let name = escape(name).into_owned();
        if !self.left_out.contains(&name) {
            self.left_out.push(name);
        }
    }
}

/// The error of a role that is not there.
pub(super) fn no_role(shortname: &str) -> Error {
    Error::new(Kind::RoleNotFound, format!("the site has no role `{}`", escape(shortname)))
}
