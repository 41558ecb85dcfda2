//! Releases settings that a policy enforces: each tenant's own values count again.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::change_policy::{self, name};
use super::contract::{Change, Meta, Operation, Work};
use crate::error::Result;
use crate::moodle::setting::Setting;
use crate::overrides;
use crate::parameter::{Param, Type};
use crate::registry::policies::Stored;
use crate::secret::Keyring;
use crate::steps::Doing;

/// Takes settings out of the policy `policy`: `names`, separated by commas, each `name` or `plugin/name`; without names, and
/// where none is left, the policy itself goes.
pub(super) struct ReleaseConfig;

static META: Meta = Meta {
    name: "release_config",
    parameters: &[
        Param { name: "policy", kind: Type::Text, required: true, default: None },
        Param { name: "names", kind: Type::Text, required: false, default: None },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: true,
    makes: false,
};

impl Operation for ReleaseConfig {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        name(parameters)?;
        names(parameters).try_for_each(|name| Setting::parse(name, None).map(drop))
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let name = name(work.parameters)?;
            let names: Vec<&str> = names(work.parameters).collect();
            let wanted = |old: Option<&Stored>| {
                let Some(old) = old.filter(|_| !names.is_empty()) else { return Ok(None) };
                let mut new = old.clone();
                // A name that is not there was taken by an item before this one.
                for name in &names {
                    let setting = Setting::parse(name, None)?;
                    overrides::take(&mut new.settings, setting.plugin.as_deref(), &setting.name);
                    // Once `core/theme` was written as if `core` were a plugin.
                    if let Some((plugin, name)) = name.split_once('/') {
                        overrides::take(&mut new.settings, Some(plugin), name);
                    }
                }
                Ok(Some(new).filter(|new| !new.settings.is_empty()))
            };
            change_policy::plan(work, &name, &BTreeSet::new(), wanted).await
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_policy::apply(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_policy::undo(work, changes))
    }
}

fn names(parameters: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let names = parameters.get("names").and_then(Value::as_str).unwrap_or_default();
    names.split([',', ' ']).filter(|name| !name.is_empty())
}
