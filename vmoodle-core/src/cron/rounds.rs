//! Round after round: ask, choose, start, wait, report.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use super::lease::{self, Grant, Past};
use super::probe::{self, Leftover, Verdict};
use super::process::{self, End, Log};
use super::queue::{Queue, Waiting};
use super::report::{Report, event};
use super::site::{self, Site};
use super::{Options, Shared};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::registry::farm::now;

/// How often the caller is asked whether to go on.
const TICK: Duration = Duration::from_millis(200);
/// How long the first starts wait for answers, so that the longest wait is known; what hangs delays nobody longer.
const SETTLES: Duration = Duration::from_secs(2);
/// How often leases are kept up.
const BEAT: Duration = Duration::from_secs(15);
/// When it is tried again whether others have left room.
const AGAIN: Duration = Duration::from_secs(1);

type Progress<'a> = &'a mut dyn FnMut(&Map<String, Value>) -> bool;

/// What happens meanwhile.
enum News {
    Probed(i64, Verdict),
    AllProbed,
    Ended(i64, End, Option<Leftover>),
}

/// A site whose cron runs.
struct Running {
    site: Rc<Site>,
    since: i64,
    began: i64,
    stop: watch::Sender<()>,
}

/// The loop's own state.
struct Rounds<'a> {
    shared: Rc<Shared>,
    progress: Progress<'a>,
    db: Option<Db>,
    queue: Queue,
    report: Report,
    sites: HashMap<i64, Rc<Site>>,
    past: HashMap<i64, Past>,
    running: HashMap<i64, Running>,
    tell: mpsc::UnboundedSender<News>,
    /// When the round began, in seconds since 1970, and by the clock that never jumps.
    began: (i64, Instant),
    asking: bool,
    stopping: bool,
    /// Not before then anything is started on this node: others use it up.
    full_until: Option<Instant>,
    released: Instant,
}

/// Runs until one round is over, or until the caller stops it.
pub(super) async fn run(shared: Rc<Shared>, progress: Progress<'_>) -> Result<Map<String, Value>> {
    let options = &shared.options;
    let (tell, mut hear) = mpsc::unbounded_channel();
    let interval = options.interval;
    let mut rounds = Rounds {
        queue: Queue::new(options.concurrency, options.per_server),
        report: Report::new(interval.is_none()),
        shared: shared.clone(),
        progress,
        db: None,
        sites: HashMap::new(),
        past: HashMap::new(),
        running: HashMap::new(),
        tell,
        began: (0, Instant::now()),
        asking: false,
        stopping: false,
        full_until: None,
        released: Instant::now(),
    };
    let (mut next_round, mut next_beat, mut first) = (Instant::now(), Instant::now() + BEAT, true);
    loop {
        if Instant::now() >= next_round && !rounds.asking && !rounds.stopping && (first || interval.is_some()) {
            next_round = Instant::now() + interval.unwrap_or_default();
            match rounds.begin().await {
                // A service outlives its database's restart.
                Err(error) if interval.is_some() => rounds.trouble(&error),
                other => other?,
            }
            first = false;
        }
        if Instant::now() >= next_beat {
            next_beat = Instant::now() + BEAT;
            rounds.beat().await;
        }
        if !rounds.stopping && !shared.options.plan {
            match rounds.start().await {
                Err(error) if interval.is_some() || !rounds.running.is_empty() => rounds.trouble(&error),
                other => other?,
            }
        }
        if rounds.is_over() {
            break;
        }
        if let Ok(Some(news)) = tokio::time::timeout(TICK, hear.recv()).await {
            rounds.take(news).await;
            while let Ok(news) = hear.try_recv() {
                rounds.take(news).await;
            }
        }
        rounds.tell_event(&event(
            "tick",
            json!({ "waiting": rounds.queue.waiting().len(), "running": rounds.queue.running() }),
        ));
    }
    shared.kept.retain(|_| false).await;
    Ok(rounds.close().await)
}

