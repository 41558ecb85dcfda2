//! The description of a fleet: what differs from it, and the jobs that make tenants as it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Console, map};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::fleet::{self, Block, From, Overlap, Want};
use crate::job::{self, Draft};
use crate::moodle::roles::Sheet;
use crate::registry::sheets;
use crate::secret::Keyring;
use crate::tenant::Tenant;

/// How many octets of a digest are shown.
const DIGEST: usize = 16;

impl Console {
    /// What differs from a description; changes nothing. Presets are read from `folder`, secrets by name from the
    /// environment.
    ///
    /// Gives `tenants`, those with a difference and those that could not be asked: `tenant`, `changes` (each with
    /// `operation`, `what`, `before`, `after`, secrets masked), `errors` (each with `operation`, `errorcode`, `error`) and
    /// `digest`; how many tenants are `meant`, have `drift`, have `failed`; `overlaps`, where a later block wins (`what`,
    /// `block`, `over`, `tenants`); `idle`, the blocks that mean no tenant. Fails with `fleet_invalid`.
    pub fn fleet_plan(&self, contents: &[u8], folder: &str) -> Result<Map<String, Value>> {
        let keyring = Rc::new(self.keyring()?);
        self.jobs_on(async |db| Ok(self.drawn(db, &keyring, contents, folder).await?.shown()))
    }

    /// Writes down the jobs that make tenants as a description says, with the changes that were planned; runs nothing.
    ///
    /// Options: `shown`, the digests by tenant of a plan that [`Self::fleet_plan`] gave: a tenant whose differences are
    /// others by now, or were not shown, is refused; those of a job (`concurrency`, `on_error`, `userid`). Gives `jobs`
    /// (each with `job`, `operation`, `tenants`), `refused` (each with `tenant`, `errorcode`, `error`), and what
    /// [`Self::fleet_plan`] gives.
    pub fn fleet_apply(
        &self,
        contents: &[u8],
        folder: &str,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let keyring = Rc::new(self.keyring()?);
        let (mut options, shown) = (options.clone(), options.get("shown").cloned());
        options.remove("shown");
        let shown = shown.map(digests).transpose()?;
        self.jobs_on(async |db| {
            let mut drawn = self.drawn(db, &keyring, contents, folder).await?;
            let mut report = drawn.shown();
            let refused = shown.map(|shown| drawn.keep(&shown)).unwrap_or_default();
            let jobs =
                if drawn.has_changes() { job::submit_drafts(db, &drawn.drafts, &options).await? } else { Vec::new() };
            let jobs: Vec<Value> = jobs
                .into_iter()
                .zip(&drawn.drafts)
                .filter_map(|(job, draft)| {
                    let tenants =
                        draft.plans.iter().filter(|(_, changes)| changes.as_ref().is_ok_and(|c| !c.is_empty()));
                    Some(json!({ "job": job?, "operation": draft.operation(), "tenants": tenants.count() }))
                })
                .collect();
            report.insert("jobs".into(), jobs.into());
            report.insert("refused".into(), refused.into());
            Ok(report)
        })
    }

    async fn drawn(&self, db: &mut Db, keyring: &Rc<Keyring>, contents: &[u8], folder: &str) -> Result<Drawn> {
        let environment = |name: &str| std::env::var(name).ok();
        let blocks = fleet::parse(contents, Path::new(folder), &environment)?;
        let kept = kept(db, &blocks).await?;
        let mut meant: Vec<Tenant> = Vec::new();
        let mut numbers: Vec<Vec<usize>> = Vec::new();
        for tenant in job::chosen(db, &["any".to_owned()]).await? {
            let of_it = fleet::of_tenant(&blocks, &tenant);
            if !of_it.is_empty() {
                meant.push(tenant);
                numbers.push(of_it);
            }
        }
        let idle = (0..blocks.len()).filter(|number| !numbers.iter().any(|of_it| of_it.contains(number)));
        let idle = idle.map(|number| blocks[number].name.clone()).collect();
        let (wants, overlaps) = wants(&blocks, &numbers, &kept)?;
        let mut drafts = Vec::new();
        for work in fleet::works(&wants) {
            let tenants = work.tenants.iter().map(|place| meant[*place].clone()).collect();
            let asked = job::Request { operation: work.operation, parameters: &work.parameters, targets: &[] };
            drafts.push(job::draft(db, &self.control, keyring, &asked, tenants).await?);
        }
        Ok(Drawn { meant: meant.len(), drafts, overlaps, idle })
    }
}

