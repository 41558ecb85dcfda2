//! Jobs that are planned as a whole first, and then written down as they were planned: their items begin with the image.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::plan::{self, Question};
use super::pool::Pool;
use super::{Request, check_options, journal, refused, userid};
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::operation;
use crate::operation::contract::{Change, Meta};
use crate::parameter;
use crate::secret::Keyring;
use crate::tenant::Tenant;

/// A job that is not written down yet.
pub(crate) struct Draft {
    meta: &'static Meta,
    parameters: Map<String, Value>,
    /// Its tenants, each with what would change.
    pub(crate) plans: Vec<(Tenant, Result<Vec<Change>>)>,
}

impl Draft {
    /// The operation's name.
    pub(crate) fn operation(&self) -> &'static str {
        self.meta.name
    }
}

/// Plans an operation for tenants; changes nothing. The request's targets are not looked at.
pub(crate) async fn draft(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Rc<Keyring>,
    asked: &Request<'_>,
    tenants: Vec<Tenant>,
) -> Result<Draft> {
    let operation = operation::find(asked.operation)?;
    let meta = operation.meta();
    if meta.makes || meta.dangerous {
        return Err(Error::new(Kind::Internal, format!("`{}` cannot be drafted", meta.name)));
    }
    let mut parameters = parameter::check(meta.parameters, asked.parameters, keyring)?;
    operation.prepare(&mut parameters, keyring)?;
    let question =
        Question { keyring: keyring.clone(), operation, parameters: parameters.clone(), memo: Rc::default() };
    let plans = Box::pin(plan::plan(db, Pool::new(control.clone()), question, tenants)).await?;
    Ok(Draft { meta, parameters, plans })
}

/// Writes drafts down as jobs, all or none, one item for each tenant with changes; gives their numbers in the order of the
/// drafts, `None` for one without changes. A run of them makes the changes that were planned and no others: a value that is
/// by then neither what it was nor what it shall be fails the item with `state_refused`.
pub(crate) async fn submit_drafts(
    db: &mut Db,
    drafts: &[Draft],
    options: &Map<String, Value>,
) -> Result<Vec<Option<i64>>> {
    check_options(options)?;
    let mut jobs = Vec::with_capacity(drafts.len());
    let mut db = db.begin().await?;
    for draft in drafts {
        let copied = parameter::split(&draft.parameters, false);
        let (mut items, mut targets) = (Vec::new(), Vec::new());
        for (tenant, changes) in &draft.plans {
            let Some(changes) = changes.as_ref().ok().filter(|changes| !changes.is_empty()) else { continue };
            let image = serde_json::to_string(changes);
            let image = image.map_err(|e| Error::new(Kind::Internal, "an image is no JSON").because(e))?;
            items.push(journal::NewItem { image: Some(image), ..journal::NewItem::of(tenant, &copied) });
            targets.push(tenant.address.key());
        }
        if items.is_empty() {
            jobs.push(None);
            continue;
        }
        let new = journal::NewJob {
            operation: draft.operation(),
            parameters: &draft.parameters,
            targets,
            options,
            mode: "run",
            undoes: 0,
            retries: 0,
            userid: userid(options)?,
        };
        jobs.push(Some(journal::create(&mut db, &new, &items).await?));
    }
    if jobs.iter().all(Option::is_none) {
        return Err(refused("nothing is to be changed"));
    }
    db.commit().await?;
    Ok(jobs)
}
