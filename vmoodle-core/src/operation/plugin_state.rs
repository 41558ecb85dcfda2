//! Turns plugins on or off, or gives them another place among those that are on.

use serde_json::{Map, Value};

use super::contract::{Change, Meta, Operation, Work};
use super::plugins;
use crate::error::{Error, Kind, Result};
use crate::moodle::plugins::states::Asked;
use crate::moodle::plugins::{Plugin, PluginType, Position, State};
use crate::parameter::{Param, Type};
use crate::steps::Doing;

/// Turns plugins on or off.
///
/// All those of `plugin` to one `state` or `position`, or each to its own: `states`, a JSON object of full name to state.
pub(super) struct PluginState;

static META: Meta = Meta {
    name: "plugin_state",
    parameters: &[
        Param { name: "plugin", kind: Type::Words, required: false, default: None },
        Param {
            name: "state",
            kind: Type::Choice(&["enabled", "disabled", "available"]),
            required: false,
            default: None,
        },
        Param { name: "position", kind: Type::Text, required: false, default: None },
        Param { name: "states", kind: Type::Json, required: false, default: None },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for PluginState {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(plugins::apply(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(plugins::undo(work, changes))
    }
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let (wanted, position) = given(work.parameters)?;
    let mut chosen = Vec::with_capacity(wanted.len());
    for (name, state) in &wanted {
        chosen.push((Plugin::parse(name)?, *state));
    }
    // What comes on comes first: the last editor that is on may go where another one is there.
    chosen.sort_by_key(|(_, state)| *state);
    let mut kinds: Vec<&'static PluginType> = chosen.iter().map(|(plugin, _)| plugin.kind).collect();
    kinds.sort_by_key(|kind| kind.name);
    kinds.dedup();
    let modules: Vec<(&str, State)> = chosen
        .iter()
        .filter(|(plugin, _)| plugin.kind.name == "mod")
        .filter_map(|(plugin, state)| Some((plugin.name, (*state)?)))
        .collect();
    let wwwroot = work.tenant.address.to_string();
    let from = plugins::states(work, Asked { kinds: &kinds, modules: &modules }).await?;
    let mut to = from.clone();
    for (plugin, state) in chosen {
        if let Some(state) = state {
            plugins::set(work, &mut to, plugin, state).map_err(|error| error.of_tenant(&wwwroot))?;
        }
        if let Some(position) = position {
            to.place(plugin, position).map_err(|error| error.of_tenant(&wwwroot))?;
        }
    }
    Ok(plugins::changes(&from, &to))
}

/// Plugins by full name, each with the state that it shall have.
type Named = Vec<(String, Option<State>)>;

/// The plugins that are named, and the place that all of them shall have.
fn given(parameters: &Map<String, Value>) -> Result<(Named, Option<Position>)> {
    let bad = |message: &str| Error::new(Kind::BadParameter, message.to_owned());
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let listed = parameters.get("plugin").and_then(Value::as_array);
    let state = text("state").map(State::parse).transpose()?;
    let position = text("position").map(Position::parse).transpose()?;
    match (listed, parameters.get("states")) {
        (Some(names), None) if state.is_some() || position.is_some() => {
            let names = names.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), state));
            Ok((names.collect(), position))
        }
        (Some(_), None) => Err(bad("neither `state` nor `position` is given")),
        (None, Some(Value::Object(states))) if !states.is_empty() && state.is_none() && position.is_none() => {
            let one = |(name, state): (&String, &Value)| {
                let word = state.as_str().ok_or_else(|| bad("a state in `states` is no text"))?;
                Ok((name.clone(), Some(State::parse(word)?)))
            };
            Ok((states.iter().map(one).collect::<Result<_>>()?, None))
        }
        (None, Some(_)) => Err(bad("`states` must be a JSON object of plugins and their states, and stand alone")),
        (None, None) => Err(bad("no plugin is named").hint("give `plugin` with `state` or `position`, or `states`")),
        (Some(_), Some(_)) => Err(bad("`plugin` and `states` exclude each other")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plugins_have_one_state_or_each_its_own() {
        let read = |parameters: Value| given(parameters.as_object().unwrap());
        let (one, _) = read(json!({"plugin": ["mod_chat", "mod_quiz"], "state": "disabled"})).unwrap();
        assert_eq!(one, [("mod_chat".into(), Some(State::Disabled)), ("mod_quiz".into(), Some(State::Disabled))]);
        let (each, _) = read(json!({"states": {"mod_chat": "enabled", "filter_tex": "available"}})).unwrap();
        assert_eq!(each, [("mod_chat".into(), Some(State::Enabled)), ("filter_tex".into(), Some(State::Available))]);
        for bad in [
            json!({}),
            json!({"plugin": ["mod_chat"]}),
            json!({"states": {}}),
            json!({"states": ["mod_chat"]}),
            json!({"states": {"mod_chat": "away"}}),
            json!({"states": {"mod_chat": true}}),
            json!({"states": {"mod_chat": "enabled"}, "state": "enabled"}),
            json!({"states": {"mod_chat": "enabled"}, "plugin": ["mod_quiz"], "state": "enabled"}),
        ] {
            assert_eq!(read(bad.clone()).unwrap_err().kind(), Kind::BadParameter, "{bad}");
        }
    }
}
