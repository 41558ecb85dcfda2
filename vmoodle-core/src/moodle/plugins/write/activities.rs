//! A module's activities: hidden with it, and shown again (`lib/classes/plugininfo/mod.php`, `enable_plugin`).

use serde_json::Value;

use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::moodle::plugins::cell::Difference;

/// How many numbers one statement names.
const AT_ONCE: usize = 500;

const OF_MODULE: &str = "module = (SELECT id FROM {modules} WHERE name = ?)";

/// Does what Moodle does when a module is turned on or off: to all its activities, also to one that was made since the plan.
pub(super) async fn follow(db: &mut Db, module: &str, on: bool, now: i64) -> Result<()> {
    let (update, seen) = if on {
        ("UPDATE {course_modules} SET visible = 1 WHERE visibleold = 1 AND ", "visible = 1 AND ")
    } else {
        ("UPDATE {course_modules} SET visibleold = visible, visible = 0 WHERE ", "visibleold = 1 AND ")
    };
    db.execute(Sql::joined(&[update, OF_MODULE]), &[module.into()]).await?;
    raise_courses(db, module, seen, now).await
}

/// Gives the activities that changed their visibility back. One that was deleted since is passed over; one that was hidden or
/// shown since is refused with `state_refused`.
pub(super) async fn put_back(db: &mut Db, module: &str, listed: Option<&Difference>, now: i64) -> Result<()> {
    let Some(listed) = listed else { return Ok(()) };
    let select = Sql::joined(&["SELECT id, visible, visibleold FROM {course_modules} WHERE ", OF_MODULE]);
    let rows = db.fetch(select, &[module.into()]).await?;
    let there: std::collections::HashMap<i64, String> = rows
        .iter()
        .filter_map(|row| Some((row.int("id")?, format!("{}/{}", row.int("visible")?, row.int("visibleold")?))))
        .collect();
    // `before` is what the change left: what there is now.
    let left: std::collections::HashMap<i64, &str> =
        groups(&listed.before).flat_map(|(pair, ids)| ids.into_iter().map(move |id| (id, pair))).collect();
    for (pair, ids) in groups(&listed.after) {
        let wrong = ids
            .iter()
            .find(|id| there.get(id).is_some_and(|now| now != pair && Some(now.as_str()) != left.get(id).copied()));
        if let Some(id) = wrong {
            let message = format!("the activity {id} of `mod_{module}` was hidden or shown since");
            return Err(Error::new(Kind::StateRefused, message).hint("put it back by hand"));
        }
        let Some((visible, old)) = numbers(pair) else { continue };
        for some in ids.chunks(AT_ONCE) {
            let mut parts = vec!["UPDATE {course_modules} SET visible = ?, visibleold = ? WHERE id IN (?"];
            parts.extend(some.iter().skip(1).map(|_| ", ?"));
            parts.extend([") AND ", OF_MODULE]);
            let mut params: Vec<Param> = vec![visible.into(), old.into()];
            params.extend(some.iter().map(|id| Param::from(*id)));
            params.push(module.into());
            db.execute(Sql::joined(&parts), &params).await?;
        }
    }
    raise_courses(db, module, "", now).await
}

fn groups(value: &Value) -> impl Iterator<Item = (&str, Vec<i64>)> {
    value.as_object().into_iter().flatten().map(|(pair, ids)| {
        let ids = ids.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        (pair.as_str(), ids)
    })
}

fn numbers(pair: &str) -> Option<(i64, i64)> {
    let (visible, old) = pair.split_once('/')?;
    Some((visible.parse().ok()?, old.parse().ok()?))
}

/// Makes the contents of the courses newer that have such activities (lib/datalib.php, `increment_revision_number`).
async fn raise_courses(db: &mut Db, module: &str, seen: &'static str, now: i64) -> Result<()> {
    let update = "UPDATE {course} SET cacherev = (CASE WHEN cacherev IS NULL THEN ? WHEN cacherev < ? THEN ? \
        WHEN cacherev > ? THEN ? ELSE cacherev + 1 END) WHERE id IN (SELECT course FROM {course_modules} WHERE ";
    let mut params: Vec<Param> = [now, now, now, now + 3600, now].map(Into::into).into();
    params.push(module.into());
    db.execute(Sql::joined(&[update, seen, OF_MODULE, ")"]), &params).await?;
    Ok(())
}
