//! Runners against operations that misbehave: each item's fate is its own, and no tenant is ever worked on twice at once.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use support::database::Engine;
use support::wait::until;
use vmoodle_core::console::Console;

use crate::{Farm, farm, map, on_both_engines};

/// How long a condition may take to come true.
const LIMIT: Duration = Duration::from_mins(1);

/// A farm whose tenants have no database, and what is noted of the work on them.
pub(crate) struct Stage {
    pub(crate) farm: Farm,
    log: PathBuf,
    gate: PathBuf,
}

impl Stage {
    pub(crate) fn new(test: &str, engine: Engine, tenants: usize) -> Option<Self> {
        let farm = farm(test, engine)?;
        for number in 0..tenants {
            farm.add(&host(number));
        }
        let (log, gate) = (farm.folder.join("log"), farm.folder.join("gate"));
        Some(Self { farm, log, gate })
    }

    #[allow(clippy::needless_pass_by_value, reason = "a call reads better with literals")]
    pub(crate) fn submit(&self, operation: &str, script: Value, options: Value) -> i64 {
        let parameters = json!({"script": script, "log": self.log, "gate": self.gate});
        self.farm.console.job_submit(operation, &map(parameters), &["all".into()], &map(options)).unwrap()
    }

    pub(crate) fn run(&self, job: i64) -> Value {
        Value::Object(self.farm.console.job_run(job, &mut |_| {}).unwrap())
    }

    /// A runner of its own.
    pub(crate) fn run_beside(&self, job: i64) -> JoinHandle<Value> {
        let console = Console::new(self.farm.control.clone());
        thread::spawn(move || Value::Object(console.job_run(job, &mut |_| {}).unwrap()))
    }

    pub(crate) fn open_gate(&self) {
        std::fs::write(&self.gate, "").unwrap();
    }

