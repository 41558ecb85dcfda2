//! Tells which courses there are of a name.

use serde_json::{Value, json};

use super::{BY, COURSE, text};
use crate::error::{Error, Kind, Result};
use crate::moodle::courses::{self, By, Categories};
use crate::operation::by_script;
use crate::operation::contract::{Change, Meta, Operation, Work};
use crate::steps::Doing;

/// Tells which courses there are of a name; rows tell, so nothing is started for it.
pub(in crate::operation) struct CheckCourse;

static META: Meta = Meta { reads_only: true, ..super::meta("check_course", &[COURSE, BY], false) };

/// How many courses are told of.
const MOST: usize = 200;

impl Operation for CheckCourse {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, _: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(check(work))
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "what only reads has changed nothing")) })
    }
}

async fn check(work: &mut Work<'_>) -> Result<()> {
    let mut site = work.open_site().await?;
    let read = async {
        let found = courses::find(&mut site, By::of(text(work, "by")), text(work, "course")).await?;
        Ok::<_, Error>((found, Categories::read(&mut site).await?))
    }
    .await;
    site.close().await;
    let (found, all) = read?;
    let told: Vec<Value> = found
        .iter()
        .take(MOST)
        .map(|course| {
            let mut told = course.told();
            told["category"] = json!(all.by_id(course.category).map(|category| all.path(category)));
            told
        })
        .collect();
    by_script::memory(work)?.print(json!({ "found": found.len(), "courses": told }));
    Ok(())
}
