//! From the tree to blocks: every part by its own rule, all that is wrong at once.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde_json::{Value, json};

use super::source::{Item, Key, Plain};
use super::{Block, Fault, From, Mode, Role};
use crate::error::Error;
use crate::host::escape;
use crate::moodle::plugins::{Plugin, State, kind_of_setting};
use crate::moodle::roles::{self, Permission};
use crate::moodle::setting::Setting;
use crate::nearest::nearest;
use crate::targets::Targets;

const BLOCK: &[&str] = &["name", "targets", "config", "plugins", "roles", "maintenance"];
const ROLE: &[&str] = &["sheet", "preset", "capabilities"];

/// The settings that `maintenance` speaks of.
const OF_MAINTENANCE: &[&str] = &["maintenance_enabled", "maintenance_later"];

/// The largest preset, in octets.
const LARGEST_PRESET: u64 = 1 << 20;

/// The blocks of a file.
pub(super) fn blocks(
    root: &Item,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Block>, Vec<Fault>> {
    let mut reading = Reading { folder, environment, faults: Vec::new(), settings: Vec::new(), kinds: Vec::new() };
    let mut blocks = Vec::new();
    for (key, item) in reading.map(root, "the file must be a map with the key `blocks`", &["blocks"]) {
        let _: &Key = key;
        for (number, item) in reading.list(item, "`blocks` must be a list").iter().enumerate() {
            blocks.extend(reading.block(number + 1, item));
        }
    }
    if blocks.is_empty() && reading.faults.is_empty() {
        reading.faults.push(Fault { line: root.line, message: "it has no blocks".to_owned() });
    }
    reading.contradictions();
    if reading.faults.is_empty() {
        return Ok(blocks);
    }
    reading.faults.sort_by_key(|fault| fault.line);
    Err(reading.faults)
}

/// The reading of a file.
struct Reading<'a> {
    folder: &'a Path,
    environment: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
    /// Settings that hold the state of plugins of a type, with their lines.
    settings: Vec<(u64, String, &'static str)>,
    /// The types of the plugins that are named.
    kinds: Vec<&'static str>,
}

impl Reading<'_> {
    fn fault(&mut self, line: u64, message: impl Into<String>) {
        self.faults.push(Fault { line, message: message.into() });
    }

    fn told(&mut self, line: u64, error: &Error) {
        let hint = error.way_out().map(|hint| format!(" ({hint})")).unwrap_or_default();
        self.fault(line, format!("{error}{hint}"));
    }

    /// Notes the error and gives nothing.
    fn sound<T>(&mut self, line: u64, read: Result<T, Error>) -> Option<T> {
        read.map_err(|error| self.told(line, &error)).ok()
    }

    /// The entries of a map; those whose names are not known are faults. Any name is where none is known.
    fn map<'i>(&mut self, item: &'i Item, rule: &str, known: &[&str]) -> Vec<&'i (Key, Item)> {
        let Plain::Map(entries) = &item.value else {
            self.fault(item.line, rule);
            return Vec::new();
        };
        let is_known = |key: &Key| known.is_empty() || known.contains(&key.name.as_str());
        for (key, _) in entries.iter().filter(|(key, _)| !is_known(key)) {
            let message = match nearest(&key.name, known.iter().copied()) {
                Some(near) => format!("there is no key `{}`: did you mean `{near}`?", escape(&key.name)),
                None => format!("there is no key `{}`: there are {}", escape(&key.name), known.join(", ")),
            };
            self.fault(key.line, message);
        }
        entries.iter().filter(|(key, _)| is_known(key)).collect()
    }

    fn list<'i>(&mut self, item: &'i Item, rule: &str) -> &'i [Item] {
        if let Plain::List(items) = &item.value {
            return items;
        }
        self.fault(item.line, rule);
        &[]
    }

    fn text<'i>(&mut self, item: &'i Item, what: &str) -> Option<&'i str> {
        if let Plain::Text(text) = &item.value {
            return Some(text);
        }
        self.fault(item.line, format!("{what} must be a text"));
        None
    }

    fn block(&mut self, number: usize, item: &Item) -> Option<Block> {
        let (mut name, mut targets) = (format!("block {number}"), None);
        let (mut config, mut plugins, mut roles, mut maintenance) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), None);
        for (key, item) in self.map(item, "a block must be a map", BLOCK) {
            match key.name.as_str() {
                "name" => {
                    if let Some(text) = self.text(item, "`name`") {
                        name = escape(text).chars().take(100).collect();
                    }
                }
                "targets" => targets = self.targets(item),
                "config" => config = self.config(item),
                "plugins" => plugins = self.plugins(item),
                "roles" => roles = self.roles(item),
                _ => maintenance = self.maintenance(item),
            }
        }
        let has_targets =
            matches!(&item.value, Plain::Map(entries) if entries.iter().any(|(k, _)| k.name == "targets"));
        if matches!(item.value, Plain::Map(_)) && !has_targets {
            self.fault(item.line, "the block has no `targets`");
        }
        Some(Block { name, targets: targets?, config, plugins, roles, maintenance })
    }

    fn targets(&mut self, item: &Item) -> Option<Targets> {
        let words: Vec<&str> = match &item.value {
            Plain::Text(text) => text.split_whitespace().collect(),
            Plain::List(items) => items.iter().filter_map(|item| self.text(item, "a target")).collect(),
            _ => {
                self.fault(item.line, "`targets` must be a text or a list of texts");
                return None;
            }
        };
        if words.is_empty() {
            self.fault(item.line, "`targets` means no tenant: write `all`, `tag:pilot`, an address, ...");
            return None;
        }
        self.sound(item.line, Targets::parse(&words))
    }

    fn config(&mut self, item: &Item) -> BTreeMap<Setting, Value> {
        let mut found = BTreeMap::new();
        for (key, item) in self.map(item, "`config` must be a map of settings", &[]) {
            let Some(setting) = self.sound(key.line, Setting::parse(&key.name, None)) else { continue };
            if setting.plugin.is_none() && OF_MAINTENANCE.contains(&setting.name.as_str()) {
                self.fault(key.line, format!("`{setting}` is what the key `maintenance` of a block says"));
                continue;
            }
            if let Some(kind) = kind_of_setting(setting.plugin.as_deref(), &setting.name) {
                self.settings.push((key.line, setting.to_string(), kind.name));
            }
            let Some(value) = self.value(&setting, item) else { continue };
            if found.insert(setting.clone(), value).is_some() {
                self.fault(key.line, format!("`{setting}` is there twice"));
            }
        }
        found
    }

    /// A value as `set_config` takes it.
    fn value(&mut self, setting: &Setting, item: &Item) -> Option<Value> {
        match &item.value {
            Plain::Null => Some(Value::Null),
            Plain::Bool(yes) => Some(json!(yes)),
            Plain::Int(number) => Some(json!(number)),
            Plain::Text(text) => Some(json!(text)),
            Plain::Number => {
                self.fault(
                    item.line,
                    format!("`{setting}`: write a number with a fraction in quotes, as it shall stand"),
                );
                None
            }
            Plain::Map(_) => {
                let entries = self.map(item, "", &["env"]);
                let [(_, name)] = entries.as_slice() else {
                    self.fault(
                        item.line,
                        format!("`{setting}` must be a text, a number, true, false, null or `{{env: NAME}}`"),
                    );
                    return None;
                };
                let name = self.text(name, "`env`")?;
                let secret = (self.environment)(name);
                if secret.is_none() {
                    self.fault(item.line, format!("the environment has no `{}`", escape(name)));
                }
                secret.map(|secret| json!({ "secret": secret }))
            }
            Plain::List(_) => {
                self.fault(item.line, format!("`{setting}` is a list: Moodle keeps texts"));
                None
            }
        }
    }

    fn plugins(&mut self, item: &Item) -> BTreeMap<String, State> {
        let mut found = BTreeMap::new();
        for (key, item) in self.map(item, "`plugins` must be a map of full names and states", &[]) {
            let kind = self.sound(key.line, Plugin::parse(&key.name).map(|plugin| plugin.kind));
            let word = self.text(item, "a state");
            let state = word.and_then(|word| self.sound(item.line, State::parse(word)));
            let (Some(kind), Some(state)) = (kind, state) else { continue };
            if state == State::Available && !kind.has_available() {
                self.fault(item.line, format!("`{}` is enabled or disabled", key.name));
            }
            self.kinds.push(kind.name);
            found.insert(key.name.clone(), state);
        }
        found
    }

    fn roles(&mut self, item: &Item) -> BTreeMap<String, Role> {
        let mut found = BTreeMap::new();
        for (key, item) in self.map(item, "`roles` must be a map of short names", &[]) {
            let name = key.name.as_str();
            if !roles::is_shortname(name) || name.chars().any(|c| c.is_ascii_uppercase()) {
                self.fault(key.line, format!("`{}` is no short name of a role", escape(name)));
                continue;
            }
            let mut role = Role { line: key.line, from: From::Nothing, capabilities: BTreeMap::new() };
            let mut sources = 0;
            for (key, item) in self.map(item, "a role must be a map", ROLE) {
                match key.name.as_str() {
                    "capabilities" => role.capabilities = self.capabilities(item),
                    word => {
                        sources += 1;
                        let Some(text) = self.text(item, &format!("`{word}`")) else { continue };
                        if word == "sheet" {
                            role.from = From::Kept(text.to_owned());
                        } else if let Some(preset) = self.preset(item.line, text) {
                            role.from = From::Preset(Box::new(preset));
                        }
                    }
                }
            }
            if sources > 1 {
                self.fault(key.line, "a role has one of `sheet` and `preset`");
            }
            found.insert(name.to_owned(), role);
        }
        found
    }

    /// A preset of a file that stands beside the description, or below it.
    fn preset(&mut self, line: u64, name: &str) -> Option<roles::Sheet> {
        let path = Path::new(name);
        if name.is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            self.fault(line, "`preset` must be the path of a file below the folder of the description");
            return None;
        }
        let path = self.folder.join(path);
        let cannot = |error: std::io::Error| format!("the preset `{}` cannot be read: {error}", escape(name));
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_file() && meta.len() <= LARGEST_PRESET => {}
            Ok(_) => {
                self.fault(
                    line,
                    format!("the preset `{}` is no file, or has more than {LARGEST_PRESET} octets", escape(name)),
                );
                return None;
            }
            Err(error) => {
                self.fault(line, cannot(error));
                return None;
            }
        }
        match std::fs::read_to_string(&path) {
            Ok(xml) => self.sound(line, roles::parse(&xml)),
            Err(error) => {
                self.fault(line, cannot(error));
                None
            }
        }
    }

    fn capabilities(&mut self, item: &Item) -> BTreeMap<String, Permission> {
        let mut found = BTreeMap::new();
        for (key, item) in self.map(item, "`capabilities` must be a map of capabilities and permissions", &[]) {
            if !roles::is_capability(&key.name) || !key.name.contains('/') || !key.name.contains(':') {
                self.fault(key.line, format!("`{}` is no name of a capability", escape(&key.name)));
                continue;
            }
            let word = self.text(item, "a permission").unwrap_or_default();
            match Permission::of(word) {
                Some(permission) => {
                    found.insert(key.name.clone(), permission);
                }
                None if word.is_empty() => {}
                None => self.fault(item.line, "a permission is inherit, allow, prevent or prohibit"),
            }
        }
        found
    }

    fn maintenance(&mut self, item: &Item) -> Option<Mode> {
        let mode = match &item.value {
            Plain::Bool(yes) => Some(if *yes { Mode::On } else { Mode::Off }),
            Plain::Text(word) => [Mode::Off, Mode::On, Mode::CliOn].into_iter().find(|mode| mode.word() == word),
            _ => None,
        };
        if mode.is_none() {
            self.fault(item.line, "`maintenance` is off, on or cli-on");
        }
        mode
    }

    /// What two parts of the file would change in turn, so that it never came to rest.
    fn contradictions(&mut self) {
        for (line, setting, kind) in std::mem::take(&mut self.settings) {
            if self.kinds.contains(&kind) {
                self.fault(
                    line,
                    format!("`{setting}` holds the state of plugins of type `{kind}`, of which `plugins` speaks"),
                );
            }
        }
    }
}
