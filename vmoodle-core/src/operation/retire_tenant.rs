//! Retires a tenant for good: the step before it is destroyed.

use super::change_state;
use super::contract::{Change, Meta, Operation, Work};
use crate::steps::Doing;
use crate::tenant::State;

/// Retires a tenant for good: the step before it is destroyed.
pub(super) struct RetireTenant;

static META: Meta = Meta {
    name: "retire_tenant",
    parameters: &[],
    dangerous: true,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for RetireTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move { change_state::plan(work, State::Retired, &[State::Enabled, State::Disabled]) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_state::apply(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_state::undo(work, changes))
    }
}
