//! A panic of Rust: an error of PHP, and the process lives on.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use support::need::{self, Need};
use support::process::output;
use support::{php, root};

use crate::site::{json_of, script};

/// Builds the example and gives its path.
fn panicking() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = std::env::var("VMOODLE_PROFILE").unwrap_or_else(|_| "dev".to_owned());
    let messages = output(
        Command::new(cargo)
            .args(["build", "--quiet", "-p", "vmoodle-php", "--example", "panicking", "--profile", &profile])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(root::workspace()),
    );
    let built = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == "panicking");
    built.expect("cargo names the example")["filenames"][0].as_str().unwrap().into()
}

#[test]
fn a_panic_becomes_an_error_that_php_can_catch() {
    let Some(()) = need::all(&[Need::Php]) else { return };
    let mut command = php::without_extension();
    command.arg("-d").arg(format!("extension={}", panicking().display())).arg(script("panic"));
    let said = json_of(&mut command);
    let expected = json!([
        ["Error", "Rust panic: on purpose: first", "panic.php"],
        ["Error", "Rust panic: on purpose: second", "panic.php"],
        ["Error", "Rust panic: on purpose: bytes é", "panic.php"],
        ["Error", "uncaught"],
    ]);
    assert_eq!(said["said"], expected);
    assert_eq!((&said["calm"], &said["finally"]), (&json!(true), &json!(true)));
    assert_eq!(said["dropped"], 5, "what was held is freed on the way");
}
