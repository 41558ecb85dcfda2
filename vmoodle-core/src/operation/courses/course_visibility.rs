//! Shows or hides courses.

use super::{BY, ByMoodle, COURSE, TIME_LIMIT, flag, meta, wanted};
use crate::db::Db;
use crate::error::Result;
use crate::moodle::courses::Course;
use crate::operation::contract::{Change, Meta, Work};
use crate::parameter::{Param, Type};

/// Shows or hides each course that is meant.
pub(in crate::operation) static COURSE_VISIBILITY: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: false };

static META: Meta = meta(
    "course_visibility",
    &[COURSE, BY, Param { name: "visible", kind: Type::Flag, required: true, default: None }, TIME_LIMIT],
    false,
);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let visible = flag(work, "visible");
    let courses = wanted(work, site).await?;
    let changed = courses.into_iter().filter(|course| course.visible != visible);
    let change = |course: Course| {
        let after = Course { visible, ..course.clone() };
        Change { what: "course".into(), before: course.told(), after: after.told() }
    };
    Ok(changed.map(change).collect())
}
