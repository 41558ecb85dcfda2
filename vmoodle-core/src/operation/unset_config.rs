//! Takes settings of a tenant away, so that Moodle's own default counts again.

use serde_json::{Map, Value, json};

use super::change_settings::{self, Wishes, check};
use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::setting::{Log, Setting};
use crate::parameter::{Param, Type};
use crate::secret::Keyring;
use crate::steps::Doing;

/// Takes settings of a tenant away: `names`, separated by commas, each `name` or `plugin/name`; `plugin` is meant for those
/// without one.
pub(super) struct UnsetConfig;

static META: Meta = Meta {
    name: "unset_config",
    parameters: &[
        Param { name: "names", kind: Type::Text, required: true, default: None },
        Param { name: "plugin", kind: Type::Text, required: false, default: None },
        Param { name: "force", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for UnsetConfig {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        let force = is_forced(parameters);
        let settings = named(parameters)?;
        settings.keys().try_for_each(|setting| check(setting, force))?;
        let names: Vec<String> = settings.keys().map(Setting::to_string).collect();
        *parameters =
            Map::from_iter([("names".to_owned(), json!(names.join(","))), ("force".to_owned(), json!(force))]);
        Ok(())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let (wanted, force) = (named(work.parameters)?, is_forced(work.parameters));
            change_settings::plan(work, &wanted, force).await
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_settings::apply(work, changes, Log::Written))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_settings::undo(work, changes, Log::Written))
    }
}

fn is_forced(parameters: &Map<String, Value>) -> bool {
    parameters.get("force").and_then(Value::as_bool).unwrap_or(false)
}

fn named(parameters: &Map<String, Value>) -> Result<Wishes> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let names = text("names").unwrap_or_default().split([',', ' ']).filter(|name| !name.is_empty());
    let plugin = |name: &str| text("plugin").filter(|_| !name.contains('/'));
    let found: Wishes =
        names.map(|name| Ok((Setting::parse(name, plugin(name))?, None.into()))).collect::<Result<_>>()?;
    if found.is_empty() {
        return Err(Error::new(Kind::BadParameter, "`names` names no setting"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_their_plugin() {
        let mut map = json!({"names": "a, mod_quiz/b", "plugin": "tool_log"}).as_object().cloned().unwrap();
        UnsetConfig.prepare(&mut map, &Keyring::none()).unwrap();
        assert_eq!(map["names"], "mod_quiz/b,tool_log/a");
        for bad in ["", ",", "version", "siteidentifier"] {
            let mut map = json!({ "names": bad }).as_object().cloned().unwrap();
            assert!(UnsetConfig.prepare(&mut map, &Keyring::none()).is_err(), "{bad}");
        }
    }
}
