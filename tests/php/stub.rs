//! `vmoodle-php/stubs/vmoodle.php`, the manual, against the extension that PHP loads.

use serde_json::Value;
use support::need::{self, Need};
use support::{php, root};

use crate::site::{json_of, script};

/// What the extension and the stub say of themselves.
fn both() -> Option<(Value, Value)> {
    need::all(&[Need::Php])?;
    let stub = root::workspace().join("vmoodle-php/stubs/vmoodle.php");
    let extension = json_of(php::command().arg(script("stub")));
    Some((extension, json_of(php::without_extension().arg(script("stub")).arg(stub))))
}

/// Takes the doc comments off, which only the stub has; gives the names of what has none.
fn take_docblocks(said: &mut Value) -> Vec<String> {
    let mut bare = Vec::new();
    let mut take = |name: &str, one: &mut Value| {
        if one.as_object_mut().unwrap().remove("docblock") != Some(Value::Bool(true)) {
            bare.push(name.to_owned());
        }
    };
    for (name, function) in said["functions"].as_object_mut().unwrap() {
        take(name, function);
    }
    for (name, class) in said["classes"].as_object_mut().unwrap() {
        take(name, class);
        for (method, one) in class["methods"].as_object_mut().unwrap() {
            take(method, one);
        }
    }
    bare
}

#[test]
fn the_stub_says_what_the_extension_does() {
    let Some((mut extension, mut stub)) = both() else { return };
    take_docblocks(&mut extension);
    assert_eq!(take_docblocks(&mut stub), Vec::<String>::new(), "without a doc comment");
    for kind in ["functions", "classes"] {
        let (real, told) = (extension[kind].as_object().unwrap(), stub[kind].as_object().unwrap());
        assert!(!real.is_empty());
        assert_eq!(real.keys().collect::<Vec<_>>(), told.keys().collect::<Vec<_>>(), "{kind}");
        for (name, one) in real {
            assert_eq!(one, &told[name], "{name}: the extension on the left");
        }
    }
}

#[test]
fn the_stub_names_every_ini_entry_and_every_reason() {
    let Some((extension, _)) = both() else { return };
    let text = std::fs::read_to_string(root::workspace().join("vmoodle-php/stubs/vmoodle.php")).unwrap();
    let entries = extension["ini"].as_array().unwrap();
    assert_eq!(entries.len(), 6);
    for entry in entries {
        let entry = entry.as_str().unwrap();
        let own = entry.strip_prefix("vmoodle.").unwrap();
        assert!(text.contains(&format!("`{entry}`")) && text.contains(&format!("| `{own}`: ")), "{entry}");
    }
    assert!(!entries.iter().any(|entry| entry.as_str().unwrap().contains("pass")), "phpinfo() would show it");
    let codes = json_of(php::command().args(["-r", "echo json_encode(Vmoodle\\error_codes());"]));
    let unnamed: Vec<&String> =
        codes.as_object().unwrap().keys().filter(|code| !text.contains(&format!("`{code}`"))).collect();
    assert_eq!(unnamed, Vec::<&String>::new(), "reasons that the stub does not name");
}
