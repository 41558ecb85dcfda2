//! The operations that make tenants what they shall be: one for each kind of part and set of tenants that want the same.

use serde_json::{Map, Value, json};

use super::{Mode, Want};
use crate::moodle::roles;

/// An operation with its parameters, and the tenants that it is for, by their places.
pub(crate) struct Work {
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// Its parameters; they may hold secrets.
    pub(crate) parameters: Map<String, Value>,
    /// For whom.
    pub(crate) tenants: Vec<usize>,
}

/// The works, in the order in which they are done: a site is shut first, and opened last.
pub(crate) fn works(wants: &[Want]) -> Vec<Work> {
    let mut works: Vec<(u8, Work)> = Vec::new();
    for (place, want) in wants.iter().enumerate() {
        for (rank, operation, parameters) in parts(want) {
            let same = |(_, work): &&mut (u8, Work)| work.operation == operation && work.parameters == parameters;
            match works.iter_mut().find(same) {
                Some((_, work)) => work.tenants.push(place),
                None => works.push((rank, Work { operation, parameters, tenants: vec![place] })),
            }
        }
    }
    works.sort_by_key(|(rank, _)| *rank);
    works.into_iter().map(|(_, work)| work).collect()
}

fn parts(want: &Want) -> Vec<(u8, &'static str, Map<String, Value>)> {
    let mut parts = Vec::new();
    let mut part = |rank: u8, operation, name: &str, value: Value| {
        let mut parameters = Map::new();
        parameters.insert(name.to_owned(), value);
        parts.push((rank, operation, parameters));
    };
    if let Some(mode) = want.maintenance {
        part(if mode == Mode::Off { 4 } else { 0 }, "maintenance", "mode", json!(mode.word()));
    }
    if !want.config.is_empty() {
        let values = want.config.iter().map(|(setting, value)| (setting.to_string(), value.clone()));
        part(1, "set_config", "values", Value::Object(values.collect()));
    }
    if !want.plugins.is_empty() {
        let states = want.plugins.iter().map(|(plugin, state)| (plugin.clone(), json!(state.word())));
        part(2, "plugin_state", "states", Value::Object(states.collect()));
    }
    if !want.roles.is_empty() {
        part(3, "role_sync", "presets", want.roles.values().map(|sheet| json!(roles::write(sheet))).collect());
    }
    for (_, operation, parameters) in &mut parts {
        if *operation == "role_sync" {
            // Only what has a sheet is made: see the operation.
            parameters.insert("create".to_owned(), json!(true));
        }
    }
    parts
}
