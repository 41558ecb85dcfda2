//! Waiting on a condition with a limit: the only place where a test pauses.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// True as soon as `condition` holds, false when it did not within `limit`.
pub fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within `limit`, naming `what` was waited for.
pub fn until(limit: Duration, what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(limit, condition), "waited {limit:?} in vain for {what}");
}
