//! Puts a tenant in maintenance, announces it, or ends it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::change_settings::{self, Wishes};
use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::maintenance::{self, FILE, Page};
use crate::moodle::setting::{Log, Setting};
use crate::moodle::{config, site};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::steps::{Doing, blocking};

/// Puts a tenant in maintenance.
///
/// | mode | what it does | Moodle's own |
/// |---|---|---|
/// | `on` | administrators alone may use the site | `admin/cli/maintenance.php --enableold` |
/// | `later` | shuts it by itself after `minutes` | `--enablelater` |
/// | `cli-on` | shuts it for everybody, before its database is asked | `--enable` |
/// | `cli-off` | takes that page away again | |
/// | `off` | ends every kind, announced ones too | `--disable` |
///
/// `message` becomes the site's `maintenance_message`; the page of `cli-on` is made of it.
pub(super) struct Maintenance;

const MODES: &[&str] = &["on", "off", "later", "cli-on", "cli-off"];

static META: Meta = Meta {
    name: "maintenance",
    parameters: &[
        Param { name: "mode", kind: Type::Choice(MODES), required: true, default: None },
        Param { name: "message", kind: Type::Text, required: false, default: None },
        Param { name: "minutes", kind: Type::Int, required: false, default: Some("10") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

/// How far ahead maintenance may be announced: 30 days, in minutes.
const FURTHEST: i64 = 30 * 24 * 60;

impl Operation for Maintenance {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        if !(1..=FURTHEST).contains(&minutes(parameters)) {
            return Err(Error::new(Kind::BadParameter, format!("`minutes` must be a number from 1 to {FURTHEST}")));
        }
        Ok(())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make(work, changes, Way::There))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(make(work, changes, Way::Back))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    There,
    Back,
}

fn minutes(parameters: &Map<String, Value>) -> i64 {
    parameters.get("minutes").and_then(Value::as_i64).unwrap_or(10)
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let text = |name: &str| work.parameters.get(name).and_then(Value::as_str).map(str::to_owned);
    let (mode, message) = (text("mode").unwrap_or_default(), text("message"));
    let dataroot = work.tenant.dataroot.clone();
    let page = blocking(move || maintenance::current(Path::new(&dataroot))).await?;
    let mut wanted = Wishes::new();
    let mut want = |name: &str, value: Option<String>| {
        Setting::parse(name, None).map(|setting| wanted.insert(setting, value.into())).map(drop)
    };
    match mode.as_str() {
        "on" => {
            want("maintenance_enabled", Some("1".into()))?;
            want("maintenance_later", None)?;
        }
        "off" | "cli-on" => {
            want("maintenance_enabled", Some("0".into()))?;
            want("maintenance_later", None)?;
        }
        "later" => {
            if page.is_some() {
                let message = format!("the site is shut already: `{FILE}` is in its dataroot");
                return Err(Error::new(Kind::StateRefused, message).hint("end it first: `mode=off`"));
            }
            if let Some(time) = announce(work).await? {
                want("maintenance_later", Some(time.to_string()))?;
            }
        }
        _ => {}
    }
    if let Some(message) = &message {
        want("maintenance_message", Some(message.clone()))?;
    }
    let mut changes = change_settings::plan(work, &wanted, true).await?;
    let after = match mode.as_str() {
        "cli-on" if page.is_none() || message.is_some() => Some(content(work, message).await?),
        "off" | "cli-off" => None,
        _ => page.clone(),
    };
    if page != after {
        changes.push(Change { what: FILE.into(), before: json!(page), after: json!(after) });
    }
    Ok(changes)
}

/// When maintenance begins; `None` where that is announced already, for no later.
async fn announce(work: &Work<'_>) -> Result<Option<i64>> {
    let mut site = work.open_site().await?;
    let announced = config::value(&mut site, "maintenance_later").await;
    work.leave_site(site, &announced).await;
    let announced = announced?.and_then(|text| text.trim().parse::<i64>().ok());
    let time = now() + 60 * minutes(work.parameters);
    Ok(Some(time).filter(|time| announced.is_none_or(|announced| announced > *time)))
}

/// The page that shuts the site.
async fn content(work: &Work<'_>, message: Option<String>) -> Result<String> {
    let mut site = work.open_site().await?;
    let read = async {
        let values = config::values(&mut site, &["maintenance_message", "lang"]).await?;
        Ok::<_, Error>((values, site::read(&mut site).await?.fullname))
    }
    .await;
    work.leave_site(site, &read).await;
    let (mut values, name) = read?;
    let (dataroot, dirroot) = (work.tenant.dataroot.clone(), work.control.dirroot.clone());
    blocking(move || {
        let message = message.or_else(|| values.remove("maintenance_message")).unwrap_or_default();
        let lang = values.remove("lang").unwrap_or_default();
        let (dataroot, dirroot) = (Path::new(&dataroot), Path::new(&dirroot));
        Page { dataroot, dirroot, site: &name, lang: &lang, message: &message }.content()
    })
    .await
}

/// Settings first where the site is opened, the page first where it is shut: nobody sees half of it.
async fn make(work: &mut Work<'_>, changes: &[Change], way: Way) -> Result<()> {
    let (files, rows): (Vec<Change>, Vec<Change>) = changes.iter().cloned().partition(|change| change.what == FILE);
    let shuts = |change: &Change| if way == Way::There { !change.after.is_null() } else { !change.before.is_null() };
    let (first, last): (Vec<_>, Vec<_>) = files.into_iter().partition(shuts);
    swap_page(work, first, way).await?;
    if !rows.is_empty() {
        // The scripts of Moodle that do this leave no row in its log.
        match way {
            Way::There => change_settings::apply(work, &rows, Log::Left).await?,
            Way::Back => change_settings::undo(work, &rows, Log::Left).await?,
        }
    }
    swap_page(work, last, way).await
}

async fn swap_page(work: &Work<'_>, changes: Vec<Change>, way: Way) -> Result<()> {
    for Change { before, after, .. } in changes {
        let (from, to) = if way == Way::There { (before, after) } else { (after, before) };
        let dataroot = work.tenant.dataroot.clone();
        blocking(move || maintenance::swap(Path::new(&dataroot), from.as_str(), to.as_str())).await?;
    }
    Ok(())
}
