//! What a tenant's own settings and the farm's policies may set in `$CFG`, and what they never may.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::ident::{ConfigName, PluginName};

/// What tells a site's caches and its registration from those of any other: every site has its own, in its own database.
pub const SITE_IDENTIFIER: &str = "siteidentifier";

/// Settings that decide which site runs, from which code, on which files, and who it is; none comes from a policy.
const NEVER: &[&str] = &[
    "prefix",
    "dataroot",
    "dirroot",
    "libdir",
    "admin",
    "wwwroot",
    "vmoodle",
    "customscripts",
    "altcacheconfigpath",
    "alternative_component_cache",
    "mainwwwroot",
    "vmoodleroot",
    "vmoodlename",
    "vhost",
    "config_php_settings",
    // Two sites of one identifier take each other's cache entries for their own.
    SITE_IDENTIFIER,
    // Shared by mistake, each of these lets one tenant read or delete what is another's.
    "cachedir",
    "localcachedir",
    "localrequestdir",
    "tempdir",
    "backuptempdir",
    "filedir",
    "trashdir",
    "lock_file_root",
    "session_redis_prefix",
    "session_memcached_prefix",
    "session_file_save_path",
];

/// Groups of the same, by how their names begin.
const NEVER_BEGINNING: &[&str] = &["db", "pathto", "phpunit_", "behat_"];

/// The setting that holds other plugins' settings: plugin -> name -> value.
pub const FORCED_PLUGIN_SETTINGS: &str = "forced_plugin_settings";

/// Checks overrides or a policy; refuses with [`Kind::BadSetting`] and the setting's name.
///
/// A value is `null`, a boolean, a number, a text, or a list or map of such. `forced_plugin_settings` is a map of
/// plugins to maps of names to plain values.
pub fn check(settings: &Map<String, Value>) -> Result<()> {
    for (name, value) in settings {
        let name = ConfigName::parse(name)?;
        if is_boots(name.as_str()) {
            let hint = if name.as_str().eq_ignore_ascii_case(SITE_IDENTIFIER) {
                "every site has its own, in its own database"
            } else {
                "it decides which database, code or files a tenant runs on; the tenant's row does that"
            };
            return Err(
                Error::new(Kind::BadSetting, format!("`{name}` may not be set by an override or a policy")).hint(hint)
            );
        }
        if name.as_str() == FORCED_PLUGIN_SETTINGS {
            check_plugin_settings(value)?;
        }
        check_depth(name.as_str(), value, 0)?;
    }
    Ok(())
}

/// Whether a setting of this name decides which database, code or files a tenant runs on, or which site it is.
pub fn is_boots(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    NEVER.contains(&lower.as_str()) || NEVER_BEGINNING.iter().any(|start| lower.starts_with(start))
}

fn check_plugin_settings(value: &Value) -> Result<()> {
    let shape = || {
        Error::new(Kind::BadSetting, "`forced_plugin_settings` is no map of plugins to maps of plain values")
            .hint("write `{\"forced_plugin_settings\": {\"auth_manual\": {\"expiration\": 0}}}`")
    };
    for (plugin, values) in value.as_object().ok_or_else(shape)? {
        PluginName::parse(plugin)?;
        let values = values.as_object().ok_or_else(shape)?;
        if values.values().any(|v| v.is_array() || v.is_object()) {
            return Err(shape());
        }
    }
    Ok(())
}

fn check_depth(name: &str, value: &Value, depth: u32) -> Result<()> {
    const DEEPEST: u32 = 8;
    if depth > DEEPEST {
        return Err(Error::new(Kind::BadSetting, format!("`{name}` is nested more than {DEEPEST} levels deep")));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_depth(name, item, depth + 1)),
        Value::Object(items) => items.values().try_for_each(|item| check_depth(name, item, depth + 1)),
        _ => Ok(()),
    }
}

/// Whether a set of settings gives a value to one of the core, or of a plugin: "defined in config.php" for Moodle.
pub fn gives(settings: &Map<String, Value>, plugin: Option<&str>, name: &str) -> bool {
    let Some(plugin) = plugin else { return settings.contains_key(name) };
    let values = settings.get(FORCED_PLUGIN_SETTINGS).and_then(|plugins| plugins.get(plugin));
    values.and_then(Value::as_object).is_some_and(|values| values.contains_key(name))
}

/// Takes one value away; a plugin without any goes with it.
pub fn take(settings: &mut Map<String, Value>, plugin: Option<&str>, name: &str) {
    let Some(plugin) = plugin else {
        settings.shift_remove(name);
        return;
    };
    let Some(Value::Object(plugins)) = settings.get_mut(FORCED_PLUGIN_SETTINGS) else { return };
    if let Some(Value::Object(values)) = plugins.get_mut(plugin) {
        values.shift_remove(name);
        if values.is_empty() {
            plugins.shift_remove(plugin);
        }
    }
    if plugins.is_empty() {
        settings.shift_remove(FORCED_PLUGIN_SETTINGS);
    }
}

