//! Moodle's hash of all versions of a code base (lib/classes/component.php, `get_all_versions_hash`), found without PHP.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha1::{Digest, Sha1};

use super::present;
use crate::configphp;
use crate::error::Result;

/// The hash, octet by octet what Moodle would find: `sha1(serialize(...))` over the core's version and every plugin's.
///
/// `None` where only PHP can tell, because some `version.php` is not made of plain assignments. What `config.php` may change
/// (`$CFG->themedir`, `$CFG->admin`) is not known here.
pub fn hash(dirroot: &Path) -> Result<Option<String>> {
    let places = present::places(dirroot)?;
    let core = fs::read(dirroot.join("version.php")).ok().and_then(|text| configphp::variables(&text).ok());
    let Some(core) = core.as_ref().and_then(|core| core.get("version")) else { return Ok(None) };
    let mut text = format!("a:{}:{{", places.len() + 1);
    if !entry(&mut text, "core", Some(core)) {
        return Ok(None);
    }
    for place in &places {
        // PHP warns of a missing file, and the version stays null.
        let version = match fs::read(place.folder.join("version.php")) {
            Ok(bytes) => configphp::property(&bytes, &["plugin", "module"], "version"),
            Err(_) => Some(None),
        };
        let Some(version) = version else { return Ok(None) };
        if !entry(&mut text, &place.full(), version.as_ref()) {
            return Ok(None);
        }
    }
    text.push('}');
    Ok(Some(Sha1::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()))
}

/// Appends a key and a value as PHP's `serialize` writes them; whether it is a value that it can tell.
fn entry(text: &mut String, name: &str, version: Option<&Value>) -> bool {
    // Beyond this PHP writes numbers with an exponent.
    const PLAIN: f64 = 1e15;
    let shown = match version {
        None | Some(Value::Null) => "N".to_owned(),
        Some(Value::String(text)) => format!("s:{}:\"{text}\"", text.len()),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => format!("i:{number}"),
            (None, Some(number)) if (1.0..PLAIN).contains(&number) => format!("d:{number}"),
            _ => return false,
        },
        Some(_) => return false,
    };
    write!(text, "s:{}:\"{name}\";{shown};", name.len()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_phps_own_words() {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("lib/components.json", r#"{"plugintypes": {"mod": "mod", "local": "local"}}"#);
        assert_eq!(hash(root.path()).unwrap(), None, "no version");
        file("version.php", "<?php $version = 2024100706.00; $release = '4.5.6'; $branch = '405';");
        file("mod/b/version.php", "<?php $plugin->version = 2024100700.10;");
        file("mod/a/version.php", "<?php $plugin->version = '5';");
        file("local/none/lib.php", "<?php");
        file("local/some/version.php", "<?php $plugin->version = 2024100700;");
        let words = "a:5:{s:4:\"core\";d:2024100706;s:5:\"mod_a\";s:1:\"5\";s:5:\"mod_b\";d:2024100700.1;\
                     s:10:\"local_none\";N;s:10:\"local_some\";i:2024100700;}";
        let expected: String = Sha1::digest(words).iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(hash(root.path()).unwrap(), Some(expected));
        file("local/some/version.php", "<?php if (PHP_VERSION_ID > 1) { $plugin->version = 2024100700; }");
        assert_eq!(hash(root.path()).unwrap(), None);
    }
}
