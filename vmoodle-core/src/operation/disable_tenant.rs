//! Takes a tenant out of service.

use super::change_state;
use super::contract::{Change, Meta, Operation, Work};
use crate::steps::Doing;
use crate::tenant::State;

/// Takes a tenant out of service.
pub(super) struct DisableTenant;

static META: Meta = Meta {
    name: "disable_tenant",
    parameters: &[],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for DisableTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move { change_state::plan(work, State::Disabled, &[State::Enabled, State::Retired]) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_state::apply(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_state::undo(work, changes))
    }
}
