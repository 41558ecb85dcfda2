//! The plugins of a code base and their versions, read without PHP.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::plugin::Plugin;
use crate::error::{Error, Kind, Result};
use crate::moodle::code::without_comments;

/// Types whose plugins may bring types of their own, in the order in which Moodle asks them
/// (`core_component::$supportsubplugins`; local plugins come last).
const WITH_SUBPLUGINS: [&str; 4] = ["mod", "editor", "tool", "local"];

/// Folders among plugins that are none (`core_component::$ignoreddirs`).
const NO_PLUGINS: [&str; 12] =
    ["CVS", "_vti_cnf", "amd", "classes", "db", "fonts", "lang", "pix", "simpletest", "templates", "tests", "yui"];

/// Where a plugin lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its type.
    pub kind: String,
    /// Its name within the type.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
}

impl Place {
    /// Its full name.
    pub fn full(&self) -> String {
        format!("{}_{}", self.kind, self.name)
    }

    /// The types that it brings along, with their folders below this code base.
    fn own_types(&self, dirroot: &Path) -> Vec<(String, PathBuf)> {
        let Some(source) = json(&self.folder.join("db/subplugins.json")) else { return Vec::new() };
        let within = |(kind, path): (String, String)| (kind, dirroot.join(path));
        let mut types: Vec<_> = folders(&source, "plugintypes").into_iter().map(within).collect();
        // Moodle 5 names them from the plugin's own folder.
        for (kind, path) in folders(&source, "subplugintypes") {
            if types.iter().all(|(known, _)| *known != kind) {
                types.push((kind, self.folder.join(path)));
            }
        }
        types
    }
}

/// The plugins of a code base, in Moodle's order (lib/classes/component.php). Fails with `bad_configuration` where the folder
/// holds no Moodle.
pub fn places(dirroot: &Path) -> Result<Vec<Place>> {
    let list = dirroot.join("lib/components.json");
    let source = json(&list).filter(|source| !folders(source, "plugintypes").is_empty()).ok_or_else(|| {
        Error::new(Kind::BadConfiguration, format!("`{}` names no plugin types", list.display()))
            .hint("set `$CFG->dirroot` in config.php to the folder of Moodle's code")
    })?;
    let subsystems: BTreeSet<&str> = source
        .get("subsystems")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let mut types: Vec<(String, PathBuf)> =
        folders(&source, "plugintypes").into_iter().map(|(kind, path)| (kind, dirroot.join(path))).collect();
    for kind in WITH_SUBPLUGINS {
        let Some((_, folder)) = types.iter().find(|(known, _)| known == kind).cloned() else { continue };
        for place in plugins_in(kind, &folder, &subsystems) {
            for (own, folder) in place.own_types(dirroot) {
                let is_new = types.iter().all(|(known, _)| *known != own) && !subsystems.contains(own.as_str());
                if is_new && is_plain(&own) && folder.is_dir() {
                    types.push((own, folder));
                }
            }
        }
    }
    Ok(types.iter().flat_map(|(kind, folder)| plugins_in(kind, folder, &subsystems)).collect())
}

/// The version of every plugin of a code base, by full name. Fails as [`places`] does.
pub fn read(dirroot: &Path) -> Result<BTreeMap<String, String>> {
    let versions = places(dirroot)?.into_iter().filter_map(|place| {
        let text = fs::read(place.folder.join("version.php")).ok()?;
        Some((place.full(), version(&String::from_utf8_lossy(&text))?))
    });
    Ok(versions.collect())
}

/// The plugins of a code base that need this one (`core_plugin_manager::can_uninstall_plugin`); those that it brings along
/// do not count. Fails as [`places`] does.
pub fn needed_by(dirroot: &Path, full: &str) -> Result<Vec<String>> {
    let places = places(dirroot)?;
    let own: Vec<String> = places
        .iter()
        .filter(|place| place.full() == full)
        .flat_map(|place| place.own_types(dirroot))
        .map(|(kind, _)| kind)
        .collect();
    let needs = |place: &&Place| {
        !own.contains(&place.kind)
            && fs::read(place.folder.join("version.php"))
                .is_ok_and(|text| depends_on(&String::from_utf8_lossy(&text), full))
    };
    Ok(places.iter().filter(needs).map(Place::full).collect())
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn folders(source: &Value, key: &str) -> Vec<(String, String)> {
    let folders = source.get(key).and_then(Value::as_object).into_iter().flatten();
    folders.filter_map(|(kind, path)| Some((kind.clone(), path.as_str()?.to_owned()))).collect()
}

fn plugins_in(kind: &str, folder: &Path, subsystems: &BTreeSet<&str>) -> Vec<Place> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_plugin = |name: &str| {
        let is_none = NO_PLUGINS.contains(&name) && !(kind == "auth" && name == "db");
        !is_none && if kind == "mod" { is_plain(name) && !subsystems.contains(name) } else { is_name(name) }
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_plugin(name) && folder.join(name).is_dir())
        .collect();
    names.sort();
    names.into_iter().map(|name| Place { kind: kind.to_owned(), folder: folder.join(&name), name }).collect()
}

