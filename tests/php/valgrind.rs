//! Valgrind over PHP: no access to memory that is not ours, and nothing lost.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::need::{self, Need, program};

use crate::site::Site;

/// Runs a `php` command under valgrind; gives what it printed, or valgrind's report.
///
/// PHP gets its memory by plain `malloc`, and keeps extensions loaded, so that reports name functions.
fn checked(php: &Command) -> Result<Value, String> {
    let mut command = Command::new(program("valgrind").expect("needed"));
    command
        .args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"])
        .args(["--error-exitcode=99", "--num-callers=30"])
        .arg(php.get_program())
        .args(php.get_args())
        .env("USE_ZEND_ALLOC", "0")
        .env("ZEND_DONT_UNLOAD_MODULES", "1");
    for (name, value) in php.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let result = command.output().unwrap();
    let report = String::from_utf8_lossy(&result.stderr).into_owned();
    if !result.status.success() {
        return Err(format!("{}\n{report}", result.status));
    }
    serde_json::from_slice(&result.stdout).map_err(|error| format!("{error}: {report}"))
}

/// `php` on the script and with the environment of a command of ours, but without the extension.
fn plain(ours: &Command) -> Command {
    let mut command = support::php::without_extension();
    let arguments: Vec<_> = ours.get_args().collect();
    let script = arguments.iter().position(|argument| Path::new(argument).is_file()).expect("the theme's script");
    command.args(&arguments[script..]);
    command
}

#[test]
fn no_memory_is_misused_or_lost() {
    let Some(()) = need::all(&[Need::Php, Need::Valgrind]) else { return };
    let Some(mut site) = Site::new("valgrind") else { return };
    for host in ["one", "two", "off"] {
        let settings =
            serde_json::json!({"theme": "moove", "forced_plugin_settings": {"a": {"x": 1}}, "list": [1, "two"]});
        let tenant = site.tenant(&format!("https://{host}.example.org"));
        tenant.settings = settings.as_object().unwrap().clone();
        tenant.tags = vec!["pilot".into()];
    }
    site.farm.tenants[2].state = vmoodle_core::tenant::State::Disabled;
    site.alias("www.one.example.org", 1);
    site.publish();
    let nothing = site.php("valgrind", "nothing");
    if let Err(report) = checked(&plain(&nothing)) {
        // Not ours, and we could not tell it from ours.
        eprintln!("skipped: valgrind finds fault with PHP alone: {report}");
        return;
    }
    for command in [nothing, site.php("valgrind", "everything")] {
        match checked(&command) {
            Ok(said) if said == "nothing" => {}
            Ok(said) => assert_eq!((&said["none"], &said["host_unknown"]), (&18.into(), &9.into()), "{said}"),
            Err(report) => panic!("{report}"),
        }
    }
}
