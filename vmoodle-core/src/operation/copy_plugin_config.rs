//! Makes a plugin's settings those of another tenant.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::change_settings::{self, Wishes};
use super::contract::{Change, Meta, Operation, Work};
use super::source::{flag, open, source};
use crate::error::{Error, Kind, Result};
use crate::ident::PluginName;
use crate::moodle::config;
use crate::moodle::setting::{Log, Setting};
use crate::parameter::{Param, Type};
use crate::secret::Keyring;
use crate::steps::Doing;
use crate::warning::Matter;

/// Makes a plugin's settings those of another tenant, `source`: all of them, or `names`, separated by commas. Settings that
/// the source does not have stay. Never copied are the plugin's version and what the source has encrypted with its own key;
/// secrets only where `secrets` is given.
pub(super) struct CopyPluginConfig;

static META: Meta = Meta {
    name: "copy_plugin_config",
    parameters: &[
        Param { name: "source", kind: Type::Text, required: true, default: None },
        Param { name: "plugin", kind: Type::Text, required: true, default: None },
        Param { name: "names", kind: Type::Text, required: false, default: None },
        Param { name: "secrets", kind: Type::Flag, required: false, default: Some("0") },
        Param { name: "force", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

/// What an encrypted setting begins with (lib/classes/encryption.php, `METHOD_*`): only its own site can read it.
const ENCRYPTED: [&str; 2] = ["sodium:", "openssl-aes-256-ctr:"];

impl Operation for CopyPluginConfig {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        PluginName::parse(parameters.get("plugin").and_then(Value::as_str).unwrap_or_default()).map(|_| ())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let wanted = wanted(work).await?;
            let force = flag(work, "force");
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

async fn wanted(work: &mut Work<'_>) -> Result<Wishes> {
    let (parameters, memo) = (work.parameters, work.memo.clone());
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let (plugin, secrets) = (text("plugin"), flag(work, "secrets"));
    let names: Vec<&str> = text("names").split([',', ' ']).filter(|name| !name.is_empty()).collect();
    let source = memo.once("source", async || source(work).await).await?;
    if source.id == work.tenant.id {
        return Ok(BTreeMap::new());
    }
    let values = async || {
        let mut site = open(work, &source).await?;
        let values = config::plugin_values(&mut site, plugin).await;
        site.close().await;
        Ok(values?)
    };
    // They are read once in a run, so that all items copy the same.
    let values = memo.once("values", values).await?;
    if let Some(name) = names.iter().find(|name| !values.contains_key(**name)) {
        let message = format!("`{}` has no setting `{}/{}`", source.address, plugin, crate::host::escape(name));
        return Err(Error::new(Kind::BadParameter, message));
    }
    let mut wanted: Wishes = BTreeMap::new();
    let mut left = Vec::new();
    for (name, value) in values.iter() {
        if name == "version" || !names.is_empty() && !names.contains(&name.as_str()) {
            continue;
        }
        let setting = Setting::parse(name, Some(plugin))?;
        let is_encrypted = ENCRYPTED.iter().any(|method| value.starts_with(method));
        if is_encrypted || setting.is_secret(value) && !secrets {
            left.push(name.clone());
        } else {
            wanted.insert(setting, Some(value.clone()).into());
        }
    }
    if let (false, Some(steps)) = (left.is_empty(), work.steps.as_mut()) {
        left.sort();
        steps.warn(Matter::SecretsLeft, format!("secrets of the source were not copied: {}", left.join(", ")));
    }
    Ok(wanted)
}
