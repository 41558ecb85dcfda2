//! Revisions: numbers in addresses and keys, so that a newer one makes browsers, nodes and processes ask again.

use crate::db::{Db, Fault};
use crate::moodle::config;

/// Every revision that a purge of all caches makes newer (lib/moodlelib.php, `purge_caches`). `allversionshash` is none of
/// them: it tells of the code.
pub const REVISIONS: &[&str] =
    &["themerev", "jsrev", "langrev", "templaterev", "localcachedirpurged", "scheduledtaskreset"];

/// Makes every revision newer, as a purge of all caches does: browsers and other nodes then ask again, and running cron
/// processes end.
pub async fn raise_revisions(db: &mut Db, now: i64) -> Result<(), Fault> {
    raise(db, REVISIONS, now).await?;
    raise_courses(db, now).await
}

/// Makes some revisions newer.
pub async fn raise(db: &mut Db, names: &[&str], now: i64) -> Result<(), Fault> {
    let old = config::values(db, names).await?;
    let next = |name: &str| next_revision(old.get(name).and_then(|text| text.trim().parse().ok()), now).to_string();
    let values: Vec<(&str, String)> = names.iter().map(|name| (*name, next(name))).collect();
    config::set_many(db, &values).await
}

/// Makes every course's contents newer (lib/datalib.php, `increment_revision_number`).
pub async fn raise_courses(db: &mut Db, now: i64) -> Result<(), Fault> {
    let update = "UPDATE {course} SET cacherev = (CASE WHEN cacherev IS NULL THEN ? WHEN cacherev < ? THEN ?
        WHEN cacherev > ? THEN ? ELSE cacherev + 1 END)";
    let params = [now, now, now, now + 3600, now].map(Into::into);
    db.execute(update, &params).await.map(|_| ())
}

/// The revision after `old` (lib/outputlib.php, `theme_get_next_revision`): now, and always another one; one that lies
/// far in the future is not followed.
fn next_revision(old: Option<i64>, now: i64) -> i64 {
    old.filter(|old| now <= *old && old - now < 3600).map_or(now, |old| old + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_always_another_one() {
        assert_eq!(next_revision(None, 100), 100);
        assert_eq!(next_revision(Some(99), 100), 100);
        assert_eq!(next_revision(Some(100), 100), 101);
        assert_eq!(next_revision(Some(3699), 100), 3700);
        assert_eq!(next_revision(Some(9999), 100), 100);
        assert_eq!(next_revision(Some(-1), 100), 100);
    }
}
