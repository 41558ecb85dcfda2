//! The plugins of many sites side by side.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::plugin::Plugin;
use super::states::States;
use crate::moodle::majority;
use crate::moodle::version::Version;

/// Which plugins are compared: all where both lists are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Types.
    pub types: Vec<String>,
    /// Full names.
    pub plugins: Vec<String>,
}

impl Filter {
    fn passes(&self, full: &str) -> bool {
        let kind = full.split('_').next().unwrap_or_default();
        (self.types.is_empty() && self.plugins.is_empty())
            || self.types.iter().any(|known| known == kind)
            || self.plugins.iter().any(|known| known == full)
    }
}

/// One line for each plugin that a site or the code has: `plugin`, `code` (the version on disk; null for none), `newest` (of
/// the sites), and as of [`majority::line`] what each site has: `{"state", "version", "behind"}`. The state is `enabled`,
/// `available`, `disabled`, `not_installed`, or `installed` for a type that has none; `behind` lists `code` and `newest` where
/// the site's version is older.
pub fn lines(
    sites: &[String],
    states: &[States],
    code: &BTreeMap<String, String>,
    filter: &Filter,
) -> Vec<Map<String, Value>> {
    let installed = states.iter().flat_map(States::installed);
    let plugins: BTreeSet<&str> = installed
        .chain(code.keys().map(String::as_str))
        .filter(|full| full.contains('_') && filter.passes(full))
        .collect();
    plugins.into_iter().map(|full| line(full, sites, states, code.get(full))).collect()
}

fn line(full: &str, sites: &[String], states: &[States], code: Option<&String>) -> Map<String, Value> {
    let versions = states.iter().filter_map(|states| states.version(full));
    let newest = versions.max_by_key(|text| Version::parse(text));
    let older = |version: &str, than: Option<&str>| {
        than.is_some_and(|than| {
            Version::parse(version).is_some_and(|own| Version::parse(than).is_some_and(|than| own < than))
        })
    };
    let values: Vec<Value> = states
        .iter()
        .map(|states| {
            let version = states.version(full);
            let state = match (version, Plugin::parse(full)) {
                (None, _) => "not_installed",
                (Some(_), Err(_)) => "installed",
                (Some(_), Ok(plugin)) => states.state(plugin).map_or("not_installed", super::State::word),
            };
            let references = [("code", code.map(String::as_str)), ("newest", newest)];
            let behind: Vec<&str> = references
                .into_iter()
                .filter(|(_, than)| version.is_some_and(|own| older(own, *than)))
                .map(|(word, _)| word)
                .collect();
            json!({ "state": state, "version": version, "behind": behind })
        })
        .collect();
    let mut line = majority::line(sites, &values);
    line.insert("plugin".into(), json!(full));
    line.insert("code".into(), json!(code));
    line.insert("newest".into(), json!(newest));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(plugins: &[(&str, &str)]) -> States {
        let installed = plugins.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        States { installed, ..States::default() }
    }

    #[test]
    fn who_is_behind_whom_and_who_lacks_what_is_told() {
        let sites = ["a", "b", "c"].map(str::to_owned);
        let mut off = site(&[("format_x", "2"), ("theme_y", "1")]);
        let plugin = Plugin::parse("format_x").unwrap();
        off.set(plugin, super::super::State::Disabled).unwrap();
        let states = [off, site(&[("format_x", "3"), ("theme_y", "1")]), site(&[("theme_y", "1")])];
        let code = BTreeMap::from([("format_x".to_owned(), "4".to_owned()), ("mod_new".to_owned(), "1".to_owned())]);
        let found = lines(&sites, &states, &code, &Filter::default());
        let names: Vec<_> = found.iter().map(|line| line["plugin"].as_str().unwrap()).collect();
        assert_eq!(names, ["format_x", "mod_new", "theme_y"]);
        assert_eq!(found[0]["value"], json!({"state": "disabled", "version": "2", "behind": ["code", "newest"]}));
        assert_eq!(found[0]["odd"]["b"], json!({"state": "enabled", "version": "3", "behind": ["code"]}));
        assert_eq!(found[0]["odd"]["c"], json!({"state": "not_installed", "version": null, "behind": []}));
        assert_eq!((&found[0]["code"], &found[0]["newest"]), (&json!("4"), &json!("3")));
        assert_eq!(found[2]["value"]["state"], "installed");
        let filter = Filter { types: vec!["theme".into()], plugins: vec!["mod_new".into()] };
        assert_eq!(lines(&sites, &states, &code, &filter).len(), 2);
    }
}
