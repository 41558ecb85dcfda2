//! The administrator of a database server: makes, copies, renames and drops databases, and the accounts of tenants.
//!
//! The list of statements is closed: nothing here takes SQL. Names are types, and neither the control site's database and
//! account nor the server's own are ever touched.
//!
//! Every call connects, works and says goodbye, and can be repeated after it was cut off anywhere.

mod line;
mod mysql;
mod postgres;
mod scram;

use std::collections::HashMap;

use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::ident::{AccountName, DbName, Prefix};
use crate::secret::Secret;
use crate::tenant::{Endpoint, Engine};

use super::place::{Place, Tls};
use line::Line;

/// Databases and accounts that belong to the servers themselves.
const RESERVED: &[&str] =
    &["information_schema", "mysql", "performance_schema", "sys", "postgres", "template0", "template1", "root"];

/// A server's row of the registry, read: where it is and who administers it.
#[derive(Debug)]
pub struct ServerRow {
    /// Its name in the registry.
    pub name: String,
    /// Its engine.
    pub engine: Engine,
    /// Host name or address; for the local socket `localhost`.
    pub host: String,
    /// TCP port; the engine's own when `None`.
    pub port: Option<u16>,
    /// Path of the unix socket (MariaDB) or of its folder (PostgreSQL).
    pub socket: Option<String>,
    /// A login that may make databases and accounts.
    pub login: String,
    /// Its password.
    pub password: Secret,
    /// The host part of the accounts that are made (MariaDB); `None`: as the server is reached.
    pub account_host: Option<String>,
}

/// What a quiet copy is made of.
#[derive(Debug)]
pub struct CloneOrder<'a> {
    /// The database to copy, in which nobody works.
    pub source: &'a DbName,
    /// The database to make.
    pub target: &'a DbName,
    /// The account that gets it.
    pub account: &'a AccountName,
    /// What to do with a target that is there.
    pub leftover: Leftover,
}

/// What to do with a database that stands where one shall be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// It may be somebody's: refuse with `not_empty` unless it is empty.
    Refuse,
    /// It is the caller's own, half made by a run that was cut off: drop it and begin again.
    Replace,
}

/// The administrator of a database server.
#[derive(Debug)]
pub struct ServerAdmin {
    place: Place,
    shown: String,
    account_host: String,
    control: Endpoint,
    control_user: String,
}

/// Calls the function of the server's engine.
macro_rules! twin {
    ($admin:expr, $function:ident ( $($argument:expr),* )) => {
        if $admin.place.engine.is_mysql() {
            mysql::$function($admin, $($argument),*).await
        } else {
            postgres::$function($admin, $($argument),*).await
        }
    };
}

impl ServerAdmin {
    /// The administrator that a row of the registry names.
    pub(crate) fn of_row(row: ServerRow, control: &ControlSite) -> Self {
        let place = Place {
            engine: row.engine,
            host: row.host,
            port: row.port,
            socket: row.socket,
            database: None,
            user: row.login,
            password: row.password,
            schema: None,
            tls: Tls::Preferred,
            timeout: super::place::CONNECT_TIMEOUT,
        };
        let shown = format!("the database server `{}`", crate::host::escape(&row.name));
        Self::new(place, shown, row.account_host, control)
    }

    /// The control database's own server, with the control site's account.
    pub fn of_control(control: &ControlSite) -> Result<Self> {
        let mut place = Place::of_control(control)?;
        if place.engine.is_mysql() {
            place.database = None;
        }
        Ok(Self::new(place, "the control site's database server".to_owned(), None, control))
    }

    fn new(place: Place, shown: String, account_host: Option<String>, control: &ControlSite) -> Self {
        let account_host = account_host.unwrap_or_else(|| mysql::account_host(&place));
        Self { place, shown, account_host, control: control.endpoint(), control_user: control.database.user.clone() }
    }

    /// The server's engine.
    pub fn engine(&self) -> Engine {
        self.place.engine
    }