/// The same settings with other values: `change` gets `name` or `plugin/name` and the value.
pub fn each(
    settings: &Map<String, Value>,
    mut change: impl FnMut(&str, &Value) -> Result<Value>,
) -> Result<Map<String, Value>> {
    let mut changed = Map::new();
    for (name, value) in settings {
        let value = match value.as_object().filter(|_| name == FORCED_PLUGIN_SETTINGS) {
            None => change(name, value)?,
            Some(plugins) => {
                let mut of_all = Map::new();
                for (plugin, values) in plugins {
                    let mut of_one = Map::new();
                    for (name, value) in values.as_object().into_iter().flatten() {
                        of_one.insert(name.clone(), change(&format!("{plugin}/{name}"), value)?);
                    }
                    of_all.insert(plugin.clone(), Value::Object(of_one));
                }
                Value::Object(of_all)
            }
        };
        changed.insert(name.clone(), value);
    }
    Ok(changed)
}

/// What differs between two sets: `name` or `plugin/name`, its value in the first, in the second; null where it has none.
pub fn differences(one: &Map<String, Value>, other: &Map<String, Value>) -> Vec<(String, Value, Value)> {
    let (one, other) = (flat(one), flat(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let value = |set: &BTreeMap<String, Value>, name: &String| set.get(name).cloned().unwrap_or(Value::Null);
    let both = names.into_iter().map(|name| (name.clone(), value(&one, name), value(&other, name)));
    both.filter(|(_, one, other)| one != other).collect()
}

fn flat(settings: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (name, value) in settings {
        match value.as_object().filter(|_| name == FORCED_PLUGIN_SETTINGS) {
            None => {
                flat.insert(name.clone(), value.clone());
            }
            Some(plugins) => {
                for (plugin, values) in plugins {
                    for (name, value) in values.as_object().into_iter().flatten() {
                        flat.insert(format!("{plugin}/{name}"), value.clone());
                    }
                }
            }
        }
    }
    flat
}

/// Lays one set of settings over another: plain values replace, `forced_plugin_settings` are merged name by name.
pub fn lay_over(below: &mut Map<String, Value>, above: &Map<String, Value>) {
    for (name, value) in above {
        match (below.get_mut(name), value) {
            (Some(Value::Object(plugins)), Value::Object(added)) if name == FORCED_PLUGIN_SETTINGS => {
                merge_plugins(plugins, added);
            }
            _ => {
                below.insert(name.clone(), value.clone());
            }
        }
    }
}

fn merge_plugins(plugins: &mut Map<String, Value>, added: &Map<String, Value>) {
    for (plugin, values) in added {
        match (plugins.get_mut(plugin), values) {
            (Some(Value::Object(known)), Value::Object(values)) => known.extend(values.clone()),
            _ => {
                plugins.insert(plugin.clone(), values.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "called with `json!`")]
    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn what_picks_database_code_or_files_may_not_be_set() {
        for name in [
            "dbname",
            "dbpass",
            "DBHOST",
            "dboptions",
            "dblibrary",
            "prefix",
            "dataroot",
            "dirroot",
            "wwwroot",
            "vmoodle",
            "customscripts",
            "altcacheconfigpath",
            "alternative_component_cache",
            "pathtophp",
            "pathtodu",
            "cachedir",
            "siteidentifier",
            "SiteIdentifier",
        ] {
            assert_eq!(check(&map(json!({ name: "x" }))).unwrap_err().kind(), Kind::BadSetting, "{name}");
        }
        assert_eq!(check(&map(json!({"a b": 1}))).unwrap_err().kind(), Kind::BadIdentifier);
        assert!(
            check(&map(json!({"theme": "boost", "debug": 0, "forced_plugin_settings": {"auth_manual": {"x": 1}}})))
                .is_ok()
        );
        assert!(check(&map(json!({"forced_plugin_settings": {"auth_manual": {"x": [1]}}}))).is_err());
        assert!(check(&map(json!({"forced_plugin_settings": {"Auth": {"x": 1}}}))).is_err());
    }

    #[test]
    fn values_are_taken_away_and_told_apart() {
        let full = map(json!({"theme": "boost", "forced_plugin_settings": {"a": {"x": 1, "y": 2}}}));
        let mut less = full.clone();
        take(&mut less, Some("a"), "x");
        take(&mut less, None, "nothing");
        assert_eq!(differences(&full, &less), [("a/x".to_owned(), json!(1), Value::Null)]);
        take(&mut less, Some("a"), "y");
        take(&mut less, None, "theme");
        assert!(less.is_empty());
        assert!(gives(&full, Some("a"), "x") && gives(&full, None, "theme") && !gives(&full, Some("b"), "x"));
    }

    #[test]
    fn each_value_is_changed_by_its_full_name() {
        let full = map(json!({"theme": "boost", "forced_plugin_settings": {"a": {"x": 1}, "b": {}}}));
        let named = each(&full, |what, value| Ok(json!(format!("{what}={value}")))).unwrap();
        let expected = json!({"theme": "theme=\"boost\"", "forced_plugin_settings": {"a": {"x": "a/x=1"}, "b": {}}});
        assert_eq!(Value::Object(named), expected);
        assert_eq!(each(&full, |_, value| Ok(value.clone())).unwrap(), full);
    }

    #[test]
    fn what_lies_above_wins_name_by_name() {
        let mut below = map(json!({"theme": "boost", "forced_plugin_settings": {"a": {"x": 1, "y": 1}}}));
        lay_over(&mut below, &map(json!({"theme": "moove", "forced_plugin_settings": {"a": {"y": 2}, "b": {"z": 3}}})));
        assert_eq!(
            Value::Object(below),
            json!({"theme": "moove", "forced_plugin_settings": {"a": {"x": 1, "y": 2}, "b": {"z": 3}}})
        );
    }
}
