//! Changes of roles, made in one transaction; each only where its value is still what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::read::{Scope, read};
use super::{Allow, Permission, Role, Roles};
use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// How many rows one statement names.
const AT_ONCE: usize = 500;

/// What of a role changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Whether it is there: null, or `name`, `description` and `archetype`.
    Role,
    /// Its name.
    Name,
    /// Its description.
    Description,
    /// Its archetype.
    Archetype,
    /// Its permission for a capability, as a word.
    Capability(String),
    /// Whether it can be assigned at a context level.
    ContextLevel(i64),
    /// Whether it may do something with another role.
    Allow(Allow, String),
}

/// One change of a role, made only where the value is still `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChange {
    /// The role's short name.
    pub role: String,
    /// What of it.
    pub part: Part,
    /// Its value before.
    pub from: Value,
    /// Its value after.
    pub to: Value,
}

impl fmt::Display for RoleChange {
    /// What changes, as [`RoleChange::parse`] reads it: `student capability mod/forum:post`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = &self.role;
        match &self.part {
            Part::Role => write!(f, "{role} role"),
            Part::Name => write!(f, "{role} name"),
            Part::Description => write!(f, "{role} description"),
            Part::Archetype => write!(f, "{role} archetype"),
            Part::Capability(name) => write!(f, "{role} capability {name}"),
            Part::ContextLevel(level) => write!(f, "{role} contextlevel {level}"),
            Part::Allow(allow, other) => write!(f, "{role} {allow} {other}"),
        }
    }
}

impl RoleChange {
    /// Reads what changes; `None` for a text that names no part of a role.
    pub fn parse(what: &str, from: Value, to: Value) -> Option<Self> {
        let words: Vec<&str> = what.split(' ').collect();
        let (role, part) = match *words.as_slice() {
            [role, "role"] => (role, Part::Role),
            [role, "name"] => (role, Part::Name),
            [role, "description"] => (role, Part::Description),
            [role, "archetype"] => (role, Part::Archetype),
            [role, "capability", name] => (role, Part::Capability(name.to_owned())),
            [role, "contextlevel", level] => (role, Part::ContextLevel(level.parse().ok()?)),
            [role, allow, other] => (role, Part::Allow(Allow::of(allow)?, other.to_owned())),
            _ => return None,
        };
        Some(Self { role: role.to_owned(), part, from, to })
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { from: self.to.clone(), to: self.from.clone(), ..self.clone() }
    }

    /// The capability that changes, if one does.
    fn capability(&self) -> Option<&str> {
        match &self.part {
            Part::Capability(name) => Some(name),
            _ => None,
        }
    }

    /// The part's value on a site, in the form of `from` and `to`.
    fn value(&self, role: Option<&Role>) -> Value {
        let Some(role) = role else { return Value::Null };
        match &self.part {
            Part::Role => {
                json!({ "name": role.name, "description": role.description, "archetype": role.archetype })
            }
            Part::Name => json!(role.name),
            Part::Description => json!(role.description),
            Part::Archetype => json!(role.archetype),
            Part::Capability(name) => json!(role.permission(name)),
            Part::ContextLevel(level) => json!(role.contextlevels.contains(level)),
            Part::Allow(allow, other) => json!(role.allows(*allow, other)),
        }
    }

    fn refused(&self, found: &Value) -> Error {
        let (what, found) = (self.to_string(), found.to_string());
        let message = format!("`{}` is `{}`: somebody has changed it since", escape(&what), escape(&found));
        Error::new(Kind::StateRefused, message).hint("plan again, and see what is different now")
    }
}

