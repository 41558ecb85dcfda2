//! A person's statements on MariaDB: the twin of `postgres.rs`, function by function.

use futures_util::stream::BoxStream;
use serde_json::Value;
use sqlx::mysql::{MySqlQueryResult, MySqlRow};
use sqlx::{AssertSqlSafe, Column, Decode, Either, Executor, MySql, MySqlConnection, Row as _, TypeInfo, ValueRef};

use super::{Bound, Session, hex, text, unique};
use crate::db::fault::Cause;

/// What the account is, and where. The rights are those that reach beyond databases (mariadb.com/kb, "GRANT").
pub(super) const STANDING: &str = "SELECT DATABASE() AS own, COUNT(*) AS administrator \
    FROM information_schema.user_privileges WHERE privilege_type IN ('SUPER', 'FILE', 'SHUTDOWN', 'RELOAD', \
    'CREATE USER', 'SET USER', 'CONNECTION ADMIN', 'READ_ONLY ADMIN', 'BINLOG ADMIN') AND grantee = CONCAT('''', \
    SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";

/// How a session begins. The session's own default is read-only too: whoever got out of the transaction would find that.
pub(super) fn session(session: &Session) -> String {
    let (seconds, rows) = (session.statement.as_secs_f64(), session.rows.max(1));
    let mode = if session.writes { "WRITE" } else { "ONLY" };
    format!(
        "SET SESSION max_statement_time = {seconds}, sql_select_limit = {rows}, autocommit = 1; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ {mode}; START TRANSACTION READ {mode}"
    )
}

/// Sends one statement, prepared: the protocol takes no second one with it.
pub(super) fn stream<'a>(
    c: &'a mut MySqlConnection,
    bound: &Bound,
) -> BoxStream<'a, Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>> {
    let query = sqlx::query::<MySql>(AssertSqlSafe(bound.text().to_owned())).persistent(false);
    let query = bound.values().iter().fold(query, |query, value| match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => query.bind(whole),
            None => query.bind(number.as_f64()),
        },
        Value::String(text) => query.bind(text.clone()),
        _ => query.bind(None::<String>),
    });
    c.fetch_many(query)
}

/// The columns' names.
pub(super) fn names(row: &MySqlRow) -> Vec<String> {
    unique(row.columns().iter().map(|column| column.name().to_owned()))
}

/// The values. Numbers are numbers but for decimals, which are texts of every digit; octets are in hexadecimal digits.
pub(super) fn values(row: &MySqlRow) -> Vec<Value> {
    (0..row.columns().len()).map(|at| value(row, at).unwrap_or(Value::Null)).collect()
}

fn value(row: &MySqlRow, at: usize) -> Option<Value> {
    let raw = row.try_get_raw(at).ok().filter(|raw| !raw.is_null())?;
    let kind = raw.type_info().name().to_owned();
    let raw_again = row.try_get_raw(at).ok()?;
    let bytes = <&[u8] as Decode<'_, MySql>>::decode(raw_again).ok()?;
    Some(match kind.as_str() {
        name if name.ends_with(" UNSIGNED") => Value::from(<u64 as Decode<'_, MySql>>::decode(raw).ok()?),
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
            Value::from(<i64 as Decode<'_, MySql>>::decode(raw).ok()?)
        }
        "YEAR" => Value::from(u16::from_le_bytes(bytes.try_into().ok()?)),
        "FLOAT" => shortest(<f32 as Decode<'_, MySql>>::decode(raw).ok()?),
        "DOUBLE" => Value::from(<f64 as Decode<'_, MySql>>::decode(raw).ok()?),
        "DATE" | "DATETIME" | "TIMESTAMP" => Value::from(moment(bytes, kind == "DATE")),
        "TIME" => Value::from(time(bytes)),
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "BIT" | "GEOMETRY" => hex(bytes),
        _ => text(bytes),
    })
}

/// A number of single precision with the digits that it has.
fn shortest(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// `length year(2) month day hour minute second microsecond(4)`, as much of it as is not zero.
fn moment(bytes: &[u8], day_only: bool) -> String {
    let at = |number: usize| bytes.get(number).copied().unwrap_or(0);
    let year = u16::from_le_bytes([at(1), at(2)]);
    let day = format!("{year:04}-{:02}-{:02}", at(3), at(4));
    if day_only {
        return day;
    }
    format!("{day} {:02}:{:02}:{:02}{}", at(5), at(6), at(7), parts([at(8), at(9), at(10), at(11)]))
}

/// `length sign days(4) hour minute second microsecond(4)`.
fn time(bytes: &[u8]) -> String {
    let at = |number: usize| bytes.get(number).copied().unwrap_or(0);
    let days = u32::from_le_bytes([at(2), at(3), at(4), at(5)]);
    let hours = days * 24 + u32::from(at(6));
    let sign = if at(1) == 1 { "-" } else { "" };
    format!("{sign}{hours:02}:{:02}:{:02}{}", at(7), at(8), parts([at(9), at(10), at(11), at(12)]))
}

fn parts(bytes: [u8; 4]) -> String {
    match u32::from_le_bytes(bytes) {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    }
}

/// What a refusal means; a fault of grammar is told in full, for it quotes what the person wrote.
pub(super) fn cause(error: &dyn sqlx::error::DatabaseError) -> (Cause, String) {
    let number =
        error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map_or(0, sqlx::mysql::MySqlDatabaseError::number);
    if number == 1064 { (Cause::Other, format!("{} (1064)", error.message())) } else { crate::db::mysql::cause(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_server_writes_them() {
        assert_eq!(moment(&[4, 0xea, 7, 11, 24], true), "2026-11-24");
        assert_eq!(moment(&[11, 0xea, 7, 11, 24, 1, 2, 3, 0x40, 0xe2, 1, 0], false), "2026-11-24 01:02:03.123456");
        assert_eq!((time(&[0]), time(&[8, 1, 1, 0, 0, 0, 2, 3, 4])), ("00:00:00".into(), "-26:03:04".into()));
    }
}
