//! Enforces settings on all tenants that a selector means, at once: "defined in config.php" for Moodle.

use serde_json::{Map, Value};

use super::change_policy::{self, Wanted, name};
use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::overrides;
use crate::parameter::{Param, Type};
use crate::registry::parse_targets;
use crate::registry::policies::Stored;
use crate::secret::Keyring;
use crate::steps::Doing;
use crate::targets::Targets;

/// Writes the settings `values` into the policy `policy`, which is made where there is none and means the tenants of
/// `targets`. Settings that it has already and are not named stay; a policy that is there keeps its selector where none is
/// given. One publication brings it to every tenant; the tenants of the job are those whose plan is shown.
///
/// `values` are a JSON object of `name` or `plugin/name` to any value, or to `{"secret": ...}`, which is masked whatever the
/// setting's name says.
pub(super) struct EnforceConfig;

static META: Meta = Meta {
    name: "enforce_config",
    parameters: &[
        Param { name: "policy", kind: Type::Text, required: true, default: None },
        Param { name: "values", kind: Type::Json, required: true, default: None },
        Param { name: "targets", kind: Type::Text, required: false, default: None },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for EnforceConfig {
    fn meta(&self) -> &'static Meta {
        &META
    }

    /// Leaves `values` with their settings' own names, each checked, secrets sealed.
    fn prepare(&self, parameters: &mut Map<String, Value>, keyring: &Keyring) -> Result<()> {
        name(parameters)?;
        targets(parameters)?;
        let values = change_policy::prepared(values(parameters)?, keyring)?;
        parameters.insert("values".to_owned(), Value::Object(values));
        Ok(())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let (name, targets) = (name(work.parameters)?, targets(work.parameters)?);
            let Wanted { settings, hidden } = change_policy::read(values(work.parameters)?, work.keyring)?;
            let wanted = |old: Option<&Stored>| {
                let mut new = old.cloned().unwrap_or_else(|| Stored::new(vec!["all".to_owned()]));
                new.enabled = true;
                new.targets = targets.unwrap_or(new.targets);
                overrides::lay_over(&mut new.settings, &settings);
                Ok(Some(new))
            };
            change_policy::plan(work, &name, &hidden, wanted).await
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_policy::apply(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_policy::undo(work, changes))
    }
}

fn values(parameters: &Map<String, Value>) -> Result<&Map<String, Value>> {
    let values = parameters.get("values").and_then(Value::as_object).filter(|values| !values.is_empty());
    values.ok_or_else(|| {
        Error::new(Kind::BadParameter, "`values` is no JSON object with settings")
            .hint("write `{\"theme\": \"boost\", \"auth_manual/expiration\": 0}`")
    })
}

fn targets(parameters: &Map<String, Value>) -> Result<Option<Vec<String>>> {
    let Some(text) = parameters.get("targets").and_then(Value::as_str) else { return Ok(None) };
    let words = parse_targets(text);
    if words.is_empty() {
        return Err(Error::new(Kind::BadParameter, "`targets` means no tenant").hint("write `all`, `tag:pilot`, ..."));
    }
    Targets::parse(&words)?;
    Ok(Some(words))
}
