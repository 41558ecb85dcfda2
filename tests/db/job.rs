//! Jobs: written down, run, shared by runners, taken over from dead ones, cancelled, retried, undone.

use serde_json::{Map, Value, json};
use support::database::Engine;
use vmoodle_core::Kind;
use vmoodle_core::console::Console;

use crate::{Farm, farm, map, on_both_engines};

const DAY: i64 = 86_400;

fn submit(farm: &Farm, operation: &str, targets: &[&str]) -> i64 {
    let targets: Vec<String> = targets.iter().map(|word| (*word).to_owned()).collect();
    let options = map(json!({"confirm": true}));
    farm.console.job_submit(operation, &Map::new(), &targets, &options).unwrap()
}

fn run(farm: &Farm, job: i64) -> Value {
    Value::Object(farm.console.job_run(job, &mut |_| {}).unwrap())
}

fn states(farm: &Farm) -> Vec<String> {
    let rows = farm.console.tenants(&Map::new()).unwrap();
    rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    fn a_plan_changes_nothing_a_run_does_and_an_undo_puts_it_back(engine: Engine) {
        let Some(farm) = farm("job_undo", engine) else { return };
        farm.add("a.example.org");
        farm.add("b.example.org");
        let before = farm.all();
        let plan = farm.console.plan("disable_tenant", &Map::new(), &["all".into()]).unwrap();
        assert_eq!(plan[1]["changes"], json!([{"what": "state", "before": "enabled", "after": "disabled"}]));
        assert_eq!(farm.all(), before);
        let job = submit(&farm, "disable_tenant", &["all"]);
        assert_eq!(run(&farm, job), json!({"done": 2}));
        assert_eq!(states(&farm), ["disabled", "disabled"]);
        assert_eq!(farm.generation(), 3, "one publication for the job");
        assert_eq!(farm.console.job(job).unwrap()["status"], "done");
        let again = submit(&farm, "disable_tenant", &["any"]);
        assert_eq!(run(&farm, again), json!({"skipped": 2}));
        let listed = farm.console.jobs(&map(json!({"operation": "disable_tenant", "limit": 1}))).unwrap();
        assert_eq!((listed.len(), &listed[0]["counts"]), (1, &json!({"skipped": 2})));
        assert!(farm.console.jobs(&map(json!({"status": "queued"}))).unwrap().is_empty());
        farm.database.run("UPDATE mdl_local_vmoodle SET state = 'retired' WHERE id = 2");
        let undo = farm.console.job_undo(job).unwrap();
        assert_eq!(run(&farm, undo), json!({"done": 1, "failed": 1}), "what somebody changed since is left alone");
        assert_eq!(states(&farm), ["enabled", "retired"]);
        assert_eq!(farm.console.job_undo(undo).unwrap_err().kind(), Kind::JobRefused);
    }

    fn one_failing_tenant_does_not_stop_others_and_is_retried(engine: Engine) {
        let Some(farm) = farm("job_fail", engine) else { return };
        for host in ["a.example.org", "b.example.org", "c.example.org"] {
            farm.add(host);
        }
        farm.database.run("UPDATE mdl_local_vmoodle SET state = 'trashed', enabled = 0 WHERE id = 2");
        let job = submit(&farm, "disable_tenant", &["any"]);
        assert_eq!(run(&farm, job), json!({"done": 2, "failed": 1}));
        let read = farm.console.job(job).unwrap();
        assert_eq!((&read["status"], &read["items"][1]["errorcode"]), (&json!("failed"), &json!("state_refused")));
        farm.database.run("UPDATE mdl_local_vmoodle SET state = 'enabled', enabled = 1 WHERE id = 2");
        let retry = farm.console.job_retry(job).unwrap();
        assert_eq!(run(&farm, retry), json!({"done": 1}));
        assert_eq!(states(&farm), ["disabled"; 3]);
    }

    fn jobs_over_age_go_and_those_stay_that_a_tenant_still_needs(engine: Engine) {
        let Some(farm) = farm("job_purge", engine) else { return };
        for host in ["a.example.org", "b.example.org"] {
            farm.add(host);
        }
        let [old, needed, young, open] = [&["a.example.org"][..], &["b.example.org"], &["a.example.org"], &["a.example.org"]]
            .map(|targets| submit(&farm, "disable_tenant", targets));
        for job in [old, needed, young] {
            run(&farm, job);
        }
        let ago = |days: i64| format!("timefinished - {}", days * DAY);
        farm.database.run(&format!(
            "UPDATE mdl_local_vmoodle_job SET timefinished = {} WHERE id IN ({old}, {needed});
             UPDATE mdl_local_vmoodle_job SET timecreated = timecreated - {} WHERE id = {open};
             UPDATE mdl_local_vmoodle SET state = 'trashed' WHERE id = 2",
            ago(9), 9 * DAY
        ));
        assert_eq!(farm.console.jobs_purge(DAY - 1).unwrap_err().kind(), Kind::BadParameter);
        assert_eq!(farm.console.jobs_purge(10 * DAY).unwrap(), 0);
        assert_eq!(farm.console.jobs_purge(8 * DAY).unwrap(), 1);
        let kept = farm.console.jobs(&Map::new()).unwrap();
        assert_eq!(kept.iter().map(|job| job["id"].as_i64().unwrap()).collect::<Vec<_>>(), [open, young, needed]);
        let orphans = "SELECT COUNT(*) FROM mdl_local_vmoodle_item WHERE jobid NOT IN (SELECT id FROM mdl_local_vmoodle_job)";
        assert_eq!(farm.database.run(orphans).trim(), "0");
        farm.database.run(&format!(
            "UPDATE mdl_local_vmoodle SET state = 'retired' WHERE id = 2;
             UPDATE mdl_local_vmoodle_job SET operation = 'adopt_site' WHERE id = {needed}"
        ));
        assert_eq!(farm.console.jobs_purge(8 * DAY).unwrap(), 0, "it says that the tenant was there before");
        farm.database.run("DELETE FROM mdl_local_vmoodle WHERE id = 2");
        assert_eq!(farm.console.jobs_purge(8 * DAY).unwrap(), 1, "its tenant is gone");
        assert_eq!(run(&farm, open), json!({"skipped": 1}), "what waits is done");
    }

    fn two_runners_share_a_job_and_no_item_runs_twice(engine: Engine) {
        let Some(farm) = farm("job_two", engine) else { return };
        for n in 0..12 {
            farm.add(&format!("t{n}.example.org"));
        }
        let job = submit(&farm, "disable_tenant", &["all"]);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let console = Console::new(farm.control.clone());
                scope.spawn(move || console.job_run(job, &mut |_| {}).unwrap());
            }
        });
        let read = farm.console.job(job).unwrap();
        assert_eq!((&read["status"], &read["counts"]), (&json!("done"), &json!({"done": 12})));
        assert!(read["items"].as_array().unwrap().iter().all(|item| item["attempts"] == 1));
    }

    fn a_dead_runners_item_comes_back_and_fails_for_good_after_three(engine: Engine) {
        let Some(farm) = farm("job_dead", engine) else { return };
        farm.add("a.example.org");
        farm.add("b.example.org");
        let job = submit(&farm, "disable_tenant", &["all"]);
        let item = "UPDATE mdl_local_vmoodle_item SET status = 'running', leaseowner = 'dead', leaseuntil = 1, attempts = ";
        farm.database.run(&format!("{item} 1 WHERE tenantid = 1"));
        farm.database.run(&format!("{item} 3 WHERE tenantid = 2"));
        farm.database.run("UPDATE mdl_local_vmoodle SET lockitem = id, lockuntil = 1");
        assert_eq!(run(&farm, job), json!({"done": 1, "failed": 1}));
        let read = farm.console.job(job).unwrap();
        assert_eq!((&read["items"][0]["attempts"], &read["items"][1]["errorcode"]), (&json!(2), &json!("lease_lost")));
    }

    fn a_locked_tenant_is_waited_for(engine: Engine) {
        let Some(farm) = farm("job_lock", engine) else { return };
        farm.add("a.example.org");
        let job = submit(&farm, "disable_tenant", &["all"]);
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        farm.database.run(&format!("UPDATE mdl_local_vmoodle SET lockitem = 4711, lockuntil = {}", clock + 2));
        let mut seen = Vec::new();
        farm.console.job_run(job, &mut |counts| seen.push(Value::Object(counts.clone()))).unwrap();
        assert_eq!(seen.first(), Some(&json!({"queued": 1})));
        let started = farm.console.job(job).unwrap()["items"][0]["timestarted"].as_u64().unwrap();
        assert!(started >= clock + 2, "{started} {clock}");
    }

    fn a_run_that_could_not_publish_is_resumed_until_it_has(engine: Engine) {
        let Some(farm) = farm("job_publish", engine) else { return };
        farm.add("a.example.org");
        let job = submit(&farm, "disable_tenant", &["all"]);
        let mut control = farm.control.clone();
        control.settings.index = farm.folder.join("file/index");
        std::fs::write(farm.folder.join("file"), "no folder").unwrap();
        assert!(Console::new(control).job_run(job, &mut |_| {}).is_err());
        assert_eq!((&farm.console.job(job).unwrap()["status"], farm.generation()), (&json!("running"), 1));
        run(&farm, job);
        assert_eq!(farm.console.job(job).unwrap()["status"], "done");
        assert!(farm.generation() > 1);
    }

    fn a_cancelled_job_runs_nothing(engine: Engine) {
        let Some(farm) = farm("job_cancel", engine) else { return };
        farm.add("a.example.org");
        let job = submit(&farm, "disable_tenant", &["all"]);
        assert_eq!(farm.console.job_cancel(job).unwrap()["status"], "cancelled");
        assert_eq!(run(&farm, job), json!({"cancelled": 1}));
        assert_eq!(states(&farm), ["enabled"]);
        assert_eq!(farm.console.job_cancel(4711).unwrap_err().kind(), Kind::JobNotFound);
    }

    fn what_cannot_be_submitted_leaves_nothing(engine: Engine) {
        let Some(farm) = farm("job_bad", engine) else { return };
        farm.add("a.example.org");
        let all = ["all".to_owned()];
        let none = Map::new();
        let refused = |operation, parameters: &Map<String, Value>, targets: &[String]| {
            farm.console.job_submit(operation, parameters, targets, &Map::new()).unwrap_err().kind()
        };
        assert_eq!(refused("explode", &none, &all), Kind::OperationNotFound);
        assert_eq!(refused("retire_tenant", &none, &all), Kind::JobRefused);
        assert_eq!(refused("disable_tenant", &none, &[]), Kind::JobRefused);
        assert_eq!(refused("disable_tenant", &map(json!({"x": 1})), &all), Kind::BadParameter);
        assert_eq!(farm.console.jobs(&Map::new()).unwrap().len(), 0);
    }

    fn facts_of_a_tenant_that_does_not_answer_are_told_without_its_password(engine: Engine) {
        let Some(farm) = farm("job_status", engine) else { return };
        farm.add("a.example.org");
        let job = submit(&farm, "tenant_status", &["all"]);
        assert_eq!(run(&farm, job), json!({"done": 1}));
        let told = farm.database.run("SELECT fact, value FROM mdl_local_vmoodle_status");
        assert!(told.contains("reachable") && told.contains('0'), "{told}");
        let journal = farm.database.run("SELECT * FROM mdl_local_vmoodle_item");
        assert!(!journal.contains("hidden!") && journal.contains("a.example.org"), "{journal}");
    }
}
