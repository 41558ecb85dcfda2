//! The tree of exceptions: made, thrown, caught and extended as any of PHP's own.

use serde_json::{Value, json};
use vmoodle_core::Kind;
use vmoodle_core::error::Class;

use crate::site::Site;

const REFUSED: &str = "nobody.example.org";

fn asked(test: &str, case: &str) -> Option<Value> {
    let mut site = Site::new(test)?;
    site.tenant("https://one.example.org");
    site.publish();
    Some(site.ask_as(REFUSED, "exception", case))
}

#[test]
fn every_class_is_a_child_of_ours_and_of_phps() {
    let Some(said) = asked("exception_tree", "tree") else { return };
    for child in ["Refused", "Invalid", "NotFound", "Conflict", "Tenant", "Control", "Internal"] {
        assert_eq!(said[child], json!(["Vmoodle\\Exception", "Exception"]), "{child}");
    }
    assert!(said["implements"].as_array().unwrap().contains(&json!("Throwable")));
}

#[test]
fn what_is_thrown_tells_file_line_and_trace() {
    let Some(said) = asked("exception_place", "place") else { return };
    assert_eq!((&said["file"], &said["trace"]), (&json!("exception.php"), &json!("Vmoodle\\boot")));
    assert_eq!(said["line"], said["expected"]);
    assert!(said["string"].as_str().unwrap().contains("no tenant has the host `nobody.example.org`"), "{said}");
}

#[test]
fn it_is_caught_by_its_class_and_all_above_it() {
    let Some(said) = asked("exception_caught", "caught as") else { return };
    let expected = json!({
        "Vmoodle\\RefusedException": true, "Vmoodle\\Exception": true, "Exception": true, "Throwable": true,
        "Vmoodle\\ControlException": false,
    });
    assert_eq!(said, expected);
    assert_eq!(asked("exception_finally", "finally"), Some(json!(["finally", "catch"])));
}

#[test]
fn php_code_may_make_extend_and_wrap_them() {
    let Some(made) = asked("exception_made", "made") else { return };
    assert_eq!(made.as_array().unwrap().len(), 8);
    for one in made.as_array().unwrap() {
        assert_eq!((&one["message"], &one["code"], &one["previous"]), (&json!("made"), &json!(7), &json!(true)));
        assert_eq!((&one["file"], &one["getReason"]), (&json!("exception.php"), &json!("")), "{one}");
        assert_eq!(
            (&one["getTenant"], &one["isRetryable"], &one["getHint"]),
            (&Value::Null, &json!(false), &Value::Null)
        );
    }
    let own = asked("exception_extended", "extended").unwrap();
    assert_eq!((&own["class"], &own["code"], &own["getReason"]), (&json!("Own"), &json!(418), &json!("own")));
    assert_eq!((&own["getLocation"], &own["getRetryAfter"]), (&json!("https://own.example.org"), &json!(5)));
    let wrapped = asked("exception_previous", "previous").unwrap();
    assert_eq!((&wrapped["getReason"], &wrapped["code"]), (&json!("host_unknown"), &json!(404)));
}

#[test]
fn misuse_of_an_exception_is_an_error_and_no_crash() {
    let Some(said) = asked("exception_copied", "copied") else { return };
    assert_eq!(said["clone"], "Error", "as PHP's own exceptions");
    let said = asked("exception_shadowed", "shadowed").unwrap();
    assert_eq!((&said[1], &said[2]), (&Value::Null, &Value::Null));
}

#[test]
fn every_reason_tells_blame_retry_and_class() {
    let Some(said) = asked("exception_codes", "codes") else { return };
    assert_eq!(said.as_object().unwrap().len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let class = match kind.class() {
            Class::Refused => "RefusedException",
            Class::Invalid => "InvalidException",
            Class::NotFound => "NotFoundException",
            Class::Conflict => "ConflictException",
            Class::Tenant => "TenantException",
            Class::Control => "ControlException",
            Class::Internal => "InternalException",
        };
        let expected = json!({"blame": kind.blame().word(), "retryable": kind.is_retryable(), "exception": class});
        assert_eq!(said[kind.code()], expected, "{}", kind.code());
    }
}
