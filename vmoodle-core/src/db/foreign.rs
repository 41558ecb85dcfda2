//! Statements that a person wrote, and their results with every type that the engines have.

mod mysql;
mod postgres;

use std::fmt;
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::Either;

use super::{Connection, Db, Fault, within};
use crate::sqlscript::Bound;

/// How a session of a person's statements begins.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// Whether the server lets rows be changed.
    pub writes: bool,
    /// How long the server works on one statement before it stops it.
    pub statement: Duration,
    /// The most rows that one statement gives.
    pub rows: u64,
}

/// What the server says of the account and its place.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The database (MariaDB) or the schema (PostgreSQL) that names without a qualifier are in.
    pub own: Vec<String>,
    /// Whether the account has rights on the whole server, files included.
    pub administrator: bool,
}

/// What comes of a statement, piece by piece.
pub enum Came<'a> {
    /// A row: names that are each there once, and values.
    Row(&'a [String], Vec<Value>),
    /// A result has ended: so many rows were changed or found.
    Done(u64),
}

/// Whether more is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// Yes.
    Yes,
    /// No: what is left stays unread, and nothing else can be asked on this connection.
    No,
}

impl fmt::Debug for Came<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Row(..) => "Row",
            Self::Done(_) => "Done",
        })
    }
}

/// Names of columns, each once: a second `a` becomes `a_2`.
fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let mut own = name.clone();
        let mut number = 1;
        while all.contains(&own) {
            number += 1;
            own = format!("{name}_{number}");
        }
        all.push(own);
    }
    all
}

impl Db {
    /// Begins a transaction for a person's statements, read-only for the server itself unless it `writes`.
    ///
    /// Nothing in it can be made lasting but by [`Self::end_session`].
    pub async fn begin_session(&mut self, session: Session) -> Result<(), Fault> {
        self.settle().await?;
        let opening = if self.engine().is_mysql() { mysql::session(&session) } else { postgres::session(&session) };
        self.run_as_is(opening).await
    }

    /// Makes what was done last, or takes it back.
    pub async fn end_session(&mut self, commits: bool) -> Result<(), Fault> {
        self.run_as_is(if commits { "COMMIT" } else { "ROLLBACK" }.to_owned()).await
    }

    /// What the account is, and where.
    pub async fn standing(&mut self) -> Result<Standing, Fault> {
        let sql = if self.engine().is_mysql() { mysql::STANDING } else { postgres::STANDING };
        let row = self.fetch_one(sql, &[]).await?.unwrap_or_default();
        Ok(Standing {
            own: row.text("own").map(str::to_lowercase).into_iter().collect(),
            administrator: row.int("administrator").unwrap_or(1) != 0,
        })
    }

    /// Runs one statement, and gives what comes of it as it comes. The server takes no second one with it.
    ///
    /// The server stops it after the session's time; where it does not, the connection is given up a little later.
    pub async fn run_bound(
        &mut self,
        bound: &Bound,
        limit: Duration,
        hear: &mut dyn FnMut(Came<'_>) -> More,
    ) -> Result<More, Fault> {
        let tenant = self.tenant.clone();
        let tenant = tenant.as_deref();
        let connection = &mut self.connection;
        let work = async {
            match connection {
                Connection::MySql(c) => {
                    let mut found = mysql::stream(c, bound);
                    let mut names = None;
                    while let Some(one) =
                        found.try_next().await.map_err(|e| Fault::of_driver(&e, mysql::cause, tenant))?
                    {
                        let more = match one {
                            Either::Left(done) => {
                                names = None;
                                hear(Came::Done(done.rows_affected()))
                            }
                            Either::Right(row) => {
                                let names = names.get_or_insert_with(|| mysql::names(&row));
                                hear(Came::Row(names, mysql::values(&row)))
                            }
                        };
                        if more == More::No {
                            return Ok(More::No);
                        }
                    }
                }
                Connection::Postgres(c) => {
                    let mut found = postgres::stream(c, bound);
                    let mut names = None;
                    while let Some(one) =
                        found.try_next().await.map_err(|e| Fault::of_driver(&e, postgres::cause, tenant))?
                    {
                        let more = match one {
                            Either::Left(done) => {
                                names = None;
                                hear(Came::Done(done.rows_affected()))
                            }
                            Either::Right(row) => {
                                let names = names.get_or_insert_with(|| postgres::names(&row));
                                hear(Came::Row(names, postgres::values(&row)))
                            }
                        };
                        if more == More::No {
                            return Ok(More::No);
                        }
                    }
                }
            }
            Ok(More::Yes)
        };
        within(limit + Duration::from_secs(10), tenant, Box::pin(work)).await
    }
}

/// Octets that are no text.
fn hex(bytes: &[u8]) -> Value {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Value::String(text)
}

/// A text, or octets where it is none.
fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), Value::from)
}
