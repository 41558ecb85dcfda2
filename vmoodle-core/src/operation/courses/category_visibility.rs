//! Shows or hides a category of courses.

use serde_json::json;

use super::{ByMoodle, CATEGORY, TIME_LIMIT, flag, meta, text};
use crate::db::Db;
use crate::error::Result;
use crate::moodle::courses::Categories;
use crate::operation::contract::{Change, Meta, Work};
use crate::parameter::{Param, Type};

/// Shows or hides a category, and with it what is in it, as Moodle's own page does.
pub(in crate::operation) static CATEGORY_VISIBILITY: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: false };

static META: Meta = meta(
    "category_visibility",
    &[CATEGORY, Param { name: "visible", kind: Type::Flag, required: true, default: None }, TIME_LIMIT],
    false,
);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let (all, visible) = (Categories::read(site).await?, flag(work, "visible"));
    let category = all.find(text(work, "category"))?;
    if category.visible == visible {
        return Ok(Vec::new());
    }
    let told = |visible: bool| json!({ "id": category.id, "path": all.path(category), "visible": visible });
    Ok(vec![Change { what: "category".into(), before: told(category.visible), after: told(visible) }])
}
