//! Which tasks of a site are due, as Moodle's own cron would find them (lib/classes/task/manager.php).

use std::collections::HashMap;

use crate::db::{Db, Fault, Sql};

/// How long a scheduled task that says it runs is believed, in seconds. A killed cron leaves that mark behind until
/// `\core\task\task_lock_cleanup_task` takes it away, while Moodle itself looks at the lock alone.
const RUNNING_BELIEVED: i64 = 3600;

/// What a site has to do, and what decides whether its cron would do it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Scheduled tasks that are due: number and due time in seconds since 1970, 0 for "at once".
    pub scheduled: Vec<(i64, i64)>,
    /// Ad-hoc tasks that are due.
    pub adhoc: Adhoc,
    /// The settings `version`, `allversionshash`, `cron_enabled` and `outagelessupgrade`, those that are there.
    pub settings: HashMap<String, String>,
}

/// The ad-hoc tasks that are due, in sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Adhoc {
    /// How many.
    pub count: i64,
    /// Since when the oldest is due, in seconds since 1970; 0 for none.
    pub since: i64,
    /// The highest number of one; 0 for none.
    pub last: i64,
}

/// Reads what is due at `now`, in one round trip.
///
/// Scheduled tasks as `get_next_scheduled_task`: enabled, not run since, `nextruntime` passed (a failing task's holds its
/// delay already), and not running at this moment. Ad-hoc tasks as `get_candidate_adhoc_tasks`: passed, not running,
/// with attempts left. Whether a task's plugin is enabled and its class there only Moodle can tell.
pub async fn due(db: &mut Db, now: i64) -> Result<Tasks, Fault> {
    let scheduled = "SELECT 'scheduled' AS kind, id AS one, COALESCE(nextruntime, 0) AS two, 0 AS three, NULL AS word \
        FROM {task_scheduled} WHERE disabled = 0 AND (lastruntime IS NULL OR lastruntime < ?) \
        AND (nextruntime IS NULL OR nextruntime < ?) AND (timestarted IS NULL OR timestarted < ?)";
    let adhoc = " UNION ALL SELECT 'adhoc', COUNT(*), COALESCE(MIN(nextruntime), 0), COALESCE(MAX(id), 0), NULL \
        FROM {task_adhoc} WHERE nextruntime < ? AND timestarted IS NULL \
        AND (attemptsavailable > 0 OR attemptsavailable IS NULL)";
    let settings = " UNION ALL SELECT name, 0, 0, 0, value FROM {config} \
        WHERE name IN ('version', 'allversionshash', 'cron_enabled', 'outagelessupgrade')";
    let params = [now.into(), now.into(), (now - RUNNING_BELIEVED).into(), now.into()];
    let mut tasks = Tasks::default();
    for row in db.fetch(Sql::joined(&[scheduled, adhoc, settings]), &params).await? {
        let number = |column| row.int(column).unwrap_or(0);
        match row.text("kind").unwrap_or_default() {
            "scheduled" => tasks.scheduled.push((number("one"), number("two"))),
            "adhoc" => tasks.adhoc = Adhoc { count: number("one"), since: number("two"), last: number("three") },
            name => {
                tasks.settings.insert(name.to_owned(), row.text("word").unwrap_or_default().to_owned());
            }
        }
    }
    Ok(tasks)
}
