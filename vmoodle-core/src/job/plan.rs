//! What a run would change, asked of many tenants at once.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Map, Value, json};
use tokio::task::{JoinSet, LocalSet};

use super::executor::apart;
use super::gates::Gates;
use super::pool::Pool;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::operation::contract::{Change, Operation, Work};
use crate::secret::Keyring;
use crate::steps::Memo;
use crate::tenant::Tenant;

/// How many tenants are asked at once.
const ASKED: usize = 16;

/// What is asked.
pub(super) struct Question {
    pub(super) keyring: Rc<Keyring>,
    pub(super) operation: &'static dyn Operation,
    pub(super) parameters: Map<String, Value>,
    pub(super) memo: Rc<Memo>,
}

/// The changes that a run would make to each tenant, or the error that it would end with; in the tenants' order.
pub(super) async fn plan(
    db: &mut Db,
    pool: Pool,
    question: Question,
    tenants: Vec<Tenant>,
) -> Result<Vec<(Tenant, Result<Vec<Change>>)>> {
    let gates = Rc::new(Gates::open(db, ASKED).await?);
    let (pool, question) = (Rc::new(pool), Rc::new(question));
    let mut plans: Vec<Option<(Tenant, Result<Vec<Change>>)>> = tenants.iter().map(|_| None).collect();
    let local = LocalSet::new();
    let asked = local.run_until(async {
        let mut asking = JoinSet::new();
        for (place, tenant) in tenants.into_iter().enumerate() {
            let (gates, pool, question) = (gates.clone(), pool.clone(), question.clone());
            asking.spawn_local(async move {
                let asked = ask(gates, pool, question, tenant.clone()).await;
                (place, (tenant, asked))
            });
        }
        while let Some(asked) = asking.join_next().await {
            let (place, plan) = asked.map_err(|e| Error::new(Kind::Internal, "a plan has ended early").because(e))?;
            plans[place] = Some(plan);
        }
        Ok::<_, Error>(())
    });
    let asked = asked.await;
    pool.close().await;
    asked.map(|()| plans.into_iter().flatten().collect())
}

async fn ask(gates: Rc<Gates>, pool: Rc<Pool>, question: Rc<Question>, tenant: Tenant) -> Result<Vec<Change>> {
    let _pass = gates.pass(Some(&tenant)).await?;
    apart(async move {
        let mut db = pool.take().await?;
        let mut work = Work {
            control: pool.control(),
            keyring: &question.keyring,
            db: &mut db,
            tenant: &tenant,
            parameters: &question.parameters,
            steps: None,
            memo: question.memo.clone(),
            stale: Vec::new(),
            site: Cell::default(),
        };
        let planned = question.operation.plan(&mut work).await;
        if let Some(site) = work.site.take() {
            site.close().await;
        }
        pool.back(db, &planned);
        planned
    })
    .await
}

/// A change as it may be shown: secrets masked.
pub(crate) fn change_as_json(change: &Change) -> Value {
    super::masked(json!(change))
}

/// A tenant's part of a plan.
pub(super) fn shown(wwwroot: &str, planned: Result<Vec<Change>>) -> Value {
    match planned {
        Ok(changes) => json!({ "tenant": wwwroot, "changes": super::masked(json!(changes)) }),
        Err(e) => json!({ "tenant": wwwroot, "changes": [], "errorcode": e.code(), "error": e.to_string() }),
    }
}
