//! Takes plugins out of tenants, tables and settings included, by Moodle's own script.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use super::source::words;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::ident::PluginName;
use crate::lifecycle::once::{Found, once};
use crate::lifecycle::process::{self, Task};
use crate::lifecycle::{Ground, require_whole};
use crate::moodle::plugins::present;
use crate::moodle::stale::Stale;
use crate::moodle::version;
use crate::parameter::{Param, Type};
use crate::secret::Keyring;
use crate::steps::{Doing, blocking};
use crate::warning::Matter;

/// Takes plugins out of tenants. Those that a tenant has not are passed over.
pub(super) struct UninstallPlugin;

static META: Meta = Meta {
    name: "uninstall_plugin",
    parameters: &[Param { name: "plugin", kind: Type::Words, required: true, default: None }],
    dangerous: true,
    // A run that was cut off is looked at, and ends as `unknown` where it is not over: see `once`.
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: false,
    makes: false,
};

/// Moodle's script.
const SCRIPT: &str = "admin/cli/uninstall_plugins.php";
/// How long it may take.
const LIMIT: Duration = Duration::from_mins(30);
/// The step that runs it.
const STEP: &str = "uninstalled";

impl Operation for UninstallPlugin {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        let mut names =
            parameters.get("plugin").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        names.try_for_each(|name| named(name).map(drop))
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(apply(work, changes))
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "what a plugin kept is gone: restore a snapshot")) })
    }
}

fn named(text: &str) -> Result<PluginName> {
    let name = PluginName::parse(text)?;
    if text.split_once('_').is_some_and(|(_, name)| !name.is_empty()) {
        return Ok(name);
    }
    Err(Error::new(Kind::BadIdentifier, format!("`{text}` is no plugin: a full name such as `mod_forum` is wanted")))
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    require_whole(work.tenant, "changed")?;
    let mut site = work.open_site().await?;
    let installed = version::plugins(&mut site).await;
    site.close().await;
    let installed = installed?;
    let names: Vec<String> = words(work, "plugin").into_iter().filter(|name| installed.contains_key(name)).collect();
    let mut changes = Vec::with_capacity(names.len());
    for name in &names {
        let (dirroot, wanted) = (PathBuf::from(&work.control.dirroot), name.clone());
        let read = async || blocking(move || present::needed_by(&dirroot, &wanted)).await;
        let needed = work.memo.once(&format!("needs {name}"), read).await?;
        let here: Vec<&str> = needed
            .iter()
            .filter(|other| installed.contains_key(*other) && !names.contains(other))
            .map(String::as_str)
            .collect();
        if !here.is_empty() {
            return Err(Error::new(Kind::StateRefused, format!("`{name}` is needed by {}", here.join(", ")))
                .hint("uninstall those too, or first"));
        }
        changes.push(Change { what: name.clone(), before: json!(installed[name].to_string()), after: Value::Null });
    }
    Ok(changes)
}

async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let names: Vec<&str> = changes.iter().map(|change| change.what.as_str()).collect();
    // The script empties the site's caches; a page that was being made meanwhile may have filled them again.
    work.stale.extend([Stale::every(), Stale::core_config()]);
    let Ground { control, keyring, tenant, steps, .. } = work.ground()?;
    let plugins = format!("--plugins={}", names.join(","));
    let left = async || {
        let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
        let installed = version::plugins(&mut site).await;
        site.close().await;
        let installed = installed?;
        Ok::<_, Error>(
            names.iter().filter(|name| installed.contains_key(**name)).copied().collect::<Vec<_>>().join(", "),
        )
    };
    let look = async || {
        let left = left().await?;
        Ok(if left.is_empty() { Found::Done } else { Found::Open(format!("still installed: {left}")) })
    };
    let mut said = None;
    let done = once(steps, STEP, look, async || {
        let refused =
            |what: &str| Error::new(Kind::StateRefused, what.to_owned()).of_tenant(tenant.address.to_string());
        // What Moodle would refuse it says in a dry run: nothing is taken out unless all of it may be.
        let arguments: [&str; 2] = [&plugins, "--run"];
        let task = Task { script: SCRIPT, arguments: &arguments[..1], input: b"", limit: LIMIT, goes_on: true };
        let dry = process::run(control, Some(tenant), &task).await?;
        dry.done()?;
        let no: Vec<&str> = dry.said().lines().filter(|line| !line.starts_with("Will be uninstalled: ")).collect();
        if dry.said().lines().count() - no.len() != names.len() {
            return Err(refused(&format!("Moodle does not uninstall: {}", no.join("; ").replace('\t', " "))));
        }
        let ended = process::run(control, Some(tenant), &Task { arguments: &arguments, ..task }).await?;
        said = Some(ended.told());
        ended.done()?;
        let left = left().await?;
        if left.is_empty() { Ok(()) } else { Err(refused(&format!("still installed: {left}"))) }
    })
    .await;
    if let Some(said) = said {
        steps.print(Value::Object(said));
    }
    done?;
    for name in names.iter().filter(|name| is_there(&control.dirroot, name)) {
        steps.warn(
            Matter::CodeStays,
            format!("the code of `{name}` is still there: the next upgrade installs it again, unless it is removed"),
        );
    }
    Ok(())
}

/// Whether the code base still has a plugin.
fn is_there(dirroot: &str, name: &str) -> bool {
    present::places(dirroot.as_ref()).is_ok_and(|places| places.iter().any(|place| place.full() == name))
}
