//! Scripts run as tenants: what they say is kept, none is begun twice without anybody knowing, none outlives its time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::database::Engine;
use support::need::{self, Need};
use support::wait::until;
use vmoodle_core::Kind;
use vmoodle_core::console::Console;

use crate::crash::{end_leases, is_killed, run_apart};
use crate::life::{run, submit};
use crate::{Farm, farm, map, on_both_engines};

/// Tells who it runs as and what it was given; does what stands in a file named after the host.
const SCRIPT: &str = r#"<?php
$host = substr(getenv('VMOODLE_HOST'), 8);
file_put_contents("$host.log", "run\n", FILE_APPEND);
$said = ['host' => $host, 'arguments' => array_slice($argv, 1), 'input' => stream_get_contents(STDIN),
    'limit' => ini_get('memory_limit'), 'secret' => getenv('VMOODLE_DBPASS')];
echo json_encode($said, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
fwrite(STDERR, "complaint of $host\n");
if (is_file("$host.do")) {
    include("$host.do");
}
"#;

const LIMIT: Duration = Duration::from_secs(30);

/// A farm with a code base that holds the script.
fn scripted(test: &str, engine: Engine, tenants: usize) -> Option<Farm> {
    need::all(&[Need::Php])?;
    let mut farm = farm(&format!("script_{test}"), engine)?;
    let code = farm.folder.folder("code");
    fs::create_dir_all(code.join("admin/cli")).unwrap();
    fs::write(code.join("admin/cli/tell.php"), SCRIPT).unwrap();
    farm.control.dirroot = code.display().to_string();
    farm.console = Console::new(farm.control.clone());
    for number in 0..tenants {
        farm.add(&host(number));
    }
    Some(farm)
}

fn host(number: usize) -> String {
    format!("s{number}.example.org")
}

fn code(farm: &Farm) -> &Path {
    Path::new(&farm.control.dirroot)
}

/// What the script does on a tenant.
fn does(farm: &Farm, number: usize, php: &str) {
    fs::write(code(farm).join(format!("{}.do", host(number))), format!("<?php {php}")).unwrap();
}

/// How often it ran on a tenant.
fn ran(farm: &Farm, number: usize) -> usize {
    fs::read_to_string(code(farm).join(format!("{}.log", host(number)))).unwrap_or_default().lines().count()
}

fn job(farm: &Farm, parameters: Value, targets: &[&str]) -> i64 {
    let mut given = map(json!({"script": "admin/cli/tell.php"}));
    given.extend(map(parameters));
    submit(farm, "run_script", Value::Object(given), targets).unwrap()
}

fn item(farm: &Farm, job: i64, number: usize) -> Value {
    farm.console.job(job).unwrap()["items"][number].clone()
}

fn is_gone(pid: &Path) -> bool {
    let pid = fs::read_to_string(pid).unwrap();
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).map_or(true, |stat| stat.contains(") Z"))
}

