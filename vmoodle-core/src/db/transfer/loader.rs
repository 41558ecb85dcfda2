//! The end that a dump goes to: an empty database, entered with the site's own account.

use sqlx::PgConnection;

use super::rows::{FEW, insert};
use super::script::{Piece, Script};
use super::{Door, Source, fill};
use crate::db::fault::Fault;
use crate::db::{Connection, mysql, postgres};
use crate::error::{Error, Kind, Result};

/// How many letters of a statement an error tells.
const TOLD: usize = 80;

/// How many statements PostgreSQL is given at once: a dump has six thousand short ones.
const AT_ONCE: usize = 50;

/// A connection to the database that a dump goes to.
pub(super) struct Loader<'a> {
    door: &'a Door,
    connection: Connection,
    /// Statements that wait until there are some more.
    held: Vec<String>,
}

impl<'a> Loader<'a> {
    /// Connects. Refuses with `not_empty` a database that holds tables.
    pub(super) async fn open(door: &'a Door) -> Result<Self> {
        let mut this = Self { door, connection: door.open().await?, held: Vec::new() };
        if this.holds_tables().await? {
            let database = door.place.database.iter().map(ToString::to_string).collect::<String>();
            let refusal = Error::new(Kind::NotEmpty, format!("the database `{database}` holds tables already"));
            return Err(door.told(refusal.hint("a dump is read into an empty database only")));
        }
        this.run_one(if door.engine().is_mysql() {
            // Rows come as they were: zero dates, a number 0, references to what is not there yet.
            "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', unique_checks = 0, foreign_key_checks = 0".to_owned()
        } else {
            // Nobody reads what is half there, so it need not be on disk before the last statement is.
            "SET synchronous_commit = off".to_owned()
        })
        .await?;
        Ok(this)
    }

    /// Runs a statement of the dump, perhaps not before the next one comes.
    pub(super) async fn run(&mut self, statement: String) -> Result<()> {
        if self.door.engine().is_mysql() {
            return self.run_one(statement).await;
        }
        if statement.starts_with("SET ") {
            self.run_held().await?;
            return self.run_one(statement).await;
        }
        self.held.push(statement);
        if self.held.len() < AT_ONCE { Ok(()) } else { self.run_held().await }
    }

    /// Runs what waits, in one go. PostgreSQL takes all of it back where one is refused; they are then run one by one, for
    /// those that want to be alone, and to tell which it was.
    async fn run_held(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        if let Connection::Postgres(connection) = &mut self.connection
            && !held.is_empty()
            && postgres::run(connection, held.join(";\n")).await.is_err()
        {
            for statement in held {
                self.run_one(statement).await?;
            }
        }
        Ok(())
    }

    async fn run_one(&mut self, statement: String) -> Result<()> {
        let (told, tenant) = (told(&statement), self.door.tenant.as_deref());
        let done = match &mut self.connection {
            Connection::MySql(c) => {
                mysql::run(c, statement).await.map_err(|e| Fault::of_driver(&e, mysql::cause, tenant))
            }
            Connection::Postgres(c) => run_on_postgres(c, statement, tenant).await,
        };
        done.map_err(|fault| self.refused(fault, &told))
    }

    /// Runs `COPY … FROM stdin` with the rows that follow in the script.
    pub(super) async fn copy(
        &mut self,
        statement: &str,
        script: &mut Script,
        source: &mut Source<'_>,
        chunk: &mut [u8],
    ) -> Result<()> {
        let (few, ended) = self.few_rows(script, source, chunk).await?;
        if ended && let Some(statement) = insert(statement, &few) {
            return self.run(statement).await;
        }
        self.run_held().await?;
        let (door, told) = (self.door, told(statement));
        let refused = |e: sqlx::Error| {
            let fault = Fault::of_driver(&e, postgres::cause, door.tenant.as_deref());
            door.refused(fault, format!("a statement of the dump is refused (`{told}`)"))
        };
        let Connection::Postgres(connection) = &mut self.connection else {
            return Err(door.failed("only PostgreSQL knows `COPY`"));
        };
        let mut copy = connection.copy_in_raw(statement).await.map_err(refused)?;
        let mut rows = Some(few);
        while let Some(some) = rows {
            if !some.is_empty() {
                copy.send(some).await.map_err(refused)?;
            }
            rows = if ended { None } else { more_rows(door, script, source, chunk).await? };
        }
        copy.finish().await.map_err(refused).map(|_| ())
    }

