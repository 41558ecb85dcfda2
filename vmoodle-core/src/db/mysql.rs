//! MariaDB and MySQL: the twin of `postgres.rs`, function by function.

use std::path::Path;
use std::sync::Arc;

use sqlx::mysql::{MySqlConnectOptions, MySqlRow, MySqlSslMode};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection as _, Database, Decode, Executor, MySql, MySqlConnection,
    Row as _, TypeInfo, ValueRef,
};

use super::fault::Cause;
use super::place::{Place, Tls};
use super::row::{Cell, Param, Row};
use super::sql::Dialect;

/// How names and parameters are written.
pub(super) const DIALECT: Dialect = Dialect { quote: '`', numbered: false };

/// The schema that a connection works in.
pub(super) const CURRENT_SCHEMA: &str = "DATABASE()";

/// The character set of the database that a connection works in.
pub(super) const CHARSET: &str = "@@character_set_database";

/// Where a server listens when only `localhost` is given: PHP asks the socket then.
const SOCKETS: &[&str] = &["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];

/// Connects, and undoes what sqlx sets and Moodle does not.
pub(super) async fn connect(place: &Place) -> Result<MySqlConnection, sqlx::Error> {
    let mut options = MySqlConnectOptions::new()
        .username(&place.user)
        .password(place.password.reveal())
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if let Some(database) = &place.database {
        options = options.database(database.as_str());
    }
    if let Some(socket) = socket(place) {
        options = options.socket(socket).ssl_mode(MySqlSslMode::Disabled);
    } else {
        options = options.host(place.tcp_host()).port(place.port.unwrap_or(3306)).ssl_mode(match place.tls {
            Tls::Preferred => MySqlSslMode::Preferred,
            Tls::Required => MySqlSslMode::Required,
            Tls::Verified => MySqlSslMode::VerifyIdentity,
        });
    }
    let mut connection = options.connect().await?;
    connection.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = 30").await?;
    Ok(connection)
}

/// The unix socket that leads to a place; `None` where TCP does.
pub(super) fn socket(place: &Place) -> Option<&str> {
    let local = place.host == "localhost" && place.port.is_none();
    let given = place.socket.as_deref().filter(|_| place.is_local());
    given.or_else(|| SOCKETS.iter().copied().find(|path| local && Path::new(path).exists()))
}

/// Says goodbye.
pub(super) async fn close(connection: MySqlConnection) -> Result<(), sqlx::Error> {
    connection.close().await
}

/// Runs a statement; gives how many rows it found.
pub(super) async fn execute(c: &mut MySqlConnection, sql: String, params: &[Param]) -> Result<u64, sqlx::Error> {
    c.execute(bound(sql, params)).await.map(|done| done.rows_affected())
}

/// Runs an `INSERT`; gives the id of the new row.
pub(super) async fn insert(c: &mut MySqlConnection, sql: String, params: &[Param]) -> Result<i64, sqlx::Error> {
    let id = c.execute(bound(sql, params)).await?.last_insert_id();
    i64::try_from(id).map_err(|_| sqlx::Error::RowNotFound)
}

/// Runs a `SELECT`.
pub(super) async fn fetch(c: &mut MySqlConnection, sql: String, params: &[Param]) -> Result<Vec<Row>, sqlx::Error> {
    let rows = c.fetch_all(bound(sql, params)).await?;
    let names = rows.first().map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
    let names: Arc<Vec<String>> = Arc::new(names.unwrap_or_default());
    rows.iter().map(|row| Ok(Row::new(names.clone(), cells(row)?))).collect()
}

/// Runs statements as they stand, without parameters, up to the first that fails.
pub(super) async fn run(c: &mut MySqlConnection, sql: String) -> Result<(), sqlx::Error> {
    c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ())
}

/// Begins a transaction that sees what others have committed, as Moodle's own do.
pub(super) async fn begin(c: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    c.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
    c.execute("START TRANSACTION").await.map(|_| ())
}

/// Commits it.
pub(super) async fn commit(c: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    c.execute("COMMIT").await.map(|_| ())
}

/// Rolls it back.
pub(super) async fn rollback(c: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    c.execute("ROLLBACK").await.map(|_| ())
}

fn bound(sql: String, params: &[Param]) -> sqlx::query::Query<'static, MySql, <MySql as Database>::Arguments> {
    let query = sqlx::query::<MySql>(AssertSqlSafe(sql)).persistent(false);
    params.iter().fold(query, |query, param| match param {
        Param::Int(number) => query.bind(*number),
        Param::Text(text) => query.bind(text.as_deref()),
    })
}

fn cells(row: &MySqlRow) -> Result<Vec<Cell>, sqlx::Error> {
    let read = |at: usize| {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let kind = value.type_info().into_owned();
        match kind.name() {
            // Sign extension would make a negative number of a great unsigned one.
            name if name.ends_with(" UNSIGNED") => {
                <u64 as Decode<'_, MySql>>::decode(value).map(|n| i64::try_from(n).map_or(Cell::Null, Cell::Int))
            }
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                <i64 as Decode<'_, MySql>>::decode(value).map(Cell::Int)
            }
            "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" | "DECIMAL" => {
                <String as Decode<'_, MySql>>::decode(value).map(Cell::Text)
            }
            _ => Ok(Cell::Null),
        }
        .map_err(sqlx::Error::Decode)
    };
    (0..row.columns().len()).map(read).collect()
}

/// What a server's error number means (mariadb.com/kb, "MariaDB Error Codes"), and what may be told of it.
pub(super) fn cause(error: &dyn sqlx::error::DatabaseError) -> (Cause, String) {
    let number =
        error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map_or(0, sqlx::mysql::MySqlDatabaseError::number);
    let cause = match number {
        // Too many connections, of a user; shutting down; blocked, killed, gone away.
        1040 | 1053 | 1129 | 1203 | 1226 | 1317 | 1927 | 2002 | 2003 | 2006 | 2013 => Cause::Unreachable,
        // Access denied: database, user, table, column, privilege; account locked or its password expired.
        1044 | 1045 | 1130 | 1142 | 1143 | 1227 | 1370 | 1698 | 1820 | 1862 | 4151 => Cause::BadCredentials,
        1251 | 1524 => Cause::UnsupportedLogin,
        1049 => Cause::NoDatabase,
        1051 | 1146 => Cause::NoTable,
        1022 | 1062 | 1586 => Cause::DuplicateKey,
        1205 | 1213 => Cause::Locked,
        _ => Cause::Other,
    };
    let text = match number {
        // These messages quote the value, which may be a password.
        1062 | 1064 | 1292 | 1300 | 1366 | 1411 | 1586 => "a value was refused".to_owned(),
        _ => error.message().to_owned(),
    };
    (cause, format!("{text} ({number})"))
}
