//! Makes the states and the order of plugins those of another tenant.

use super::contract::{Change, Meta, Operation, Work};
use super::plugins;
use super::source::{open, source, words};
use crate::error::{Error, Kind, Result};
use crate::moodle::plugins::plugin::of_type;
use crate::moodle::plugins::states::{self, Asked};
use crate::moodle::plugins::{Plugin, PluginType, State, States};
use crate::parameter::{Param, Type};
use crate::steps::Doing;
use crate::tenant::Tenant;
use crate::warning::Matter;

/// Makes the states of plugins those of another tenant.
pub(super) struct PluginSync;

static META: Meta = Meta {
    name: "plugin_sync",
    parameters: &[
        Param { name: "source", kind: Type::Text, required: true, default: None },
        Param { name: "types", kind: Type::Words, required: false, default: None },
        Param { name: "plugins", kind: Type::Words, required: false, default: None },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for PluginSync {
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
    let (types, names) = (words(work, "types"), words(work, "plugins"));
    let whole: Vec<&'static PluginType> = types.iter().map(|name| of_type(name)).collect::<Result<_>>()?;
    let single = states::plugins(&names)?;
    if whole.is_empty() && single.is_empty() {
        return Err(Error::new(Kind::BadParameter, "neither `types` nor `plugins` is given"));
    }
    let memo = work.memo.clone();
    let source = memo.once("source", async || source(work).await).await?;
    if source.id == work.tenant.id {
        return Ok(Vec::new());
    }
    let mut kinds: Vec<&'static PluginType> =
        whole.iter().copied().chain(single.iter().map(|plugin| plugin.kind)).collect();
    kinds.sort_by_key(|kind| kind.name);
    kinds.dedup();
    // The kinds are those of the parameters, so all items of a run ask for the same.
    let model = memo.once("model", async || model(work, &source, &kinds).await).await?;
    let mut wanted: Vec<(Plugin<'_>, State)> = Vec::new();
    let of_types: Vec<(&'static PluginType, Vec<String>)> =
        whole.iter().map(|kind| (*kind, model.installed_of(kind))).collect();
    let all = of_types.iter().flat_map(|(kind, names)| names.iter().map(|name| Plugin { kind, name }));
    for plugin in all.chain(single) {
        let state = model.state(plugin).ok_or_else(|| {
            Error::new(Kind::StateRefused, format!("`{plugin}` is not installed on the source {}", source.address))
        })?;
        wanted.push((plugin, state));
    }
    let modules: Vec<(&str, State)> = wanted
        .iter()
        .filter(|(plugin, _)| plugin.kind.name == "mod")
        .map(|(plugin, state)| (plugin.name, *state))
        .collect();
    let from = plugins::states(work, Asked { kinds: &kinds, modules: &modules }).await?;
    let mut to = from.clone();
    // What comes on comes first: the last editor that is on may go where another one is there.
    wanted.sort_by_key(|(_, state)| *state);
    let mut refused = Vec::new();
    for (plugin, state) in wanted {
        if from.state(plugin).is_none() {
            if let Some(steps) = work.steps.as_mut() {
                steps.warn(Matter::PluginMissing, format!("`{plugin}` is not installed on this tenant, and stays so"));
            }
        } else if let Err(error) = plugins::set(work, &mut to, plugin, state) {
            refused.push(error);
        }
    }
    for kind in whole.iter().filter(|kind| kind.is_ordered()) {
        to.arrange(kind, &model.order(kind));
    }
    match refused.into_iter().next() {
        Some(error) => Err(error.of_tenant(work.tenant.address.to_string())),
        None => Ok(plugins::changes(&from, &to)),
    }
}

async fn model(work: &Work<'_>, source: &Tenant, kinds: &[&'static PluginType]) -> Result<States> {
    let mut site = open(work, source).await?;
    let read = States::read(&mut site, Asked { kinds, modules: &[] }).await;
    site.close().await;
    read.map_err(|error| error.of_tenant(source.address.to_string()))
}
