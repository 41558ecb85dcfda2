//! Replaces a text, or a site's address, in the contents of a tenant.

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use super::image::{self, Holds};
use super::source::{flag, words};
use crate::error::{Error, Result};
use crate::host::SiteAddress;
use crate::moodle::caches;
use crate::moodle::contents::{self, Case, Needle, Patches, Scope, Way};
use crate::moodle::stale::Stale;
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::steps::{self, Doing};
use crate::warning::Matter;

/// Replaces a text in the contents of a tenant: in every column of text, in serialised values by their texts.
///
/// `tables` names the only tables or columns (`label`, `label.intro`), `skip` those that are left. Left in any case, unless
/// `tables` names them, are what Moodle's own search and replace leaves: settings, sessions, logs. Secrets are left unless
/// `secrets` is given; what says who the site is, hashes and what stands beside one are never touched.
///
/// In `mode` `address` both texts are addresses of sites, found in every spelling (see [`crate::moodle::address`]), whole,
/// and never twice.
pub(super) struct ReplaceText;

static META: Meta = Meta {
    name: "replace_text",
    parameters: &[
        Param { name: "search", kind: Type::Text, required: true, default: None },
        Param { name: "replace", kind: Type::Text, required: false, default: Some("") },
        Param { name: "mode", kind: Type::Choice(&["text", "address"]), required: false, default: Some("text") },
        Param { name: "any_case", kind: Type::Flag, required: false, default: Some("0") },
        Param { name: "tables", kind: Type::Words, required: false, default: None },
        Param { name: "skip", kind: Type::Words, required: false, default: None },
        Param { name: "secrets", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: true,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for ReplaceText {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        needle(parameters).map(|_| ())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(put(work, changes, Way::Forth))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(put(work, changes, Way::Back))
    }
}

fn needle(parameters: &Map<String, Value>) -> Result<Needle> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let (search, replace) = (text("search"), text("replace"));
    if text("mode") == "address" {
        return Needle::address(&SiteAddress::parse(search)?, &SiteAddress::parse(replace)?);
    }
    let any_case = parameters.get("any_case").and_then(Value::as_bool).unwrap_or(false);
    Needle::text(search, replace, if any_case { Case::Any } else { Case::Told })
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let needle = needle(work.parameters)?;
    let secrets = flag(work, "secrets");
    let scope = Scope { only: words(work, "tables"), skip: words(work, "skip"), secrets };
    let mut site = work.open_site().await?;
    let found = contents::find(&mut site, &needle, &scope, image::MOST).await;
    site.close().await;
    let found = found.map_err(|error| error.of_tenant(work.tenant.address.to_string()))?;
    let mut changes = Vec::new();
    for (what, column) in &found.columns {
        if let (Some(steps), true) = (work.steps.as_mut(), column.damaged > 0) {
            steps.warn(
                Matter::Damaged,
                format!("left in `{what}`: {} values that PHP could not read any more", column.damaged),
            );
            // An item with nothing to do ends without another word.
            steps.keep().await?;
        }
        if column.values == 0 {
            continue;
        }
        let samples = |side: fn(&contents::Sample) -> &String| column.samples.iter().map(side).collect::<Vec<_>>();
        changes.push(Change {
            what: what.clone(),
            before: json!(samples(|sample| &sample.before)),
            after: json!({ "values": column.values, "samples": samples(|sample| &sample.after) }),
        });
    }
    if !changes.is_empty() && work.steps.is_some() {
        let holds = if secrets { Holds::Secrets } else { Holds::Contents };
        changes.push(image::change(&found.patches, holds, work.keyring)?);
    }
    Ok(changes)
}

async fn put(work: &mut Work<'_>, changes: &[Change], way: Way) -> Result<()> {
    let patches: Patches = image::read(changes, work.keyring)?;
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        let left = contents::put(&mut transaction, &patches, way).await?;
        caches::raise_revisions(&mut transaction, now()).await?;
        steps::boundary();
        transaction.commit().await?;
        steps::boundary();
        Ok::<_, Error>(left)
    }
    .await;
    site.close().await;
    let left = done.map_err(|error| error.of_tenant(work.tenant.address.to_string()))?;
    if let (Some(steps), false) = (work.steps.as_mut(), left.is_empty()) {
        let counts: Vec<String> = left.iter().map(|(column, values)| format!("{values} in `{column}`")).collect();
        steps.warn(
            Matter::ChangedMeanwhile,
            format!("left, since somebody changed them meanwhile: {}", counts.join(", ")),
        );
    }
    // What shows a text is kept under any name; settings are named beside it, for a Redis prefix that others share.
    work.stale.extend([Stale::every(), Stale::core_config()]);
    Ok(())
}
