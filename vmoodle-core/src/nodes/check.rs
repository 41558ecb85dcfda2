//! From lines to nodes: every value by its own rule, then all lines against each other.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::column::{self, Meta};
use super::{Fault, Node, Raw, Services};
use crate::error::{Error, Kind, Result};
use crate::host::{SiteAddress, escape};
use crate::ident::{ConfigName, DbName, PluginName, Prefix};
use crate::overrides;
use crate::tenant::{Endpoint, Engine, check_dataroot};

/// What the original's patterns have in place of the short name.
const INSTANCE: &str = "<%%INSTANCE%%>";

/// What a line takes, so that no other line may.
struct Taken {
    line: usize,
    address: Option<SiteAddress>,
    database: Option<(Endpoint, String)>,
    dataroot: Option<String>,
}

/// The nodes that are right, and all that is wrong.
pub(super) fn nodes(raw: Vec<Raw>, defaults: &Map<String, Value>) -> (Vec<Node>, Vec<Fault>) {
    let (mut nodes, mut faults, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    for raw in raw {
        let mut reading = Reading { line: raw.line, values: filled(raw.values, defaults), faults: Vec::new() };
        let node = reading.node();
        taken.push(reading.taken(&node));
        if reading.faults.is_empty() {
            nodes.push(node);
        }
        faults.append(&mut reading.faults);
    }
    duplicates(&taken, &mut faults);
    (nodes, faults)
}

/// An error of a word, told of a line and column.
pub(super) fn told(line: usize, column: &str, error: &Error) -> Fault {
    let hint = error.way_out().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Fault::new(line, column, format!("{error}{hint}"))
}

/// The line's values, the given defaults behind them and the original's behind those, the short name put into patterns.
fn filled(values: Map<String, Value>, defaults: &Map<String, Value>) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        column::DEFAULTS.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    let there = |value: &Value| !value.is_null() && *value != "";
    all.extend(defaults.iter().filter(|(_, value)| there(value)).map(|(name, value)| (name.clone(), value.clone())));
    all.extend(values);
    let short = all.get("shortname").and_then(Value::as_str).unwrap_or_default().replace([' ', '-'], "_");
    for (name, value) in &mut all {
        if let Value::String(text) = value
            && !matches!(name.as_str(), "shortname" | "vdbpass")
            && text.contains(INSTANCE)
        {
            *text = text.replace(INSTANCE, &short);
        }
    }
    all
}

