//! A site's database: one connection, the same words for both engines.
//!
//! A tenant's handle can only be made from a [`Tenant`], the control site's from its [`ControlSite`]; there is no third
//! door, so nothing reaches a database that the registry does not own. What makes and drops whole databases is another
//! handle with a closed list of statements ([`admin`]), what writes them out and reads them in a third ([`transfer`]).
// `pub` for the tests at the boundary only, by the feature `testing`.
#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

// The operations on a tenant's life stand on these two; until all of them do, some of it is used by tests only.
#[cfg_attr(not(feature = "testing"), allow(dead_code, unused_imports))]
pub mod admin;
mod catalogue;
mod fault;
mod foreign;
mod mysql;
mod place;
mod postgres;
mod row;
mod shape;
mod sql;
#[cfg_attr(not(feature = "testing"), allow(dead_code))]
pub mod transfer;

use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::{MySqlConnection, PgConnection};

pub use catalogue::{Limit, TextColumn};
pub use fault::{Cause, Fault};
pub use foreign::{Came, More, Session};
pub use row::{Cell, Param, Row};
pub use shape::{ColumnShape, ColumnType, TableShape};
pub use sql::{Part, Sql};

use crate::control::ControlSite;
use crate::error::Result;
use crate::ident::Prefix;
use crate::secret::Keyring;
use crate::settings::Settings;
use crate::tenant::{Engine, Tenant};
use place::Place;

/// How long one statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(2);

/// A connection to one site's database. Dropped in the middle of a transaction, it is rolled back by the server.
pub struct Db {
    connection: Connection,
    prefix: Prefix,
    tenant: Option<String>,
    /// A transaction was dropped, and is still to be rolled back.
    abandoned: bool,
}

enum Connection {
    MySql(MySqlConnection),
    Postgres(PgConnection),
}

impl Connection {
    async fn close(self) {
        let _ = match self {
            Self::MySql(connection) => mysql::close(connection).await,
            Self::Postgres(connection) => postgres::close(connection).await,
        };
    }
}

/// Runs one function of the twin drivers, bounded in time, and reads what was refused.
macro_rules! drive {
    ($db:expr, $limit:expr, $function:ident ( $($argument:expr),* )) => {{
        let tenant = $db.tenant.as_deref();
        let done = async {
            match &mut $db.connection {
                Connection::MySql(c) => mysql::$function(c, $($argument),*).await.map_err(|e| Fault::of_driver(&e, mysql::cause, tenant)),
                Connection::Postgres(c) => {
                    postgres::$function(c, $($argument),*).await.map_err(|e| Fault::of_driver(&e, postgres::cause, tenant))
                }
            }
        };
        within($limit, tenant, done).await
    }};
}

impl Db {
    /// Connects to a tenant's database with its own account, or with the farm's.
    ///
    /// Fails with `tenant_unreachable`; [`Fault::cause`] of the error's source tells why.
    pub async fn open_tenant(tenant: &Tenant, settings: &Settings, keyring: &Keyring) -> Result<Self> {
        let wwwroot = tenant.address.to_string();
        let place = Place::of_tenant(tenant, settings, keyring).map_err(|e| e.of_tenant(&wwwroot))?;
        Ok(Self::open(&place, tenant.prefix.clone(), Some(wwwroot)).await?)
    }

    /// Connects to the control site's database. Fails with `control_unreachable` when it does not answer.
    pub async fn open_control(site: &ControlSite) -> Result<Self> {
        Ok(Self::open(&Place::of_control(site)?, site.prefix.clone(), None).await?)
    }

    async fn open(place: &Place, prefix: Prefix, tenant: Option<String>) -> Result<Self, Fault> {
        let connection = connect(place, tenant.as_deref()).await?;
        Ok(Self { connection, prefix, tenant, abandoned: false })
    }

    /// Says goodbye to the server, which would otherwise note an aborted connection.
    pub async fn close(self) {
        self.connection.close().await;
    }

