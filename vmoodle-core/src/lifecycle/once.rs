//! Work that only Moodle can do and that must not be begun twice unseen: its upgrade, the uninstallation of a plugin.

use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::steps::Steps;
use crate::warning::Matter;

/// What somebody who looks at a site finds of work whose runner died.
pub(crate) enum Found {
    /// It is done.
    Done,
    /// It is not, or not all of it: what the site says.
    Open(String),
}

/// Whether a step was begun and is not known to have ended.
pub(crate) fn is_begun(steps: &Steps, step: &str) -> bool {
    steps.recall(&begun(step)) == Some(&json!(true))
}

fn begun(step: &str) -> String {
    format!("{step} begun")
}

/// Does a step once for each time that a person asks for it.
///
/// Where a runner died within the work, the next one does not repeat it: it `look`s, and ends with what it found, or with
/// `outcome_unknown`. Only a person's own retry begins the work anew.
pub(crate) async fn once(
    steps: &mut Steps,
    step: &str,
    look: impl AsyncFnOnce() -> Result<Found>,
    work: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    if steps.is_done(step) {
        return Ok(());
    }
    if is_begun(steps, step) {
        let found = look().await?;
        steps.remember(&begun(step), Value::Null).await?;
        let Found::Open(found) = found else {
            steps.warn(Matter::AnswerLost, "an earlier run has done it; what it said was lost with its runner");
            return steps.step(step, async || Ok(())).await;
        };
        return Err(Error::new(Kind::OutcomeUnknown, format!("a runner died while it worked here: {found}"))
            .hint("look at the tenant; a retry of the job goes on from what is there"));
    }
    steps.remember(&begun(step), json!(true)).await?;
    let done = steps.step(step, work).await;
    if done.is_err() {
        // Where this cannot be written, the item's end says it once more.
        let _ = steps.remember(&begun(step), Value::Null).await;
    }
    done
}
