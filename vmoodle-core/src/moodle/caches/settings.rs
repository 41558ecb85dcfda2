//! A site's own settings of its caches, `{dataroot}/muc/config.php`: which stores there are and what is kept in which.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::definition::{APPLICATION, Definition, Sharing};
use super::identifier;
use crate::configphp;

/// How many different settings are kept: the sites of a farm mostly have the same.
const KEPT: usize = 32;

/// A store that entries may be in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Store {
    /// Its name.
    pub(super) name: String,
    /// Its kind: `file`, `redis`, `apcu`…
    pub(super) plugin: String,
    /// What else is known of it.
    pub(super) configuration: Map<String, Value>,
}

impl Store {
    /// A setting of it as text; empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        match self.configuration.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(true)) => "1".to_owned(),
            _ => String::new(),
        }
    }

    /// A setting of it as PHP takes it for yes or no.
    pub(super) fn is_set(&self, name: &str) -> bool {
        !matches!(self.text(name).as_str(), "" | "0")
    }
}

/// The settings, without the site's identifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    stores: HashMap<String, Store>,
    definitions: HashMap<String, Definition>,
    /// The stores of what is mapped to none, the most important first.
    usual: Vec<String>,
    /// The stores of definitions that are mapped to some.
    mapped: HashMap<String, Vec<String>>,
}

impl Settings {
    /// A definition of the whole site.
    pub(super) fn definition(&self, id: &str) -> Option<&Definition> {
        self.definitions.get(id)
    }

    /// All of them.
    pub(super) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values()
    }

    /// The stores that a definition is kept in: more than one where a near one stands before a common one
    /// (cache/classes/config.php, `get_stores_for_definition`).
    pub(super) fn stores_of<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Store> {
        let names = self.mapped.get(id).filter(|names| !names.is_empty()).unwrap_or(&self.usual);
        names.iter().filter_map(|name| self.stores.get(name))
    }

    /// Reads what `var_export` wrote (`cache/classes/config_writer.php`, `config_save`).
    fn of(value: &Value) -> Self {
        let list = |name: &str| entries(value.get(name));
        let text = |map: &Map<String, Value>, name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut settings = Self::default();
        for store in list("stores") {
            if let (Some(name), Some(plugin)) = (text(store, "name"), text(store, "plugin")) {
                let configuration = store.get("configuration").and_then(Value::as_object).cloned().unwrap_or_default();
                settings.stores.insert(name.clone(), Store { name, plugin, configuration });
            }
        }
        for definition in list("definitions") {
            let (Some(component), Some(area)) = (text(definition, "component"), text(definition, "area")) else {
                continue;
            };
            if int(definition, "mode") != Some(APPLICATION) {
                continue;
            }
            let word = text(definition, "userinputsharingkey").unwrap_or_default();
            let id = format!("{component}/{area}");
            settings.definitions.insert(
                id.clone(),
                Definition {
                    id,
                    simple: definition.get("simplekeys").is_some_and(is_true),
                    ttl: int(definition, "ttl").is_some_and(|seconds| seconds != 0),
                    sharing: Sharing::of(int(definition, "selectedsharingoption").unwrap_or(2), &word),
                },
            );
        }
        let mut usual = list("modemappings");
        usual.retain(|mapping| int(mapping, "mode") == Some(APPLICATION));
        // The greatest number stands first (cache/classes/config.php, `sort_mappings`).
        usual.sort_by_key(|mapping| std::cmp::Reverse(int(mapping, "sort").unwrap_or(0)));
        settings.usual = usual.iter().filter_map(|mapping| text(mapping, "store")).collect();
        let mut mapped = list("definitionmappings");
        mapped.sort_by_key(|mapping| std::cmp::Reverse(int(mapping, "sort").unwrap_or(0)));
        for mapping in mapped {
            if let (Some(id), Some(store)) = (text(mapping, "definition"), text(mapping, "store"))
                && settings.stores.contains_key(&store)
            {
                settings.mapped.entry(id).or_default().push(store);
            }
        }
        settings
    }
}

/// The arrays in an array, whether its keys are names or numbers.
fn entries(value: Option<&Value>) -> Vec<&Map<String, Value>> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(items)) => items.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

fn int(map: &Map<String, Value>, name: &str) -> Option<i64> {
    match map.get(name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(yes) => Some(i64::from(*yes)),
        _ => None,
    }
}

fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && *value != 0 && value != "" && value != "0"
}

