//! Asks every site what is due: many at once, few on one server, none for long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;

use super::Shared;
use super::site::Site;
use crate::db::{Cause, Db, Fault};
use crate::error::{Error, Kind, Result};
use crate::moodle::tasks::{Adhoc, Tasks, due};
use crate::moodle::version::Version;
use crate::registry::farm::now;
use crate::steps::blocking;
use crate::tenant::Endpoint;

/// How many sites are asked at once.
const AT_ONCE: usize = 64;
/// How many of them on one server.
const PER_SERVER: usize = 8;
/// How long one site may take to answer, its connection included.
const LIMIT: Duration = Duration::from_secs(10);
/// After how many sites that do not answer a server's others are not asked in this round.
const GIVE_UP: u32 = 3;
/// How many connections are kept from one round to the next, overall and on one server.
const KEPT: (usize, usize) = (100, 25);
/// How long tasks that Moodle did not run, though they are due, start no process of their own, in seconds.
const LEFT_ALONE: i64 = 3600;

/// What a site's cron waits for.
#[derive(Debug)]
pub(super) enum Verdict {
    /// For nothing.
    Idle,
    /// To be run: since when something is due, in seconds since 1970, and how many tasks.
    Due { since: i64, tasks: i64 },
    /// For somebody to act: Moodle's cron would refuse to run, or somebody has switched it off.
    Suspended(&'static str),
    /// For its database.
    Unreachable(Error),
}

/// Due tasks that Moodle did not run, because their plugin is disabled, their class is gone or config.php overrides
/// them: while nothing else is due they start no process for an hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leftover {
    until: i64,
    scheduled: Vec<(i64, i64)>,
    adhoc: Adhoc,
}

impl Leftover {
    /// What was due when a run began, and still is after it.
    pub(super) fn of(tasks: Tasks, began: i64) -> Self {
        let scheduled = tasks.scheduled.into_iter().filter(|(_, next)| *next < began).collect();
        let adhoc = if tasks.adhoc.since < began { tasks.adhoc } else { Adhoc::default() };
        Self { until: began + LEFT_ALONE, scheduled, adhoc }
    }
}

/// Decides from what was read; `maintenance` is not in the database and asked later.
pub(super) fn judge(tasks: &Tasks, forced: Option<&Value>, code: &CodeFacts, leftover: &Leftover, now: i64) -> Verdict {
    let ignores = now < leftover.until;
    let is_new = |task: &&(i64, i64)| !(ignores && leftover.scheduled.contains(task));
    let mut times: Vec<i64> = tasks.scheduled.iter().filter(is_new).map(|(_, next)| *next).collect();
    let mut count = i64::try_from(times.len()).unwrap_or(i64::MAX);
    if tasks.adhoc.count > 0 && !(ignores && tasks.adhoc == leftover.adhoc) {
        times.push(tasks.adhoc.since);
        count += tasks.adhoc.count;
    }
    let Some(since) = times.into_iter().map(|time| if time > 0 { time } else { now }).min() else {
        return Verdict::Idle;
    };
    let text = |name: &str| tasks.settings.get(name).map(|value| value.trim()).unwrap_or_default();
    // `if (!get_config('core', 'cron_enabled'))` in admin/cli/cron.php; what is forced goes before the table.
    let enabled = match forced {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "0"),
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(_) => false,
        None => !matches!(text("cron_enabled"), "" | "0"),
    };
    if !enabled {
        return Verdict::Suspended("disabled");
    }
    if is_upgrade_pending(&text, code) {
        return Verdict::Suspended("upgrade");
    }
    Verdict::Due { since, tasks: count }
}

/// What the code base says of itself.
#[derive(Debug, Default)]
pub(super) struct CodeFacts {
    /// The hash over the versions of all that is installed.
    pub(super) hash: Option<String>,
    /// Its own version; counts where there is no hash.
    pub(super) version: Option<Version>,
}

/// As `moodle_needs_upgrading()` in lib/moodlelib.php.
fn is_upgrade_pending<'a>(setting: &impl Fn(&str) -> &'a str, code: &CodeFacts) -> bool {
    if !matches!(setting("outagelessupgrade"), "" | "0") {
        return false;
    }
    match (&code.hash, &code.version) {
        (Some(hash), _) => setting("allversionshash") != hash,
        (None, Some(version)) => Version::parse(setting("version")).as_ref() != Some(version),
        (None, None) => false,
    }
}

