//! Empties caches of a tenant: all of them, or kinds that Moodle's own page offers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::moodle::caches::{self, Folders, REVISIONS};
use crate::moodle::config;
use crate::moodle::stale::Stale;
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::steps::{Doing, blocking};

/// Empties caches of a tenant: `all`, or some of the kinds, separated by commas.
///
/// Rows first, then folders, each renamed aside, so that no request fails on a half-empty one; Redis by the names of the
/// tenant's own entries. PHP's own cache of compiled files is left: a shared one, which Moodle's page empties for all tenants.
pub(super) struct PurgeCaches;

static META: Meta = Meta {
    name: "purge_caches",
    parameters: &[Param { name: "kinds", kind: Type::Text, required: false, default: Some("all") }],
    dangerous: false,
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: false,
    makes: false,
};

/// The kinds of `admin/purgecaches.php` (`admin/classes/form/purge_caches.php`), and `courses` of its script.
const KINDS: &[&str] = &["theme", "lang", "js", "template", "filter", "muc", "courses", "other"];

impl Operation for PurgeCaches {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        kinds(parameters).map(|_| ())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let one = |kind: &str| Change { what: kind.into(), before: Value::Null, after: json!("purged") };
            Ok(kinds(work.parameters)?.into_iter().map(one).collect())
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let kinds: BTreeSet<&str> = changes.iter().map(|change| change.what.as_str()).collect();
            purge(work, &kinds).await
        })
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "a purged cache fills again by itself")) })
    }
}

fn kinds(parameters: &Map<String, Value>) -> Result<BTreeSet<&'static str>> {
    let text = parameters.get("kinds").and_then(Value::as_str).unwrap_or("all");
    let words: Vec<&str> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() || words.contains(&"all") {
        return Ok(KINDS.iter().copied().collect());
    }
    let known = |word: &&str| {
        KINDS.iter().copied().find(|kind| kind == word).ok_or_else(|| {
            Error::new(Kind::BadParameter, format!("there is no kind of cache `{}`", escape(word)))
                .hint(format!("choose some of: all, {}", KINDS.join(", ")))
        })
    };
    words.iter().map(known).collect()
}

/// What each kind leaves behind (lib/moodlelib.php, `purge_caches`).
async fn purge(work: &mut Work<'_>, kinds: &BTreeSet<&str>) -> Result<()> {
    let has = |kind: &str| kinds.contains(kind);
    let mut revisions: Vec<&str> = Vec::new();
    for (kind, revision) in [
        ("theme", "themerev"),
        ("js", "jsrev"),
        ("lang", "langrev"),
        ("template", "templaterev"),
        ("other", "localcachedirpurged"),
        ("other", "scheduledtaskreset"),
    ] {
        if has(kind) {
            revisions.push(revision);
        }
    }
    debug_assert!(revisions.iter().all(|name| REVISIONS.contains(name)));
    let mut site = work.open_site().await?;
    let written = async {
        let mut rows = site.begin().await?;
        if !revisions.is_empty() {
            caches::raise(&mut rows, &revisions, now()).await?;
        }
        if has("courses") || has("other") {
            caches::raise_courses(&mut rows, now()).await?;
        }
        if has("filter") {
            raise_filters(&mut rows).await?;
        }
        let plugins = if has("muc") { config::plugins(&mut rows).await? } else { Vec::new() };
        rows.commit().await?;
        Ok::<_, Error>(plugins)
    }
    .await;
    work.leave_site(site, &written).await;
    let plugins = written?;
    let folders = Folders::of(&work.control.settings.shared, Some(work.control.farm()), work.tenant);
    let (theme, other) = (has("theme"), has("other"));
    blocking(move || {
        if other {
            folders.purge()
        } else if theme {
            folders.purge_themes()
        } else {
            Ok(())
        }
    })
    .await?;
    let stale = &mut work.stale;
    if has("muc") {
        stale.extend(Stale::everything(&plugins));
    }
    if has("theme") {
        stale.push(Stale::all_of("core/postprocessedcss"));
    }
    if has("lang") {
        stale.extend(["core/string", "core/langmenu"].map(Stale::all_of));
    }
    if has("other") {
        stale.extend([Stale::plugin_manager(), Stale::all_of("core/databasemeta")]);
    }
    stale.push(Stale::core_config());
    Ok(())
}

/// Whether any filter is applied to names (lib/weblib.php, `reset_text_filters_cache`). Which filters the code base has is
/// not looked up: a name that is listed counts.
async fn raise_filters(db: &mut crate::db::Db) -> Result<()> {
    let listed = config::value(db, "stringfilters").await?.unwrap_or_default();
    let any = listed.split(',').any(|name| !name.trim().is_empty());
    config::set(db, "filterall", if any { "1" } else { "0" }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_moodles_and_all_of_them_unless_some_are_named() {
        let kinds = |text: &str| kinds(json!({ "kinds": text }).as_object().unwrap());
        assert_eq!(kinds("all").unwrap().len(), KINDS.len());
        assert_eq!(kinds("js, theme").unwrap().into_iter().collect::<Vec<_>>(), ["js", "theme"]);
        assert_eq!(kinds("../x").unwrap_err().kind(), Kind::BadParameter);
    }
}
