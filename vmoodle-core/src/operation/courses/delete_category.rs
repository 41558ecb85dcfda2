//! Deletes a category of courses.

use serde_json::{Value, json};

use super::{ByMoodle, CATEGORY, TIME_LIMIT, content, meta, text};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::moodle::courses::Categories;
use crate::operation::contract::{Change, Meta, Work};
use crate::parameter::{Param, Type};

/// Deletes a category with all that is in it; what is in it moves elsewhere where `move_to` says so.
pub(in crate::operation) static DELETE_CATEGORY: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: false };

static META: Meta = meta(
    "delete_category",
    &[CATEGORY, Param { name: "move_to", kind: Type::Text, required: false, default: Some("") }, TIME_LIMIT],
    true,
);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let all = Categories::read(site).await?;
    let category = all.find(text(work, "category"))?;
    let below = all.below(category);
    if below.len() == all.count() {
        return Err(Error::new(Kind::StateRefused, "no category would be left, and a Moodle needs one")
            .hint("empty it instead: the operation `empty_category`"));
    }
    let after = match text(work, "move_to") {
        "" => Value::Null,
        to => {
            let to = all.find(to)?;
            if below.contains(&to.id) {
                let message = format!("`{}` goes too, so nothing can move there", all.path(to));
                return Err(Error::new(Kind::BadParameter, message));
            }
            json!({ "moved_to": all.path(to), "id": to.id })
        }
    };
    let before = content(site, &all, category).await?;
    Ok(vec![Change { what: "category".into(), before: Value::Object(before), after }])
}
