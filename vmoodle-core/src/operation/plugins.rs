//! Plugins' states, changed by compare-and-swap: what two operations have in common.

use std::time::Duration;

use serde_json::json;

use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::in_tenant;
use crate::moodle::plugins::states::Asked;
use crate::moodle::plugins::{Cell, Difference, State, States, present, write};
use crate::moodle::session::{self, Keeper, Whose};
use crate::registry::farm::now;
use crate::registry::policies;
use crate::warning::Matter;

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
    let is_moodles = |one: &Difference| if back { one.back().is_moodles() } else { one.is_moodles() };
    let (by_moodle, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_moodles);
    // What may be refused comes first, and a server of sessions that does not answer: once the change is made, no retry
    // would find anything to do.
    let beside = SignedIn::find(work, &changes).await?;
    if let Some(SignedIn { keeper: Keeper::Redis(server, prefix), users }) = &beside {
        session::sids_in_redis(server, prefix, users).await?;
    }
    for one in by_moodle {
        ask_moodle(work, &one, back).await?;
    }
    if changes.is_empty() {
        return Ok(());
    }
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
    let mut left = done.map_err(|error: Error| error.of_tenant(work.tenant.address.to_string()))?;
    work.stale.extend(left.stale);
    if let Some(beside) = beside {
        left.sessions += beside.sign_out(work).await?;
    }
    if let (Some(steps), true) = (work.steps.as_mut(), left.sessions > 0) {
        steps.warn(
            Matter::SignedOut,
            format!("{} people who had signed in by that authentication were signed out", left.sessions),
        );
    }
    Ok(())
}

/// The people of authentications that change, where sessions are kept by something that rows say nothing of.
struct SignedIn {
    keeper: Keeper,
    users: Vec<i64>,
}

impl SignedIn {
    async fn find(work: &mut Work<'_>, changes: &[Difference]) -> Result<Option<Self>> {
        let names = write::authentications(changes);
        if names.is_empty() {
            return Ok(None);
        }
        let settings = policies::settings_of(work.db, work.tenant).await?;
        let keeper = Keeper::of(&work.control.settings.shared, work.control.farm(), work.tenant, &settings);
        if matches!(keeper, Keeper::Folder(_)) {
            return Ok(None);
        }
        let mut site = work.open_site().await?;
        let read = async {
            let mut users = Vec::new();
            for name in names {
                users.extend(session::users(&mut site, &Whose::Auth(name)).await?.unwrap_or_default());
            }
            Ok(users)
        }
        .await;
        work.leave_site(site, &read).await;
        let users = read.map_err(|error: Error| error.of_tenant(work.tenant.address.to_string()))?;
        Ok((!users.is_empty()).then_some(Self { keeper, users }))
    }

    /// Ends their sessions, as Moodle's own page does (lib/classes/plugininfo/auth.php, `enable_plugin`); gives how many.
    async fn sign_out(self, work: &mut Work<'_>) -> Result<u64> {
        match self.keeper {
            Keeper::Redis(server, prefix) => {
                let found = session::sids_in_redis(&server, &prefix, &self.users).await?;
                session::delete_in_redis(&server, &prefix, &found).await?;
                Ok(found.iter().map(|(_, sids)| sids.len() as u64).sum())
            }
            Keeper::Other(class) => {
                if let Some(steps) = work.steps.as_mut() {
                    steps.pass_on([session::stay(&class)]);
                }
                Ok(0)
            }
            Keeper::Folder(_) => Ok(0),
        }
    }
}

/// How long Moodle may take to make or delete the instances of one plugin.
const INSTANCES: Duration = Duration::from_mins(10);

/// Lets Moodle's own code make a change, by a script run as the tenant; it compares and swaps too, and leaves Moodle's own
/// traces.
async fn ask_moodle(work: &mut Work<'_>, one: &Difference, back: bool) -> Result<()> {
    if back && one.after.is_null() {
        let message = format!("`{}` was turned off with its instances and their settings, which are gone", one.cell);
        return Err(Error::new(Kind::StateRefused, message).hint("turn it on again and set it up anew"));
    }
    let way = if back { one.back() } else { one.clone() };
    let asked = json!({ "plugin": way.cell.to_string(), "from": way.before, "to": way.after });
    in_tenant::ask(work.control, work.tenant, "plugin_instances", &asked, INSTANCES).await?;
    if let Some(steps) = work.steps.as_mut() {
        steps.warn(Matter::ByMoodle, format!("`{}` was changed by Moodle itself, run as this tenant", one.cell));
    }
    Ok(())
}