    /// Whether there is a database of this name.
    pub async fn database_exists(&self, name: &DbName) -> Result<bool> {
        let mut line = self.enter(None).await?;
        let found = twin!(&mut line, database_exists(name))?;
        line.close().await;
        Ok(found)
    }

    /// Makes an empty database in UTF-8. Fine where it is there and empty; else refuses with [`Kind::NotEmpty`].
    pub async fn create_database(&self, name: &DbName) -> Result<()> {
        self.refuse_reserved(name)?;
        twin!(self, create_database(name))
    }

    /// Drops a database with all that is in it, where it is there; sessions in it end.
    pub async fn drop_database(&self, name: &DbName) -> Result<()> {
        self.refuse_reserved(name)?;
        twin!(self, drop_database(name))
    }

    /// Drops a database that holds nothing; gives false where it holds tables, and is left. Fine where none is there.
    pub async fn drop_empty_database(&self, name: &DbName) -> Result<bool> {
        if !self.database_exists(name).await? {
            return Ok(true);
        }
        // Of one that is there it only sees whether it is empty.
        match self.create_database(name).await {
            Err(error) if error.kind() == Kind::NotEmpty => Ok(false),
            done => {
                done?;
                self.drop_database(name).await.map(|()| true)
            }
        }
    }

    /// Gives a database another name. Fine where that was done before; goes on where it was begun.
    ///
    /// PostgreSQL ends the sessions in it. MariaDB moves table by table: rights stay with the old name, so
    /// [`grant`](Self::grant) must follow; one with views, triggers or routines is refused with [`Kind::TransferFailed`].
    pub async fn rename_database(&self, from: &DbName, to: &DbName) -> Result<()> {
        self.refuse_reserved(from)?;
        self.refuse_reserved(to)?;
        twin!(self, rename_database(from, to))
    }

    /// What a database takes on disk, in bytes; 0 for one that is not there.
    pub async fn size(&self, name: &DbName) -> Result<u64> {
        twin!(self, size(name))
    }

    /// What every database that the login may look at takes on disk, in bytes, by its name: one question for all.
    pub async fn sizes(&self) -> Result<HashMap<String, i64>> {
        let mut line = self.enter(None).await?;
        let rows = twin!(&mut line, sizes())?;
        line.close().await;
        Ok(rows.iter().filter_map(|row| Some((row.text("name")?.to_owned(), row.int("number")?))).collect())
    }

    /// How many tables of a database have names that do not begin with a prefix, those of extensions apart; 0 where it is not
    /// there.
    pub async fn count_tables_besides(&self, name: &DbName, prefix: &Prefix) -> Result<i64> {
        if !self.database_exists(name).await? {
            return Ok(0);
        }
        twin!(self, count_tables_besides(name, prefix))
    }

    /// Whether there is an account of this name.
    pub async fn account_exists(&self, name: &AccountName) -> Result<bool> {
        twin!(self, account_exists(name))
    }

    /// Refuses with [`Kind::NameTaken`] the name of an account that is there: it may serve somebody else.
    pub async fn require_no_account(&self, name: &AccountName) -> Result<()> {
        if !self.account_exists(name).await? {
            return Ok(());
        }
        Err(Error::new(Kind::NameTaken, format!("there is an account `{name}` on {} already", self.shown))
            .hint("give the tenant an account with `vdblogin` and `vdbpass`, or drop this one if it serves nobody"))
    }

    /// Makes an account that may log in and nothing else; where it is there it gets this password.
    ///
    /// Refuses with [`Kind::NameTaken`] an account that administers something: it is no tenant's.
    pub async fn create_account(&self, name: &AccountName, password: &Secret) -> Result<()> {
        self.refuse_own_account(name)?;
        twin!(self, create_account(name, password))
    }

    /// Gives an account another password.
    pub async fn set_password(&self, name: &AccountName, password: &Secret) -> Result<()> {
        self.refuse_own_account(name)?;
        twin!(self, set_password(name, password))
    }