impl Rounds<'_> {
    fn options(&self) -> &Options {
        &self.shared.options
    }

    fn is_over(&self) -> bool {
        let idle = self.running.is_empty();
        let once = self.options().interval.is_none();
        idle && (self.stopping || (once && !self.asking && self.queue.waiting().len() == 0))
    }

    /// Says it; when the caller has had enough, stops.
    fn tell_event(&mut self, event: &Map<String, Value>) {
        if (self.progress)(event) || self.stopping {
            return;
        }
        self.stopping = true;
        let left = self.queue.drop_all(None).len();
        self.report.count_of("left", left);
        for running in self.running.values() {
            running.stop.send_replace(());
        }
    }

    fn trouble(&mut self, error: &Error) {
        self.db = None;
        self.full_until = Some(Instant::now() + AGAIN);
        self.tell_event(&event("error", json!({ "errorcode": error.code(), "error": error.to_string() })));
    }

    async fn begin(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        let mut db = self.connection().await?;
        let read = async {
            if !shared.options.plan {
                lease::prepare(&mut db).await?;
            }
            Ok::<_, Error>((site::read(&mut db, &shared.control, &shared.options).await?, lease::past(&mut db).await?))
        }
        .await;
        let (sites, past) = read?;
        self.db = Some(db);
        self.past = past;
        self.sites = sites.into_iter().map(|site| (site.id, Rc::new(site))).collect();
        let gone: Vec<i64> = self.queue.waiting().filter(|id| !self.sites.contains_key(id)).collect();
        for id in gone {
            self.queue.drop(id);
        }
        self.shared.kept.retain(|id| self.sites.contains_key(&id)).await;
        self.began = (now(), Instant::now());
        self.asking = true;
        self.report.begin();
        let asked: Vec<_> = self.sites.values().filter(|site| !self.queue.is_running(site.id)).cloned().collect();
        let asked: Vec<_> = asked
            .into_iter()
            .map(|site| {
                let leftover = self.past.get(&site.id).map(|past| past.leftover.clone()).unwrap_or_default();
                (site, leftover)
            })
            .collect();
        self.report.count_of("tenants", asked.len());
        self.tell_event(&event("round", json!({ "tenants": asked.len() })));
        let tell = self.tell.clone();
        spawn_local(async move {
            let each = tell.clone();
            probe::all(shared, asked, move |id, verdict| drop(each.send(News::Probed(id, verdict)))).await;
            let _ = tell.send(News::AllProbed);
        });
        Ok(())
    }

    async fn take(&mut self, news: News) {
        match news {
            News::Probed(id, verdict) => self.probed(id, verdict),
            News::AllProbed => {
                self.asking = false;
                let summary = self.report.summary();
                self.tell_event(&event("probed", Value::Object(summary)));
                self.note_round().await;
            }
            News::Ended(id, end, leftover) => self.ended(id, &end, leftover.as_ref()).await,
        }
    }

    fn probed(&mut self, id: i64, verdict: Verdict) {
        let Some(site) = self.sites.get(&id).cloned() else { return };
        let told = match verdict {
            Verdict::Due { since, tasks } if self.options().plan => {
                self.report.count("due");
                self.report.late(now() - since);
                let more = json!({ "since": since, "lateness": (now() - since).max(0), "tasks": tasks });
                self.report.item("due", &site, "due", more)
            }
            Verdict::Due { since, .. } => {
                self.report.count("due");
                let (last, served) = self.past.get(&id).map_or((0, 0), |past| (past.began, past.served));
                if self.stopping {
                    self.report.count("left");
                } else {
                    self.queue.put(Waiting {
                        id,
                        server: site.server.clone(),
                        since,
                        last,
                        served,
                        weight: site.weight,
                    });
                }
                return;
            }
            Verdict::Idle => {
                self.report.count("idle");
                self.queue.drop(id);
                return;
            }
            Verdict::Suspended(why) => {
                self.report.count(why);
                self.queue.drop(id);
                self.report.item("suspended", &site, why, Value::Null)
            }
            Verdict::Unreachable(error) => {
                self.queue.drop(id);
                self.report.refused(&site, "unreachable", &error)
            }
        };
        self.tell_event(&told);
    }

    /// Starts as many as there is room for.
    async fn start(&mut self) -> Result<()> {
        if self.asking && self.began.1.elapsed() < SETTLES
            || self.full_until.is_some_and(|until| Instant::now() < until)
        {
            return Ok(());
        }
        if self.released.elapsed() >= AGAIN {
            self.released = Instant::now();
            self.queue.release();
        }
        while let Some(waiting) = self.queue.next(now()).cloned() {
            let Some(site) = self.sites.get(&waiting.id).cloned() else {
                self.queue.drop(waiting.id);
                continue;
            };
            let mut db = self.connection().await?;
            let grant = lease::claim(&mut db, &self.shared.runner, &site, waiting.since, waiting.last).await;
            self.db = grant.is_ok().then_some(db);
            match grant? {
                Grant::Granted { stale } => self.launch(&site, waiting.since, stale).await,
                Grant::Elsewhere => self.pass_over(&site, "elsewhere"),
                Grant::Locked => self.pass_over(&site, "locked"),
                Grant::NodeFull => {
                    self.full_until = Some(Instant::now() + AGAIN);
                    self.leave_to_others(None);
                    break;
                }
                Grant::ServerFull => {
                    self.queue.hold(&site.server);
                    self.leave_to_others(Some(&site.server));
                }
            }
            if self.stopping {
                break;
            }
        }
        Ok(())
    }

    /// A single round does not wait for room that only others can make: they serve, or the next round does.
    fn leave_to_others(&mut self, server: Option<&str>) {
        if self.running.is_empty() && self.options().interval.is_none() {
            let left = self.queue.drop_all(server).len();
            self.report.count_of("left", left);
        }
    }

    fn pass_over(&mut self, site: &Site, why: &'static str) {
        self.queue.drop(site.id);
        self.report.count(why);
        let told = self.report.item("passed", site, why, Value::Null);
        self.tell_event(&told);
    }

    async fn launch(&mut self, site: &Rc<Site>, since: i64, stale: Option<i32>) {
        let began = now();
        if let Some(pid) = stale.filter(|pid| process::runs_cron(*pid, site)) {
            // Its runner is dead, so nobody ends it any more.
            process::kill(pid);
        }
        let child = match process::start(&self.shared.control, site) {
            Ok(child) => child,
            Err(error) => {
                self.queue.drop(site.id);
                self.release(site.id, "failed", None, None).await;
                let told = self.report.refused(site, "failed", &error);
                return self.tell_event(&told);
            }
        };
        self.queue.start(site.id);
        self.report.count("started");
        self.report.late(began - since);
        if let Some(pid) = child.0.id()
            && let Ok(mut db) = self.connection().await
        {
            self.db = lease::note_process(&mut db, &self.shared.runner, site.id, pid).await.is_ok().then_some(db);
        }
        let (stop, stopped) = watch::channel(());
        self.running.insert(site.id, Running { site: site.clone(), since, began, stop });
        let (shared, tell, own) = (self.shared.clone(), self.tell.clone(), site.clone());
        spawn_local(async move {
            let log = Log::of(&shared.control, &own, began);
            let options = &shared.options;
            let end = process::watch(child, options.limit, options.grace, stopped, log).await;
            // What is still due after a run that ended well, Moodle does not want to run.
            let leftover = match end.outcome {
                "done" => probe::read(&shared, &own).await.ok().map(|tasks| Leftover::of(tasks, began)),
                _ => None,
            };
            let _ = tell.send(News::Ended(own.id, end, leftover));
        });
        let more = json!({ "since": since, "lateness": (began - since).max(0) });
        let told = self.report.item("started", site, "running", more);
        self.tell_event(&told);
    }

    async fn ended(&mut self, id: i64, end: &End, leftover: Option<&Leftover>) {
        self.queue.end(id);
        self.full_until = None;
        self.queue.release();
        self.release(id, end.outcome, end.exit, leftover).await;
        if let Some(running) = self.running.remove(&id) {
            let told = self.report.ended(&running.site, running.since, running.began, end);
            self.tell_event(&told);
        }
    }

    /// Gives the lease back; where the control database does not answer, it runs out by itself.
    async fn release(&mut self, id: i64, outcome: &str, exit: Option<i64>, leftover: Option<&Leftover>) {
        if let Ok(mut db) = self.connection().await {
            let done = lease::finish(&mut db, &self.shared.runner, id, outcome, exit, leftover).await;
            self.db = done.is_ok().then_some(db);
        }
    }

    /// Keeps the leases; a site that another runner has taken meanwhile is let go.
    async fn beat(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let Ok(mut db) = self.connection().await else { return };
        if let Ok(held) = lease::beat(&mut db, &self.shared.runner).await {
            self.db = Some(db);
            for (_, lost) in self.running.iter().filter(|(id, _)| !held.contains(id)) {
                lost.stop.send_replace(());
            }
        }
    }

    async fn note_round(&mut self) {
        if self.options().plan {
            return;
        }
        let summary = self.report.summary();
        if let Ok(mut db) = self.connection().await {
            let done = lease::note_round(&mut db, &self.shared.runner, self.began.0, &summary).await;
            self.db = done.is_ok().then_some(db);
        }
    }

    async fn connection(&mut self) -> Result<Db> {
        match self.db.take() {
            Some(db) => Ok(db),
            None => Db::open_control(&self.shared.control).await,
        }
    }

    async fn close(mut self) -> Map<String, Value> {
        if self.options().interval.is_none() {
            self.note_round().await;
        }
        if let Some(db) = self.db.take() {
            db.close().await;
        }
        let mut all = self.report.close();
        all.insert("stopped_early".to_owned(), json!(self.stopping));
        all
    }
}