/// The reading of one line.
struct Reading {
    line: usize,
    values: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Reading {
    fn node(&mut self) -> Node {
        for name in column::REQUIRED {
            if !self.values.contains_key(*name) {
                self.faults.push(Fault::new(self.line, name, "a value is missing"));
            }
        }
        let mut values = Map::new();
        for name in column::REGISTRY {
            if let Some(value) = self.take(name, |value| registry(name, value)) {
                values.insert((*name).to_owned(), value);
            }
        }
        let new_network = values.get("mnet") == Some(&json!("NEW"));
        if new_network {
            values.remove("mnet");
        }
        self.take("forcedns", flag);
        let template = self.take("vtemplate", |value| Ok(json!(text(value, 255)?)));
        let template = template.and_then(|value| value.as_str().map(str::to_owned)).filter(|name| name != "0");
        let services = match self.take("services", services) {
            Some(word) if word == "subnetwork" => Services::Subnetwork,
            _ => Services::Default,
        };
        let (config, plugins) = self.meta();
        Node { line: self.line, values, template, new_network, services, config, plugins }
    }

    fn take(&mut self, column: &str, read: impl FnOnce(&Value) -> Result<Value>) -> Option<Value> {
        let read = read(self.values.get(column)?);
        read.map_err(|error| self.faults.push(told(self.line, column, &error))).ok()
    }

    /// Settings inside the tenant: maps of JSON first, then the columns named after them.
    fn meta(&mut self) -> (Map<String, Value>, Map<String, Value>) {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        let mut config = self.take("config", config).map(object).unwrap_or_default();
        let mut plugins = self.take("plugins", plugin_settings).map(object).unwrap_or_default();
        for name in self.values.keys().cloned().collect::<Vec<_>>() {
            let Some(meta) = column::meta(&name) else { continue };
            let Some(value) = self.take(&name, |value| plain(value).map(|()| value.clone())) else { continue };
            match meta {
                Meta::Config(key) => {
                    config.insert(key.to_owned(), value);
                }
                Meta::Plugin(plugin, setting) => {
                    let settings = plugins.entry(plugin).or_insert_with(|| json!({}));
                    settings.as_object_mut().map(|settings| settings.insert(setting.to_owned(), value));
                }
            }
        }
        (config, plugins)
    }

    fn taken(&self, node: &Node) -> Taken {
        let value = |name: &str| node.values.get(name).and_then(Value::as_str);
        let database = || {
            let (host, own) = Endpoint::split_host(value("vdbhost").unwrap_or("localhost"));
            let given = node.values.get("vdbport").and_then(Value::as_u64).and_then(|port| port.try_into().ok());
            let endpoint = Endpoint {
                engine: Engine::parse(value("vdbtype")?).ok()?,
                host: host.to_owned(),
                port: given.or(own),
                socket: value("vdbsocket").map(str::to_owned),
                database: DbName::parse(value("vdbname")?).ok()?,
                user: None,
                password: None,
            };
            Some((endpoint, value("vdbprefix")?.to_owned()))
        };
        Taken {
            line: self.line,
            address: value("vhostname").and_then(|text| SiteAddress::parse(text).ok()),
            database: database(),
            dataroot: value("vdatapath").map(str::to_owned),
        }
    }
}

/// A value of a column of the registry, in the form that `tenant_add` takes.
fn registry(column: &str, value: &Value) -> Result<Value> {
    Ok(match column {
        "vhostname" => json!(SiteAddress::parse(&text(value, 300)?)?.to_string()),
        "name" => json!(line(value, 255)?),
        "shortname" => json!(line(value, 80)?),
        "vdbtype" => json!(Engine::parse_vdbtype(&text(value, 16)?)?.word()),
        "vdbhost" | "vdbsocket" => json!(word(value, 255)?),
        "vdblogin" => json!(word(value, 128)?),
        "vdbpass" => json!(text(value, 1000)?),
        "vdbname" => json!(DbName::parse(&text(value, 64)?)?.as_str()),
        "vdbprefix" => json!(Prefix::parse(&text(value, 64)?)?.as_str()),
        "vdatapath" => json!(check_dataroot(&text(value, 255)?)?),
        "vdbport" => json!(int(value, 1, 65535)?),
        "vdbpersist" | "enabled" => flag(value)?,
        "mnet" if *value == "NEW" => json!("NEW"),
        "mnet" => json!(int(value, -1, 999).map_err(|e| e.hint("or `NEW` for a sub-network of its own"))?),
        "vdboptions" => json!(map(value)?),
        "settings" => {
            let settings = map(value)?;
            overrides::check(&settings)?;
            json!(settings)
        }
        "tags" => tags(value)?,
        _ => json!(text(value, 100_000)?),
    })
}

fn bad(rule: &str) -> Error {
    Error::new(Kind::BadParameter, rule)
}

fn text(value: &Value, longest: usize) -> Result<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(bad("it must be a text")),
    };
    if text.chars().count() > longest {
        return Err(bad(&format!("it must have at most {longest} characters")));
    }
    if text.contains('\0') {
        return Err(bad("it must not have null characters"));
    }
    Ok(text)
}

fn line(value: &Value, longest: usize) -> Result<String> {
    let text = text(value, longest)?;
    if text.chars().any(char::is_control) { Err(bad("it must not have control characters")) } else { Ok(text) }
}

/// As the registry takes it: such values end in connection strings.
fn word(value: &Value, longest: usize) -> Result<String> {
    let text = text(value, longest)?;
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || "'\"\\;".contains(c)) {
        return Err(bad("it must not have spaces, quotes, backslashes or semicolons"));
    }
    Ok(text)
}

