//! Deletes what is in a category of courses; the category stays.

use serde_json::{Value, json};

use super::{ByMoodle, CATEGORY, TIME_LIMIT, content, meta, text};
use crate::db::Db;
use crate::error::Result;
use crate::moodle::courses::Categories;
use crate::operation::contract::{Change, Meta, Work};

/// Deletes the courses of a category and the categories below it.
pub(in crate::operation) static EMPTY_CATEGORY: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: false };

static META: Meta = meta("empty_category", &[CATEGORY, TIME_LIMIT], true);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let all = Categories::read(site).await?;
    let category = all.find(text(work, "category"))?;
    let before = content(site, &all, category).await?;
    if before["categories"] == 0 && before["courses"] == 0 {
        return Ok(Vec::new());
    }
    let after = json!({ "id": category.id, "path": all.path(category), "categories": 0, "courses": 0 });
    Ok(vec![Change { what: "category".into(), before: Value::Object(before), after }])
}
