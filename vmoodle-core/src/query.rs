//! One read-only question to many tenants at once; what a tenant answers is heard while others still work.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::control::ControlSite;
use crate::db::{Came, More};
use crate::error::{Error, Kind, Result};
use crate::moodle::statements::{self, Asked};
use crate::registry::Fields;
use crate::secret::Keyring;
use crate::sqlscript::{Rules, Script};
use crate::tenant::Tenant;

/// How many tenants are asked at once, and how many of them on one database server.
const AT_ONCE: usize = 16;
const PER_SERVER: usize = 8;

/// What is asked of all.
pub(crate) struct Question<'a> {
    pub(crate) sql: &'a str,
    pub(crate) values: &'a Map<String, Value>,
    pub(crate) options: Options,
}

/// Limits of a question, and what it is allowed.
pub(crate) struct Options {
    rules: Rules,
    rows: u64,
    time: Duration,
    bytes: usize,
}

impl Options {
    /// Reads `row_limit` (10,000 for each tenant), `time_limit` (30 seconds), `size_limit` (16 MiB for each tenant),
    /// `allow` (a list, or words with commas between).
    pub(crate) fn read(given: &Map<String, Value>) -> Result<Self> {
        let fields = Fields::new(given, &["row_limit", "time_limit", "size_limit", "allow"], &[])?;
        let number = |name, most: i64, default: u64| {
            Ok::<_, Error>(fields.int(name, 1..=most)?.map_or(default, i64::unsigned_abs))
        };
        let words = |value: &Value| match value {
            Value::String(text) => Some(text.split(',').map(|word| word.trim().to_owned()).collect()),
            Value::Array(words) => {
                words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            }
            _ => None,
        };
        let allow = match given.get("allow").filter(|value| !value.is_null()) {
            None => Vec::new(),
            Some(value) => {
                words(value).ok_or_else(|| Error::new(Kind::BadParameter, "`allow` must be a list of words"))?
            }
        };
        Ok(Self {
            rules: Rules::new(false, allow)?,
            rows: number("row_limit", 10_000_000, 10_000)?,
            time: Duration::from_secs(number("time_limit", 3600, 30)?),
            bytes: usize::try_from(number("size_limit", 1 << 32, 16 << 20)?).unwrap_or(usize::MAX),
        })
    }
}

/// What is heard of the tenants.
#[derive(Debug)]
pub enum Heard {
    /// A row, `host` first.
    Row(Map<String, Value>),
    /// A tenant that gave no answer, or not all of it: `host`, `errorcode`, `error`.
    Failed(Map<String, Value>),
    /// A tenant of which not every row is given, by its host.
    Cut(String),
}

/// Whoever hears the answers; `false` stops the question.
pub(crate) type Listener<'a> = &'a mut dyn FnMut(Heard) -> bool;

/// Asks the tenants; gives how many `answered` and `failed`. The order of the answers is that of their coming.
pub(crate) async fn ask(
    control: &ControlSite,
    keyring: &Keyring,
    tenants: &[Tenant],
    question: &Question<'_>,
    listener: Listener<'_>,
) -> Result<Map<String, Value>> {
    check(tenants, question)?;
    let listener = RefCell::new(Some(listener));
    let hear = |heard| {
        let mut listener = listener.borrow_mut();
        let more = listener.as_mut().is_some_and(|listener| listener(heard));
        if !more {
            *listener = None;
        }
        if more { More::Yes } else { More::No }
    };
    let servers: HashMap<String, Semaphore> =
        tenants.iter().map(|tenant| (server(tenant), Semaphore::new(PER_SERVER))).collect();
    let one = async |tenant: &Tenant| {
        let _permit = match servers.get(&server(tenant)) {
            Some(gate) => gate.acquire().await.ok(),
            None => None,
        };
        if listener.borrow().is_none() {
            return None;
        }
        let host = tenant.address.key();
        let answered = answer(control, keyring, tenant, question, &host, &hear).await;
        if let Err(error) = &answered {
            let failed = json!({"host": host, "errorcode": error.code(), "error": error.to_string()});
            hear(Heard::Failed(failed.as_object().cloned().unwrap_or_default()));
        }
        Some(answered.is_ok())
    };
    let (mut answered, mut failed) = (0, 0);
    let mut asked = stream::iter(tenants).map(|tenant| Box::pin(one(tenant))).buffer_unordered(AT_ONCE);
    while let Some(done) = asked.next().await {
        match done {
            Some(true) => answered += 1,
            Some(false) => failed += 1,
            None => {}
        }
    }
    let counts = json!({"answered": answered, "failed": failed});
    Ok(counts.as_object().cloned().unwrap_or_default())
}

/// Refuses what no tenant would be asked: it would come back once for each.
fn check(tenants: &[Tenant], question: &Question<'_>) -> Result<()> {
    for tenant in tenants.iter().take(1) {
        let script = Script::read(question.sql, tenant.database.engine)?;
        if script.len() != 1 {
            return Err(Error::new(Kind::SqlRefused, format!("a question is one statement, not {}", script.len()))
                .hint("a script is run by the operation `run_sql`"));
        }
        script.bind(&tenant.prefix, question.values)?;
        let mut verdicts = script.judge(&tenant.prefix, &[])?;
        for verdict in &mut verdicts {
            // Which schema is a tenant's own its server tells.
            verdict.needs.remove("other_schema");
        }
        script.hold(&verdicts, &question.options.rules)?;
    }
    Ok(())
}

async fn answer(
    control: &ControlSite,
    keyring: &Keyring,
    tenant: &Tenant,
    question: &Question<'_>,
    host: &str,
    hear: &impl Fn(Heard) -> More,
) -> Result<()> {
    let Options { rules, rows, time, bytes } = &question.options;
    let asked = Asked { sql: question.sql, values: question.values, rules, rows: rows + 1, time: *time };
    let ready = statements::prepare(tenant, &control.settings, keyring, &asked).await?;
    let (mut count, mut size, mut cut) = (0, 0, false);
    let mut listen = |_, came: Came<'_>| match came {
        Came::Row(names, values) => {
            count += 1;
            size += values.iter().map(weight).sum::<usize>();
            if count > *rows || size > *bytes {
                cut = true;
                return More::No;
            }
            hear(Heard::Row(row(host, names, values)))
        }
        Came::Done(_) => More::Yes,
    };
    ready.read(&mut listen).await?;
    if cut {
        hear(Heard::Cut(host.to_owned()));
    }
    Ok(())
}

/// The tenant's key, then its values; a column that is called `host` too gets the next name that is free.
fn row(host: &str, names: &[String], values: Vec<Value>) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("host".to_owned(), json!(host));
    for (name, value) in names.iter().zip(values) {
        let free = |number: &u32| !names.contains(&format!("host_{number}"));
        let name = match name.as_str() {
            "host" => {
                format!("host_{}", (2..=u32::try_from(names.len()).unwrap_or(u32::MAX - 2) + 2).find(free).unwrap_or(2))
            }
            other => other.to_owned(),
        };
        row.insert(name, value);
    }
    row
}

/// About how many octets a value takes.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 8,
        Value::Array(all) => all.iter().map(weight).sum::<usize>() + 8,
        _ => 8,
    }
}

fn server(tenant: &Tenant) -> String {
    let place = &tenant.database;
    format!("{}:{}:{}", place.engine.word(), place.host, place.port.unwrap_or(0))
}