    /// Drops an account, where it is there. PostgreSQL refuses while it owns anything: drop its database first.
    pub async fn drop_account(&self, name: &AccountName) -> Result<()> {
        self.refuse_own_account(name)?;
        twin!(self, drop_account(name))
    }

    /// Gives an account all that Moodle needs in a database, and nobody else's account any of it.
    ///
    /// On PostgreSQL the database gets that owner, and everything in it the role `pg_database_owner`, to which a database's owner
    /// alone belongs: a copy of it then changes hands with one statement. Before PostgreSQL 14 the account owns all itself.
    pub async fn grant(&self, database: &DbName, account: &AccountName) -> Result<()> {
        self.refuse_reserved(database)?;
        self.refuse_own_account(account)?;
        twin!(self, grant(database, account))
    }

    /// Takes it away again: the account no longer gets in. What it owns stays its own.
    pub async fn revoke(&self, database: &DbName, account: &AccountName) -> Result<()> {
        self.refuse_reserved(database)?;
        twin!(self, revoke(database, account))
    }

    /// Keeps tenants' accounts out of the control database, which PostgreSQL lets everybody into: from now on only the
    /// control site's account and its owner enter. Nothing to do on MariaDB, or where the control database is elsewhere.
    pub async fn close_to_tenants(&self) -> Result<()> {
        if self.has_control(&self.control.database) { twin!(self, close_to_tenants()) } else { Ok(()) }
    }

    /// Copies a database of this server in which nobody works, and gives the copy to an account.
    ///
    /// Refuses with [`Kind::DatabaseBusy`] a source with sessions (MariaDB: those that the login may see), with [`Kind::NotEmpty`] a target that is there, and on
    /// MariaDB with [`Kind::TransferFailed`] a source with views, triggers, routines or foreign keys: it is copied by
    /// [`transfer`](super::transfer).
    pub async fn clone_quiet(&self, order: &CloneOrder<'_>) -> Result<()> {
        self.refuse_reserved(order.target)?;
        self.refuse_own_account(order.account)?;
        if order.source == order.target {
            return Err(Error::new(Kind::BadParameter, format!("`{}` cannot be copied onto itself", order.source)));
        }
        if order.leftover == Leftover::Replace {
            self.drop_database(order.target).await?;
        }
        twin!(self, copy_database(order.source, order.target))?;
        self.grant(order.target, order.account).await
    }

    /// Connects: to the server, or to one of its databases.
    async fn enter(&self, database: Option<&DbName>) -> Result<Line<'_>> {
        Line::open(self, database).await
    }

    /// Whether this is the control database.
    fn has_control(&self, name: &DbName) -> bool {
        let place = &self.place;
        self.control.is_same_database(&Endpoint {
            engine: place.engine,
            host: place.host.clone(),
            port: place.port,
            socket: place.socket.clone(),
            database: name.clone(),
            user: None,
            password: None,
        })
    }

    fn refuse_reserved(&self, name: &DbName) -> Result<()> {
        let owner = if RESERVED.contains(&name.as_str()) {
            "the server itself"
        } else if self.has_control(name) {
            "the control site"
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::DatabaseTaken, format!("the database `{name}` belongs to {owner}")))
    }

    fn refuse_own_account(&self, name: &AccountName) -> Result<()> {
        let name = name.as_str();
        if name == self.place.user || name == self.control_user || RESERVED.contains(&name) {
            return Err(self.account_taken(name));
        }
        Ok(())
    }

    fn account_taken(&self, name: &str) -> Error {
        Error::new(Kind::NameTaken, format!("the account `{name}` of {} administers it", self.shown))
            .hint("choose another name for the tenant's account")
    }

    fn not_there(&self, name: &DbName) -> Error {
        Error::new(Kind::TransferFailed, format!("the database `{name}` of {} is not there", self.shown))
    }

    fn not_empty(&self, name: &DbName) -> Error {
        Error::new(Kind::NotEmpty, format!("the database `{name}` of {} is there and holds tables", self.shown))
            .hint("choose another name, or drop that database if nobody needs it")
    }
}
