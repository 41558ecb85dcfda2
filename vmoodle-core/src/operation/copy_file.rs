//! Brings a file, or a file area, of the system context from another tenant: logos of themes, mostly.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use super::image::{self, Holds};
use super::row_changes::{self, Rows};
use super::source::{flag, open, source, text};
use crate::error::{Error, Kind, Result};
use crate::files::Contents;
use crate::moodle::caches::{self, Folders};
use crate::moodle::contents::Way;
use crate::moodle::records::{Record, RowChange};
use crate::moodle::setting::{self, Setting};
use crate::moodle::stale::Stale;
use crate::moodle::stored_files::{self, Area, Deletes, Files};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::steps::{self, Doing, blocking};
use crate::tenant::Tenant;

/// Brings files of the system context from the tenant `source`: the area of `component` and `filearea`, or of it an `itemid`, a
/// `filepath`, a `filename`. Contents are shared on the disk. Files of the area that the source has not go only where
/// `delete` is given.
///
/// With `setting` the setting that names the file (`theme_boost/logo`) becomes the source's too, where it has one.
///
/// A content that a file had before stays in the tenant's `filedir`, so that the file can be put back.
pub(super) struct CopyFile;

static META: Meta = Meta {
    name: "copy_file",
    parameters: &[
        Param { name: "source", kind: Type::Text, required: true, default: None },
        Param { name: "component", kind: Type::Text, required: true, default: None },
        Param { name: "filearea", kind: Type::Text, required: true, default: None },
        Param { name: "itemid", kind: Type::Int, required: false, default: None },
        Param { name: "filepath", kind: Type::Text, required: false, default: None },
        Param { name: "filename", kind: Type::Text, required: false, default: None },
        Param { name: "setting", kind: Type::Flag, required: false, default: Some("1") },
        Param { name: "delete", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for CopyFile {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        area(parameters).map(|_| ())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let image: Image = image::read(changes, work.keyring)?;
            let from = source(work).await?;
            let (from, to) = (contents(work, &from), contents(work, work.tenant));
            let wanted = image.contents.clone();
            blocking(move || {
                for (hash, size) in &wanted {
                    to.bring(&from, hash, *size)?;
                    steps::boundary();
                }
                Ok(())
            })
            .await?;
            put(work, image, Way::Forth).await
        })
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let image: Image = image::read(changes, work.keyring)?;
            let brought: Vec<String> = image.contents.iter().map(|(hash, _)| hash.clone()).collect();
            put(work, image, Way::Back).await?;
            discard(work, &brought).await
        })
    }
}

/// What is kept to put everything back.
#[derive(Serialize, Deserialize)]
struct Image {
    /// Contents that the tenant had not: hash and size.
    contents: Vec<(String, u64)>,
    rows: Vec<Rows>,
    themes: bool,
    settings: Option<String>,
}

fn area(parameters: &Map<String, Value>) -> Result<Area> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (component, filearea) = (text("component").unwrap_or_default(), text("filearea").unwrap_or_default());
    let itemid = parameters.get("itemid").and_then(Value::as_i64);
    Area::new(component, filearea, itemid, text("filepath"), text("filename"))
}

