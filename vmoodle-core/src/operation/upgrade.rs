//! Brings tenants up to the code on disk: those on which an upgrade is pending, by Moodle's own script.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::by_script::limit;
use super::contract::{Change, Meta, Operation, Work};
use super::source::flag;
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::lifecycle::once::{Found, is_begun, once};
use crate::lifecycle::upgrade;
use crate::lifecycle::{Ground, require_whole, snapshots};
use crate::moodle::plugins::present;
use crate::moodle::stale::Stale;
use crate::moodle::status::{Wanted, is_behind};
use crate::moodle::version::{self, SiteVersion, Version};
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::snapshot::shelf::new_id;
use crate::steps::{Doing, Steps, blocking};
use crate::tenant::Tenant;
use crate::warning::Matter;

/// Brings tenants up to the code on disk.
///
/// Who is up to date is recognised by one statement. The site's own upgrade cannot be put back: a snapshot can be asked for.
pub(super) struct Upgrade;

static META: Meta = Meta {
    name: "upgrade",
    parameters: &[
        Param { name: "snapshot_first", kind: Type::Flag, required: false, default: Some("0") },
        Param { name: "checks", kind: Type::Flag, required: false, default: Some("1") },
        Param { name: "allow_unstable", kind: Type::Flag, required: false, default: Some("0") },
        Param { name: "time_limit", kind: Type::Int, required: false, default: Some("1800") },
    ],
    dangerous: true,
    // A run that was cut off is looked at, and ends as `unknown` where it is not over: see `once`.
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: false,
    makes: false,
};

/// The step that runs Moodle's script.
const STEP: &str = "upgraded";
/// What is remembered: the last entry of the upgrade log before.
const LOG: &str = "log";
/// What is remembered: the complaints of the site's checks before; null where they were not asked, or could not be.
const BEFORE: &str = "complaints";
/// What is remembered: whether the site answered requests before.
const ANSWERED: &str = "answered";
/// How many plugins a plan lists.
const LISTED: usize = 100;

impl Operation for Upgrade {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn works_alone(&self) -> bool {
        true
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        limit(parameters).map(drop)
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(apply(work, changes))
    }

    fn gate<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, ()> {
        Box::pin(gate(work))
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "an upgrade cannot be undone, only a snapshot restored")) })
    }
}

/// What the code asks of a site, found out once for all.
async fn wanted(work: &mut Work<'_>) -> Result<Rc<Wanted>> {
    let (memo, db, control) = (work.memo.clone(), &mut *work.db, work.control);
    memo.once("wanted", async || upgrade::wanted(db, control).await).await
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    require_whole(work.tenant, "upgraded")?;
    let wanted = wanted(work).await?;
    let mut site = work.open_site().await?;
    let read = async {
        let own = version::read(&mut site, now()).await?;
        match is_behind(&own, &wanted) {
            Some(false) => Ok(None),
            Some(true) => {
                version::check(&own, &wanted.code)?;
                Ok(Some((own, version::plugins(&mut site).await?)))
            }
            None => Err(Error::new(Kind::BadConfiguration, "the hash of the code's versions could not be found out")
                .hint("run `php local/vmoodle/cli/upgrade_check.php --hash` to see why")),
        }
    };
    let read = read.await;
    site.close().await;
    let Some((own, installed)) = read? else { return Ok(Vec::new()) };
    let mut changes = vec![Change {
        what: "version".into(),
        before: json!(format!("{} {}", own.version, own.release)),
        after: json!(format!("{} {}", wanted.code.version, wanted.code.release)),
    }];
    if flag(work, "snapshot_first") {
        let id = new_id(work.tenant.address.host().as_str(), now());
        changes.push(Change { what: "snapshot".into(), before: Value::Null, after: json!(id) });
    }
    changes.extend(pending(work, &installed).await?);
    Ok(changes)
}

/// The plugins that the upgrade would install or bring up.
async fn pending(work: &Work<'_>, installed: &BTreeMap<String, Version>) -> Result<Vec<Change>> {
    let dirroot = PathBuf::from(&work.control.dirroot);
    let read = async || blocking(move || present::read(&dirroot)).await;
    let there = work.memo.once("plugins", read).await?;
    let mut changes: Vec<Change> = there
        .iter()
        .filter(|(name, text)| installed.get(*name).copied() != Version::parse(text))
        .map(|(name, text)| Change {
            what: name.clone(),
            before: json!(installed.get(name).map(Version::to_string)),
            after: json!(text),
        })
        .collect();
    if changes.len() > LISTED {
        let what = format!("{} plugins more", changes.len() - LISTED);
        changes.truncate(LISTED);
        changes.push(Change { what, before: Value::Null, after: Value::Null });
    }
    Ok(changes)
}

async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let (limit, unstable, checks) = (limit(work.parameters)?, flag(work, "allow_unstable"), flag(work, "checks"));
    let wanted = wanted(work).await?;
    let snapshot = changes.iter().find(|change| change.what == "snapshot").and_then(|change| change.after.as_str());
    // The script empties the site's caches; a page that was being made meanwhile may have filled them again.
    work.stale.extend([Stale::every(), Stale::core_config()]);
    let mut ground = work.ground()?;
    if !ground.steps.is_done(STEP) && !is_begun(ground.steps, STEP) {
        make_ready(&mut ground, snapshot, checks).await?;
    }
    let Ground { control, keyring, tenant, steps, .. } = ground;
    let look = async || {
        let own = read(&mut Db::open_tenant(tenant, &control.settings, keyring).await?).await?;
        Ok(if is_behind(&own, &wanted) == Some(false) { Found::Done } else { Found::Open(standing(&own, &wanted)) })
    };
    let mut said = None;
    let done = once(steps, STEP, look, async || {
        let ended = upgrade::run(control, tenant, unstable, limit).await?;
        said = Some(ended.told());
        ended.done()
    })
    .await;
    if let Some(said) = said {
        steps.print(Value::Object(said));
    }
    done
}

