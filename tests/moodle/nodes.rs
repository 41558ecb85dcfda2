//! A second web node: its own copy of the index, kept fresh by `cli/publish.php --follow`.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;
use support::farm::CONTROL;
use support::php;
use support::process::signal;
use support::scratch::Scratch;
use support::wait::holds_within;
use vmoodle_core::gate::ControlFacts;
use vmoodle_core::index::{Status, StatusState, status};

use crate::stage::{Stage, TENANTS, alone};

/// How long a node may be behind.
const BEHIND: Duration = Duration::from_secs(5);

struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn follow(stage: &Stage, index: &Path, log: &Path) -> Follower {
    let mut command = php::command();
    command.arg("-d").arg(format!("vmoodle.index={}", index.display())).arg("local/vmoodle/cli/publish.php");
    command.args(["--follow", "--interval=1", "--no-components"]).current_dir(stage.farm.code().path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log).unwrap());
    Follower(command.spawn().unwrap())
}

#[test]
fn another_node_is_at_most_seconds_behind_and_outlives_the_control_database() {
    let Some(mut stage) = alone() else { return };
    let folder = Scratch::new("node");
    let (index, log) = (folder.folder("vmoodle").join("index"), folder.join("log"));
    let facts = ControlFacts {
        wwwroot: format!("http://{CONTROL}"),
        dbname: stage.farm.control().name.clone(),
        prefix: "mdl_".into(),
        dirroot: None,
    };
    let (farm, _) = facts.farm().unwrap();
    let here = || -> Status { status(&index, farm) };
    let mut follower = follow(&stage, &index, &log);
    let said = || std::fs::read_to_string(&log).unwrap();
    let start = Duration::from_mins(1);
    assert!(holds_within(start, || here().state == StatusState::Good), "{:?} {}", here(), said());

    let before = here().generation;
    stage.farm.call("alias_add", json!(["follow.example.org", TENANTS[0].0])).unwrap();
    assert!(holds_within(BEHIND, || here().generation > before), "{:?} {}", here(), said());

    stage.control.kill();
    assert!(holds_within(start, || !said().is_empty()), "a dead control database is said");
    assert!(follower.0.try_wait().unwrap().is_none() && here().state == StatusState::Good);
    stage.control.restart();
    let before = here().generation;
    stage.farm.call("alias_remove", json!(["follow.example.org"])).unwrap();
    assert!(holds_within(BEHIND * 2, || here().generation > before), "{:?} {}", here(), said());

    signal(follower.0.id(), "TERM");
    assert!(holds_within(start, || follower.0.try_wait().unwrap().is_some()));
    assert_eq!(follower.0.wait().unwrap().code(), Some(0), "{}", said());
}
