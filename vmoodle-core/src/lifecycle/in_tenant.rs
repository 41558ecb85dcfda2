//! What only Moodle's own code can do: the plugin's script for it, run as the tenant. JSON in, JSON out.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::process::{self, End, Task};
use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::moodle::caches::OnlyPhp;
use crate::tenant::Tenant;
use crate::warning::{Matter, Warning};

/// The script: it reads what is asked from its standard input, and its last line is the answer.
const SCRIPT: &str = "local/vmoodle/cli/in_tenant.php";
/// How long a few entries may take.
const SOON: Duration = Duration::from_mins(2);
/// What the script may refuse, by code.
const REFUSALS: &[Kind] = &[
    Kind::BadParameter,
    Kind::StateRefused,
    Kind::CategoryNotFound,
    Kind::CourseNotFound,
    Kind::FilesFailed,
    Kind::NameTaken,
];

/// Asks a command of the script; gives its answer. Fails as the script refuses, and with `script_failed` where it gives no
/// answer.
pub(crate) async fn ask(
    control: &ControlSite,
    tenant: &Tenant,
    command: &str,
    given: &Value,
    limit: Duration,
) -> Result<Map<String, Value>> {
    let input = given.to_string();
    let task = Task { script: SCRIPT, arguments: &[command], input: input.as_bytes(), limit, goes_on: false };
    let end = process::run(control, Some(tenant), &task).await?;
    match answer(&end) {
        Some(Answer::Done(answer)) => end.done().map(|()| answer),
        Some(Answer::Refused(error)) => Err(error.of_tenant(tenant.address.to_string())),
        None => end.done().and_then(|()| {
            let message = format!("`{SCRIPT}` gave no answer");
            Err(Error::new(Kind::ScriptFailed, message).of_tenant(tenant.address.to_string()))
        }),
    }
}

enum Answer {
    Done(Map<String, Value>),
    Refused(Error),
}

/// What stands in the last line that is an answer: Moodle may have said something before and after it.
fn answer(end: &End) -> Option<Answer> {
    let is_answer = |one: &Map<String, Value>| one.contains_key("answer") || one.contains_key("refused");
    let lines = end.said().lines().rev();
    let mut found = lines.filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok()).find(is_answer)?;
    if let Some(answer) = found.remove("answer") {
        return Some(Answer::Done(answer.as_object().cloned().unwrap_or_default()));
    }
    let refused = &found["refused"];
    let text = |name: &str| refused[name].as_str().unwrap_or_default();
    let kind = REFUSALS.iter().find(|kind| kind.code() == text("code")).copied().unwrap_or(Kind::ScriptFailed);
    let error = Error::new(kind, text("message"));
    Some(Answer::Refused(if text("hint").is_empty() { error } else { error.hint(text("hint")) }))
}

/// Drops entries of caches that only PHP can reach; says of each store what became of it.
pub(crate) async fn drop_entries(control: &ControlSite, tenant: &Tenant, stores: &[OnlyPhp]) -> Vec<Warning> {
    let definitions: BTreeSet<&String> = stores.iter().flat_map(|store| &store.definitions).collect();
    if definitions.is_empty() {
        return Vec::new();
    }
    let asked = json!({ "definitions": definitions });
    let dropped = ask(control, tenant, "drop_caches", &asked, SOON).await;
    let (code, said) = match &dropped {
        Ok(_) => (Matter::CacheByPhp, "its stale entries were dropped by a script of this site".to_owned()),
        // The rows are written: what is left is told, not undone.
        Err(error) => (Matter::CacheStays, format!("purge this site's caches, for its script has failed: {error}")),
    };
    let told = |one: &OnlyPhp| Warning::new(code, format!("{} is reached only by PHP: {said}", one.store));
    stores.iter().map(told).collect()
}