/// What must be so, and what must be known, before the site is touched.
async fn make_ready(ground: &mut Ground<'_>, snapshot: Option<&str>, checks: bool) -> Result<()> {
    let (control, tenant) = (ground.control, ground.tenant);
    let mut site = Db::open_tenant(tenant, &control.settings, ground.keyring).await?;
    let own = version::read(&mut site, now()).await;
    let log = upgrade::log_end(&mut site).await;
    site.close().await;
    if own?.upgrading {
        return Err(Error::new(
            Kind::StateRefused,
            "an upgrade runs there, or was broken off less than five minutes ago",
        )
        .hint("wait until the first is over; then retry the job"));
    }
    ground.steps.note(LOG, json!(log?));
    upgrade::require_fit(control, tenant).await?;
    if let Some(id) = snapshot {
        snapshots::take(ground, id, None, "snapshot").await?;
    }
    // Code may ask for tables that only the upgrade makes: then the site says nothing yet.
    let before = if checks { upgrade::complaints(control, tenant).await.ok() } else { None };
    ground.steps.note(BEFORE, json!(before));
    let answered = checks && upgrade::answer(control, tenant).await.is_ok_and(upgrade::is_well);
    ground.steps.note(ANSWERED, json!(answered));
    ground.steps.keep().await
}

async fn read(site: &mut Db) -> Result<SiteVersion> {
    version::read(site, now()).await
}

/// Where a site stands that is not up.
fn standing(own: &SiteVersion, wanted: &Wanted) -> String {
    let runs = if own.upgrading { "; an upgrade runs there, or was broken off less than five minutes ago" } else { "" };
    format!(
        "the site's Moodle is {} and the code's is {}, and not all plugins are as the code has them{runs}",
        own.version, wanted.code.version
    )
}

/// Its checks say nothing worse than before the upgrade, and it answers requests where it did.
async fn require_well(control: &ControlSite, tenant: &Tenant, steps: &mut Steps) -> Result<()> {
    let before: Option<BTreeSet<String>> =
        steps.recall(BEFORE).and_then(|before| serde_json::from_value(before.clone()).ok());
    let after = match &before {
        Some(before) => upgrade::new_complaints(control, tenant, before).await,
        None => upgrade::complaints(control, tenant).await.map(|all| (Vec::new(), all.into_iter().collect())),
    };
    let (errors, warnings) = after.map_err(|e| sick(tenant, "the site does not boot".to_owned()).because(e))?;
    if !errors.is_empty() {
        let what = format!("checks that were content before the upgrade are not: {}", errors.join(", "));
        return Err(
            sick(tenant, what).hint("look at them on the tenant's page `report/status/index.php`, then retry the job")
        );
    }
    if !warnings.is_empty() {
        steps.warn(Matter::ChecksWarn, format!("the site's checks warn: {}", warnings.join(", ")));
    }
    if steps.recall(ANSWERED) != Some(&json!(true)) {
        return Ok(());
    }
    match upgrade::answer(control, tenant).await? {
        status if upgrade::is_well(status) => Ok(()),
        0 => Err(sick(tenant, "the site answered requests before the upgrade and does not now".to_owned())
            .hint("look whether the web server runs, then retry the job")),
        status => {
            Err(sick(tenant, format!("the login page answered before the upgrade; now it answers with {status}"))
                .hint("look at it in a browser and into the error logs of the web server and PHP, then retry the job"))
        }
    }
}

fn sick(tenant: &Tenant, what: String) -> Error {
    Error::new(Kind::Unhealthy, what).of_tenant(tenant.address.to_string())
}

/// The site is as the code is, its upgrade log tells of no error, it boots, its checks say nothing worse than before, and it
/// answers requests where it did before.
async fn gate(work: &mut Work<'_>) -> Result<()> {
    let (wanted, checks) = (wanted(work).await?, flag(work, "checks"));
    let Ground { control, keyring, tenant, steps, .. } = work.ground()?;
    let behind = steps.recall(LOG).and_then(Value::as_i64).unwrap_or(0);
    let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
    let read =
        async { Ok::<_, Error>((read(&mut site).await?, upgrade::logged_error(&mut site, behind).await?)) }.await;
    site.close().await;
    let (own, logged) = read?;
    if is_behind(&own, &wanted) != Some(false) {
        return Err(sick(tenant, standing(&own, &wanted)));
    }
    if let Some(logged) = logged {
        return Err(sick(tenant, format!("the site's upgrade log tells of an error: {logged}")));
    }
    if checks {
        require_well(control, tenant, steps).await?;
    }
    steps.collect([
        ("version", Some(own.version.to_string())),
        ("release", Some(own.release)),
        ("branch", Some(own.branch.to_string())),
        ("pending", Some("0".to_owned())),
        ("upgrading", Some("0".to_owned())),
        ("lastupgrade", Some(now().to_string())),
    ]);
    Ok(())
}
