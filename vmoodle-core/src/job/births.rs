//! Jobs that make their tenants: each node gets its row when the job is written down.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::journal::{self, NewItem};
use super::plan::shown;
use super::{Request, refused, spread, userid};
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::lifecycle::wish::{Answer, WISH, flag};
use crate::lifecycle::{adopt, wish};
use crate::operation::contract::{Births, Operation, Work};
use crate::registry::Session;
use crate::secret::Keyring;

/// Writes the rows of the tenants, the job and its items, in one transaction.
pub(super) async fn submit(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Keyring,
    operation: &'static dyn Operation,
    asked: &Request<'_>,
    parameters: &Map<String, Value>,
    options: &Map<String, Value>,
) -> Result<i64> {
    let seen = look(control, keyring, operation.births(), asked, parameters).await?;
    let mut session = Session::open(db, control, keyring).await?;
    session.require_current()?;
    let answers = answers(&mut session, control, keyring, seen, parameters).await?;
    let mut items = Vec::with_capacity(answers.len());
    for answer in answers {
        match answer {
            Answer::Granted(granted) => {
                let mut item = NewItem::of(&granted.tenant, &granted.parameters);
                if granted.again {
                    item.memory = journal::last_memory(session.db(), item.tenant).await?;
                }
                items.push(item);
            }
            Answer::Exists(_) => {}
            Answer::Refused(wwwroot, error) => items.push(NewItem::refused(&wwwroot, &error)),
        }
    }
    spread::over_time(&mut items, options)?;
    // The nodes stand in the items; the job keeps what is meant for all.
    let common = common(parameters);
    let new = journal::NewJob {
        operation: asked.operation,
        parameters: &common,
        targets: Vec::new(),
        options,
        mode: "run",
        undoes: 0,
        retries: 0,
        userid: userid(options)?,
    };
    let job = journal::create(session.db(), &new, &items).await?;
    session.commit().await?;
    Ok(job)
}

/// What would be made; everything is written and nothing is kept.
pub(super) async fn plan(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Keyring,
    operation: &'static dyn Operation,
    asked: &Request<'_>,
    parameters: &Map<String, Value>,
) -> Result<Vec<Value>> {
    let seen = look(control, keyring, operation.births(), asked, parameters).await?;
    let mut session = Session::open(db, control, keyring).await?;
    session.require_current()?;
    let mut plans = Vec::new();
    for answer in answers(&mut session, control, keyring, seen, parameters).await? {
        plans.push(match answer {
            Answer::Granted(granted) => {
                let (tenant, parameters) = (&granted.tenant, &granted.parameters);
                let mut work = Work {
                    control,
                    keyring,
                    db: session.db(),
                    tenant,
                    parameters,
                    steps: None,
                    memo: Rc::default(),
                    stale: Vec::new(),
                    site: Cell::default(),
                };
                shown(&tenant.address.to_string(), operation.plan(&mut work).await)
            }
            Answer::Exists(wwwroot) => json!({ "tenant": wwwroot, "changes": [] }),
            Answer::Refused(wwwroot, error) => shown(&wwwroot, Err(error)),
        });
    }
    Ok(plans)
}

/// The nodes, as far as they can be looked at without the registry.
enum Nodes<'a> {
    /// Of sites that are to be built.
    Built(&'a [Value]),
    /// Of sites that are there.
    Adopted(Vec<adopt::Seen>),
}

async fn look<'a>(
    control: &ControlSite,
    keyring: &Keyring,
    births: Births,
    asked: &Request<'_>,
    parameters: &'a Map<String, Value>,
) -> Result<Nodes<'a>> {
    if !asked.targets.is_empty() {
        return Err(refused("the operation makes its tenants and works on no others").hint("give no targets"));
    }
    let nodes = parameters.get("nodes").and_then(Value::as_array);
    let nodes = nodes.filter(|nodes| !nodes.is_empty()).ok_or_else(|| {
        Error::new(Kind::BadParameter, "`nodes` must be a list of maps, one for each tenant, and none is there")
    })?;
    match births {
        Births::Built => Ok(Nodes::Built(nodes)),
        Births::Adopted => adopt::see(control, keyring, nodes, parameters).await.map(Nodes::Adopted),
    }
}

async fn answers(
    session: &mut Session<'_>,
    control: &ControlSite,
    keyring: &Keyring,
    nodes: Nodes<'_>,
    parameters: &Map<String, Value>,
) -> Result<Vec<Answer>> {
    let answers = match nodes {
        Nodes::Built(nodes) => wish::grant(session, control, keyring, nodes, &common(parameters)).await?,
        Nodes::Adopted(seen) => adopt::grant(session, seen).await?,
    };
    let bad = answers.iter().filter(|answer| matches!(answer, Answer::Refused(..))).count();
    if bad == 0 || !flag(parameters, "all_or_nothing") {
        return Ok(answers);
    }
    let number = answers.len();
    let first = answers.into_iter().find_map(|answer| match answer {
        Answer::Refused(wwwroot, error) => Some((wwwroot, error)),
        Answer::Granted(_) | Answer::Exists(_) => None,
    });
    let (wwwroot, error) = first.unwrap_or_else(|| (String::new(), refused("a node is refused")));
    let message = format!("{bad} of {number} tenants cannot be made, so none is; the first is `{}`", escape(&wwwroot));
    Err(Error::new(error.kind(), message).because(error))
}

fn common(parameters: &Map<String, Value>) -> Map<String, Value> {
    let wanted = |name: &str| WISH.iter().any(|param| param.name == name);
    parameters.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
