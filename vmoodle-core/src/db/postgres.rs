//! PostgreSQL: the twin of `mysql.rs`, function by function.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgRow, PgSslMode};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection as _, Database, Decode, Executor, PgConnection, Postgres,
    Row as _, TypeInfo, ValueRef,
};

use super::fault::Cause;
use super::place::{Place, Tls};
use super::row::{Cell, Param, Row};
use super::sql::Dialect;
use crate::ident::DbName;

/// How names and parameters are written.
pub(super) const DIALECT: Dialect = Dialect { quote: '"', numbered: true };

/// The schema that a connection works in.
pub(super) const CURRENT_SCHEMA: &str = "CURRENT_SCHEMA()";

/// The character set of the database that a connection works in.
pub(super) const CHARSET: &str = "current_setting('server_encoding')";

/// The database that is there for those who want none.
const MAINTENANCE: &str = "postgres";

/// Where a server listens when the socket is asked for without its folder.
const SOCKETS: &str = "/var/run/postgresql";

/// Connects, and undoes what sqlx sets and Moodle does not.
pub(super) async fn connect(place: &Place) -> Result<PgConnection, sqlx::Error> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(place.tcp_host())
        .port(place.port.unwrap_or(5432))
        .username(&place.user)
        .password(place.password.reveal())
        .database(place.database.as_ref().map_or(MAINTENANCE, DbName::as_str))
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if let Some(folder) = socket(place) {
        options = options.socket(folder).ssl_mode(PgSslMode::Disable);
    } else {
        options = options.ssl_mode(match place.tls {
            Tls::Preferred => PgSslMode::Prefer,
            Tls::Required => PgSslMode::Require,
            Tls::Verified => PgSslMode::VerifyFull,
        });
    }
    let mut connection = options.connect().await?;
    if let Some(schema) = &place.schema {
        connection.execute(AssertSqlSafe(format!("SET search_path TO \"{schema}\""))).await?;
    }
    connection.execute("SET lock_timeout = '30s'").await?;
    Ok(connection)
}

/// The folder of the unix socket that leads to a place; `None` where TCP does.
pub(super) fn socket(place: &Place) -> Option<&str> {
    let given = place.socket.as_deref().filter(|_| place.is_local())?;
    Some(if given.contains('/') { given } else { SOCKETS })
}

/// Says goodbye.
pub(super) async fn close(connection: PgConnection) -> Result<(), sqlx::Error> {
    connection.close().await
}

/// Runs a statement; gives how many rows it found.
pub(super) async fn execute(c: &mut PgConnection, sql: String, params: &[Param]) -> Result<u64, sqlx::Error> {
    c.execute(bound(sql, params)).await.map(|done| done.rows_affected())
}

/// Runs an `INSERT`; gives the id of the new row.
pub(super) async fn insert(c: &mut PgConnection, sql: String, params: &[Param]) -> Result<i64, sqlx::Error> {
    c.fetch_one(bound(sql + " RETURNING id", params)).await?.try_get(0)
}

/// Runs a `SELECT`.
pub(super) async fn fetch(c: &mut PgConnection, sql: String, params: &[Param]) -> Result<Vec<Row>, sqlx::Error> {
    let rows = c.fetch_all(bound(sql, params)).await?;
    let names = rows.first().map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
    let names: Arc<Vec<String>> = Arc::new(names.unwrap_or_default());
    rows.iter().map(|row| Ok(Row::new(names.clone(), cells(row)?))).collect()
}

/// Runs statements as they stand, without parameters, up to the first that fails.
pub(super) async fn run(c: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ())
}

/// Begins a transaction that sees what others have committed, as Moodle's own do.
pub(super) async fn begin(c: &mut PgConnection) -> Result<(), sqlx::Error> {
    c.execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.map(|_| ())
}

/// Commits it.
pub(super) async fn commit(c: &mut PgConnection) -> Result<(), sqlx::Error> {
    c.execute("COMMIT").await.map(|_| ())
}

/// Rolls it back.
pub(super) async fn rollback(c: &mut PgConnection) -> Result<(), sqlx::Error> {
    c.execute("ROLLBACK").await.map(|_| ())
}

fn bound(sql: String, params: &[Param]) -> sqlx::query::Query<'static, Postgres, <Postgres as Database>::Arguments> {
    let query = sqlx::query::<Postgres>(AssertSqlSafe(sql)).persistent(false);
    params.iter().fold(query, |query, param| match param {
        Param::Int(number) => query.bind(*number),
        Param::Text(text) => query.bind(text.as_deref()),
    })
}

fn cells(row: &PgRow) -> Result<Vec<Cell>, sqlx::Error> {
    let read = |at: usize| {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let kind = value.type_info().into_owned();
        match kind.name() {
            "BOOL" => <bool as Decode<'_, Postgres>>::decode(value).map(|b| Cell::Int(i64::from(b))),
            "INT2" | "INT4" | "INT8" => <i64 as Decode<'_, Postgres>>::decode(value).map(Cell::Int),
            "CHAR" | "VARCHAR" | "TEXT" | "NAME" | "\"CHAR\"" => {
                <String as Decode<'_, Postgres>>::decode(value).map(Cell::Text)
            }
            _ => Ok(Cell::Null),
        }
        .map_err(sqlx::Error::Decode)
    };
    (0..row.columns().len()).map(read).collect()
}

/// What a server's SQLSTATE means (PostgreSQL manual, appendix A), and what may be told of it.
pub(super) fn cause(error: &dyn sqlx::error::DatabaseError) -> (Cause, String) {
    let state = error.code().unwrap_or_default().into_owned();
    let cause = match state.as_str() {
        // Too many connections; shutting down, starting up; connection exceptions.
        "53300" | "57P01" | "57P02" | "57P03" => Cause::Unreachable,
        other if other.starts_with("08") => Cause::Unreachable,
        "28000" | "28P01" | "42501" => Cause::BadCredentials,
        "3D000" => Cause::NoDatabase,
        "42P01" | "3F000" => Cause::NoTable,
        "23505" => Cause::DuplicateKey,
        "40001" | "40P01" | "55P03" | "55006" => Cause::Locked,
        _ => Cause::Other,
    };
    let text = match state.get(..2) {
        // Data exceptions quote the value, which may be a password.
        Some("22") => "a value was refused",
        _ => error.message(),
    };
    (cause, format!("{text} ({state})"))
}
