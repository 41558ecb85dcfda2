//! A tenant's state, changed by compare-and-swap: what three operations have in common.

use serde_json::json;

use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::lifecycle::trash;
use crate::tenant::State;

/// The change to a state, or none where the tenant is in it; refuses a move that is not allowed.
pub(super) fn plan(work: &Work<'_>, to: State, from: &[State]) -> Result<Vec<Change>> {
    let now = work.tenant.state;
    if now == to {
        return Ok(Vec::new());
    }
    if !from.contains(&now) {
        let allowed: Vec<_> = from.iter().map(|state| state.word()).collect();
        return Err(Error::new(
            Kind::StateRefused,
            format!("a tenant that is {} cannot become {}", now.word(), to.word()),
        )
        .hint(format!("it must be one of: {}", allowed.join(", ")))
        .of_tenant(work.tenant.address.to_string()));
    }
    Ok(vec![Change { what: "state".into(), before: json!(now.word()), after: json!(to.word()) }])
}

/// Makes the planned changes, as one step of the item.
pub(super) async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    for change in changes {
        swap(work, word(&change.before)?, word(&change.after)?).await?;
    }
    Ok(())
}

/// Puts them back.
pub(super) async fn undo(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    for change in changes.iter().rev() {
        swap(work, word(&change.after)?, word(&change.before)?).await?;
    }
    Ok(())
}

async fn swap(work: &mut Work<'_>, from: State, to: State) -> Result<()> {
    let Work { db, tenant, steps, .. } = work;
    let id = i64::from(tenant.id.0);
    let mut change = async || trash::swap(db, id, from, to).await;
    match steps {
        Some(steps) => steps.step("state", change).await,
        None => change().await,
    }
}

fn word(value: &serde_json::Value) -> Result<State> {
    State::parse(value.as_str().unwrap_or_default())
}