fn int(value: &Value, least: i64, most: i64) -> Result<i64> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| bad(&format!("it must be an integer from {least} to {most}")))
}

fn flag(value: &Value) -> Result<Value> {
    match value {
        Value::Bool(yes) => Ok(json!(i64::from(*yes))),
        other => int(other, 0, 1).map(|number| json!(number)),
    }
}

fn services(value: &Value) -> Result<Value> {
    match value.as_str() {
        Some("default" | "subnetwork") => Ok(value.clone()),
        _ => Err(bad("it must be `default` or `subnetwork`")),
    }
}

fn map(value: &Value) -> Result<Map<String, Value>> {
    let read = match value {
        Value::Object(map) => Some(map.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    read.ok_or_else(|| bad("it must be a map of names to values, or its JSON"))
}

fn tags(value: &Value) -> Result<Value> {
    let words: Option<Vec<&str>> = match value {
        Value::String(text) => {
            Some(text.split(|c: char| c == ',' || c.is_whitespace()).filter(|w| !w.is_empty()).collect())
        }
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let parts = |word: &&str| !word.is_empty() && !word.contains(|c: char| c == ',' || c.is_whitespace());
    let words = words.filter(|words| words.iter().all(parts) && words.join(",").chars().count() <= 255);
    words.map(|words| json!(words)).ok_or_else(|| bad("it must be words, together at most 255 characters"))
}

fn plain(value: &Value) -> Result<()> {
    if value.is_array() || value.is_object() { Err(bad("it must be a plain value")) } else { Ok(()) }
}

fn config(value: &Value) -> Result<Value> {
    let map = map(value)?;
    for (name, value) in &map {
        ConfigName::parse(name)?;
        plain(value)?;
    }
    Ok(json!(map))
}

fn plugin_settings(value: &Value) -> Result<Value> {
    let plugins = map(value)?;
    for (plugin, settings) in &plugins {
        PluginName::parse(plugin)?;
        let settings = settings.as_object().ok_or_else(|| bad("it must be a map of plugins to maps of settings"))?;
        settings.values().try_for_each(plain)?;
    }
    Ok(json!(plugins))
}

/// Hosts, databases and dataroots that two lines have.
fn duplicates(taken: &[Taken], faults: &mut Vec<Fault>) {
    let mut hosts: HashMap<String, usize> = HashMap::new();
    let mut databases: HashMap<(&DbName, &str), Vec<(&Endpoint, usize)>> = HashMap::new();
    let mut dataroots: HashMap<&str, usize> = HashMap::new();
    for Taken { line, address, database, dataroot } in taken {
        if let Some(key) = address.as_ref().map(SiteAddress::key) {
            let first = *hosts.entry(key).or_insert(*line);
            again(*line, "vhostname", "is the host of", first, faults);
        }
        if let Some((endpoint, prefix)) = database {
            let others = databases.entry((&endpoint.database, prefix)).or_default();
            let first = others.iter().find(|(other, _)| other.is_same_database(endpoint)).map(|(_, line)| *line);
            again(*line, "vdbname", "with its prefix is the database of", first.unwrap_or(*line), faults);
            others.push((endpoint, *line));
        }
        if let Some(path) = dataroot {
            let first = *dataroots.entry(path).or_insert(*line);
            again(*line, "vdatapath", "is the dataroot of", first, faults);
        }
    }
    for (path, line) in &dataroots {
        let outer = path.match_indices('/').filter_map(|(at, _)| Some((&path[..at], dataroots.get(&path[..at])?)));
        for (outer, first) in outer {
            let message = format!("it lies in `{}`, the dataroot of line {first}", escape(outer));
            faults.push(Fault::new(*line, "vdatapath", message));
        }
    }
}

fn again(line: usize, column: &str, what: &str, first: usize, faults: &mut Vec<Fault>) {
    if first != line {
        faults.push(Fault::new(line, column, format!("it {what} line {first} already")));
    }
}
