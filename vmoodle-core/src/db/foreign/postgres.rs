//! A person's statements on PostgreSQL: the twin of `mysql.rs`, function by function.

use futures_util::stream::BoxStream;
use serde_json::Value;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgQueryResult, PgRow, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Column, Either, Encode, Executor, PgConnection, Postgres, Row as _, Type, TypeInfo, ValueRef,
};

use super::{Bound, Session, hex, text, unique};
use crate::db::fault::Cause;

/// What the account is, and where: a superuser is a member of every role.
pub(super) const STANDING: &str = "SELECT current_schema()::text AS own, (pg_has_role('pg_read_server_files', 'MEMBER') \
    OR pg_has_role('pg_write_server_files', 'MEMBER') OR pg_has_role('pg_execute_server_program', 'MEMBER') \
    OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreaterole OR rolreplication)) \
    ) AS administrator";

/// How a session begins. A transaction that has read once cannot be made to write any more (`check_transaction_read_only`).
pub(super) fn session(session: &Session) -> String {
    let millis = session.statement.as_millis().max(1);
    let mode = if session.writes { "WRITE" } else { "ONLY" };
    format!(
        "SET default_transaction_read_only = {}; BEGIN ISOLATION LEVEL READ COMMITTED READ {mode}; \
         SET LOCAL statement_timeout = {millis}; SET LOCAL standard_conforming_strings = on; SELECT 1",
        if session.writes { "off" } else { "on" }
    )
}

/// Sends one statement, prepared: the protocol takes no second one with it.
pub(super) fn stream<'a>(
    c: &'a mut PgConnection,
    bound: &Bound,
) -> BoxStream<'a, Result<Either<PgQueryResult, PgRow>, sqlx::Error>> {
    let query = sqlx::query::<Postgres>(AssertSqlSafe(bound.text().to_owned())).persistent(false);
    let query = bound.values().iter().fold(query, |query, value| match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => query.bind(whole),
            None => query.bind(number.as_f64()),
        },
        Value::String(text) => query.bind(text.clone()),
        _ => query.bind(Untyped),
    });
    c.fetch_many(query)
}

/// The columns' names.
pub(super) fn names(row: &PgRow) -> Vec<String> {
    unique(row.columns().iter().map(|column| column.name().to_owned()))
}

/// The values. Numbers are numbers but for decimals, which are texts of every digit; octets, and types that are not read,
/// are in hexadecimal digits.
pub(super) fn values(row: &PgRow) -> Vec<Value> {
    (0..row.columns().len()).map(|at| value(row, at).unwrap_or(Value::Null)).collect()
}

fn value(row: &PgRow, at: usize) -> Option<Value> {
    let raw = row.try_get_raw(at).ok().filter(|raw| !raw.is_null())?;
    let kind = raw.type_info().name().to_ascii_uppercase();
    let bytes = raw.as_bytes().ok()?;
    Some(
        match kind.strip_suffix("[]") {
            Some(inside) => array(bytes, inside),
            None => read(&kind, bytes),
        }
        .unwrap_or_else(|| hex(bytes)),
    )
}

/// A value in the binary form of its type (`src/backend/utils/adt/*.c`, the functions `…_send`).
fn read(kind: &str, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        "BOOL" => Value::from(*bytes.first()? != 0),
        "INT2" => Value::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        "INT4" => Value::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        "INT8" => Value::from(i64::from_be_bytes(bytes.try_into().ok()?)),
        "OID" | "REGCLASS" | "REGTYPE" | "REGPROC" | "XID" | "CID" => {
            Value::from(u32::from_be_bytes(bytes.try_into().ok()?))
        }
        "FLOAT4" => {
            let number = f32::from_be_bytes(bytes.try_into().ok()?);
            number
                .to_string()
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite())
                .map_or_else(|| number.to_string().into(), Value::from)
        }
        "FLOAT8" => {
            let number = f64::from_be_bytes(bytes.try_into().ok()?);
            if number.is_finite() { Value::from(number) } else { Value::from(number.to_string()) }
        }
        "NUMERIC" => Value::from(numeric(bytes)?),
        "BYTEA" => hex(bytes),
        "DATE" => Value::from(date(i64::from(i32::from_be_bytes(bytes.try_into().ok()?)))?),
        "TIMESTAMP" => Value::from(moment(i64::from_be_bytes(bytes.try_into().ok()?))?),
        // In the time of the world: the form on the wire knows no other.
        "TIMESTAMPTZ" => Value::from(moment(i64::from_be_bytes(bytes.try_into().ok()?))? + "+00"),
        "TIME" => Value::from(time(i64::from_be_bytes(bytes.try_into().ok()?))),
        "UUID" => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let part = |from: usize, to: usize| digits.get(from..to);
            Value::from([part(0, 8)?, part(8, 12)?, part(12, 16)?, part(16, 20)?, part(20, 32)?].join("-"))
        }
        // A version stands before it.
        "JSONB" => text(bytes.get(1..)?),
        "CHAR" | "BPCHAR" | "VARCHAR" | "TEXT" | "NAME" | "\"CHAR\"" | "UNKNOWN" | "JSON" | "XML" | "CITEXT"
        | "VOID" => text(bytes),
        _ => return None,
    })
}

