//! PHP on the command line.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::need::program;
use crate::process::output_of_input;
use crate::{extension, root};

/// `php` with our extension, the limits that Moodle's installer asks for, and errors on stderr.
///
/// A PHP that this one starts has them too: they stand in a folder that the environment adds to PHP's own.
pub fn command() -> Command {
    let mut command = without_extension();
    command.env("PHP_INI_SCAN_DIR", format!(":{}", extension::ini_folder().display()));
    command
}

/// `php` without our extension.
pub fn without_extension() -> Command {
    let mut command = Command::new(program("php").expect("php is installed"));
    command.args(["-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "error_reporting=-1"]);
    command.env_remove("VMOODLE_HOST").env_remove("PHP_INI_SCAN_DIR").stdin(Stdio::null());
    command
}

/// What a called function threw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown {
    /// The class.
    pub class: String,
    /// The stable code (`getReason()`), empty for exceptions that are not ours.
    pub reason: String,
    /// `getCode()`.
    pub code: i64,
    /// The message.
    pub message: String,
}

/// Boots the code base in `code` on its control site and calls functions of the extension, one after the other.
///
/// Each call is a name without namespace and its arguments as a JSON array.
///
/// # Panics
/// When PHP itself fails (no boot, no JSON).
pub fn call(code: &Path, calls: &[(&str, Value)]) -> Vec<Result<Value, Thrown>> {
    let calls: Vec<Value> = calls.iter().map(|(name, arguments)| serde_json::json!([name, arguments])).collect();
    let text =
        output_of_input(command().arg(root::fixture("call.php")).arg(code), &serde_json::to_vec(&calls).expect("JSON"));
    let results: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    results.iter().map(result).collect()
}

fn result(value: &Value) -> Result<Value, Thrown> {
    let text = |key: &str| value["thrown"][key].as_str().unwrap_or_default().to_owned();
    if value["thrown"].is_null() {
        return Ok(value["value"].clone());
    }
    Err(Thrown {
        class: text("class"),
        reason: text("reason"),
        code: value["thrown"]["code"].as_i64().unwrap_or_default(),
        message: text("message"),
    })
}
