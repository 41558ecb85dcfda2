//! What must hold for whatever comes in; shared by the fuzz targets and by `regression.rs`, which CI runs.

pub mod farm;
pub mod invariants;
