//! A connection of an administrator, and what a server's refusals mean to one.

use std::time::Duration;

use super::super::fault::{Cause, Fault};
use super::super::place::Place;
use super::super::row::{Param, Row};
use super::super::sql::Sql;
use super::super::{Connection, connect, mysql, postgres, within};
use super::ServerAdmin;
use crate::error::{Error, Kind, Result};
use crate::ident::{DbName, Prefix};

/// How long a statement may take: copying or dropping a great database does take its time.
const LIMIT: Duration = Duration::from_hours(4);

/// A connection to a server or to one of its databases.
pub(super) struct Line<'a> {
    pub(super) admin: &'a ServerAdmin,
    pub(super) place: Place,
    connection: Connection,
    no_prefix: Prefix,
}

impl<'a> Line<'a> {
    /// Connects. On PostgreSQL, without a database, to the one that the administrator's place names.
    pub(super) async fn open(admin: &'a ServerAdmin, database: Option<&DbName>) -> Result<Self> {
        let place = admin.place.in_database(database.or(admin.place.database.as_ref()));
        let connection = connect(&place, None).await.map_err(|fault| match fault.cause() {
            Cause::BadCredentials | Cause::UnsupportedLogin => {
                Error::new(Kind::ServerRefused, format!("{} refuses its administrator's login", admin.shown))
                    .hint("check login and password of the server, and from where it may log in")
                    .because(fault)
            }
            _ => refusal(admin, fault, ""),
        })?;
        let mut line = Self { admin, place, connection, no_prefix: Prefix::parse("")? };
        if line.place.engine.is_mysql() {
            line.run("SET SESSION lock_wait_timeout = 30".to_owned(), "").await?;
        }
        Ok(line)
    }

    /// Runs statements without parameters; `right` is named where it lacks.
    pub(super) async fn run(&mut self, sql: String, right: &str) -> Result<()> {
        let doing = async {
            match &mut self.connection {
                Connection::MySql(c) => mysql::run(c, sql).await.map_err(|e| Fault::of_driver(&e, mysql::cause, None)),
                Connection::Postgres(c) => {
                    postgres::run(c, sql).await.map_err(|e| Fault::of_driver(&e, postgres::cause, None))
                }
            }
        };
        within(LIMIT, None, doing).await.map_err(|fault| refusal(self.admin, fault, right))
    }

    /// Runs a `SELECT`; gives all rows.
    pub(super) async fn rows(&mut self, sql: &'static str, params: &[Param], right: &str) -> Result<Vec<Row>> {
        let sql = Sql::from(sql);
        let doing = async {
            match &mut self.connection {
                Connection::MySql(c) => mysql::fetch(c, sql.render(mysql::DIALECT, &self.no_prefix), params)
                    .await
                    .map_err(|e| Fault::of_driver(&e, mysql::cause, None)),
                Connection::Postgres(c) => postgres::fetch(c, sql.render(postgres::DIALECT, &self.no_prefix), params)
                    .await
                    .map_err(|e| Fault::of_driver(&e, postgres::cause, None)),
            }
        };
        within(LIMIT, None, doing).await.map_err(|fault| refusal(self.admin, fault, right))
    }

    /// The number that a `SELECT` gives as `number`; 0 without a row.
    pub(super) async fn number(&mut self, sql: &'static str, params: &[Param], right: &str) -> Result<i64> {
        let rows = self.rows(sql, params, right).await?;
        Ok(rows.first().and_then(|row| row.int("number")).unwrap_or(0))
    }

    /// Refuses with `database_busy` a database with sessions, which `sql` counts as `number`. Who has just said goodbye has two
    /// seconds to be gone: a server takes a session from its list a moment later.
    pub(super) async fn require_left(&mut self, sql: &'static str, database: &DbName, right: &str) -> Result<()> {
        const LOOKS: usize = 20;
        for _ in 0..LOOKS {
            if self.number(sql, &[database.as_str().into()], right).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Error::new(Kind::DatabaseBusy, format!("somebody works in the database `{database}`"))
            .hint("put the site in maintenance and try again"))
    }

    /// Says goodbye to the server, which would otherwise note an aborted connection.
    pub(super) async fn close(self) {
        self.connection.close().await;
    }
}

/// What a server's refusal means; `right` is what the login lacks if it lacks one.
fn refusal(admin: &ServerAdmin, fault: Fault, right: &str) -> Error {
    let shown = &admin.shown;
    match fault.cause() {
        Cause::Unreachable => Error::new(Kind::ServerUnreachable, format!("{shown} does not answer"))
            .hint("check that the server runs and takes connections"),
        // Two copies of one name at once: of a run that was cut off, the server's part goes on for a while.
        Cause::Locked | Cause::DuplicateKey => {
            Error::new(Kind::DatabaseBusy, format!("somebody works in a database of {shown}"))
                .hint("put the site in maintenance, or try again")
        }
        Cause::BadCredentials => {
            let login = crate::host::escape(&admin.place.user);
            Error::new(Kind::ServerRefused, format!("{shown} refuses a statement for want of a right"))
                .hint(format!("give its login `{login}` the right {right}"))
        }
        _ => Error::new(Kind::ServerRefused, format!("{shown} refuses a statement")),
    }
    .because(fault)
}