/// `dimensions has-null element-type (length lower-bound)… (length element)…`, all of four octets.
fn array(bytes: &[u8], inside: &str) -> Option<Value> {
    let word = |at: usize| Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let dimensions = word(0)?;
    if dimensions == 0 {
        return Some(Value::Array(Vec::new()));
    }
    if dimensions != 1 {
        return None;
    }
    let (count, mut at) = (usize::try_from(word(12)?).ok()?, 20);
    let mut all = Vec::new();
    for _ in 0..count {
        let length = word(at)?;
        at += 4;
        let Ok(length) = usize::try_from(length) else {
            all.push(Value::Null);
            continue;
        };
        all.push(read(inside, bytes.get(at..at + length)?)?);
        at += length;
    }
    Some(Value::Array(all))
}

/// `digits weight sign scale digit…`, each digit being four of ours (`numeric_send`).
fn numeric(bytes: &[u8]) -> Option<String> {
    let half = |at: usize| Some(u16::from_be_bytes(bytes.get(2 * at..2 * at + 2)?.try_into().ok()?));
    let (count, sign, scale) = (half(0)?, half(2)?, usize::from(half(3)?));
    let weight = i32::from(i16::from_be_bytes(half(1)?.to_be_bytes()));
    match sign {
        0xC000 => return Some("NaN".into()),
        0xD000 => return Some("Infinity".into()),
        0xF000 => return Some("-Infinity".into()),
        _ => {}
    }
    let digit = |place: i32| {
        usize::try_from(place).ok().filter(|place| *place < usize::from(count)).map_or(Some(0), |place| half(4 + place))
    };
    let whole: String = (0..=weight.max(0))
        .map(|place| if weight < 0 { Some(0) } else { digit(place) })
        .collect::<Option<Vec<u16>>>()?
        .iter()
        .map(|four| format!("{four:04}"))
        .collect();
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if sign == 0x4000 { "-" } else { "" };
    if scale == 0 {
        return Some(format!("{sign}{whole}"));
    }
    // Groups of four between the point and the first that is kept are zeros.
    let zeros = usize::try_from(-1 - weight).unwrap_or(0);
    let behind: String = (0..=i32::try_from(scale).ok()? / 4)
        .map(|group| digit((weight + 1).max(0) + group))
        .collect::<Option<Vec<u16>>>()?
        .iter()
        .map(|four| format!("{four:04}"))
        .collect();
    let behind = "0000".repeat(zeros) + &behind;
    Some(format!("{sign}{whole}.{}", behind.get(..scale)?))
}

/// Days since 2000-01-01 as a date of the calendar (Howard Hinnant, "`chrono`-Compatible Low-Level Date Algorithms").
fn date(days: i64) -> Option<String> {
    if days == i64::from(i32::MAX) {
        return Some("infinity".into());
    }
    if days == i64::from(i32::MIN) {
        return Some("-infinity".into());
    }
    let shifted = days.checked_add(730_425)?;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some(if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{:04}-{month:02}-{day:02} BC", 1 - year)
    })
}

/// Microseconds since 2000-01-01.
fn moment(micros: i64) -> Option<String> {
    const DAY: i64 = 86_400_000_000;
    match micros {
        i64::MAX => Some("infinity".into()),
        i64::MIN => Some("-infinity".into()),
        _ => Some(format!("{} {}", date(micros.div_euclid(DAY))?, time(micros.rem_euclid(DAY)))),
    }
}

/// Microseconds since midnight.
fn time(micros: i64) -> String {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { whole } else { format!("{whole}.{rest:06}").trim_end_matches('0').to_owned() }
}

/// A null whose type the server finds out.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// What a refusal means.
pub(super) fn cause(error: &dyn sqlx::error::DatabaseError) -> (Cause, String) {
    crate::db::postgres::cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_server_writes_them() {
        assert_eq!(date(0).unwrap(), "2000-01-01");
        assert_eq!(date(9824).unwrap(), "2026-11-24");
        assert_eq!(date(-730_119).unwrap(), "0001-01-01");
        assert_eq!(moment(-1).unwrap(), "1999-12-31 23:59:59.999999");
    }

    #[test]
    fn decimals_keep_every_digit() {
        let bytes = |parts: &[u16]| parts.iter().flat_map(|part| part.to_be_bytes()).collect::<Vec<_>>();
        for (parts, text) in [
            (&[3, 1, 0, 2, 1, 2345, 6700][..], "12345.67"),
            (&[1, 0xffff, 0x4000, 4, 5][..], "-0.0005"),
            (&[1, 0xfffe, 0, 8, 5][..], "0.00000005"),
            (&[0, 0, 0, 2][..], "0.00"),
            (&[1, 1, 0, 0, 3][..], "30000"),
        ] {
            assert_eq!(numeric(&bytes(parts)).unwrap(), text);
        }
    }
}
