//! Plugins' states, changed by compare-and-swap: what two operations have in common.

use serde_json::Value;

use super::contract::{Change, Work};
use crate::error::Result;
use crate::moodle::plugins::states::Asked;
use crate::moodle::plugins::{Cell, Difference, State, States, present, write};
use crate::registry::farm::now;

/// The words of a parameter; none where it was not given.
pub(super) fn words(work: &Work<'_>, name: &str) -> Vec<String> {
    let words = work.parameters.get(name).and_then(Value::as_array);
    words.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// What must change in a site that stands as `from` to stand as `to`.
pub(super) fn changes(from: &States, to: &States) -> Vec<Change> {
    let change = |one: Difference| Change { what: one.cell.to_string(), before: one.before, after: one.after };
    to.differences(from).into_iter().map(change).collect()
}

/// What the tenant says of its plugins.
pub(super) async fn states(work: &Work<'_>, asked: Asked<'_>) -> Result<States> {
    let mut site = work.open_site().await?;
    let read = States::read(&mut site, asked).await;
    work.leave_site(site, &read).await;
    read.map_err(|error| error.of_tenant(work.tenant.address.to_string()))
}

/// Turns a plugin on or off in what is planned; refuses what only Moodle's own PHP can tell.
pub(super) fn set(
    work: &Work<'_>,
    states: &mut States,
    plugin: crate::moodle::plugins::Plugin<'_>,
    to: State,
) -> Result<()> {
    use crate::error::{Error, Kind};
    let turns_on = to == State::Enabled && states.state(plugin) == Some(State::Disabled);
    if turns_on && present::asks_before_on(work.control.dirroot.as_ref(), plugin) {
        return Err(Error::new(
            Kind::StateRefused,
            format!("`{plugin}` has code of its own that must be asked before it is turned on"),
        )
        .hint("do it in the tenant's own administration, or by a script with `run_script`"));
    }
    states.set(plugin, to)
}

/// Makes the changes in one transaction of the tenant.
pub(super) async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    put(work, changes, false).await
}

/// Puts them back, likewise.
pub(super) async fn undo(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    put(work, changes, true).await
}

async fn put(work: &mut Work<'_>, changes: &[Change], back: bool) -> Result<()> {
    let difference = |one: &Change| {
        let cell = Cell::parse(&one.what)?;
        Ok(Difference { cell, before: one.before.clone(), after: one.after.clone() })
    };
    let changes: Vec<Difference> = changes.iter().map(difference).collect::<Result<_>>()?;
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        let left = if back {
            write::undo(&mut transaction, &changes, now()).await?
        } else {
            write::apply(&mut transaction, &changes, now()).await?
        };
        transaction.commit().await?;
        Ok(left)
    }
    .await;
    work.leave_site(site, &done).await;
    let left = done.map_err(|error: crate::error::Error| error.of_tenant(work.tenant.address.to_string()))?;
    if let (Some(steps), true) = (work.steps.as_mut(), left.sessions > 0) {
        steps.warn(format!("{} people who had signed in by that authentication were signed out", left.sessions));
    }
    work.stale.extend(left.stale);
    Ok(())
}
