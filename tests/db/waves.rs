//! Jobs in waves: the next one begins when the one before has ended, and not at all where too much has failed in it.

use serde_json::{Value, json};
use support::database::Engine;
use vmoodle_core::Kind;

use crate::on_both_engines;
use crate::runner::{Stage, host};

fn statuses(stage: &Stage, job: i64) -> Vec<String> {
    let job = stage.farm.console.job(job).unwrap();
    job["items"].as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect()
}

/// The places in the log at which the work on tenants began and ended.
fn places(stage: &Stage, what: &str, numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let log = stage.log();
    numbers.map(|number| log.iter().position(|line| *line == format!("{what} {}", host(number))).unwrap()).collect()
}

on_both_engines! {
    fn a_wave_begins_when_all_of_the_one_before_has_ended(engine: Engine) {
        let Some(stage) = Stage::new("waves_order", engine, 12) else { return };
        let script = json!({host(1): ["busy once"], host(2): ["steps"]});
        stage.open_gate();
        let job = stage.submit("rehearse", script, json!({"waves": [1, "25%", "rest"], "concurrency": 4}));
        let waves: Vec<Value> =
            stage.farm.console.job(job).unwrap()["items"].as_array().unwrap().iter().map(|item| item["wave"].clone()).collect();
        assert_eq!(json!(waves), json!([1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]));
        let runners = [stage.run_beside(job), stage.run_beside(job)];
        for runner in runners {
            runner.join().unwrap();
        }
        assert_eq!(stage.farm.console.job(job).unwrap()["counts"], json!({"done": 12}));
        let (first, second) = (places(&stage, "end", 0..1), places(&stage, "begin", 1..4));
        assert!(first.iter().max() < second.iter().min(), "{:?}", stage.log());
        let (second, third) = (places(&stage, "end", 1..4), places(&stage, "begin", 4..12));
        assert!(second.iter().max() < third.iter().min(), "one that is tried again holds the wave open: {:?}", stage.log());
    }

    fn a_failure_stops_the_job_and_a_retry_begins_with_it(engine: Engine) {
        let Some(stage) = Stage::new("waves_stop", engine, 7) else { return };
        let job = stage.submit("rehearse", json!({host(2): ["fail"]}), json!({"waves": "2,2,rest", "concurrency": 1}));
        assert_eq!(stage.run(job), json!({"cancelled": 4, "done": 2, "failed": 1}));
        assert_eq!(stage.begun(), 3, "the others were not touched: {:?}", stage.log());
        let retry = stage.farm.console.job_retry(job).unwrap();
        let job = stage.farm.console.job(retry).unwrap();
        let (first, waves) = (&job["items"][0], &job["items"]);
        assert_eq!(first["wwwroot"], format!("https://{}", host(2)));
        assert_eq!((&waves[1]["wave"], &waves[2]["wave"], &waves[4]["wave"]), (&json!(1), &json!(2), &json!(3)));
        stage.sql(&format!("UPDATE mdl_local_vmoodle_item SET parameters = REPLACE(parameters, 'fail', 'ok') WHERE jobid = {retry}"));
        assert_eq!(stage.run(retry), json!({"done": 5}));
    }

    fn failures_are_counted_wave_by_wave(engine: Engine) {
        let Some(stage) = Stage::new("waves_count", engine, 6) else { return };
        let script = json!({host(0): ["fail"], host(2): ["fail"], host(4): ["fail"]});
        let options = json!({"waves": [2, 2, "rest"], "on_error": 2, "concurrency": 1});
        let job = stage.submit("rehearse", script, options);
        assert_eq!(stage.run(job), json!({"done": 3, "failed": 3}), "each wave had one");
        let both = json!({host(2): ["fail"], host(3): ["fail"]});
        let job = stage.submit("rehearse", both, json!({"waves": [2, 2, "rest"], "on_error": 2, "concurrency": 1}));
        assert_eq!(stage.run(job), json!({"cancelled": 2, "done": 2, "failed": 2}));
        let all = json!({host(0): ["fail"], host(1): ["fail"]});
        let job = stage.submit("rehearse", all, json!({"waves": [2, 2, "rest"], "on_error": "continue"}));
        assert_eq!(stage.run(job), json!({"done": 4, "failed": 2}));
    }

    fn who_is_not_well_after_the_work_holds_back_the_next_wave(engine: Engine) {
        let Some(stage) = Stage::new("waves_gate", engine, 4) else { return };
        let job = stage.submit("rehearse", json!({host(1): ["sick"]}), json!({"waves": [2, "rest"], "concurrency": 1}));
        assert_eq!(stage.run(job), json!({"cancelled": 2, "done": 1, "failed": 1}));
        let item = stage.item(job, 1);
        assert_eq!(item["errorcode"], "unhealthy");
        assert!(item["error"].as_str().unwrap().contains("sick as told"), "{item:?}");
        assert_eq!(stage.begun(), 2);
        stage.open_gate();
        let retry = stage.farm.console.job_retry(job).unwrap();
        assert_eq!(stage.run(retry), json!({"done": 3}));
    }

    fn a_runner_that_takes_over_knows_what_has_failed_in_the_wave(engine: Engine) {
        let Some(stage) = Stage::new("waves_resume", engine, 4) else { return };
        let job = stage.submit("rehearse", json!({}), json!({"waves": [2, "rest"]}));
        stage.sql("UPDATE mdl_local_vmoodle_item SET status = 'failed', timefinished = 1 WHERE tenantid = 2");
        stage.sql("UPDATE mdl_local_vmoodle_item SET status = 'done', timefinished = 1 WHERE tenantid = 1");
        stage.sql("UPDATE mdl_local_vmoodle_job SET status = 'running'");
        assert_eq!(stage.run(job), json!({"cancelled": 2, "done": 1, "failed": 1}));
        assert_eq!((stage.begun(), statuses(&stage, job)), (0, ["done", "failed", "cancelled", "cancelled"].map(str::to_owned).to_vec()));
        assert_eq!(stage.farm.console.job(job).unwrap()["status"], "failed");
    }

    fn sizes_that_are_none_make_no_job(engine: Engine) {
        let Some(stage) = Stage::new("waves_bad", engine, 1) else { return };
        for waves in [json!("rest,1"), json!([0]), json!("5"), json!({"a": 1})] {
            let parameters = crate::map(json!({"log": "/dev/null"}));
            let options = crate::map(json!({"waves": waves}));
            let submitted = stage.farm.console.job_submit("rehearse", &parameters, &["all".into()], &options);
            match submitted {
                Ok(_) => assert_eq!(waves, "5", "a size alone leaves a wave of the others"),
                Err(error) => assert_eq!(error.kind(), Kind::BadParameter, "{waves}"),
            }
        }
        assert_eq!(stage.sql("SELECT COUNT(*) FROM mdl_local_vmoodle_job"), "1");
    }
}