/// What a site's file says.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// There is none: Moodle makes one at the next request, with a store of files.
    Nothing,
    /// It is not what Moodle writes.
    Unreadable,
    /// The settings, and the site's identifier in them.
    Settings(Arc<Settings>, String),
}

/// Settings that were read, by their text without the identifier.
#[derive(Debug, Default)]
pub(super) struct Reader(Mutex<HashMap<u64, Arc<Settings>>>);

impl Reader {
    /// Reads the settings of the site with a dataroot; the file is taken as data and never run.
    pub(super) fn read(&self, dataroot: &Path) -> io::Result<Found> {
        let text = match fs::read(dataroot.join("muc/config.php")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        Ok(self.parse(&text))
    }

    fn parse(&self, text: &[u8]) -> Found {
        let Some(place) = identifier::place(text) else { return Found::Unreadable };
        let mut hasher = DefaultHasher::new();
        (&text[..place.start], &text[place.end..]).hash(&mut hasher);
        let key = hasher.finish();
        let siteidentifier = String::from_utf8_lossy(&text[place]).into_owned();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(settings) = kept {
            return Found::Settings(settings, siteidentifier);
        }
        let Some(value) = configphp::assigned(text, "configuration") else { return Found::Unreadable };
        let settings = Arc::new(Settings::of(&value));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, settings.clone());
        Found::Settings(settings, siteidentifier)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As Moodle writes it, with two stores.
    pub(in super::super) const TEXT: &str = r"<?php defined('MOODLE_INTERNAL') || die();
 $configuration = array (
  'siteidentifier' => '8a11',
  'stores' =>
  array (
    'default_application' => array ('name' => 'default_application', 'plugin' => 'file', 'configuration' => array (), 'default' => true),
    'fast' => array ('name' => 'fast', 'plugin' => 'redis',
      'configuration' => array ('server' => '127.0.0.1:6380', 'prefix' => 'a_', 'password' => 'it\'s', 'serializer' => '1')),
  ),
  'modemappings' => array (0 => array ('mode' => 1, 'store' => 'default_application', 'sort' => -1), 1 => array ('mode' => 2, 'store' => 'x', 'sort' => -1)),
  'definitions' => array (
    'core/config' => array ('mode' => 1, 'simpledata' => true, 'component' => 'core', 'area' => 'config', 'selectedsharingoption' => 2, 'userinputsharingkey' => ''),
    'core/roledefs' => array ('mode' => 1, 'simplekeys' => true, 'component' => 'core', 'area' => 'roledefs'),
    'core/capabilities' => array ('mode' => 1, 'simplekeys' => true, 'ttl' => 3600, 'component' => 'core', 'area' => 'capabilities'),
    'core/userselections' => array ('mode' => 2, 'component' => 'core', 'area' => 'userselections'),
  ),
  'definitionmappings' => array (
    0 => array ('store' => 'fast', 'definition' => 'core/config', 'sort' => 1),
    1 => array ('store' => 'gone', 'definition' => 'core/config', 'sort' => 3),
    2 => array ('store' => 'default_application', 'definition' => 'core/config', 'sort' => 2),
  ),
);";

    #[test]
    fn a_sites_stores_and_mappings_are_read_as_data() {
        let reader = Reader::default();
        let Found::Settings(settings, identifier) = reader.parse(TEXT.as_bytes()) else { panic!() };
        assert_eq!(identifier, "8a11");
        let names = |id: &str| settings.stores_of(id).map(|store| store.name.clone()).collect::<Vec<_>>();
        assert_eq!(names("core/config"), ["default_application", "fast"]);
        assert_eq!(names("core/roledefs"), ["default_application"]);
        assert!(settings.definition("core/roledefs").unwrap().simple);
        assert!(settings.definition("core/capabilities").unwrap().ttl);
        assert!(settings.definition("core/userselections").is_none(), "a session's is nobody else's");
        assert_eq!(settings.stores["fast"].text("password"), "it's");
        let other = TEXT.replace("8a11", "9b22");
        let Found::Settings(again, identifier) = reader.parse(other.as_bytes()) else { panic!() };
        assert!(Arc::ptr_eq(&settings, &again) && identifier == "9b22", "read once for all sites of one kind");
    }

    #[test]
    fn what_moodle_did_not_write_is_not_guessed() {
        let reader = Reader::default();
        for text in [
            "",
            "<?php",
            "<?php 'siteidentifier' => 'x'",
            "<?php $configuration = array('siteidentifier' => 'x', 'stores' => system('x'));",
        ] {
            assert!(matches!(reader.parse(text.as_bytes()), Found::Unreadable), "{text}");
        }
    }
}
