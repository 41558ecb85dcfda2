//! Making tenants: what two operations have in common.

use serde_json::{Value, json};

use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::wish::{Source, WISH, flag};
use crate::lifecycle::{build, trash};
use crate::parameter::{Param, Type};
use crate::tenant::State;

/// The nodes, whether one bad node stops all, and what is meant for every node that says nothing else.
pub(super) const PARAMETERS: [Param; WISH.len() + 2] = {
    let nodes = Param { name: "nodes", kind: Type::Json, required: true, default: None };
    let mut all = [nodes; WISH.len() + 2];
    all[1] = Param { name: "all_or_nothing", kind: Type::Flag, required: false, default: Some("0") };
    let mut place = 0;
    while place < WISH.len() {
        all[place + 2] = WISH[place];
        place += 1;
    }
    all
};

/// The same parameters, of which one more must be given.
pub(super) const fn with_required<const N: usize>(mut all: [Param; N], name: &str) -> [Param; N] {
    let mut place = 0;
    while place < N {
        if is_same(all[place].name.as_bytes(), name.as_bytes()) {
            all[place].required = true;
        }
        place += 1;
    }
    all
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

/// What is made, and of what; nothing where the tenant is finished.
pub(super) async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let tenant = work.tenant;
    if tenant.state != State::Creating {
        return Ok(Vec::new());
    }
    let source = Source::read(work.db, work.parameters).await?.name();
    let made = |what: &str, after: Value| Change { what: what.into(), before: Value::Null, after };
    let claimed = if flag(work.parameters, "claimed") { "spare" } else { "new" };
    Ok(vec![
        made("site", json!(source)),
        made("database", json!(format!("{} ({claimed})", tenant.database.database))),
        made("dataroot", json!(tenant.dataroot)),
        made("state", json!(end_state(work).word())),
    ])
}

fn end_state(work: &Work<'_>) -> State {
    match (flag(work.parameters, "spare"), flag(work.parameters, "closed")) {
        (true, _) => State::Spare,
        (false, true) => State::Disabled,
        (false, false) => State::Enabled,
    }
}

/// Builds the tenant and opens it.
pub(super) async fn apply(work: &mut Work<'_>) -> Result<()> {
    let (parameters, end, id) = (work.parameters, end_state(work), i64::from(work.tenant.id.0));
    let mut ground = work.ground()?;
    build::build(&mut ground, parameters).await?;
    let db = &mut *ground.db;
    ground.steps.step("opened", async || trash::swap(db, id, State::Creating, end).await).await
}

/// What was never finished is removed; a finished site goes to the trash.
pub(super) async fn undo(work: &mut Work<'_>) -> Result<()> {
    let state = work.tenant.state;
    let mut ground = work.ground()?;
    match state {
        State::Creating => trash::remove(&mut ground).await,
        State::Trashed => Ok(()),
        State::Enabled | State::Disabled | State::Retired | State::Spare => {
            trash::discard(&mut ground, state, trash::RETENTION_DAYS).await
        }
        State::Broken => Err(Error::new(Kind::StateRefused, "a tenant that is broken is left to people")),
    }
}