/// What each tenant shall have, and for how many tenants which block wins over which.
fn wants(
    blocks: &[Block],
    numbers: &[Vec<usize>],
    kept: &BTreeMap<String, Sheet>,
) -> Result<(Vec<Want>, BTreeMap<Overlap, usize>)> {
    // Most tenants are meant by the same blocks.
    let mut known: HashMap<&[usize], (Want, BTreeSet<Overlap>)> = HashMap::new();
    let (mut wants, mut overlaps) = (Vec::with_capacity(numbers.len()), BTreeMap::new());
    for of_it in numbers {
        if !known.contains_key(of_it.as_slice()) {
            known.insert(of_it, Want::of(blocks, of_it, kept).map_err(|fault| fleet::invalid(&[fault]))?);
        }
        let (want, its) = &known[of_it.as_slice()];
        wants.push(want.clone());
        for overlap in its {
            *overlaps.entry(overlap.clone()).or_insert(0) += 1;
        }
    }
    Ok((wants, overlaps))
}

/// The sheets that blocks name, those that are kept.
async fn kept(db: &mut Db, blocks: &[Block]) -> Result<BTreeMap<String, Sheet>> {
    let mut kept = BTreeMap::new();
    for role in blocks.iter().flat_map(|block| block.roles.values()) {
        let From::Kept(name) = &role.from else { continue };
        match sheets::find(db, name).await {
            Ok(sheet) => drop(kept.insert(name.clone(), sheet)),
            // It is told with its line.
            Err(error) if error.kind() == Kind::SheetNotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}

/// Digests by tenant, as a plan has shown them.
fn digests(shown: Value) -> Result<Map<String, Value>> {
    match shown {
        Value::Object(shown) if shown.values().all(Value::is_string) => Ok(shown),
        // PHP's empty array.
        Value::Array(none) if none.is_empty() => Ok(Map::new()),
        _ => Err(Error::new(Kind::BadParameter, "`shown` must be the digests of a plan by tenant")),
    }
}

/// A description held against its tenants.
struct Drawn {
    meant: usize,
    drafts: Vec<Draft>,
    overlaps: BTreeMap<Overlap, usize>,
    idle: Vec<String>,
}

/// What is found of one tenant.
#[derive(Default)]
struct Found {
    changes: Vec<Value>,
    errors: Vec<Value>,
}

impl Found {
    fn digest(&self) -> String {
        let hash = Sha256::digest(json!(self.changes).to_string());
        hash[..DIGEST].iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

impl Drawn {
    /// The tenants with a difference or an error, in the order of their numbers.
    fn found(&self) -> BTreeMap<(u32, String), Found> {
        let mut found: BTreeMap<(u32, String), Found> = BTreeMap::new();
        for draft in &self.drafts {
            for (tenant, changes) in &draft.plans {
                let one = || (tenant.id.0, tenant.address.to_string());
                match changes {
                    Ok(changes) if changes.is_empty() => {}
                    Ok(changes) => found.entry(one()).or_default().changes.extend(changes.iter().map(|change| {
                        let mut shown = map(job::change_as_json(change));
                        shown.insert("operation".into(), draft.operation().into());
                        Value::Object(shown)
                    })),
                    Err(error) => found.entry(one()).or_default().errors.push(json!({
                        "operation": draft.operation(), "errorcode": error.code(), "error": error.to_string(),
                    })),
                }
            }
        }
        found
    }

    fn shown(&self) -> Map<String, Value> {
        let found = self.found();
        let count = |which: fn(&Found) -> bool| found.values().filter(|one| which(one)).count();
        let overlaps: Vec<Value> = self
            .overlaps
            .iter()
            .map(|(one, tenants)| json!({ "what": one.what, "block": one.block, "over": one.over, "tenants": tenants }))
            .collect();
        map(json!({
            "meant": self.meant,
            "drift": count(|one| !one.changes.is_empty()),
            "failed": count(|one| !one.errors.is_empty()),
            "overlaps": overlaps,
            "idle": self.idle,
            "tenants": found.iter().map(|((_, wwwroot), one)| json!({
                "tenant": wwwroot, "digest": one.digest(), "changes": one.changes, "errors": one.errors,
            })).collect::<Vec<Value>>(),
        }))
    }

    fn has_changes(&self) -> bool {
        self.drafts
            .iter()
            .flat_map(|draft| &draft.plans)
            .any(|(_, changes)| changes.as_ref().is_ok_and(|c| !c.is_empty()))
    }

    /// Keeps the tenants whose differences are those that were shown; gives those that have others now.
    fn keep(&mut self, shown: &Map<String, Value>) -> Vec<Value> {
        let others: BTreeSet<String> = self
            .found()
            .into_iter()
            .filter(|(_, found)| !found.changes.is_empty())
            .filter(|((_, wwwroot), found)| shown.get(wwwroot).and_then(Value::as_str) != Some(&found.digest()))
            .map(|((_, wwwroot), _)| wwwroot)
            .collect();
        for draft in &mut self.drafts {
            draft.plans.retain(|(tenant, _)| !others.contains(&tenant.address.to_string()));
        }
        let error = Error::new(Kind::StateRefused, "its differences are not those of the plan that was shown")
            .hint("plan again, and look at what is different now");
        let refused = |wwwroot| json!({ "tenant": wwwroot, "errorcode": error.code(), "error": error.to_string() });
        others.into_iter().map(refused).collect()
    }
}
