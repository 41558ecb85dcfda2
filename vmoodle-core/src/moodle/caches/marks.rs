//! Marks by which signed-in users read their roles anew: what a session knows of them is older than the mark.

use crate::db::{Db, Fault, Param, Sql};
use crate::moodle::config;

/// How long a mark counts where the site does not say how long a session lasts (`$CFG->sessiontimeout`), in seconds.
const SESSION: i64 = 8 * 3600;

/// Marks the assignments and overrides below a context (lib/classes/context.php, `mark_dirty`); `/1` is the whole site.
pub async fn mark_context_dirty(db: &mut Db, path: &str, now: i64) -> Result<(), Fault> {
    mark(db, "accesslib/dirtycontexts", path, now).await
}

/// Marks one user's assignments (lib/accesslib.php, `mark_user_dirty`).
pub async fn mark_user_dirty(db: &mut Db, user: i64, now: i64) -> Result<(), Fault> {
    mark(db, "accesslib/dirtyusers", &user.to_string(), now).await
}

/// Makes a user's sessions read its preferences anew (lib/moodlelib.php, `mark_user_preferences_changed`).
pub async fn mark_preferences_changed(db: &mut Db, user: i64, now: i64) -> Result<(), Fault> {
    mark(db, "userpreferenceschanged", &user.to_string(), now).await
}

/// Sets a flag to 1 (lib/moodlelib.php, `set_cache_flag`). No index keeps two rows of one name away.
async fn mark(db: &mut Db, kind: &'static str, name: &str, now: i64) -> Result<(), Fault> {
    let timeout = config::value(db, "sessiontimeout").await?.and_then(|text| text.trim().parse::<i64>().ok());
    let expiry = now + timeout.filter(|seconds| *seconds > 0).unwrap_or(SESSION);
    let update = "UPDATE {cache_flags} SET value = '1', timemodified = ?, expiry = ? WHERE flagtype = ? AND name = ?";
    let values: [Param; 4] = [now.into(), expiry.into(), kind.into(), name.into()];
    // MariaDB counts the rows that a statement finds, not those that it changes.
    if db.execute(update, &values).await? == 0 {
        let insert = Sql::insert("cache_flags", &["timemodified", "expiry", "flagtype", "name", "value"]);
        db.insert(insert, &[now.into(), expiry.into(), kind.into(), name.into(), "1".into()]).await?;
    }
    Ok(())
}
