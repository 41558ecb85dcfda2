//! Facts of a site, for lists and reports: how many, how much, since when.

use super::config;
use super::site::no_moodle;
use crate::db::{Db, Fault, Param, Sql};
use crate::error::Result;

/// Facts that cost little: each is one query over an index or a small table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Users: confirmed, not deleted, without the guest.
    pub users: i64,
    /// Users who came by within the last 24 hours.
    pub active_users: i64,
    /// Courses, without the front page.
    pub courses: i64,
    /// When cron began last, in seconds since 1970; `None` for never (lib/classes/cron.php).
    pub last_cron: Option<i64>,
    /// Tasks that are due, scheduled and ad-hoc ones (lib/classes/task/manager.php, `get_next_scheduled_task`).
    pub due_tasks: i64,
    /// Tasks that failed when they ran last.
    pub failing_tasks: i64,
    /// Whether the site is in maintenance by its own setting (`maintenance_enabled`).
    pub maintenance: bool,
}

/// Reads the facts. Fails with `no_moodle` where there is no Moodle.
pub async fn read(db: &mut Db, now: i64) -> Result<Status> {
    let settings = config::values(db, &["siteguest", "maintenance_enabled"]).await.map_err(no_moodle)?;
    let guest = settings.get("siteguest").and_then(|id| id.trim().parse::<i64>().ok()).unwrap_or(0);
    let users = "SELECT COUNT(*) AS n FROM {user} WHERE deleted = 0 AND confirmed = 1 AND id <> ?";
    let active = Sql::joined(&[users, " AND lastaccess >= ?"]);
    let scheduled =
        "SELECT COUNT(*) AS n FROM {task_scheduled} WHERE disabled = 0 AND (nextruntime IS NULL OR nextruntime <= ?)";
    let adhoc = "SELECT COUNT(*) AS n FROM {task_adhoc} WHERE nextruntime <= ?";
    let day_ago = now - 86_400;
    Ok(Status {
        users: count(db, users.into(), &[guest.into()]).await?,
        active_users: count(db, active, &[guest.into(), day_ago.into()]).await?,
        courses: count(db, "SELECT COUNT(*) AS n FROM {course} WHERE category <> 0".into(), &[]).await?,
        last_cron: config::plugin_values(db, "tool_task")
            .await?
            .get("lastcronstart")
            .and_then(|t| t.trim().parse().ok()),
        due_tasks: count(db, scheduled.into(), &[now.into()]).await? + count(db, adhoc.into(), &[now.into()]).await?,
        failing_tasks: count(db, "SELECT COUNT(*) AS n FROM {task_scheduled} WHERE faildelay > 0".into(), &[]).await?
            + count(db, "SELECT COUNT(*) AS n FROM {task_adhoc} WHERE faildelay > 0".into(), &[]).await?,
        maintenance: settings.get("maintenance_enabled").is_some_and(|value| !matches!(value.as_str(), "" | "0")),
    })
}

/// How many octets the site's files take: each content is stored once, however often it is used (lib/filestorage). Goes
/// through the whole table `files`: for a daily collection, not for a list.
pub async fn file_octets(db: &mut Db) -> Result<i64, Fault> {
    let select = "SELECT CAST(SUM(size) AS CHAR(30)) AS octets
        FROM (SELECT MAX(filesize) AS size FROM {files} GROUP BY contenthash) contents";
    Ok(db.fetch_one(select, &[]).await?.and_then(|row| row.int("octets")).unwrap_or(0))
}

async fn count(db: &mut Db, sql: Sql, params: &[Param]) -> Result<i64, Fault> {
    Ok(db.fetch_one(sql, params).await?.and_then(|row| row.int("n")).unwrap_or(0))
}
