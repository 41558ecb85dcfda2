//! Puts values in place by compare-and-swap, in one transaction of the caller's, with what else Moodle does then.

mod activities;
mod swap;
mod trace;

use serde_json::Value;

use super::cell::{Cell, Difference};
use super::decide::words;
use super::table::Table;
use crate::db::Db;
use crate::error::Result;
use crate::moodle::caches::mark_context_dirty;
use crate::moodle::session::{self, Whose};
use crate::moodle::stale::Stale;

/// What a change has left to do outside the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// What is stale in the site's cache, whether rows were written or stood so already.
    pub stale: Vec<Stale>,
    /// Rows of the table `sessions` that were deleted: people who had signed in by an authentication that changed
    /// ([`authentications`]).
    pub sessions: u64,
}

/// Which way a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forth,
    Back,
}

/// Makes changes. A value that is neither the one before nor the one after is refused with `state_refused`, and the caller
/// rolls all back; one that stands as it will be is left.
///
/// `now` is in seconds since 1970.
pub async fn apply(db: &mut Db, changes: &[Difference], now: i64) -> Result<Left> {
    put(db, changes, Way::Forth, now).await
}

/// Puts changes back, likewise.
pub async fn undo(db: &mut Db, changes: &[Difference], now: i64) -> Result<Left> {
    let back: Vec<Difference> = changes.iter().rev().map(Difference::back).collect();
    put(db, &back, Way::Back, now).await
}

/// The authentications that changes turn on or off: their people must sign in again. The caller ends the sessions that have
/// no rows, also where all stands as it will be: an earlier run may have died before it did.
pub fn authentications(changes: &[Difference]) -> Vec<String> {
    let is_auth = |change: &&Difference| matches!(&change.cell, Cell::Core(name) if name == "auth");
    changes.iter().filter(is_auth).flat_map(members).collect()
}

async fn put(db: &mut Db, changes: &[Difference], way: Way, now: i64) -> Result<Left> {
    let mut left = Left { stale: stale(changes), sessions: 0 };
    let filters = changes.iter().any(|one| matches!(one.cell, Cell::Filter(_)));
    let order = if filters { active_filters(db).await? } else { Vec::new() };
    let mut lines = Vec::new();
    for change in changes.iter().filter(|one| !matches!(one.cell, Cell::Activities(_))) {
        if !swap::swap(db, change).await? {
            continue;
        }
        lines.extend(trace::lines(change));
        match &change.cell {
            Cell::Row(Table::Modules, name) => match way {
                Way::Forth => activities::follow(db, name, swap::is_on(&change.after), now).await?,
                Way::Back => {
                    let own = Cell::Activities(name.clone());
                    let listed = changes.iter().find(|one| one.cell == own);
                    activities::put_back(db, name, listed, now).await?;
                }
            },
            Cell::Core(name) if name == "auth" => left.sessions += end_sessions(db, change).await?,
            Cell::Core(name) if name == "enrol_plugins_enabled" && has_new_members(change) => {
                mark_dirty(db, now).await?;
            }
            _ => {}
        }
    }
    if filters {
        lines.extend(trace::filter_order(&order, &active_filters(db).await?));
    }
    trace::write(db, &lines, now).await?;
    Ok(left)
}

fn stale(changes: &[Difference]) -> Vec<Stale> {
    let mut stale = vec![Stale::plugin_manager()];
    for change in changes {
        stale.extend(match &change.cell {
            Cell::Core(_) => Some(Stale::core_config()),
            Cell::Setting(plugin, _) => Some(Stale::plugin_config(plugin)),
            Cell::Row(Table::Processors, name) => Some(Stale::message_processor(name)),
            Cell::Row(Table::Repositories, _) => Some(Stale::repositories()),
            Cell::Row(..) | Cell::Filter(_) | Cell::Activities(_) => None,
        });
    }
    stale.sort();
    stale.dedup();
    stale
}

async fn active_filters(db: &mut Db) -> Result<Vec<String>> {
    let select = "SELECT filter FROM {filter_active} WHERE active <> -9999 \
        AND contextid = (SELECT id FROM {context} WHERE contextlevel = 10) ORDER BY sortorder";
    let rows = db.fetch(select, &[]).await?;
    Ok(rows.iter().filter_map(|row| row.text("filter").map(str::to_owned)).collect())
}

/// The names of a list that are in one of its values only.
fn members(change: &Difference) -> Vec<String> {
    let names = |value: &Value| words(value.as_str().unwrap_or_default());
    let (before, after) = (names(&change.before), names(&change.after));
    let only =
        |these: &[String], those: &[String]| these.iter().filter(|name| !those.contains(name)).cloned().collect();
    let mut changed: Vec<String> = only(&before, &after);
    changed.extend::<Vec<String>>(only(&after, &before));
    changed
}

fn has_new_members(change: &Difference) -> bool {
    !members(change).is_empty()
}

/// Signs out whoever has an authentication that was turned on or off, as `destroy_by_auth_plugin` of
/// `lib/classes/session/handler.php` does where sessions have rows: a session without one is over at its next request
/// (`lib/classes/session/manager.php`, `initialise_user_session`).
async fn end_sessions(db: &mut Db, change: &Difference) -> Result<u64> {
    let mut ended = 0;
    for name in members(change) {
        let users = session::users(db, &Whose::Auth(name)).await?;
        let sids = session::sids(db, users.as_deref()).await?;
        session::delete(db, &sids).await?;
        ended += sids.len() as u64;
    }
    Ok(ended)
}

/// Makes every session look at roles again (`lib/classes/context.php`, `mark_dirty`).
async fn mark_dirty(db: &mut Db, now: i64) -> Result<()> {
    let row = db.fetch_one("SELECT path FROM {context} WHERE contextlevel = 10", &[]).await?;
    if let Some(path) = row.as_ref().and_then(|row| row.text("path")) {
        mark_context_dirty(db, path, now).await?;
    }
    Ok(())
}