fn contents(work: &Work<'_>, tenant: &Tenant) -> Contents {
    let (shared, farm) = (&work.control.settings.shared, Some(work.control.farm()));
    let place = |name| caches::place(shared, farm, tenant, (name, name));
    Contents { filedir: place("filedir"), trashdir: place("trashdir") }
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let from = source(work).await?;
    if from.id == work.tenant.id {
        return Ok(Vec::new());
    }
    let area = area(work.parameters)?;
    let named = Setting::parse(area.filearea(), Some(area.component()))?;
    let asks_setting = flag(work, "setting") && text(work, "filename").is_none() && named.plugin.is_some();
    let read = work.memo.once("copy_file", async || {
        let mut site = open(work, &from).await?;
        let read = async {
            let files = Files::read(&mut site, area.clone()).await?;
            let value = if asks_setting { setting::current(&mut site, &[&named]).await?.remove(&named) } else { None };
            // The form's settings hold the path of their file.
            Ok::<_, Error>((files, value.filter(|value| value.starts_with('/'))))
        }
        .await;
        site.close().await;
        read.map_err(|error| error.of_tenant(from.address.to_string()))
    });
    let read = read.await?;
    let (files, value) = &*read;
    let deletes = if flag(work, "delete") { Deletes::Others } else { Deletes::Nothing };
    let mut site = work.open_site().await?;
    let planned = async {
        let files = files.changes(&mut site, deletes).await?;
        let setting = match value {
            Some(value) => setting_change(&mut site, &named, value).await?,
            None => None,
        };
        Ok::<_, Error>((files, setting))
    }
    .await;
    site.close().await;
    let (rows, setting) = planned.map_err(|error| error.of_tenant(work.tenant.address.to_string()))?;
    let rows = [Rows::new(stored_files::TABLE, rows), Rows::new("config_plugins", setting.into_iter().collect())];
    let [stored, settings] = &rows;
    let mut shown = stored.shown(&file_name);
    shown.extend(settings.shown(&|_| named.to_string()));
    if shown.is_empty() {
        return Ok(shown);
    }
    let (own, theirs) = (contents(work, work.tenant), contents(work, &from));
    let wanted = files.contents();
    let missing = blocking(move || {
        let mut missing = Vec::new();
        for (hash, size) in wanted {
            if !own.has(&hash, size)? {
                if size > 0 && !theirs.has(&hash, size)? {
                    return Err(Error::new(Kind::FilesFailed, format!("the source's `filedir` has not got {hash}"))
                        .hint("repair the source's files first"));
                }
                missing.push((hash, size));
            }
        }
        Ok(missing)
    });
    let missing = missing.await?;
    if work.steps.is_some() {
        let image = Image {
            contents: missing,
            themes: files.area().is_of_themes(),
            settings: value.is_some().then(|| files.area().component().to_owned()),
            rows: rows.into(),
        };
        shown.push(image::change(&image, Holds::Contents, work.keyring)?);
    }
    Ok(shown)
}

/// A file by its path and name.
fn file_name(change: &RowChange) -> String {
    let row: Option<&Record> = change.after.as_ref().or(change.before.as_ref());
    let text = |name: &str| row.and_then(|row| row.get(name)).and_then(Value::as_str).unwrap_or_default();
    format!("{}{}", text("filepath"), text("filename"))
}

async fn setting_change(site: &mut crate::db::Db, named: &Setting, value: &str) -> Result<Option<RowChange>> {
    let before = setting::current(site, &[named]).await?.remove(named);
    if before.as_deref() == Some(value) {
        return Ok(None);
    }
    let key = json!({ "plugin": named.plugin, "name": named.name });
    let key = key.as_object().cloned().unwrap_or_default();
    let row = |value: &str| {
        let mut row = key.clone();
        row.insert("value".to_owned(), json!(value));
        row
    };
    Ok(Some(RowChange { before: before.as_deref().map(row), after: Some(row(value)), key: key.clone() }))
}

async fn put(work: &mut Work<'_>, image: Image, way: Way) -> Result<()> {
    let Image { rows, themes, settings, .. } = image;
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        row_changes::put(&mut transaction, rows, way).await?;
        if themes {
            caches::raise(&mut transaction, &["themerev"], now()).await?;
        }
        steps::boundary();
        transaction.commit().await?;
        steps::boundary();
        Ok::<_, Error>(())
    }
    .await;
    site.close().await;
    if themes {
        let folders = Folders::of(&work.control.settings.shared, Some(work.control.farm()), work.tenant);
        blocking(move || folders.purge_themes()).await?;
        work.stale.extend([Stale::all_of("core/postprocessedcss"), Stale::core_config()]);
    }
    work.stale.extend(settings.as_deref().map(Stale::plugin_config));
    done.map_err(|error| error.of_tenant(work.tenant.address.to_string()))
}

/// Moves contents that no file has any more to the trash, as Moodle would.
async fn discard(work: &mut Work<'_>, brought: &[String]) -> Result<()> {
    let mut site = work.open_site().await?;
    let mut unused = Vec::new();
    for hash in brought {
        match stored_files::users_of(&mut site, hash).await {
            Ok(0) => unused.push(hash.clone()),
            Ok(_) => {}
            Err(error) => {
                site.close().await;
                return Err(error.of_tenant(work.tenant.address.to_string()));
            }
        }
    }
    site.close().await;
    let own = contents(work, work.tenant);
    blocking(move || unused.iter().try_for_each(|hash| own.discard(hash))).await
}
