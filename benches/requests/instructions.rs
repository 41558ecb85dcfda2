//! Instructions per request, counted by valgrind: the same in every run, whatever else the machine does.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::http::Request;
use support::need::program;
use support::process::{free_port, signal};
use support::wait;
use vmoodle_benches::figures::Report;
use vmoodle_benches::{extension, is_trial};

/// Adds the figures of the static script and of ours.
pub(crate) fn per_request(report: &mut Report, root: &Path, host: &str) {
    if program("valgrind").is_none() {
        report.say("Instructions per request: skipped, valgrind is not installed.\n");
        return;
    }
    let (few, many) = if is_trial() { (1, 3) } else { (20, 220) };
    let count = |script: &str| {
        let (less, more) = (run(root, host, script, few), run(root, host, script, many));
        (more - less) / f64::from(many - few)
    };
    let (fixed, ours) = (count("/static.php"), count("/ours.php"));
    report.say(&format!(
        "Instructions per request in PHP's built-in server (callgrind): static {fixed:.0}, ours {ours:.0}, that is {:.0} more.\n",
        ours - fixed
    ));
}

/// All instructions of a server that answered so many requests.
fn run(root: &Path, host: &str, script: &str, requests: u32) -> f64 {
    let port = free_port();
    let extension = format!("extension={}", extension().display());
    let server = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "php", "-n", "-d", &extension])
        .args(["-d", "zend_extension=opcache", "-d", "opcache.enable=1", "-d", "opcache.validate_timestamps=0"])
        .args(["-S", &format!("127.0.0.1:{port}"), "-t"])
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("valgrind runs");
    let address = ([127, 0, 0, 1], port).into();
    let ask = || Request::new("GET", host, script).try_send(address);
    assert!(wait::holds_within(Duration::from_mins(1), || ask().is_ok()), "the server does not answer");
    for _ in 1..requests {
        ask().expect("an answer");
    }
    signal(server.id(), "INT");
    let output = server.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split("Collected :").nth(1));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}