/// Makes changes in one transaction, as Moodle's own functions would leave the rows (lib/accesslib.php: `create_role`,
/// `assign_capability`, `unassign_capability`, `set_role_contextlevels`, `core_role_set_assign_allowed` and its like), with
/// the modifier 0 that a script of Moodle has. What is as wanted already is left alone; a value that is neither `from` nor
/// `to` refuses all changes with `state_refused`. Gives the ids of the roles, changed in this run or an earlier one.
pub async fn apply(db: &mut Db, changes: &[RoleChange], now: i64) -> Result<BTreeSet<i64>> {
    let mut db = db.begin().await?;
    // Two jobs, or a job and Moodle's own page, that change roles at once are one after the other from here on.
    db.fetch("SELECT id FROM {role} ORDER BY id FOR UPDATE", &[]).await?;
    let names: BTreeSet<&str> = changes.iter().map(|change| change.role.as_str()).collect();
    let list: Vec<&str> = names.iter().copied().collect();
    let capabilities: BTreeSet<&str> = changes.iter().filter_map(RoleChange::capability).collect();
    let capabilities: Vec<&str> = capabilities.into_iter().collect();
    let capabilities = (capabilities.len() <= AT_ONCE).then_some(capabilities.as_slice());
    let mut site = read(&mut db, Scope { roles: Some(&list), capabilities }).await?;
    let mut touched: BTreeSet<i64> = names.iter().filter_map(|name| Some(site.roles.get(*name)?.id)).collect();
    for change in changes.iter().filter(|change| change.part == Part::Role && !change.to.is_null()) {
        if let Some(role) = create(&mut db, &site, change).await? {
            touched.insert(role.id);
            site.roles.insert(change.role.clone(), role);
        }
    }
    let goes = |change: &RoleChange| {
        let role = changes.iter().find(|other| other.part == Part::Role && other.role == change.role);
        role.is_some_and(|role| role.to.is_null())
    };
    let mut rows = Rows::default();
    for change in changes.iter().filter(|change| change.part != Part::Role) {
        let Some(role) = site.roles.get(&change.role) else {
            // A run that was killed has removed it already.
            if goes(change) {
                continue;
            }
            return Err(super::sheet::no_role(&change.role));
        };
        let found = change.value(Some(role));
        if found == change.to {
            continue;
        }
        if found != change.from {
            return Err(change.refused(&found));
        }
        write(&mut db, &site, role, change, &mut rows).await?;
    }
    rows.write(&mut db, site.system, now).await?;
    for change in changes.iter().filter(|change| change.part == Part::Role && change.to.is_null()) {
        if let Some(role) = site.roles.get(&change.role) {
            remove(&mut db, role, change).await?;
        }
    }
    db.commit().await?;
    Ok(touched)
}

/// Makes a role as `create_role` does; `None` where it is there already.
async fn create(db: &mut Db, site: &Roles, change: &RoleChange) -> Result<Option<Role>> {
    let found = change.value(site.roles.get(&change.role));
    if found == change.to {
        return Ok(None);
    }
    if found != change.from {
        return Err(change.refused(&found));
    }
    let text = |name: &str| change.to.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, description, archetype) = (text("name"), text("description"), text("archetype"));
    let last = db.fetch_one("SELECT MAX(sortorder) + 1 AS next FROM {role}", &[]).await?;
    let sortorder = last.and_then(|row| row.int("next")).filter(|next| *next != 0).unwrap_or(1);
    let sql = Sql::insert("role", &["name", "shortname", "description", "archetype", "sortorder"]);
    let values = [
        name.as_str().into(),
        change.role.as_str().into(),
        description.as_str().into(),
        archetype.as_str().into(),
        sortorder.into(),
    ];
    let id = db.insert(sql, &values).await?;
    Ok(Some(Role { id, name, description, archetype, ..Role::default() }))
}

