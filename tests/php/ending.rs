//! Scripts that end early: no crash, no loss of PHP's own order of things.

use support::need::{self, Need};

use crate::site::Site;

/// The exit status, and what was printed.
fn ended(test: &str, case: &str) -> Option<(Option<i32>, String, String)> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org");
    site.publish();
    let result = site.php("ending", case).env("VMOODLE_HOST", "one.example.org").output().unwrap();
    let shown = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some((result.status.code(), shown(&result.stdout), shown(&result.stderr)))
}

#[test]
fn exit_within_and_after_boot_ends_the_script_in_order() {
    let Some(within) = ended("ending_within", "exit within boot") else { return };
    assert_eq!((within.0, within.1.as_str()), (Some(7), "\"nobody\""), "{within:?}");
    let after = ended("ending_after", "exit after boot").unwrap();
    assert_eq!((after.0, after.1.as_str()), (Some(7), "\"one.example.org\""), "{after:?}");
}

#[test]
fn a_refusal_that_nobody_catches_ends_the_script_as_any_exception() {
    let Some(end) = ended("ending_uncaught", "an exception nobody catches") else { return };
    assert_eq!((end.0, end.1.as_str()), (Some(255), "\"nobody\""), "{end:?}");
    assert!(end.2.contains("Uncaught Vmoodle\\RefusedException: no tenant has the host"), "{end:?}");
    assert!(!end.2.contains("secret"), "{end:?}");
}

#[test]
fn the_extension_works_until_the_last_destructor() {
    for (test, case) in [("ending_shutdown", "boot at the end"), ("ending_destructor", "boot in the last destructor")] {
        let Some(end) = ended(test, case) else { return };
        assert_eq!((end.0, end.1.as_str()), (Some(7), "\"one.example.org\""), "{case}: {end:?}");
    }
}

#[test]
fn a_fatal_error_within_boot_is_php_s_own_and_no_crash() {
    let Some(end) = ended("ending_memory", "memory runs out within boot") else { return };
    assert_eq!(end.0, Some(255), "{end:?}");
    assert!(end.2.contains("Allowed memory size"), "{end:?}");
}

#[test]
fn a_process_may_fork_after_boot() {
    let Some(()) = need::all(&[Need::Php]) else { return };
    let has =
        support::process::output(support::php::without_extension().args(["-r", "echo function_exists('pcntl_fork');"]));
    if has != "1" {
        eprintln!("skipped: this PHP has no pcntl");
        return;
    }
    let Some(end) = ended("ending_fork", "fork") else { return };
    assert_eq!((end.0, end.1.as_str()), (Some(7), "\"one.example.org\""), "{end:?}");
}
