//! Deletes courses.

use serde_json::Value;

use super::{BY, ByMoodle, COURSE, TIME_LIMIT, meta, wanted};
use crate::db::Db;
use crate::error::Result;
use crate::moodle::courses::Course;
use crate::operation::contract::{Change, Meta, Work};

/// Deletes each course that is meant; where Moodle's recycle bin is on, it keeps them for its time.
pub(in crate::operation) static DELETE_COURSE: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: false };

static META: Meta = meta("delete_course", &[COURSE, BY, TIME_LIMIT], true);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let change = |course: &Course| Change { what: "course".into(), before: course.told(), after: Value::Null };
    Ok(wanted(work, site).await?.iter().map(change).collect())
}
