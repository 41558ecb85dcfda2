//! Work that a script does: what several operations have in common. It takes its time, and where it may not be repeated it
//! is never begun a second time without anybody knowing.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::contract::Work;
use crate::error::{Error, Kind, Result};
use crate::steps::Steps;

/// What is remembered once the work begins.
const BEGUN: &str = "begun";

/// The longest that a script may take: a day, in seconds.
const LONGEST: u64 = 24 * 3600;

/// How long a script may take, by the parameter `time_limit`. Fails with `bad_parameter`.
pub(super) fn limit(parameters: &Map<String, Value>) -> Result<Duration> {
    let limit = parameters.get("time_limit").and_then(Value::as_u64).filter(|limit| (1..=LONGEST).contains(limit));
    limit
        .map(Duration::from_secs)
        .ok_or_else(|| Error::new(Kind::BadParameter, format!("`time_limit` must be a number from 1 to {LONGEST}")))
}

/// Writes down that the work begins. Fails with `outcome_unknown` where it was begun before and nobody saw its end.
pub(super) async fn begin(work: &mut Work<'_>) -> Result<()> {
    let steps = memory(work)?;
    if steps.recall(BEGUN) == Some(&json!(true)) {
        let why = "an earlier run was cut off while the script ran, and how far it came is not known";
        return Err(Error::new(Kind::OutcomeUnknown, why)
            .hint("look at the tenant, then submit a new job with what is missing"));
    }
    steps.remember(BEGUN, Value::Bool(true)).await
}

/// It ended before our eyes: whoever asks for it again knows what they do.
pub(super) fn has_ended(work: &mut Work<'_>) -> Result<()> {
    memory(work)?.note(BEGUN, Value::Bool(false));
    Ok(())
}

/// The item's memory; a plan has none.
pub(super) fn memory<'a>(work: &'a mut Work<'_>) -> Result<&'a mut Steps> {
    work.steps.as_deref_mut().ok_or_else(|| Error::new(Kind::Internal, "a plan cannot do anything"))
}
