//! Makes tenants: from a template or snapshot, from another tenant, or fresh.

use super::contract::{Change, Meta, Operation, Work};
use super::make;
use crate::steps::Doing;

/// Makes tenants: from a template or snapshot, from another tenant, or fresh.
pub(super) struct CreateTenant;

static META: Meta = Meta {
    name: "create_tenant",
    parameters: &make::PARAMETERS,
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: true,
};

impl Operation for CreateTenant {
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
