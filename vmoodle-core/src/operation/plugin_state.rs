//! Turns plugins on or off, or gives them another place among those that are on.

use serde_json::Value;

use super::contract::{Change, Meta, Operation, Work};
use super::plugins;
use super::source::words;
use crate::error::{Error, Kind, Result};
use crate::moodle::plugins::states::{self, Asked};
use crate::moodle::plugins::{PluginType, Position, State, States};
use crate::parameter::{Param, Type};
use crate::steps::Doing;

/// Turns plugins on or off.
pub(super) struct PluginState;

static META: Meta = Meta {
    name: "plugin_state",
    parameters: &[
        Param { name: "plugin", kind: Type::Words, required: true, default: None },
        Param {
            name: "state",
            kind: Type::Choice(&["enabled", "disabled", "available"]),
            required: false,
            default: None,
        },
        Param { name: "position", kind: Type::Text, required: false, default: None },
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
    let names = words(work, "plugin");
    let chosen = states::plugins(&names)?;
    let given = |name: &str| work.parameters.get(name).and_then(Value::as_str);
    let state = given("state").map(State::parse).transpose()?;
    let position = given("position").map(Position::parse).transpose()?;
    if state.is_none() && position.is_none() {
        return Err(Error::new(Kind::BadParameter, "neither `state` nor `position` is given"));
    }
    let mut kinds: Vec<&'static PluginType> = chosen.iter().map(|plugin| plugin.kind).collect();
    kinds.dedup();
    let modules: Vec<(&str, State)> = match state {
        Some(state) => {
            chosen.iter().filter(|plugin| plugin.kind.name == "mod").map(|plugin| (plugin.name, state)).collect()
        }
        None => Vec::new(),
    };
    let mut site = work.open_site().await?;
    let read = States::read(&mut site, Asked { kinds: &kinds, modules: &modules }).await;
    site.close().await;
    let wwwroot = work.tenant.address.to_string();
    let from = read.map_err(|error| error.of_tenant(&wwwroot))?;
    let mut to = from.clone();
    for plugin in chosen {
        if let Some(state) = state {
            plugins::set(work, &mut to, plugin, state).map_err(|error| error.of_tenant(&wwwroot))?;
        }
        if let Some(position) = position {
            to.place(plugin, position).map_err(|error| error.of_tenant(&wwwroot))?;
        }
    }
    Ok(plugins::changes(&from, &to))
}