/// Small letters and digits, as the names of modules and types are.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// `^[a-z](?:[a-z0-9_](?!__))*[a-z0-9]+$` (`core_component::is_valid_plugin_name`).
fn is_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.as_bytes()[1..].windows(3).any(|three| &three[1..] == b"__")
}

/// The statements of a `version.php` that assign, without what stands around them.
fn assignments(text: &str) -> Vec<(String, String)> {
    let statements = without_comments(text);
    let parts = statements.split(';').filter_map(|statement| {
        let (left, right) = statement.split_once('=')?;
        let left = left.trim().strip_prefix("<?php").unwrap_or(left).trim();
        Some((left.to_owned(), right.trim().to_owned()))
    });
    parts.collect()
}

/// `$plugin->version` of a `version.php`.
fn version(text: &str) -> Option<String> {
    let version = assignments(text).into_iter().find(|(left, _)| left == "$plugin->version")?;
    Some(version.1.trim_matches(['\'', '"']).to_owned())
}

/// Whether `$plugin->dependencies` names a plugin.
fn depends_on(text: &str, full: &str) -> bool {
    let names = |right: &str| right.contains(&format!("'{full}'")) || right.contains(&format!("\"{full}\""));
    assignments(text).iter().any(|(left, right)| left == "$plugin->dependencies" && names(right))
}

/// Whether a module's own code must be asked before it is turned on (`lib/classes/plugininfo/mod.php`): that needs PHP.
pub fn asks_before_on(dirroot: &Path, plugin: Plugin<'_>) -> bool {
    plugin.kind.name == "mod"
        && fs::read(dirroot.join("mod").join(plugin.name).join("lib.php"))
            .is_ok_and(|text| String::from_utf8_lossy(&text).contains("_pre_enable_plugin_actions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_and_the_types_they_bring_are_found() {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(read(root.path()).unwrap_err().kind(), Kind::BadConfiguration);
        file(
            "lib/components.json",
            r#"{"plugintypes": {"mod": "mod", "tool": "admin\/tool"}, "subsystems": {"files": "files"}}"#,
        );
        file(
            "mod/a/version.php",
            "<?php\n// $plugin->version = 1;\n$plugin->component = 'mod_a'; $plugin->version  =  2024100700.01;",
        );
        file("mod/a/db/subplugins.json", r#"{"plugintypes": {"asub": "mod\/a\/sub", "files": "mod\/a\/no"}}"#);
        file(
            "mod/a/sub/xy/version.php",
            "<?php $plugin->version = 5; $plugin->dependencies = ['mod_a' => ANY_VERSION];",
        );
        file("mod/a/lib.php", "<?php function mod_a_pre_enable_plugin_actions(): bool { return false; }");
        file("mod/a/no/zz/version.php", "<?php $plugin->version = 1;");
        file("mod/files/version.php", "<?php $plugin->version = 1;");
        file("mod/tests/version.php", "<?php $plugin->version = 1;");
        file("admin/tool/tt/version.php", "<?php $plugin->requires = 2; $plugin->dependencies = array('mod_a' => 3);");
        let found = read(root.path()).unwrap();
        let shown: Vec<_> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(shown, ["asub_xy 5", "mod_a 2024100700.01"]);
        let all: Vec<_> = places(root.path()).unwrap().iter().map(Place::full).collect();
        assert_eq!(all, ["mod_a", "tool_tt", "asub_xy"], "in Moodle's order, and one without a version too");
        assert_eq!(needed_by(root.path(), "mod_a").unwrap(), ["tool_tt"], "what it brings along does not hold it");
        assert_eq!(needed_by(root.path(), "tool_tt").unwrap(), [""; 0]);
        assert!(asks_before_on(root.path(), Plugin::parse("mod_a").unwrap()));
        assert!(!asks_before_on(root.path(), Plugin::parse("mod_b").unwrap()));
    }

    #[test]
    fn names_are_those_that_moodle_takes() {
        for good in ["ab", "a_b", "a1", "a__b", "ab_cd2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["a", "", "A1", "1a", "a_", "ab__c", "a-b", ".git"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
