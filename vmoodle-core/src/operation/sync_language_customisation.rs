//! Brings changed texts of Moodle from another tenant.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use super::image::{self, Holds};
use super::row_changes::{self, Rows};
use super::source::{flag, open, source, words};
use crate::error::{Error, Kind, Result};
use crate::moodle::caches;
use crate::moodle::contents::Way;
use crate::moodle::language_pack::{self, Choice, FileChange, Others};
use crate::moodle::records::RowChange;
use crate::moodle::stale::Stale;
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::registry::policies;
use crate::secret::Keyring;
use crate::steps::{self, Doing, blocking};
use crate::tenant::Tenant;

/// Brings the texts that the tenant `source` has changed, of all `languages` and `components` or of some: its local language
/// packs, and the rows of the tool that edits them. Texts that only the target has changed stay, unless `delete` is given.
///
/// Files are read, never run: one that holds anything but texts is refused.
pub(super) struct SyncLanguageCustomisation;

static META: Meta = Meta {
    name: "sync_language_customisation",
    parameters: &[
        Param { name: "source", kind: Type::Text, required: true, default: None },
        Param { name: "languages", kind: Type::Words, required: false, default: None },
        Param { name: "components", kind: Type::Words, required: false, default: None },
        Param { name: "delete", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for SyncLanguageCustomisation {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        let names = |name: &str| {
            let words = parameters.get(name).and_then(Value::as_array);
            words.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        };
        Choice::new(names("languages"), names("components")).map(|_| ())
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

/// What is kept to put everything back.
#[derive(Serialize, Deserialize)]
struct Image {
    files: Vec<FileChange>,
    rows: Vec<Rows>,
}

/// Where a tenant has its local packs (`$CFG->langlocalroot`; lib/setup.php).
///
/// Fails with [`Kind::BadConfiguration`] where the control site gives all tenants one folder.
async fn folder(work: &mut Work<'_>, tenant: &Tenant) -> Result<PathBuf> {
    let own = policies::settings_of(work.db, tenant).await?;
    if let Some(own) = own.get("langlocalroot").and_then(Value::as_str).filter(|path| path.starts_with('/')) {
        return Ok(PathBuf::from(own));
    }
    if work.control.settings.shared.text("langlocalroot").is_some() {
        return Err(Error::new(
            Kind::BadConfiguration,
            "`$CFG->langlocalroot` of the control site's config.php is one folder for all tenants",
        )
        .hint("take it out, or give each tenant its own by a policy"));
    }
    Ok(Path::new(&tenant.dataroot).join("lang"))
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let from = source(work).await?;
    if from.id == work.tenant.id {
        return Ok(Vec::new());
    }
    let choice = Choice::new(words(work, "languages"), words(work, "components"))?;
    let others = if flag(work, "delete") { Others::Go } else { Others::Stay };
    let theirs = folder(work, &from).await?;
    let tenant = work.tenant.clone();
    let ours = folder(work, &tenant).await?;
    let read = work.memo.once("sync_language_customisation", async || {
        let (folder, meant) = (theirs.clone(), choice.clone());
        let files = blocking(move || language_pack::read_files(&folder, &meant)).await;
        let files = files.map_err(|error| error.of_tenant(from.address.to_string()))?;
        let mut site = open(work, &from).await?;
        let rows = language_pack::read_rows(&mut site, &choice).await;
        site.close().await;
        Ok((files, rows.map_err(|error| error.of_tenant(from.address.to_string()))?))
    });
    let read = read.await?;
    let (files, rows) = &*read;
    let (folder, meant) = (ours.clone(), choice.clone());
    let own = blocking(move || language_pack::read_files(&folder, &meant)).await;
    let of_tenant = |error: Error| error.of_tenant(work.tenant.address.to_string());
    let files = language_pack::file_changes(files, &own.map_err(of_tenant)?, others)?;
    let mut site = work.open_site().await?;
    let changed = language_pack::row_changes(&mut site, rows, &choice, others).await;
    site.close().await;
    let rows = Rows::new(language_pack::TABLE, changed.map_err(of_tenant)?);
    let mut shown: Vec<Change> = files.iter().map(file_shown).collect();
    shown.extend(rows.shown(&|change: &RowChange| {
        let text = |name: &str| change.key.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}", text("lang"), text("stringid"))
    }));
    if !shown.is_empty() && work.steps.is_some() {
        shown.push(image::change(&Image { files, rows: vec![rows] }, Holds::Contents, work.keyring)?);
    }
    Ok(shown)
}

fn file_shown(change: &FileChange) -> Change {
    let [come, changed, go] = change.counts;
    Change {
        what: change.path.clone(),
        before: json!(if change.before.is_some() { "there" } else { "missing" }),
        after: json!({ "texts that come": come, "texts that change": changed, "texts that go": go }),
    }
}

async fn put(work: &mut Work<'_>, changes: &[Change], way: Way) -> Result<()> {
    let Image { files, rows } = image::read(changes, work.keyring)?;
    let tenant = work.tenant.clone();
    let root = folder(work, &tenant).await?;
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        // First, so that a row that somebody changed meanwhile leaves the files alone.
        row_changes::put(&mut transaction, rows, way).await?;
        blocking(move || {
            for change in &files {
                let (from, to) = (change.before.as_deref(), change.after.as_deref());
                let (from, to) = if way == Way::Forth { (from, to) } else { (to, from) };
                language_pack::put_file(&root, &change.path, from, to)?;
                steps::boundary();
            }
            Ok(())
        })
        .await?;
        caches::raise(&mut transaction, &["langrev"], now()).await?;
        transaction.commit().await?;
        steps::boundary();
        Ok::<_, Error>(())
    }
    .await;
    site.close().await;
    work.stale.extend(["core/string", "core/langmenu"].map(Stale::all_of));
    work.stale.push(Stale::core_config());
    done.map_err(|error| error.of_tenant(work.tenant.address.to_string()))
}
