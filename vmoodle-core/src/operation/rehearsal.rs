//! Operations for tests of the runner: they misbehave as they are told, and write down when they worked on whom.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::parameter::{Param, Type};
use crate::steps::Doing;

/// Both of them: one that may be repeated, and one that may not.
pub(super) static ALL: [&dyn Operation; 2] = [&Rehearsal(&META), &Rehearsal(&ONCE)];

static PARAMETERS: [Param; 3] = [
    // By host what happens there, word by word.
    Param { name: "script", kind: Type::Json, required: false, default: None },
    // A file that gets a line for each beginning and each end.
    Param { name: "log", kind: Type::Text, required: true, default: None },
    // A file that `wait` waits for, and that makes `sick` well.
    Param { name: "gate", kind: Type::Text, required: false, default: None },
];

static META: Meta = Meta {
    name: "rehearse",
    parameters: &PARAMETERS,
    dangerous: false,
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: false,
    makes: false,
};

static ONCE: Meta = Meta { name: "rehearse_once", idempotent: false, ..META };

struct Rehearsal(&'static Meta);

impl Operation for Rehearsal {
    fn meta(&self) -> &'static Meta {
        self.0
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            assert!(!words(work).contains(&"panic in plan".to_owned()), "as told");
            Ok(vec![Change { what: "rehearsal".into(), before: Value::Null, after: json!("done") }])
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(rehearse(work))
    }

    fn gate<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, ()> {
        Box::pin(async move {
            let host = work.tenant.address.host().to_string();
            let sick = words(work).contains(&"sick".to_owned()) && !Path::new(text(work, "gate")).exists();
            if sick { Err(Error::new(Kind::Unhealthy, format!("{host} is sick as told"))) } else { Ok(()) }
        })
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "a rehearsal cannot be undone")) })
    }
}

fn words(work: &Work<'_>) -> Vec<String> {
    let script = work.parameters.get("script").and_then(|script| script.get(work.tenant.address.host().as_str()));
    script.cloned().and_then(|words| serde_json::from_value(words).ok()).unwrap_or_default()
}

fn text<'a>(work: &'a Work<'_>, name: &str) -> &'a str {
    work.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn rehearse(work: &mut Work<'_>) -> Result<()> {
    let host = work.tenant.address.host().to_string();
    let (log, gate) = (text(work, "log").to_owned(), text(work, "gate").to_owned());
    let begin = format!("begin {host}");
    note(&log, &begin)?;
    let times = fs::read_to_string(&log).unwrap_or_default().lines().filter(|line| *line == begin).count();
    for word in words(work) {
        match word.as_str() {
            "panic" => panic!("as told"),
            "fail" => return Err(Error::new(Kind::StateRefused, "as told")),
            "busy once" if times == 1 => return Err(Error::new(Kind::TenantUnreachable, "as told")),
            "busy" => return Err(Error::new(Kind::TenantUnreachable, "as told")),
            "wait" => wait(&gate).await?,
            "steps" => {
                let steps = work.steps.as_mut().ok_or_else(|| Error::new(Kind::Internal, "a plan does nothing"))?;
                steps.step("one", async || wait(&gate).await).await?;
                steps.step("two", async || note(&log, &format!("two {host}"))).await?;
            }
            _ => {}
        }
    }
    note(&log, &format!("end {host}"))
}

async fn wait(gate: &str) -> Result<()> {
    while !gate.is_empty() && !Path::new(gate).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn note(log: &str, line: &str) -> Result<()> {
    let mut text = line.to_owned();
    let _ = writeln!(text);
    let written =
        fs::File::options().append(true).create(true).open(log).and_then(|mut f| f.write_all(text.as_bytes()));
    written.map_err(|error| Error::new(Kind::Internal, "the log cannot be written").because(error))
}
