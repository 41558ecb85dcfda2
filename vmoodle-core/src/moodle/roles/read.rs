//! A site's roles, as its tables say.

use std::collections::{BTreeMap, BTreeSet};

use super::{Allow, Permission};
use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};

/// The roles of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Roles {
    /// The system context's id.
    pub system: i64,
    /// The roles by short name.
    pub roles: BTreeMap<String, Role>,
    /// The capabilities that the site knows.
    pub capabilities: BTreeSet<String>,
}

/// One role of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Role {
    /// Its id.
    pub id: i64,
    /// Its name; empty where Moodle translates the short name.
    pub name: String,
    /// Its description, as HTML.
    pub description: String,
    /// Its archetype; empty for none.
    pub archetype: String,
    /// Its rows of `role_capabilities` at the system context; a permission that says nothing can have a row too.
    pub permissions: BTreeMap<String, Permission>,
    /// The context levels where it can be assigned.
    pub contextlevels: BTreeSet<i64>,
    /// The roles that it may assign, override, switch to and view, by short name, in the order of their ids.
    pub allows: BTreeMap<Allow, Vec<String>>,
}

impl Role {
    /// What it may do; a capability without a row says nothing.
    pub fn permission(&self, capability: &str) -> Permission {
        self.permissions.get(capability).copied().unwrap_or(Permission::Inherit)
    }

    /// Whether it may do this with another role.
    pub fn allows(&self, allow: Allow, other: &str) -> bool {
        self.allows.get(&allow).is_some_and(|others| others.iter().any(|one| one == other))
    }
}

/// What is read of a site's capabilities, which are hundreds for each of its roles; `None` is all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// Of the roles with these short names.
    pub roles: Option<&'a [&'a str]>,
    /// These capabilities.
    pub capabilities: Option<&'a [&'a str]>,
}

/// Reads a site's roles in two round trips, and of their capabilities what is in scope.
///
/// Fails with `no_moodle` where there is no system context.
pub async fn read(db: &mut Db, scope: Scope<'_>) -> Result<Roles> {
    let rows = db.fetch("SELECT id, shortname, name, description, archetype FROM {role} ORDER BY id", &[]).await?;
    let text = |row: &crate::db::Row, column: &str| row.text(column).unwrap_or_default().to_owned();
    let mut found = Roles::default();
    let mut names: BTreeMap<i64, String> = BTreeMap::new();
    let mut allowed: BTreeSet<(i64, Allow, i64)> = BTreeSet::new();
    for row in &rows {
        let (Some(id), shortname) = (row.int("id"), text(row, "shortname")) else { continue };
        names.insert(id, shortname.clone());
        let (name, description, archetype) = (text(row, "name"), text(row, "description"), text(row, "archetype"));
        found.roles.insert(shortname, Role { id, name, description, archetype, ..Role::default() });
    }
    let (sql, params) = statement(scope);
    for row in db.fetch(sql, &params).await? {
        let (roleid, number) = (row.int("roleid").unwrap_or(0), row.int("number").unwrap_or(0));
        let kind = row.text("kind").unwrap_or_default();
        match kind {
            "system" => found.system = number,
            "capability" => drop(found.capabilities.insert(text(&row, "name"))),
            _ => {
                let Some(role) = names.get(&roleid).and_then(|name| found.roles.get_mut(name)) else { continue };
                match (kind, Allow::of(kind)) {
                    (_, Some(allow)) => drop(allowed.insert((roleid, allow, number))),
                    ("permission", _) => {
                        let _ = role.permissions.insert(text(&row, "name"), Permission::of_number(number));
                    }
                    _ => drop(role.contextlevels.insert(number)),
                }
            }
        }
    }
    for (roleid, allow, other) in allowed {
        let Some(role) = names.get(&roleid).and_then(|name| found.roles.get_mut(name)) else { continue };
        role.allows.entry(allow).or_default().extend(names.get(&other).cloned());
    }
    if found.system == 0 {
        return Err(Error::new(Kind::NoMoodle, "the database has no system context"));
    }
    Ok(found)
}

/// Everything but the roles' own rows, in one statement and in no order: it is the round trips that take time, and sorting
/// thousands of rows takes the server longer than reading them.
fn statement(scope: Scope<'_>) -> (Sql, Vec<Param>) {
    let mut parts = vec![
        "SELECT 'system' AS kind, 0 AS roleid, '' AS name, id AS number FROM {context} WHERE contextlevel = 10
         UNION ALL SELECT 'level', roleid, '', contextlevel FROM {role_context_levels}
         UNION ALL SELECT 'assign', roleid, '', allowassign FROM {role_allow_assign}
         UNION ALL SELECT 'override', roleid, '', allowoverride FROM {role_allow_override}
         UNION ALL SELECT 'switch', roleid, '', allowswitch FROM {role_allow_switch}
         UNION ALL SELECT 'view', roleid, '', allowview FROM {role_allow_view}
         UNION ALL SELECT 'permission', roleid, capability, permission FROM {role_capabilities}
             WHERE contextid IN (SELECT id FROM {context} WHERE contextlevel = 10)",
    ];
    let mut params = Vec::new();
    let mut among = |parts: &mut Vec<&'static str>, names: &[&str]| {
        parts.push(" IN (''");
        for name in names {
            parts.push(", ?");
            params.push(Param::from(*name));
        }
        parts.push(")");
    };
    if let Some(names) = scope.roles {
        parts.push(" AND roleid IN (SELECT id FROM {role} WHERE shortname");
        among(&mut parts, names);
        parts.push(")");
    }
    if let Some(names) = scope.capabilities {
        parts.push(" AND capability");
        among(&mut parts, names);
    }
    parts.push(" UNION ALL SELECT 'capability', 0, name, 0 FROM {capabilities}");
    if let Some(names) = scope.capabilities {
        parts.push(" WHERE name");
        among(&mut parts, names);
    }
    (Sql::joined(&parts), params)
}