/// Removes a role that nothing refers to any more; `delete_role` would take along what was added since.
async fn remove(db: &mut Db, role: &Role, change: &RoleChange) -> Result<()> {
    let found = change.value(Some(role));
    if found != change.from {
        return Err(change.refused(&found));
    }
    let select = "SELECT (SELECT COUNT(*) FROM {role_assignments} WHERE roleid = ?)
        + (SELECT COUNT(*) FROM {role_capabilities} WHERE roleid = ?)
        + (SELECT COUNT(*) FROM {role_names} WHERE roleid = ?)
        + (SELECT COUNT(*) FROM {role_context_levels} WHERE roleid = ?)
        + (SELECT COUNT(*) FROM {role_allow_assign} WHERE roleid = ? OR allowassign = ?)
        + (SELECT COUNT(*) FROM {role_allow_override} WHERE roleid = ? OR allowoverride = ?)
        + (SELECT COUNT(*) FROM {role_allow_switch} WHERE roleid = ? OR allowswitch = ?)
        + (SELECT COUNT(*) FROM {role_allow_view} WHERE roleid = ? OR allowview = ?)
        + (SELECT COUNT(*) FROM {enrol} WHERE roleid = ?) AS uses";
    let params: Vec<Param> = vec![role.id.into(); 13];
    let uses = db.fetch_one(select, &params).await?.and_then(|row| row.int("uses")).unwrap_or(0);
    if uses > 0 {
        let message = format!("the role `{}` is in use by now, so it is not removed", escape(&change.role));
        return Err(Error::new(Kind::StateRefused, message).hint("take its assignments and overrides away first"));
    }
    expect(db.execute("DELETE FROM {role} WHERE id = ?", &[role.id.into()]).await?, 1)
}

/// Writes one change, or notes the row of a capability for later: there can be hundreds.
async fn write(db: &mut Db, site: &Roles, role: &Role, change: &RoleChange, rows: &mut Rows) -> Result<()> {
    let text = || Param::from(change.to.as_str().unwrap_or_default());
    let is_on = change.to == json!(true);
    let (sql, params): (Sql, Vec<Param>) = match &change.part {
        Part::Role => return Ok(()),
        Part::Name => (Sql::update("role", &["name"]), vec![text(), role.id.into()]),
        Part::Description => (Sql::update("role", &["description"]), vec![text(), role.id.into()]),
        Part::Archetype => (Sql::update("role", &["archetype"]), vec![text(), role.id.into()]),
        Part::Capability(name) => {
            let word = |value: &Value| value.as_str().and_then(Permission::of);
            let (Some(from), Some(to)) = (word(&change.from), word(&change.to)) else {
                return Err(Error::new(Kind::Internal, "a change of a capability names no permission"));
            };
            rows.note(role, name, from, to);
            return Ok(());
        }
        Part::ContextLevel(level) => {
            let sql = if is_on {
                Sql::insert("role_context_levels", &["roleid", "contextlevel"])
            } else {
                "DELETE FROM {role_context_levels} WHERE roleid = ? AND contextlevel = ?".into()
            };
            (sql, vec![role.id.into(), (*level).into()])
        }
        Part::Allow(allow, other) => {
            let other = site.roles.get(other).ok_or_else(|| super::sheet::no_role(other))?.id;
            (allow_statement(*allow, is_on), vec![role.id.into(), other.into()])
        }
    };
    expect(db.execute(sql, &params).await?, 1)
}

fn allow_statement(allow: Allow, is_on: bool) -> Sql {
    match (allow, is_on) {
        (Allow::Assign, true) => Sql::insert("role_allow_assign", &["roleid", "allowassign"]),
        (Allow::Override, true) => Sql::insert("role_allow_override", &["roleid", "allowoverride"]),
        (Allow::Switch, true) => Sql::insert("role_allow_switch", &["roleid", "allowswitch"]),
        (Allow::View, true) => Sql::insert("role_allow_view", &["roleid", "allowview"]),
        (Allow::Assign, false) => "DELETE FROM {role_allow_assign} WHERE roleid = ? AND allowassign = ?".into(),
        (Allow::Override, false) => "DELETE FROM {role_allow_override} WHERE roleid = ? AND allowoverride = ?".into(),
        (Allow::Switch, false) => "DELETE FROM {role_allow_switch} WHERE roleid = ? AND allowswitch = ?".into(),
        (Allow::View, false) => "DELETE FROM {role_allow_view} WHERE roleid = ? AND allowview = ?".into(),
    }
}

