//! The states of jobs and items.

/// What an item is in; the words of the journal.
pub(crate) const QUEUED: &str = "queued";
/// A runner has it.
pub(crate) const RUNNING: &str = "running";
/// It did what it should.
pub(crate) const DONE: &str = "done";
/// It did not.
pub(crate) const FAILED: &str = "failed";
/// Somebody stopped it.
pub(crate) const CANCELLED: &str = "cancelled";
/// There was nothing to do.
pub(crate) const SKIPPED: &str = "skipped";
/// It was killed, and nobody can tell what it did.
pub(crate) const UNKNOWN: &str = "unknown";

/// Every legal move of an item.
const MOVES: &[(&str, &[&str])] =
    &[(QUEUED, &[RUNNING, CANCELLED]), (RUNNING, &[QUEUED, RUNNING, DONE, FAILED, CANCELLED, SKIPPED, UNKNOWN])];

/// Whether an item may move from one state to another.
pub(crate) fn may_move(from: &str, to: &str) -> bool {
    MOVES.iter().any(|(state, next)| *state == from && next.contains(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_has_ended_stays_so() {
        for ended in [DONE, FAILED, CANCELLED, SKIPPED, UNKNOWN] {
            assert!(may_move(RUNNING, ended) && !may_move(ended, RUNNING) && !may_move(QUEUED, "lost"));
        }
    }
}