    pub(crate) fn log(&self) -> Vec<String> {
        std::fs::read_to_string(&self.log).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub(crate) fn begun(&self) -> usize {
        self.log().iter().filter(|line| line.starts_with("begin")).count()
    }

    fn wait_until_begun(&self, number: usize) {
        until(LIMIT, "work to begin", || self.begun() >= number);
    }

    pub(crate) fn item(&self, job: i64, number: usize) -> Map<String, Value> {
        map(self.farm.console.job(job).unwrap()["items"][number].clone())
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.farm.database.run(sql).trim().to_owned()
    }
}

pub(crate) fn host(number: usize) -> String {
    format!("t{number:02}.example.org")
}

on_both_engines! {
    fn an_item_that_panics_fails_alone(engine: Engine) {
        let Some(stage) = Stage::new("run_panic", engine, 4) else { return };
        let script = json!({host(1): ["panic"], host(2): ["panic in plan"]});
        let job = stage.submit("rehearse", script, json!({}));
        assert_eq!(stage.run(job), json!({"done": 2, "failed": 2}));
        for number in [1, 2] {
            let item = stage.item(job, number);
            assert_eq!((&item["errorcode"], &item["status"]), (&json!("internal"), &json!("failed")), "{item:?}");
        }
        assert_eq!(stage.sql("SELECT COUNT(*) FROM mdl_local_vmoodle WHERE lockitem IS NOT NULL"), "0");
    }

    fn what_may_pass_is_tried_again_after_a_pause_and_not_for_ever(engine: Engine) {
        let Some(stage) = Stage::new("run_retry", engine, 3) else { return };
        let job = stage.submit("rehearse", json!({host(0): ["busy once"], host(1): ["busy"]}), json!({}));
        assert_eq!(stage.run(job), json!({"done": 2, "failed": 1}));
        let (once, always, never) = (stage.item(job, 0), stage.item(job, 1), stage.item(job, 2));
        assert_eq!((&once["attempts"], &once["error"]), (&json!(2), &Value::Null), "a success leaves no error behind");
        assert_eq!((&always["attempts"], &always["errorcode"]), (&json!(3), &json!("tenant_unreachable")));
        assert_eq!(never["attempts"], 1);
        let time = |item: &Map<String, Value>, column: &str| item[column].as_i64().unwrap();
        assert!(time(&once, "timestarted") > time(&never, "timestarted"), "two seconds, less what the clock cuts off");
        assert!(time(&always, "timestarted") >= time(&never, "timestarted") + 5);
    }

    fn a_job_stops_after_as_many_failures_as_it_may_have(engine: Engine) {
        let Some(stage) = Stage::new("run_stop", engine, 8) else { return };
        let script: Map<String, Value> = (0..8).map(|number| (host(number), json!(["fail"]))).collect();
        let job = stage.submit("rehearse", json!(script), json!({"on_error": 2, "concurrency": 1}));
        assert_eq!(stage.run(job), json!({"cancelled": 6, "failed": 2}));
        assert_eq!(stage.begun(), 2);
        assert_eq!(stage.farm.console.job(job).unwrap()["status"], "failed");
        let retry = stage.farm.console.job_retry(job).unwrap();
        assert_eq!(stage.farm.console.job(retry).unwrap()["counts"], json!({"queued": 8}));
    }

    fn failures_of_a_run_before_this_one_count(engine: Engine) {
        let Some(stage) = Stage::new("run_before", engine, 4) else { return };
        let job = stage.submit("rehearse", json!({}), json!({"on_error": 1}));
        // Its runner was killed before it could stop the job.
        stage.farm.database.run("UPDATE mdl_local_vmoodle_item SET status = 'failed', timefinished = 1 WHERE tenantid = 1");
        assert_eq!(stage.run(job), json!({"cancelled": 3, "failed": 1}));
        assert_eq!(stage.begun(), 0);
    }

    fn a_running_job_that_is_cancelled_ends_at_its_next_step(engine: Engine) {
        let Some(stage) = Stage::new("run_cancel", engine, 3) else { return };
        let script = json!({host(0): ["steps"]});
        let job = stage.submit("rehearse", script, json!({"concurrency": 1}));
        let runner = stage.run_beside(job);
        stage.wait_until_begun(1);
        assert_eq!(stage.farm.console.job_cancel(job).unwrap()["status"], "running");
        stage.open_gate();
        assert_eq!(runner.join().unwrap(), json!({"cancelled": 3}));
        assert_eq!(stage.log(), [format!("begin {}", host(0))], "its second step was not begun, nor were the others");
        assert_eq!(stage.farm.console.job(job).unwrap()["status"], "cancelled");
        assert_eq!(stage.item(job, 0)["errorcode"], "job_cancelled");
    }

    fn two_jobs_never_work_on_one_tenant_at_once(engine: Engine) {
        let Some(stage) = Stage::new("run_lock", engine, 1) else { return };
        let script = json!({host(0): ["wait"]});
        let (one, other) = (stage.submit("rehearse", script.clone(), json!({})), stage.submit("rehearse", script, json!({})));
        let first = stage.run_beside(one);
        stage.wait_until_begun(1);
        let second = stage.run_beside(other);
        until(LIMIT, "the second job to find the tenant locked", || {
            stage.item(other, 0)["notbefore"].as_i64().unwrap() > 0
        });
        stage.open_gate();
        for runner in [first, second] {
            assert_eq!(runner.join().unwrap(), json!({"done": 1}));
        }
        let (begin, end) = (format!("begin {}", host(0)), format!("end {}", host(0)));
        assert_eq!(stage.log(), [begin.clone(), end.clone(), begin, end]);
    }

    fn two_runners_share_one_job_and_no_item_runs_twice(engine: Engine) {
        let Some(stage) = Stage::new("run_share", engine, 24) else { return };
        let script: Map<String, Value> = (0..24).map(|number| (host(number), json!(["wait"]))).collect();
        let job = stage.submit("rehearse", json!(script), json!({"concurrency": 3}));
        let runners = [stage.run_beside(job), stage.run_beside(job)];
        // Three each, and nothing hoarded: both are at work before the first item is over.
        stage.wait_until_begun(6);
        stage.open_gate();
        for runner in runners {
            runner.join().unwrap();
        }
        assert_eq!(stage.farm.console.job(job).unwrap()["counts"], json!({"done": 24}));
        let mut log = stage.log();
        log.sort();
        let mut whole: Vec<String> =
            (0..24).flat_map(|number| [format!("begin {}", host(number)), format!("end {}", host(number))]).collect();
        whole.sort();
        assert_eq!(log, whole);
    }

    fn a_runner_whose_lease_is_over_loses_the_item(engine: Engine) {
        let Some(stage) = Stage::new("run_lease", engine, 1) else { return };
        let job = stage.submit("rehearse", json!({host(0): ["wait"]}), json!({}));
        let late = stage.run_beside(job);
        stage.wait_until_begun(1);
        stage.sql("UPDATE mdl_local_vmoodle_item SET leaseuntil = 1");
        stage.sql("UPDATE mdl_local_vmoodle SET lockuntil = 1");
        let second = stage.run_beside(job);
        stage.wait_until_begun(2);
        let owner = stage.sql("SELECT leaseowner FROM mdl_local_vmoodle_item");
        stage.open_gate();
        late.join().unwrap();
        second.join().unwrap();
        let item = stage.item(job, 0);
        assert_eq!((&item["attempts"], &item["status"], &item["error"]), (&json!(2), &json!("done"), &Value::Null));
        assert!(!owner.is_empty() && stage.begun() == 2, "{owner}");
    }

    fn what_may_not_be_repeated_ends_as_unknown_when_its_runner_dies(engine: Engine) {
        let Some(stage) = Stage::new("run_once", engine, 2) else { return };
        let job = stage.submit("rehearse_once", json!({}), json!({}));
        stage.sql("UPDATE mdl_local_vmoodle_item SET status = 'running', leaseowner = 'dead', leaseuntil = 1, attempts = 1 WHERE tenantid = 1");
        assert_eq!(stage.run(job), json!({"done": 1, "unknown": 1}));
        assert_eq!(stage.log(), [format!("begin {}", host(1)), format!("end {}", host(1))]);
        assert_eq!(stage.farm.console.job(job).unwrap()["status"], "failed");
    }

    fn a_run_takes_nothing_new_after_its_time_and_the_next_one_goes_on(engine: Engine) {
        const TAKES: Duration = Duration::from_secs(2);
        let Some(stage) = Stage::new("run_time", engine, 4) else { return };
        let options = json!({"concurrency": 1, "testing_takes": TAKES.as_secs() * 1000});
        let job = stage.submit("rehearse", json!({host(0): ["wait"]}), options);
        let start = Instant::now();
        let runner = stage.run_beside(job);
        stage.wait_until_begun(1);
        until(LIMIT, "the run's time to be over", || start.elapsed() > TAKES * 2);
        stage.open_gate();
        assert_eq!(runner.join().unwrap(), json!({"done": 1, "queued": 3}));
        let left = stage.farm.console.job(job).unwrap();
        assert_eq!((&left["status"], &left["items"][1]["attempts"]), (&json!("running"), &json!(0)), "it was not tried");
        while stage.run(job) != json!({"done": 4}) {}
        assert_eq!(stage.farm.console.job(job).unwrap()["status"], "done");
    }

    fn a_servers_own_budget_counts(engine: Engine) {
        let Some(stage) = Stage::new("run_budget", engine, 5) else { return };
        let server = json!({"name": "small", "engine": engine.dbtype(), "host": "localhost", "login": "root", "connections": 1});
        stage.farm.console.server_add(&map(server)).unwrap();
        stage.open_gate();
        let script: Map<String, Value> = (0..5).map(|number| (host(number), json!(["steps"]))).collect();
        let job = stage.submit("rehearse", json!(script), json!({"concurrency": 8}));
        assert_eq!(stage.run(job), json!({"done": 5}));
        for one in stage.log().chunks(3) {
            let host = one[0].strip_prefix("begin ").unwrap();
            assert_eq!(one, [format!("begin {host}"), format!("two {host}"), format!("end {host}")]);
        }
    }

    fn jobs_are_found_by_what_they_are_and_remember_who_asked(engine: Engine) {
        let Some(stage) = Stage::new("run_list", engine, 1) else { return };
        let first = stage.submit("rehearse", json!({host(0): ["fail"]}), json!({"userid": 7}));
        let second = stage.submit("rehearse_once", json!({}), json!({}));
        stage.run(first);
        let found = |filter: Value| -> Vec<i64> {
            let jobs = stage.farm.console.jobs(&map(filter)).unwrap();
            jobs.iter().map(|job| job["id"].as_i64().unwrap()).collect()
        };
        assert_eq!(found(json!({})), [second, first], "the newest first");
        assert_eq!(found(json!({"limit": 1})), [second]);
        assert_eq!(found(json!({"operation": "rehearse"})), [first]);
        assert_eq!(found(json!({"status": "queued"})), [second]);
        assert_eq!(found(json!({"operation": "rehearse", "status": "queued"})), [0; 0]);
        let retry = stage.farm.console.job_retry(first).unwrap();
        for (job, user) in [(first, 7), (second, 0), (retry, 7)] {
            assert_eq!(stage.farm.console.job(job).unwrap()["userid"], user);
        }
        let operations = stage.farm.console.operations();
        assert!(operations.iter().all(|one| !one["name"].as_str().unwrap().starts_with("rehearse")), "they are hidden");
    }
}
