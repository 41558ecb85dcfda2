//! Runs a script of SQL on tenants, as each tenant's own database user; read-only unless writing is asked for by name.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::stale::Stale;
use crate::moodle::statements::{self, Asked, Mark, Output, Ready};
use crate::parameter::{Param, Type};
use crate::secret::Secret;
use crate::sqlscript::Rules;
use crate::steps::{self, Doing, Steps};
use crate::warning::Matter;

/// Runs a script of SQL.
pub(super) struct RunSql;

static META: Meta = Meta {
    name: "run_sql",
    parameters: &[
        Param { name: "sql", kind: Type::Text, required: true, default: None },
        Param { name: "values", kind: Type::Json, required: false, default: Some("{}") },
        Param { name: "mode", kind: Type::Choice(&["read", "write"]), required: false, default: Some("read") },
        Param { name: "allow", kind: Type::Text, required: false, default: Some("") },
        Param { name: "row_limit", kind: Type::Int, required: false, default: Some("1000") },
        Param { name: "time_limit", kind: Type::Int, required: false, default: Some("30") },
    ],
    dangerous: true,
    // A mark in the tenant tells whether a killed run was committed; where there can be none the item ends as `unknown`.
    idempotent: true,
    undoable: false,
    reads_only: true,
    publishes: false,
    makes: false,
};

/// The step that runs the script.
const SCRIPT: &str = "script";
/// What is remembered of its mark: a name, and whether the mark is committed with the script.
const MARK: &str = "mark";
/// The most octets of results that the journal keeps of a tenant.
const MOST_BYTES: usize = 64 << 10;
/// How many statements a plan lists.
const LISTED: usize = 100;

impl Operation for RunSql {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn harmless(&self) -> Option<(&'static str, &'static str)> {
        Some(("mode", "read"))
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let given = Given::read(work.parameters)?;
            let ready = prepare(work, &given).await?;
            let changes = if given.rules.writes { changes(&ready) } else { Vec::new() };
            ready.leave().await;
            Ok(changes)
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let given = Given::read(work.parameters)?;
            if given.rules.writes { write(work, &given).await } else { read(work, &given).await }
        })
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "what a script has changed cannot be put back")) })
    }
}

/// The parameters.
struct Given {
    sql: String,
    values: Map<String, Value>,
    rules: Rules,
    rows: u64,
    time: Duration,
}

impl Given {
    fn read(parameters: &Map<String, Value>) -> Result<Self> {
        let text = |name| parameters.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let within = |name: &str, most: u64| match parameters.get(name).and_then(Value::as_u64) {
            Some(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(Error::new(Kind::BadParameter, format!("`{name}` must be a number from 1 to {most}"))),
        };
        let values = match parameters.get("values") {
            Some(Value::Object(values)) => values.clone(),
            Some(Value::Array(none)) if none.is_empty() => Map::new(),
            None => Map::new(),
            _ => return Err(Error::new(Kind::BadParameter, "`values` must be a JSON object")),
        };
        let allow = text("allow");
        Ok(Self {
            sql: text("sql"),
            values,
            rules: Rules::new(text("mode") == "write", allow.split(',').map(|code| code.trim().to_owned()))?,
            rows: within("row_limit", 100_000)?,
            time: Duration::from_secs(within("time_limit", 3600)?),
        })
    }
}

async fn prepare(work: &Work<'_>, given: &Given) -> Result<Ready> {
    // One row more tells that there are more.
    let asked =
        Asked { sql: &given.sql, values: &given.values, rules: &given.rules, rows: given.rows + 1, time: given.time };
    statements::prepare(work.tenant, &work.control.settings, work.keyring, &asked).await
}

fn changes(ready: &Ready) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    if !ready.is_atomic() {
        let after = json!("no: a statement ends the transaction, so what was done before a failure stays");
        changes.push(Change { what: "atomic".into(), before: Value::Null, after });
    }
    let total = ready.statements().count();
    for (number, (verdict, text)) in ready.statements().enumerate().take(LISTED) {
        let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
        let what = format!("statement {} ({}, {})", number + 1, verdict.class.word(), verdict.word);
        changes.push(Change { what, before: Value::Null, after: json!(shown) });
    }
    if total > LISTED {
        let what = format!("{} statements more", total - LISTED);
        changes.push(Change { what, before: Value::Null, after: Value::Null });
    }
    changes
}

async fn read(work: &mut Work<'_>, given: &Given) -> Result<()> {
    let ready = prepare(work, given).await?;
    let mut output = Output::new(given.rows, MOST_BYTES);
    ready.read(&mut |number, came| output.hear(number, came)).await?;
    memory(&mut work.steps)?.print(output.json());
    Ok(())
}

async fn write(work: &mut Work<'_>, given: &Given) -> Result<()> {
    if !memory(&mut work.steps)?.is_done(SCRIPT) {
        let mut ready = prepare(work, given).await?;
        let earlier = memory(&mut work.steps)?.recall(MARK).cloned().unwrap_or_default();
        let name = if let Some(name) = earlier["name"].as_str() {
            if ready.mark(name).await? == Mark::There {
                ready.leave().await;
                return finish(work, name, None).await;
            }
            if earlier["atomic"] != json!(true) {
                ready.leave().await;
                let why = "an earlier run of the script was cut off or has failed, and how far it came is not known";
                return Err(Error::new(Kind::OutcomeUnknown, why)
                    .hint("look at the tenant, then submit a new job with what is missing"));
            }
            name.to_owned()
        } else {
            let name = format!("marker_{}", &Secret::random().reveal()[..20]);
            let mark = json!({"name": name, "atomic": ready.is_atomic()});
            memory(&mut work.steps)?.remember(MARK, mark).await?;
            name
        };
        let mut output = Output::new(given.rows, MOST_BYTES);
        let hear = &mut |number, came: crate::db::Came<'_>| output.hear(number, came);
        let run = async || {
            ready.write(&name, hear).await?;
            steps::boundary();
            Ok(())
        };
        memory(&mut work.steps)?.step(SCRIPT, run).await?;
        return finish(work, &name, Some(output)).await;
    }
    let name =
        memory(&mut work.steps)?.recall(MARK).and_then(|mark| mark["name"].as_str()).unwrap_or_default().to_owned();
    finish(work, &name, None).await
}

/// The script is committed: its mark goes once the journal says so.
async fn finish(work: &mut Work<'_>, mark: &str, output: Option<Output>) -> Result<()> {
    let steps = memory(&mut work.steps)?;
    match output {
        Some(output) => steps.print(output.json()),
        None => steps
            .warn(Matter::AnswerLost, "an earlier run has committed the script; what it gave was lost with its runner"),
    }
    steps.step(SCRIPT, async || Ok(())).await?;
    let mut site = work.open_site().await?;
    let gone = statements::unmark(&mut site, mark).await;
    work.leave_site(site, &gone).await;
    // Nobody knows what a script has changed; what is named beside it goes for certain under a shared Redis prefix too.
    work.stale.extend([Stale::every(), Stale::core_config()]);
    Ok(gone?)
}

fn memory<'a>(steps: &'a mut Option<&mut Steps>) -> Result<&'a mut Steps> {
    steps.as_deref_mut().ok_or_else(|| Error::new(Kind::Internal, "a plan cannot do anything"))
}
