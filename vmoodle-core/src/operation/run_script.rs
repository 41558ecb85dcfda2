//! Runs a PHP script of the code base as each tenant.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::by_script;
use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::lifecycle::process::{self, Task};
use crate::lifecycle::{require_whole, script};
use crate::moodle::setting::names_secret;
use crate::parameter::{Param, Type};
use crate::secret::{Keyring, Stored};
use crate::steps::{self, Doing, blocking};

/// Runs a script as a tenant: `VMOODLE_HOST` says which. What it says and its exit code are kept with the item.
///
/// It is begun once. Where its runner dies while it runs, the item ends as `unknown`, unless the script is said to be
/// `idempotent`: then it is begun again.
pub(super) struct RunScript;

static META: Meta = Meta {
    name: "run_script",
    parameters: &[
        Param { name: "script", kind: Type::Text, required: true, default: None },
        Param { name: "arguments", kind: Type::Json, required: false, default: Some("[]") },
        Param { name: "input", kind: Type::Text, required: false, default: None },
        Param { name: "secret_input", kind: Type::Secret, required: false, default: None },
        Param { name: "time_limit", kind: Type::Int, required: false, default: Some("600") },
        Param { name: "idempotent", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: true,
    // The item's memory tells whether it was begun; see `by_script`.
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: false,
    makes: false,
};

/// The most octets of arguments, all together.
const MOST_BYTES: usize = 64 << 10;
/// Words in the name of an option that say its value is a secret.
const SECRETS: &[&str] =
    &["pass", "password", "passwd", "adminpass", "dbpass", "secret", "token", "privatekey", "apikey"];

impl Operation for RunScript {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        Given::read(parameters).map(drop)
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            require_whole(work.tenant, "given to a script")?;
            let given = Given::read(work.parameters)?;
            given.look(work).await?;
            let mut after = vec![given.script];
            after.extend(given.arguments);
            Ok(vec![Change { what: "script".into(), before: Value::Null, after: json!(after) }])
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(apply(work))
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "what a script has changed cannot be put back")) })
    }
}

/// The parameters.
struct Given {
    script: String,
    arguments: Vec<String>,
    limit: Duration,
    is_idempotent: bool,
}

impl Given {
    fn read(parameters: &Map<String, Value>) -> Result<Self> {
        let bad = |message: &str| Error::new(Kind::BadParameter, message);
        let script = parameters.get("script").and_then(Value::as_str).unwrap_or_default().to_owned();
        script::check_name(&script)?;
        let arguments: Vec<String> = match parameters.get("arguments") {
            None => Vec::new(),
            Some(list) => serde_json::from_value(list.clone()).map_err(|_| {
                bad("`arguments` must be a list of texts").hint(r#"such as `["--enable", "--name=x"]`"#)
            })?,
        };
        if arguments.iter().map(String::len).sum::<usize>() > MOST_BYTES {
            return Err(bad("`arguments` are too long").hint("give the script what is long as `input`"));
        }
        if arguments.iter().any(|one| one.contains('\0')) {
            return Err(bad("`arguments` cannot hold a zero octet"));
        }
        if let Some(option) = secret_option(&script, &arguments) {
            return Err(bad(&format!("`{}` would show a secret to every user of the machine", escape(option)))
                .hint("give it to the script by `secret_input`, which it reads from its standard input"));
        }
        if parameters.contains_key("input") && parameters.contains_key("secret_input") {
            return Err(bad("a script has one standard input: give `input` or `secret_input`"));
        }
        let is_idempotent = parameters.get("idempotent") == Some(&json!(true));
        Ok(Self { script, arguments, limit: by_script::limit(parameters)?, is_idempotent })
    }

    /// Whether the script is there.
    async fn look(&self, work: &Work<'_>) -> Result<()> {
        let (root, script) = (PathBuf::from(&work.control.dirroot), self.script.clone());
        blocking(move || script::check_place(&root, &script)).await
    }
}

/// The name of an option whose value is a secret: by its own name, or, as `admin/cli/cfg.php` takes it, by the setting's.
fn secret_option<'a>(script: &str, arguments: &'a [String]) -> Option<&'a str> {
    let options = || arguments.iter().filter_map(|one| one.split_once('=')).filter(|(name, _)| name.starts_with('-'));
    let sets_secret = options().any(|(name, value)| name == "--name" && names_secret(value));
    let is_secret = |name: &str| {
        let mut words = name.trim_start_matches('-').split(['-', '_']);
        words.any(|word| SECRETS.contains(&word.to_ascii_lowercase().as_str()))
            || name == "-p" && script.ends_with("/reset_password.php")
            || name == "--set" && sets_secret
    };
    options().map(|(name, _)| name).find(|name| is_secret(name))
}

fn input(work: &Work<'_>) -> Result<String> {
    let text = |name: &str| work.parameters.get(name).and_then(Value::as_str);
    match text("secret_input") {
        Some(sealed) => Ok(work.keyring.open_stored(&Stored::from_column(sealed))?.reveal().to_owned()),
        None => Ok(text("input").unwrap_or_default().to_owned()),
    }
}

async fn apply(work: &mut Work<'_>) -> Result<()> {
    let given = Given::read(work.parameters)?;
    given.look(work).await?;
    let input = input(work)?;
    if !given.is_idempotent {
        by_script::begin(work).await?;
    }
    let arguments: Vec<&str> = given.arguments.iter().map(String::as_str).collect();
    let task = Task {
        script: &given.script,
        arguments: &arguments,
        input: input.as_bytes(),
        limit: given.limit,
        goes_on: false,
    };
    let ran = process::run(work.control, Some(work.tenant), &task).await;
    steps::boundary();
    if !given.is_idempotent {
        by_script::has_ended(work)?;
    }
    let end = ran?;
    by_script::memory(work)?.print(Value::Object(end.told()));
    end.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &Value) -> Result<Given> {
        let mut given = json!({"script": "admin/cli/cfg.php", "time_limit": 5}).as_object().unwrap().clone();
        given.extend(parameters.as_object().unwrap().clone());
        Given::read(&given)
    }

    #[test]
    fn arguments_are_a_list_of_texts_without_secrets() {
        let given =
            read(&json!({"arguments": ["--name=l'été", "--set=x", "--passing-grade=3", "password", ""]})).unwrap();
        assert_eq!(given.arguments.len(), 5);
        for bad in [
            json!({"arguments": "--x"}),
            json!({"arguments": [1]}),
            json!({"arguments": ["a\0b"]}),
            json!({"arguments": ["--new-password=hidden!"]}),
            json!({"arguments": ["--adminpass=hidden!"]}),
            json!({"arguments": ["--set=hidden!", "--name=smtppass"]}),
            json!({"script": "admin/cli/reset_password.php", "arguments": ["-u=admin", "-p=hidden!"]}),
            json!({"arguments": ["x".repeat(MOST_BYTES + 1)]}),
            json!({"time_limit": 0}),
            json!({"script": "../x.php"}),
            json!({"input": "a", "secret_input": "b"}),
        ] {
            let error = read(&bad).err().unwrap();
            assert_eq!(error.kind(), Kind::BadParameter, "{bad}");
            assert!(!error.to_string().contains("hidden!"), "{error}");
        }
    }
}
