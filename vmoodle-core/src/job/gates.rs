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
    servers: RefCell<HashMap<String, Arc<Semaphore>>>,
}

/// Work may go on as long as it holds this.
pub(super) struct Pass {
    _server: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
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
            Some(tenant) => Some(self.server(&tenant.database).acquire_owned().await.map_err(shut)?),
            None => None,
        };
        let all = self.all.clone().acquire_owned().await.map_err(shut)?;
        Ok(Pass { _server: server, _all: all })
    }

    fn server(&self, place: &Endpoint) -> Arc<Semaphore> {
        let socket = place.socket.as_deref().unwrap_or_default();
        let key = format!("{}:{}:{}:{socket}", place.engine.word(), place.host, place.port.unwrap_or(0));
        let mut servers = self.servers.borrow_mut();
        servers.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.budget(place)))).clone()
    }

    fn budget(&self, place: &Endpoint) -> usize {
        let here = |server: &Endpoint| {
            place.is_same_database(&Endpoint { database: place.database.clone(), ..server.clone() })
        };
        self.budgets.iter().find(|(server, _)| here(server)).map_or(PER_SERVER, |(_, budget)| *budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Engine;

    #[test]
    fn a_server_with_a_budget_has_its_own_and_another_the_default() {
        let place = |host: &str, database: &str| Endpoint {
            engine: Engine::MariaDb,
            host: host.into(),
            port: None,
            socket: None,
            database: DbName::parse(database).unwrap(),
            user: None,
            password: None,
        };
        let gates = Gates {
            all: Arc::new(Semaphore::new(1)),
            budgets: vec![(place("big.example.org", "any"), 16)],
            servers: RefCell::default(),
        };
        assert_eq!(gates.server(&place("big.example.org", "a")).available_permits(), 16);
        assert_eq!(gates.server(&place("small.example.org", "a")).available_permits(), PER_SERVER);
        let (one, other) = (gates.server(&place("x", "a")), gates.server(&place("x", "b")));
        assert!(Arc::ptr_eq(&one, &other), "two databases of one server share its gate");
    }
}