    /// The first rows that follow, and whether these are all of them.
    async fn few_rows(
        &self,
        script: &mut Script,
        source: &mut Source<'_>,
        chunk: &mut [u8],
    ) -> Result<(Vec<u8>, bool)> {
        let mut few = Vec::new();
        while few.len() <= FEW {
            match more_rows(self.door, script, source, chunk).await? {
                Some(rows) => few.extend(rows),
                None => return Ok((few, true)),
            }
        }
        Ok((few, false))
    }

    /// Waits until everything is on disk.
    pub(super) async fn finish(mut self) -> Result<()> {
        self.run_held().await?;
        if !self.door.engine().is_mysql() {
            // A transaction with a number is written out at its end, and all before it.
            self.run_one("SET synchronous_commit = on; SELECT pg_catalog.txid_current()".to_owned()).await?;
        }
        self.connection.close().await;
        Ok(())
    }

    async fn holds_tables(&mut self) -> Result<bool> {
        let tenant = self.door.tenant.as_deref();
        let rows = match &mut self.connection {
            Connection::MySql(c) => {
                let sql = "SELECT COUNT(*) AS tables FROM information_schema.tables WHERE table_schema = DATABASE()";
                mysql::fetch(c, sql.to_owned(), &[]).await.map_err(|e| Fault::of_driver(&e, mysql::cause, tenant))
            }
            Connection::Postgres(c) => {
                let sql = "SELECT COUNT(*) AS tables FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace \
                           WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'";
                postgres::fetch(c, sql.to_owned(), &[]).await.map_err(|e| Fault::of_driver(&e, postgres::cause, tenant))
            }
        };
        let rows = rows.map_err(|fault| self.door.refused(fault, "the tables cannot be counted".to_owned()))?;
        Ok(rows.first().and_then(|row| row.int("tables")) != Some(0))
    }

    fn refused(&self, fault: Fault, told: &str) -> Error {
        self.door.refused(fault, format!("a statement of the dump is refused (`{told}`)"))
    }
}

/// The next rows of a `COPY`; `None` after the last.
async fn more_rows(
    door: &Door,
    script: &mut Script,
    source: &mut Source<'_>,
    chunk: &mut [u8],
) -> Result<Option<Vec<u8>>> {
    loop {
        match script.next().map_err(|e| door.told(e))? {
            Some(Piece::Rows(rows)) => return Ok(Some(rows)),
            Some(_) => return Ok(None),
            None if script.has_ended() => return Err(door.failed("the dump ends in the middle of `COPY`")),
            None => fill(door, script, source, chunk).await?,
        }
    }
}

/// A setting that this server does not know was written for one that is newer (`transaction_timeout`).
async fn run_on_postgres(c: &mut PgConnection, statement: String, tenant: Option<&str>) -> Result<(), Fault> {
    const UNKNOWN_PARAMETER: &str = "42704";
    let is_setting = statement.starts_with("SET ");
    match postgres::run(c, statement).await {
        Err(sqlx::Error::Database(e)) if is_setting && e.code().as_deref() == Some(UNKNOWN_PARAMETER) => Ok(()),
        done => done.map_err(|e| Fault::of_driver(&e, postgres::cause, tenant)),
    }
}

/// The beginning of a statement, without a value: those stand in quotes or brackets.
fn told(statement: &str) -> String {
    let end = statement.find(['\'', '(', '$']).unwrap_or(statement.len());
    let words: Vec<&str> = statement[..end].split(|c: char| c == '`' || c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn no_value_is_told_of_a_statement() {
        assert_eq!(told("INSERT INTO `mdl_user` VALUES (1,'hidden!')"), "INSERT INTO mdl_user VALUES");
        assert_eq!(told("SET x = 'hidden!'"), "SET x =");
        assert_eq!(told(&"é".repeat(200)).chars().count(), 80);
    }
}
