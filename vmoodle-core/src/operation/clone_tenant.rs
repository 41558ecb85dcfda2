//! Makes copies of a tenant.

use super::contract::{Change, Meta, Operation, Work};
use super::make;
use crate::parameter::Param;
use crate::steps::Doing;

static PARAMETERS: [Param; make::PARAMETERS.len()] = make::with_required(make::PARAMETERS, "source");

/// Makes copies of a tenant.
pub(super) struct CloneTenant;

static META: Meta = Meta {
    name: "clone_tenant",
    parameters: &PARAMETERS,
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: true,
};

impl Operation for CloneTenant {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(make::plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make::apply(work))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make::undo(work))
    }
}
