//! The plugins of a code base and their versions, read without PHP.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::plugin::Plugin;
use crate::error::{Error, Kind, Result};
use crate::moodle::code::without_comments;

/// Types whose plugins may bring types of their own (`core_component::$supportsubplugins`).
const WITH_SUBPLUGINS: [&str; 4] = ["editor", "local", "mod", "tool"];

/// The version of every plugin of a code base, by full name. Fails with `bad_configuration` where the folder holds no Moodle.
pub fn read(dirroot: &Path) -> Result<BTreeMap<String, String>> {
    let list = dirroot.join("lib/components.json");
    let folders = fs::read(&list).ok().and_then(|text| folders(&text, "plugintypes")).ok_or_else(|| {
        Error::new(Kind::BadConfiguration, format!("`{}` names no plugin types", list.display()))
            .hint("set `$CFG->dirroot` in config.php to the folder of Moodle's code")
    })?;
    let mut found = BTreeMap::new();
    for (kind, folder) in &folders {
        for (name, place) in plugins_in(&dirroot.join(folder)) {
            take(kind, &name, &place, &mut found);
            if !WITH_SUBPLUGINS.contains(&kind.as_str()) {
                continue;
            }
            let Ok(text) = fs::read(place.join("db/subplugins.json")) else { continue };
            let own = self::folders(&text, "plugintypes")
                .unwrap_or_default()
                .into_iter()
                .map(|(k, path)| (k, dirroot.join(path)));
            // Moodle 5 names them from the plugin's own folder.
            let newer = self::folders(&text, "subplugintypes")
                .unwrap_or_default()
                .into_iter()
                .map(|(k, path)| (k, place.join(path)));
            for (subkind, folder) in own.chain(newer) {
                for (name, place) in plugins_in(&folder) {
                    take(&subkind, &name, &place, &mut found);
                }
            }
        }
    }
    Ok(found)
}

fn folders(text: &[u8], key: &str) -> Option<Vec<(String, String)>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let folders = value.get(key)?.as_object()?;
    Some(folders.iter().filter_map(|(kind, path)| Some((kind.clone(), path.as_str()?.to_owned()))).collect())
}

fn plugins_in(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path()))).collect()
}

fn take(kind: &str, name: &str, place: &Path, found: &mut BTreeMap<String, String>) {
    if let Ok(text) = fs::read(place.join("version.php"))
        && let Some(version) = version(&String::from_utf8_lossy(&text))
    {
        found.insert(format!("{kind}_{name}"), version);
    }
}

/// `$plugin->version` of a `version.php`.
fn version(text: &str) -> Option<String> {
    without_comments(text).split(';').find_map(|statement| {
        let (left, right) = statement.split_once('=')?;
        let left = left.trim().strip_prefix("<?php").unwrap_or(left).trim();
        (left == "$plugin->version").then(|| right.trim().trim_matches(['\'', '"']).to_owned())
    })
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
        file("lib/components.json", r#"{"plugintypes": {"mod": "mod", "tool": "admin\/tool"}}"#);
        file(
            "mod/a/version.php",
            "<?php\n// $plugin->version = 1;\n$plugin->component = 'mod_a'; $plugin->version  =  2024100700.01;",
        );
        file("mod/a/db/subplugins.json", r#"{"plugintypes": {"asub": "mod\/a\/sub"}}"#);
        file("mod/a/sub/x/version.php", "<?php $plugin->version = 5;");
        file("mod/a/lib.php", "<?php function mod_a_pre_enable_plugin_actions(): bool { return false; }");
        file("admin/tool/t/version.php", "<?php $plugin->requires = 2;");
        let found = read(root.path()).unwrap();
        let shown: Vec<_> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(shown, ["asub_x 5", "mod_a 2024100700.01"]);
        assert!(asks_before_on(root.path(), Plugin::parse("mod_a").unwrap()));
        assert!(!asks_before_on(root.path(), Plugin::parse("mod_b").unwrap()));
    }
}
