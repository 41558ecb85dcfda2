//! What the operations on roles share: where they take roles from, and how their changes are made and taken back.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::roles::{self, Difference, Part, RoleChange, Roles, Scope, Sheet};
use crate::moodle::stale::Stale;
use crate::registry::sheets;
use crate::warning::Matter;

/// How many names one warning tells.
const TOLD: usize = 10;

/// A parameter's text; `None` where it is empty or not given.
pub(super) fn text<'a>(parameters: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    parameters.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The words of a list with commas.
pub(super) fn words(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// The roles of the tenant that is worked on, and of their capabilities what is in scope.
pub(super) async fn here(work: &Work<'_>, scope: Scope<'_>) -> Result<Roles> {
    let mut site = work.open_site().await?;
    let read = roles::read(&mut site, scope).await;
    work.leave_site(site, &read).await;
    read
}

/// The sheets of a source tenant's roles, read once in a run, whatever its engine; of one role or of all.
///
/// Fails with `tenant_not_found`, and with `role_not_found` where the source lacks the role.
pub(super) async fn sheets_of(work: &mut Work<'_>, source: &str, role: Option<&str>) -> Result<Rc<Vec<Sheet>>> {
    let Work { control, keyring, db, memo, .. } = work;
    let key = format!("roles {source} {}", role.unwrap_or_default());
    memo.once(&key, async || Ok(sheets::of_tenant(db, control, keyring, source, role).await?.1)).await
}

/// The changes of a plan; what the tenant cannot take over is a warning.
pub(super) async fn planned(work: &mut Work<'_>, found: Difference) -> Result<Vec<Change>> {
    if let (Some(steps), false) = (work.steps.as_mut(), found.left_out.is_empty()) {
        let names: Vec<String> = found.left_out.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
        let more = found.left_out.len().saturating_sub(TOLD);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        steps.warn(Matter::LeftOut, format!("not known here, so left out: {}{more}", names.join(", ")));
        // An item with nothing to do ends without another word.
        steps.keep().await?;
    }
    let changes = found.changes.into_iter();
    Ok(changes.map(|change| Change { what: change.to_string(), before: change.from, after: change.to }).collect())
}

/// Makes the changes of a plan.
pub(super) async fn make(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let changes = changes.iter().map(read).collect::<Result<Vec<_>>>()?;
    turn(work, &changes).await
}

/// Takes the changes back, the last first.
pub(super) async fn take_back(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let changes: Vec<RoleChange> = changes.iter().map(read).collect::<Result<_>>()?;
    turn(work, &changes.iter().rev().map(RoleChange::reversed).collect::<Vec<_>>()).await
}

async fn turn(work: &mut Work<'_>, changes: &[RoleChange]) -> Result<()> {
    let mut site = work.open_site().await?;
    let done: Result<BTreeSet<i64>> = roles::apply(&mut site, changes, crate::registry::farm::now()).await;
    work.leave_site(site, &done).await;
    work.stale.extend(done?.into_iter().map(Stale::role));
    if changes.iter().any(|change| change.part == Part::Name) {
        work.stale.push(Stale::course_contacts());
    }
    Ok(())
}

fn read(change: &Change) -> Result<RoleChange> {
    RoleChange::parse(&change.what, change.before.clone(), change.after.clone())
        .ok_or_else(|| Error::new(Kind::Internal, "a change names no part of a role"))
}