    /// The driver, as far as statements go.
    pub fn engine(&self) -> Engine {
        match self.connection {
            Connection::MySql(_) => Engine::MariaDb,
            Connection::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement; gives how many rows it changed.
    pub async fn execute(&mut self, sql: impl Into<Sql>, params: &[Param]) -> Result<u64, Fault> {
        let sql = self.render(&sql.into());
        self.settle().await?;
        drive!(self, STATEMENT_TIMEOUT, execute(sql, params))
    }

    /// Runs an `INSERT` into a table with a column `id`; gives the id of the new row.
    pub async fn insert(&mut self, sql: impl Into<Sql>, params: &[Param]) -> Result<i64, Fault> {
        let sql = self.render(&sql.into());
        self.settle().await?;
        drive!(self, STATEMENT_TIMEOUT, insert(sql, params))
    }

    /// Runs a `SELECT`; gives all rows.
    pub async fn fetch(&mut self, sql: impl Into<Sql>, params: &[Param]) -> Result<Vec<Row>, Fault> {
        let sql = self.render(&sql.into());
        self.settle().await?;
        drive!(self, STATEMENT_TIMEOUT, fetch(sql, params))
    }

    /// Runs a `SELECT`; gives the first row.
    pub async fn fetch_one(&mut self, sql: impl Into<Sql>, params: &[Param]) -> Result<Option<Row>, Fault> {
        Ok(self.fetch(sql, params).await?.into_iter().next())
    }

    /// The columns of the tables that are there; a table that is not there is not in the map. Names without prefix.
    pub async fn columns(&mut self, tables: &[&'static str]) -> Result<HashMap<String, Vec<String>>, Fault> {
        let select = "SELECT table_name AS tablename, column_name AS columnname FROM information_schema.columns";
        let mut parts = vec![select, " WHERE table_schema = ", self.current_schema(), " AND table_name IN (?"];
        parts.extend(tables.iter().skip(1).map(|_| ", ?"));
        parts.push(")");
        let sql = Sql::joined(&parts);
        let names: Vec<Param> = tables.iter().map(|table| format!("{}{table}", self.prefix).into()).collect();
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        for row in self.fetch(sql, &names).await? {
            if let (Some(table), Some(column)) = (row.text("tablename"), row.text("columnname")) {
                let table = table.strip_prefix(self.prefix.as_str()).unwrap_or(table);
                found.entry(table.to_owned()).or_default().push(column.to_owned());
            }
        }
        Ok(found)
    }

    /// How many tables there are, with any prefix.
    pub async fn count_tables(&mut self) -> Result<i64, Fault> {
        let select = "SELECT COUNT(*) AS tables FROM information_schema.tables WHERE table_schema = ";
        let row = self.fetch_one(Sql::joined(&[select, self.current_schema()]), &[]).await?;
        Ok(row.and_then(|row| row.int("tables")).unwrap_or(0))
    }

    /// The database's character set, as the server names it.
    pub async fn charset(&mut self) -> Result<String, Fault> {
        let charset = if self.engine().is_mysql() { mysql::CHARSET } else { postgres::CHARSET };
        let row = self.fetch_one(Sql::joined(&["SELECT ", charset, " AS charset"]), &[]).await?;
        Ok(row.and_then(|row| row.text("charset").map(str::to_owned)).unwrap_or_default())
    }

    /// Begins a transaction.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Fault> {
        self.settle().await?;
        drive!(self, STATEMENT_TIMEOUT, begin())?;
        Ok(Transaction { db: self, open: true })
    }

    /// Runs statements of this crate as they stand, in one message.
    async fn run_as_is(&mut self, sql: String) -> Result<(), Fault> {
        drive!(self, STATEMENT_TIMEOUT, run(sql))
    }

    /// Rolls back what was dropped: dropping cannot wait for a server.
    async fn settle(&mut self) -> Result<(), Fault> {
        if self.abandoned {
            drive!(self, STATEMENT_TIMEOUT, rollback())?;
            self.abandoned = false;
        }
        Ok(())
    }

    fn current_schema(&self) -> &'static str {
        if self.engine().is_mysql() { mysql::CURRENT_SCHEMA } else { postgres::CURRENT_SCHEMA }
    }

    fn render(&self, sql: &Sql) -> String {
        let dialect = if self.engine().is_mysql() { mysql::DIALECT } else { postgres::DIALECT };
        sql.render(dialect, &self.prefix)
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("engine", &self.engine()).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A transaction. Dropped without [`commit`](Self::commit) it is rolled back before the connection's next statement, or
/// with its end.
#[derive(Debug)]
pub struct Transaction<'a> {
    db: &'a mut Db,
    open: bool,
}

impl Transaction<'_> {
    /// Makes it last.
    pub async fn commit(mut self) -> Result<(), Fault> {
        drive!(self.db, STATEMENT_TIMEOUT, commit())?;
        self.open = false;
        Ok(())
    }

    /// Takes it back and lets its locks go at once.
    pub async fn rollback(mut self) -> Result<(), Fault> {
        drive!(self.db, STATEMENT_TIMEOUT, rollback())?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.db.abandoned |= self.open;
    }
}

impl Deref for Transaction<'_> {
    type Target = Db;

    fn deref(&self) -> &Db {
        self.db
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Db {
        self.db
    }
}

/// Connects, no longer than the place allows.
async fn connect(place: &Place, tenant: Option<&str>) -> Result<Connection, Fault> {
    let connecting = async {
        if place.engine.is_mysql() {
            let opened = mysql::connect(place).await.map_err(|e| Fault::of_driver(&e, mysql::cause, tenant))?;
            Ok(Connection::MySql(opened))
        } else {
            let opened = postgres::connect(place).await.map_err(|e| Fault::of_driver(&e, postgres::cause, tenant))?;
            Ok(Connection::Postgres(opened))
        }
    };
    // On the heap: a driver's way in is a large future, and what waits for it would be too.
    within(place.timeout, tenant, Box::pin(connecting)).await
}

/// Waits no longer than `limit`.
async fn within<T>(
    limit: Duration,
    tenant: Option<&str>,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Fault::new(Cause::Unreachable, format!("no answer within {} seconds", limit.as_secs()), tenant))
    })
}