on_both_engines! {
    fn a_script_runs_as_each_tenant_and_what_it_says_is_kept(engine: Engine) {
        let Some(mut farm) = scripted("said", engine, 3) else { return };
        farm.control.settings.php = vmoodle_core::settings::PhpLimits::read(|name| (name == "memory_limit").then(|| "77M".to_owned()));
        farm.console = Console::new(farm.control.clone());
        does(&farm, 1, "exit(3);");
        does(&farm, 2, "echo str_repeat('é', 60000), 'last';");
        let arguments = json!(["--name=l'été 🌞", "; rm -rf x", "", "$(id)"]);
        let job = job(&farm, json!({"arguments": arguments, "input": "a\nb"}), &["all"]);
        let planned = farm.console.plan("run_script", &map(json!({"script": "admin/cli/tell.php"})), &["all".into()]).unwrap();
        assert_eq!(planned[0]["changes"], json!([{"what": "script", "before": null, "after": ["admin/cli/tell.php"]}]));
        assert_eq!(ran(&farm, 0), 0, "a plan runs nothing");
        assert_eq!(run(&farm, job), json!({"done": 2, "failed": 1}));
        for number in 0..2 {
            let output = &item(&farm, job, number)["output"];
            let said: Value = serde_json::from_str(output["stdout"].as_str().unwrap().lines().next().unwrap()).unwrap();
            assert_eq!(said, json!({"host": host(number), "arguments": arguments, "input": "a\nb", "limit": "77M", "secret": false}));
            assert_eq!(output["stderr"], format!("complaint of {}\n", host(number)));
            assert_eq!((&output["cut"], &output["late"]), (&json!(false), &json!(false)));
        }
        assert_eq!(item(&farm, job, 0)["output"]["exit"], 0);
        let failed = item(&farm, job, 1);
        assert_eq!((&failed["output"]["exit"], &failed["errorcode"]), (&json!(3), &json!("script_failed")), "{failed}");
        assert!(failed["error"].as_str().unwrap().contains("complaint of s1"), "{failed}");
        let long = &item(&farm, job, 2)["output"];
        let text = long["stdout"].as_str().unwrap();
        assert!(long["cut"] == true && text.ends_with("éélast") && text.len() <= 48 << 10, "{}", text.len());
        assert!(!text.contains('\u{fffd}'), "a character is not cut in two");
    }

    fn what_is_no_script_of_the_code_base_is_refused_and_nothing_runs(engine: Engine) {
        let Some(farm) = scripted("refused", engine, 1) else { return };
        fs::write(farm.folder.join("outside.php"), "<?php touch('ran');").unwrap();
        std::os::unix::fs::symlink(farm.folder.join("outside.php"), code(&farm).join("link.php")).unwrap();
        for bad in [
            json!({"script": "../outside.php"}),
            json!({"script": farm.folder.join("outside.php")}),
            json!({"script": "admin/cli/tell.php", "arguments": ["--password=hidden!"]}),
            json!({"script": "admin/cli/tell.php", "arguments": {"a": 1}}),
            json!({"script": "admin/cli/tell.php", "time_limit": 0}),
        ] {
            let error = submit(&farm, "run_script", bad.clone(), &["all"]).unwrap_err();
            assert_eq!(error.kind(), Kind::BadParameter, "{bad}");
            assert!(!error.to_string().contains("hidden!"));
        }
        let error = farm.console.job_submit("run_script", &map(json!({"script": "admin/cli/tell.php"})), &["all".into()], &map(json!({})));
        assert_eq!(error.unwrap_err().kind(), Kind::JobRefused, "it must be confirmed");
        for missing in ["link.php", "admin/cli/none.php", "admin/cli.php"] {
            let job = job(&farm, json!({"script": missing}), &["all"]);
            assert_eq!(run(&farm, job), json!({"failed": 1}), "{missing}");
            assert_eq!(item(&farm, job, 0)["errorcode"], "bad_parameter", "{missing}");
        }
        assert!(!code(&farm).join("ran").exists() && ran(&farm, 0) == 0);
    }

    fn a_secret_reaches_the_script_and_nobody_else(engine: Engine) {
        let Some(mut farm) = scripted("secret", engine, 1) else { return };
        let given = json!({"script": "admin/cli/tell.php", "secret_input": "hidden!"});
        let refused = submit(&farm, "run_script", given.clone(), &["all"]).unwrap_err();
        assert_eq!(refused.kind(), Kind::BadParameter, "there is no key file");
        let key = farm.folder.join("key");
        farm.console.key_create(key.to_str().unwrap()).unwrap();
        farm.control.settings.keyfile = Some(key);
        farm.console = Console::new(farm.control.clone());
        fs::write(code(&farm).join("admin/cli/quiet.php"), "<?php file_put_contents('seen', stream_get_contents(STDIN)); file_put_contents('argv', file_get_contents('/proc/self/cmdline') . file_get_contents('/proc/self/environ'));").unwrap();
        let mut given = map(given);
        given["script"] = json!("admin/cli/quiet.php");
        let job = submit(&farm, "run_script", Value::Object(given), &["all"]).unwrap();
        assert_eq!(run(&farm, job), json!({"done": 1}));
        assert_eq!(fs::read_to_string(code(&farm).join("seen")).unwrap(), "hidden!");
        let seen = String::from_utf8_lossy(&fs::read(code(&farm).join("argv")).unwrap()).into_owned();
        assert!(!seen.contains("hidden!"), "{seen}");
        let kept = farm.database.run("SELECT * FROM mdl_local_vmoodle_job") + &farm.database.run("SELECT * FROM mdl_local_vmoodle_item");
        assert!(!kept.contains("hidden!"));
        assert!(!farm.console.job(job).unwrap()["items"].to_string().contains("enc:v1:"), "nor is it shown sealed");
    }

    fn one_tenant_of_ten_whose_script_dies_leaves_nine_done(engine: Engine) {
        let Some(farm) = scripted("ten", engine, 10) else { return };
        does(&farm, 4, "throw new Exception('as told');");
        let job = job(&farm, json!({}), &["all"]);
        assert_eq!(run(&farm, job), json!({"done": 9, "failed": 1}));
        assert_eq!(item(&farm, job, 4)["output"]["exit"], 255);
        fs::remove_file(code(&farm).join(format!("{}.do", host(4)))).unwrap();
        let again = farm.console.job_retry(job).unwrap();
        assert_eq!(run(&farm, again), json!({"done": 1}), "it ended before our eyes, so whoever asks may run it again");
        assert_eq!((ran(&farm, 4), ran(&farm, 5)), (2, 1));
    }

    fn a_script_that_outlives_its_time_is_ended_with_all_it_started(engine: Engine) {
        let Some(farm) = scripted("late", engine, 2) else { return };
        does(&farm, 0, r#"
            $child = proc_open(['sh', '-c', "trap '' TERM; echo \$\$ > child.pid; while :; do sleep 1; done"], [], $pipes);
            while (true) { sleep(1); }"#);
        let began = Instant::now();
        let job = job(&farm, json!({"time_limit": 1}), &["all"]);
        assert_eq!(run(&farm, job), json!({"done": 1, "failed": 1}));
        assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
        let late = item(&farm, job, 0);
        assert_eq!((&late["output"]["late"], &late["errorcode"]), (&json!(true), &json!("script_failed")));
        assert!(late["error"].as_str().unwrap().contains("did not end within 1 seconds"), "{late}");
        let pid = code(&farm).join("child.pid");
        until(LIMIT, "the script's child to die", || is_gone(&pid));
    }

    fn a_script_whose_runner_dies_ends_as_unknown_and_is_not_begun_again(engine: Engine) {
        let Some(farm) = scripted("killed", engine, 1) else { return };
        let once = job(&farm, json!({}), &["all"]);
        assert!(is_killed(&farm, once, 1), "between the script's end and the item's");
        end_leases(&farm);
        assert_eq!(run(&farm, once), json!({"unknown": 1}));
        assert_eq!((ran(&farm, 0), item(&farm, once, 0)["errorcode"].clone()), (1, json!("outcome_unknown")));
        let retry = farm.console.job_retry(once).unwrap();
        assert_eq!(run(&farm, retry), json!({"unknown": 1}), "nor by whoever does not know what it did");
        assert_eq!(ran(&farm, 0), 1);
        let anew = job(&farm, json!({}), &["all"]);
        assert_eq!(run(&farm, anew), json!({"done": 1}));

        let again = job(&farm, json!({"idempotent": true}), &["all"]);
        assert!(is_killed(&farm, again, 1));
        end_leases(&farm);
        assert_eq!(run(&farm, again), json!({"done": 1}));
        assert_eq!(ran(&farm, 0), 4);
    }

    fn a_script_dies_with_its_runner(engine: Engine) {
        let Some(farm) = scripted("orphan", engine, 1) else { return };
        does(&farm, 0, "file_put_contents('own.pid.new', getmypid()); rename('own.pid.new', 'own.pid'); while (true) { sleep(1); }");
        let job = job(&farm, json!({}), &["all"]);
        let mut runner = run_apart(&farm, job);
        let pid = code(&farm).join("own.pid");
        until(LIMIT, "the script to begin", || pid.exists());
        assert!(!is_gone(&pid));
        runner.kill().unwrap();
        runner.wait().unwrap();
        until(LIMIT, "the script to die", || is_gone(&pid));
        end_leases(&farm);
        assert_eq!(run(&farm, job), json!({"unknown": 1}));
        assert_eq!(ran(&farm, 0), 1);
    }

    fn the_beginnings_of_a_jobs_items_are_spread(engine: Engine) {
        let Some(farm) = scripted("spread", engine, 4) else { return };
        let submit = |options: Value| {
            farm.console.job_submit("run_script", &map(json!({"script": "admin/cli/tell.php"})), &["all".into()], &map(options))
        };
        let job = submit(json!({"confirm": true, "spread": 60})).unwrap();
        let times: Vec<i64> = (0..4).map(|number| item(&farm, job, number)["notbefore"].as_i64().unwrap()).collect();
        let gaps: BTreeMap<i64, usize> = times.windows(2).fold(BTreeMap::new(), |mut gaps, pair| {
            *gaps.entry(pair[1] - pair[0]).or_default() += 1;
            gaps
        });
        assert_eq!(gaps, BTreeMap::from([(900, 3)]), "even steps of a quarter of an hour");
        let began = Instant::now();
        assert_eq!(run(&farm, job), json!({"done": 1, "queued": 3}), "the first begins at once, and nobody waits for the others");
        assert!(began.elapsed() < LIMIT);
        farm.database.run("UPDATE mdl_local_vmoodle_item SET notbefore = 0");
        assert_eq!(run(&farm, job), json!({"done": 4}));
        for bad in [json!({"spread": -1}), json!({"delay": "soon"})] {
            assert_eq!(submit(bad).unwrap_err().kind(), Kind::BadParameter);
        }
    }
}