/// Asks all sites; `tell` hears each answer as it comes.
pub(super) async fn all(
    shared: Rc<Shared>,
    sites: Vec<(Rc<Site>, Leftover)>,
    tell: impl Fn(i64, Verdict) + Clone + 'static,
) {
    let gate = Rc::new(Semaphore::new(AT_ONCE));
    let mut servers: HashMap<String, Rc<Server>> = HashMap::new();
    let mut asked = Vec::with_capacity(sites.len());
    for (site, leftover) in sites {
        let server = servers.entry(site.server.clone()).or_default().clone();
        let (shared, gate, tell) = (shared.clone(), gate.clone(), tell.clone());
        asked.push(spawn_local(async move {
            // Its own server first: what waits for one that hangs must not use up what others need.
            let (Ok(_own), Ok(_all)) = (server.gate.acquire().await, gate.acquire().await) else { return };
            let verdict = if *server.silent.borrow() >= GIVE_UP {
                let error = Error::new(Kind::TenantUnreachable, "its database server does not answer");
                Verdict::Unreachable(error.of_tenant(&site.wwwroot))
            } else {
                one(&shared, &site, &leftover).await
            };
            let mut silent = server.silent.borrow_mut();
            match &verdict {
                Verdict::Unreachable(error) if is_silence(error) => *silent += 1,
                Verdict::Unreachable(_) => {}
                _ => *silent = 0,
            }
            drop(silent);
            tell(site.id, verdict);
        }));
    }
    for one in asked {
        let _ = one.await;
    }
}

/// Reads what is due on one site.
pub(super) async fn read(shared: &Shared, site: &Site) -> Result<Tasks> {
    let asking = async {
        let kept = shared.kept.take(site);
        let was_kept = kept.is_some();
        let mut db = match kept {
            Some(db) => db,
            None => open(shared, site).await?,
        };
        let mut read = due(&mut db, now()).await;
        if was_kept && read.is_err() {
            // The server may have cut it off meanwhile.
            db = open(shared, site).await?;
            read = due(&mut db, now()).await;
        }
        let tasks = read?;
        if let Some(db) = shared.kept.keep(site, db) {
            db.close().await;
        }
        Ok(tasks)
    };
    tokio::time::timeout(LIMIT, asking).await.unwrap_or_else(|_| {
        let what = format!("the database of `{}` gives no answer within {} seconds", site.wwwroot, LIMIT.as_secs());
        Err(Error::new(Kind::TenantUnreachable, what).of_tenant(&site.wwwroot))
    })
}

#[derive(Debug)]
struct Server {
    gate: Semaphore,
    /// How many of its sites in a row did not answer.
    silent: RefCell<u32>,
}

impl Default for Server {
    fn default() -> Self {
        Self { gate: Semaphore::new(PER_SERVER), silent: RefCell::new(0) }
    }
}

async fn one(shared: &Shared, site: &Site, leftover: &Leftover) -> Verdict {
    let tasks = match read(shared, site).await {
        Ok(tasks) => tasks,
        Err(error) => return Verdict::Unreachable(error),
    };
    let verdict = judge(&tasks, site.enabled.as_ref(), &shared.code, leftover, now());
    if !matches!(verdict, Verdict::Due { .. }) {
        return verdict;
    }
    // What sets CLI_MAINTENANCE in lib/setup.php. The file system may hang too.
    let file = PathBuf::from(&site.dataroot).join("climaintenance.html");
    match tokio::time::timeout(LIMIT, blocking(move || Ok(file.exists()))).await {
        Ok(Ok(false)) => verdict,
        Ok(Ok(true)) => Verdict::Suspended("maintenance"),
        _ => Verdict::Unreachable(
            Error::new(Kind::FilesFailed, format!("the dataroot of `{}` does not answer", site.wwwroot))
                .of_tenant(&site.wwwroot),
        ),
    }
}

async fn open(shared: &Shared, site: &Site) -> Result<Db> {
    match &site.tenant {
        Some(tenant) => Db::open_tenant(tenant, &shared.control.settings, &shared.keyring).await,
        None => Db::open_control(&shared.control).await,
    }
}

/// Whether the server itself does not answer; a wrong password is one site's own trouble.
fn is_silence(error: &Error) -> bool {
    error.kind() == Kind::TenantUnreachable && Fault::of(error).is_none_or(|fault| fault.cause() == Cause::Unreachable)
}

/// Connections kept from one round to the next.
///
/// MariaDB's only: a session in a PostgreSQL database keeps others from copying, renaming or dropping it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    keeps: bool,
    kept: RefCell<HashMap<i64, (Endpoint, String, Db)>>,
}

impl Kept {
    /// Keeps some, or none at all.
    pub(super) fn new(keeps: bool) -> Self {
        Self { keeps, kept: RefCell::default() }
    }

    fn take(&self, site: &Site) -> Option<Db> {
        let (place, _, db) = self.kept.borrow_mut().remove(&site.id)?;
        site.tenant.as_ref().is_some_and(|tenant| tenant.database == place).then_some(db)
    }