/// The rows of `role_capabilities` to write, those with the same values together.
#[derive(Default)]
struct Rows {
    added: Vec<(i64, String, Permission)>,
    changed: BTreeMap<(i64, Permission, Permission), Vec<String>>,
}

impl Rows {
    fn note(&mut self, role: &Role, capability: &str, from: Permission, to: Permission) {
        if role.permissions.contains_key(capability) {
            self.changed.entry((role.id, from, to)).or_default().push(capability.to_owned());
        } else {
            self.added.push((role.id, capability.to_owned(), to));
        }
    }

    async fn write(&self, db: &mut Db, system: i64, now: i64) -> Result<()> {
        const COLUMNS: [&str; 6] = ["contextid", "roleid", "capability", "permission", "timemodified", "modifierid"];
        for rows in self.added.chunks(AT_ONCE) {
            let mut params: Vec<Param> = Vec::with_capacity(rows.len() * COLUMNS.len());
            for (role, capability, permission) in rows {
                let number = permission.number();
                params.extend([system.into(), (*role).into(), capability.as_str().into()]);
                params.extend([number, now, 0].map(Param::from));
            }
            db.execute(Sql::insert_rows("role_capabilities", &COLUMNS, rows.len()), &params).await?;
        }
        for ((role, from, to), capabilities) in &self.changed {
            for names in capabilities.chunks(AT_ONCE) {
                let (beginning, mut params): (_, Vec<Param>) = if *to == Permission::Inherit {
                    ("DELETE FROM {role_capabilities}", Vec::new())
                } else {
                    let set = "UPDATE {role_capabilities} SET permission = ?, timemodified = ?, modifierid = 0";
                    (set, vec![to.number().into(), now.into()])
                };
                params.extend([system.into(), (*role).into()]);
                let mut parts = vec![beginning, " WHERE contextid = ? AND roleid = ? AND permission "];
                if *from == Permission::Inherit {
                    parts.push("NOT IN (1, -1, -1000)");
                } else {
                    parts.push("= ?");
                    params.push(from.number().into());
                }
                parts.push(" AND capability IN (?");
                parts.extend(names.iter().skip(1).map(|_| ", ?"));
                parts.push(")");
                params.extend(names.iter().map(|name| Param::from(name.as_str())));
                expect(db.execute(Sql::joined(&parts), &params).await?, names.len() as u64)?;
            }
        }
        Ok(())
    }
}

/// Refuses where another number of rows was changed than were read a moment ago.
fn expect(changed: u64, wanted: u64) -> Result<()> {
    if changed == wanted {
        return Ok(());
    }
    let message = format!("{changed} rows of a role were as read a moment ago, not {wanted}: somebody else changes it");
    Err(Error::new(Kind::StateRefused, message).hint("run the job again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_read_as_it_is_written() {
        let parts = [
            Part::Role,
            Part::Name,
            Part::Description,
            Part::Archetype,
            Part::Capability("mod/forum:post".into()),
            Part::ContextLevel(50),
            Part::Allow(Allow::Switch, "guest".into()),
        ];
        for part in parts {
            let change = RoleChange { role: "student".into(), part, from: json!(1), to: Value::Null };
            let read = RoleChange::parse(&change.to_string(), json!(1), Value::Null);
            assert_eq!(read.as_ref(), Some(&change));
            assert_eq!(change.reversed().reversed(), change);
        }
        for what in ["", "student", "student what", "student contextlevel x", "student may do", "a b c d"] {
            assert_eq!(RoleChange::parse(what, Value::Null, Value::Null), None, "{what}");
        }
    }
}
