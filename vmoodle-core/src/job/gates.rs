//! How much runs at once: in all, and on each database server.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::ident::DbName;
use crate::registry::servers;
use crate::tenant::{Endpoint, Tenant};

/// How many tenants of one database server are worked on at once, where its row in the registry says nothing.
pub(super) const PER_SERVER: usize = 4;

/// The gates that work on a tenant goes through.
pub(super) struct Gates {
    all: Arc<Semaphore>,
    budgets: Vec<(Endpoint, usize)>,
    servers: RefCell<HashMap<String, Server>>,
}

/// The gates of one database server.
#[derive(Clone)]
struct Server {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// How many connections are held on such a server at most: those that are worked with, and those that wait with an item
/// for the journal between its plan and its work.
const HELD: usize = 32;

/// Work may go on as long as it holds this.
pub(super) struct Pass {
    server: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

/// A connection may stay open as long as it is held.
pub(super) enum Held {
    /// It waits beside those that are worked with.
    Waiting(OwnedSemaphorePermit),
    /// It keeps its place among those, which nobody else wants.
    Working(OwnedSemaphorePermit),
}

impl Gates {
    /// Gates for `most` tenants at once, with the budgets of the registry's servers.
    pub(super) async fn open(db: &mut Db, most: usize) -> Result<Self> {
        let budgets = servers::budgets(db, &DbName::parse("any")?).await?;
        Ok(Self { all: Arc::new(Semaphore::new(most)), budgets, servers: RefCell::default() })
    }

    /// Waits until a tenant may be worked on. A place in all is taken last: who waits for a busy server holds up nobody.
    pub(super) async fn pass(&self, tenant: Option<&Tenant>) -> Result<Pass> {
        let shut = |e| Error::new(Kind::Internal, "a server's gate is shut").because(e);
        let server = match tenant {
            Some(tenant) => Some(self.server(&tenant.database).working.acquire_owned().await.map_err(shut)?),
            None => None,
        };
        let all = self.all.clone().acquire_owned().await.map_err(shut)?;
        Ok(Pass { server, _all: all })
    }

    /// Whether the connection to a tenant may stay open until its work goes on; `None` where too many do already.
    pub(super) fn keep(&self, tenant: &Tenant, pass: &mut Pass) -> Option<Held> {
        let server = self.server(&tenant.database);
        if let Ok(place) = server.waiting.try_acquire_owned() {
            return Some(Held::Waiting(place));
        }
        let is_wanted = server.working.available_permits() == 0;
        if is_wanted { None } else { pass.server.take().map(Held::Working) }
    }

    /// As [`pass`](Self::pass), for one whose connection may have stayed open.
    pub(super) async fn resume(&self, tenant: &Tenant, kept: Option<Held>) -> Result<Pass> {
        match kept {
            Some(Held::Working(place)) => Ok(Pass { server: Some(place), ..self.pass(None).await? }),
            Some(Held::Waiting(place)) => {
                let pass = self.pass(Some(tenant)).await;
                drop(place);
                pass
            }
            None => self.pass(Some(tenant)).await,
        }
    }

    fn server(&self, place: &Endpoint) -> Server {
        let socket = place.socket.as_deref().unwrap_or_default();
        let key = format!("{}:{}:{}:{socket}", place.engine.word(), place.host, place.port.unwrap_or(0));
        let mut servers = self.servers.borrow_mut();
        let new = || {
            // What a row says is the most that may be held in all.
            let budget = self.budget(place);
            let (working, waiting) =
                (budget.unwrap_or(PER_SERVER), if budget.is_some() { 0 } else { HELD - PER_SERVER });
            Server { working: Arc::new(Semaphore::new(working)), waiting: Arc::new(Semaphore::new(waiting)) }
        };
        servers.entry(key).or_insert_with(new).clone()
    }

    fn budget(&self, place: &Endpoint) -> Option<usize> {
        let here = |server: &Endpoint| {
            place.is_same_database(&Endpoint { database: place.database.clone(), ..server.clone() })
        };
        self.budgets.iter().find(|(server, _)| here(server)).map(|(_, budget)| *budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Engine;
    use crate::tenant::tests_support::tenant;

    fn place(host: &str, database: &str) -> Endpoint {
        Endpoint {
            engine: Engine::MariaDb,
            host: host.into(),
            port: None,
            socket: None,
            database: DbName::parse(database).unwrap(),
            user: None,
            password: None,
        }
    }

    #[test]
    fn a_server_with_a_budget_has_its_own_and_another_the_default() {
        let gates = Gates {
            all: Arc::new(Semaphore::new(1)),
            budgets: vec![(place("big.example.org", "any"), 16)],
            servers: RefCell::default(),
        };
        let big = gates.server(&place("big.example.org", "a"));
        assert_eq!((big.working.available_permits(), big.waiting.available_permits()), (16, 0));
        let small = gates.server(&place("small.example.org", "a"));
        assert_eq!(
            (small.working.available_permits(), small.waiting.available_permits()),
            (PER_SERVER, HELD - PER_SERVER)
        );
        let (one, other) = (gates.server(&place("x", "a")), gates.server(&place("x", "b")));
        assert!(Arc::ptr_eq(&one.working, &other.working), "two databases of one server share its gate");
    }

    #[test]
    fn a_connection_waits_open_only_where_nobody_else_wants_its_place() {
        let tenant = |host: &str| Tenant { database: place(host, "a"), ..tenant(1, "https://a.example.org") };
        let (plain, small) = (tenant("plain"), tenant("small"));
        let gates = Gates {
            all: Arc::new(Semaphore::new(64)),
            budgets: vec![(place("small", "any"), 2)],
            servers: RefCell::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut pass = gates.pass(Some(&plain)).await.unwrap();
            let held: Vec<Held> = std::iter::from_fn(|| gates.keep(&plain, &mut pass)).take(100).collect();
            // Those that wait, and in the end the place of the pass itself.
            assert_eq!(held.len(), HELD - PER_SERVER + 1);
            drop((pass, held));

            let (mut one, mut two) = (gates.pass(Some(&small)).await.unwrap(), gates.pass(Some(&small)).await.unwrap());
            assert!(gates.keep(&small, &mut one).is_none(), "both places are in use");
            drop(one);
            let held = gates.keep(&small, &mut two);
            assert!(matches!(held, Some(Held::Working(_))), "no more are held than the row says");
            drop(two);
            let resumed = gates.resume(&small, held).await.unwrap();
            assert_eq!(gates.server(&small.database).working.available_permits(), 1);
            drop(resumed);
            assert_eq!(gates.server(&small.database).working.available_permits(), 2);
        });
    }
}