    /// Keeps a connection within the budget; gives it back where there is no room.
    fn keep(&self, site: &Site, db: Db) -> Option<Db> {
        let mut kept = self.kept.borrow_mut();
        let on_server = kept.values().filter(|(_, server, _)| *server == site.server).count();
        match &site.tenant {
            Some(tenant) if self.keeps && db.engine().is_mysql() && kept.len() < KEPT.0 && on_server < KEPT.1 => {
                kept.insert(site.id, (tenant.database.clone(), site.server.clone(), db));
                None
            }
            _ => Some(db),
        }
    }

    /// Lets go of sites that are no longer served.
    pub(super) async fn retain(&self, wanted: impl Fn(i64) -> bool) {
        let gone: Vec<i64> = self.kept.borrow().keys().copied().filter(|id| !wanted(*id)).collect();
        for id in gone {
            let gone = self.kept.borrow_mut().remove(&id);
            if let Some((_, _, db)) = gone {
                db.close().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 10_000;

    fn tasks(scheduled: &[(i64, i64)], settings: &[(&str, &str)]) -> Tasks {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Tasks { scheduled: scheduled.to_vec(), adhoc: Adhoc::default(), settings }
    }

    fn word(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Idle => "idle".into(),
            Verdict::Due { since, tasks } => format!("{tasks} since {since}"),
            Verdict::Suspended(why) => (*why).into(),
            Verdict::Unreachable(error) => error.to_string(),
        }
    }

    fn judged(tasks: &Tasks, forced: Option<&Value>, code: &CodeFacts, leftover: &Leftover) -> String {
        word(&judge(tasks, forced, code, leftover, NOW))
    }

    #[test]
    fn the_oldest_task_says_since_when_and_one_without_a_time_is_due_now() {
        let (code, none) = (CodeFacts::default(), Leftover::default());
        let mut given = tasks(&[(1, 9000), (2, 8000)], &[("cron_enabled", "1")]);
        assert_eq!(judged(&given, None, &code, &none), "2 since 8000");
        given.adhoc = Adhoc { count: 5, since: 7000, last: 9 };
        assert_eq!(judged(&given, None, &code, &none), "7 since 7000");
        assert_eq!(judged(&tasks(&[(1, 0)], &[("cron_enabled", "1")]), None, &code, &none), "1 since 10000");
        assert_eq!(judged(&tasks(&[], &[]), None, &code, &none), "idle", "nobody asks what an idle site forbids");
    }

    #[test]
    fn what_moodles_cron_refuses_starts_nothing() {
        let none = Leftover::default();
        let code = CodeFacts { hash: Some("abc".into()), version: None };
        let with = |settings: &[(&str, &str)], forced: Option<Value>| {
            judged(&tasks(&[(1, 9000)], settings), forced.as_ref(), &code, &none)
        };
        assert_eq!(with(&[("allversionshash", "abc")], None), "disabled");
        assert_eq!(with(&[("allversionshash", "abc"), ("cron_enabled", "0")], None), "disabled");
        assert_eq!(with(&[("allversionshash", "abc"), ("cron_enabled", "1")], Some(json!(false))), "disabled");
        assert_eq!(with(&[("allversionshash", "abc"), ("cron_enabled", "0")], Some(json!(1))), "1 since 9000");
        assert_eq!(with(&[("allversionshash", "old"), ("cron_enabled", "1")], None), "upgrade");
        assert_eq!(with(&[("cron_enabled", "1")], None), "upgrade");
        assert_eq!(with(&[("outagelessupgrade", "1"), ("cron_enabled", "1")], None), "1 since 9000");
        let code = CodeFacts { hash: None, version: Version::parse("2024100706.00") };
        let given = tasks(&[(1, 9000)], &[("cron_enabled", "1"), ("version", "2024100705")]);
        assert_eq!(judged(&given, None, &code, &none), "upgrade");
    }

    #[test]
    fn what_moodle_did_not_run_starts_nothing_for_an_hour_but_waits_for_company() {
        let code = CodeFacts::default();
        let on = [("cron_enabled", "1")];
        let mut after = tasks(&[(1, 5000), (2, 9500)], &on);
        after.adhoc = Adhoc { count: 2, since: 4000, last: 7 };
        let leftover = Leftover::of(after.clone(), 9000);
        assert_eq!((&leftover.scheduled, leftover.adhoc.count), (&vec![(1, 5000)], 2));
        assert_eq!(judged(&after, None, &code, &leftover), "1 since 9500", "2 has become due since");
        after.scheduled.pop();
        assert_eq!(judged(&after, None, &code, &leftover), "idle");
        after.adhoc.count = 3;
        assert_eq!(judged(&after, None, &code, &leftover), "3 since 4000", "another ad-hoc task has come");
        after.adhoc = Adhoc::default();
        assert_eq!(word(&judge(&after, None, &code, &leftover, 9000 + LEFT_ALONE)), "1 since 5000");
    }
}
