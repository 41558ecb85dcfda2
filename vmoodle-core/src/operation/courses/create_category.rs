//! Makes a category of courses, and those above it that are missing.

use serde_json::{Value, json};

use super::{ByMoodle, TIME_LIMIT, flag, meta, text};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::moodle::courses::{self, Categories};
use crate::operation::contract::{Change, Meta, Work};
use crate::parameter::{Param, Type};

/// Makes a category; one that is there, as it is wished, is left as it is.
pub(in crate::operation) static CREATE_CATEGORY: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: false };

static META: Meta = meta(
    "create_category",
    &[
        Param { name: "path", kind: Type::Text, required: true, default: None },
        Param { name: "idnumber", kind: Type::Text, required: false, default: Some("") },
        Param { name: "visible", kind: Type::Flag, required: false, default: Some("1") },
        TIME_LIMIT,
    ],
    false,
);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let names = courses::names(text(work, "path"))?;
    let (idnumber, visible) = (text(work, "idnumber"), flag(work, "visible"));
    let all = Categories::read(site).await?;
    let taken = Some(idnumber).filter(|number| !number.is_empty()).and_then(|number| all.numbered(number));
    if let Some(found) = all.walk(&names)? {
        if !idnumber.is_empty() && found.idnumber != idnumber {
            let message = format!("`{}` is there with the identification number `{}`", all.path(found), found.idnumber);
            return Err(Error::new(Kind::NameTaken, message).hint("leave `idnumber` out, or change it on the site"));
        }
        return Ok(Vec::new());
    }
    if let Some(other) = taken {
        let message = format!("the identification number `{idnumber}` is that of `{}`", all.path(other));
        return Err(Error::new(Kind::NameTaken, message));
    }
    let mut changes = Vec::new();
    for depth in 1..=names.len() {
        let path = &names[..depth];
        if all.walk(path)?.is_some() {
            continue;
        }
        let is_last = depth == names.len();
        let after = json!({
            "path": path, "idnumber": if is_last { idnumber } else { "" }, "visible": !is_last || visible,
        });
        changes.push(Change { what: format!("category {}", path.join("/")), before: Value::Null, after });
    }
    Ok(changes)
}
