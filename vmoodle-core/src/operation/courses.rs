//! Operations on courses and categories: rows tell what would happen, and Moodle's own code does it, run as the tenant.

pub(super) mod category_visibility;
pub(super) mod check_course;
pub(super) mod course_visibility;
pub(super) mod create_category;
pub(super) mod delete_category;
pub(super) mod delete_course;
pub(super) mod empty_category;
pub(super) mod restore_course;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::by_script;
use super::contract::{Change, Meta, Operation, Work};
use super::source::flag;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::lifecycle::{in_tenant, require_whole};
use crate::moodle::courses::{self, By, Categories, Category, Course};
use crate::parameter::{Param, Type};
use crate::secret::Keyring;
use crate::steps::{self, Doing};

/// How long Moodle may take; a course with many files takes its time.
const TIME_LIMIT: Param = Param { name: "time_limit", kind: Type::Int, required: false, default: Some("3600") };
/// The course, by what `by` says.
const COURSE: Param = Param { name: "course", kind: Type::Text, required: true, default: None };
/// By what a course is found.
const BY: Param = Param { name: "by", kind: Type::Choice(By::WORDS), required: false, default: Some("shortname") };
/// The category: an identification number, or names from the top.
const CATEGORY: Param = Param { name: "category", kind: Type::Text, required: true, default: None };

/// How many courses a plan names.
const NAMED: usize = 20;

/// Finds out by rows what would happen.
type Planner = for<'a> fn(&'a Work<'_>, &'a mut Db) -> Doing<'a, Vec<Change>>;

/// An operation that Moodle's own code carries out; the command of the plugin's script has the operation's name.
pub(super) struct ByMoodle {
    meta: &'static Meta,
    plan: Planner,
    /// Whether a killed run may not be repeated.
    is_once: bool,
}

/// What these operations have in common.
const fn meta(name: &'static str, parameters: &'static [Param], dangerous: bool) -> Meta {
    Meta {
        name,
        parameters,
        dangerous,
        idempotent: true,
        undoable: false,
        reads_only: false,
        publishes: false,
        makes: false,
    }
}

impl Operation for ByMoodle {
    fn meta(&self) -> &'static Meta {
        self.meta
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        by_script::limit(parameters).map(drop)
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            require_whole(work.tenant, "worked on")?;
            let mut site = work.open_site().await?;
            let planned = (self.plan)(work, &mut site).await;
            site.close().await;
            planned.map_err(|error| error.of_tenant(work.tenant.address.to_string()))
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(apply(self, work, changes))
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "what Moodle has done to courses cannot be put back")) })
    }
}

async fn apply(operation: &ByMoodle, work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    if operation.is_once {
        by_script::begin(work).await?;
    }
    let asked = json!({ "parameters": work.parameters, "changes": changes });
    let limit = by_script::limit(work.parameters)?;
    let answer = in_tenant::ask(work.control, work.tenant, operation.meta.name, &asked, limit).await;
    steps::boundary();
    if operation.is_once {
        by_script::has_ended(work)?;
    }
    by_script::memory(work)?.print(Value::Object(answer?));
    Ok(())
}

fn text<'a>(work: &'a Work<'_>, name: &str) -> &'a str {
    work.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The courses that the parameters mean; at least one. Fails with `course_not_found`.
async fn wanted(work: &Work<'_>, site: &mut Db) -> Result<Vec<Course>> {
    let name = text(work, "course");
    let found = courses::find(site, By::of(text(work, "by")), name).await?;
    if found.is_empty() {
        let shown = crate::host::escape(name);
        return Err(Error::new(Kind::CourseNotFound, format!("no course is `{shown}`"))
            .hint("look it up: the operation `check_course`, where `*` stands for any characters"));
    }
    Ok(found)
}

/// What is in a category: how many categories below it, its courses and theirs.
async fn content(site: &mut Db, all: &Categories, category: &Category) -> Result<Map<String, Value>> {
    let below: BTreeSet<i64> = all.below(category);
    let courses = courses::inside(site, &below).await?;
    let names: Vec<&str> = courses.iter().take(NAMED).map(|course| course.shortname.as_str()).collect();
    let told = json!({
        "id": category.id, "path": all.path(category), "categories": below.len() - 1, "courses": courses.len(),
        "shortnames": names,
    });
    Ok(told.as_object().cloned().unwrap_or_default())
}
