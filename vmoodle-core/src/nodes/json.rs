//! Nodes as JSON: a list of objects with the columns' names, `config` and `plugins` as maps if wished.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Fault, Raw, column};

/// Whether a text that begins with `[` is JSON; a line of the original's CSV that begins so is a comment.
pub(super) fn looks_so(text: &str) -> bool {
    let inside = text.trim_start().trim_start_matches('[').trim_start();
    inside.starts_with(['{', ']']) || inside.is_empty()
}

/// Reads the objects, each with the line on which it begins; values that are null or empty texts are left out.
pub(super) fn read(text: &str, known: fn(&str) -> bool) -> (Vec<Raw>, Vec<Fault>) {
    let items: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(items) => items,
        Err(error) => {
            return (Vec::new(), vec![Fault::new(error.line().max(1), "", format!("it is no JSON list: {error}"))]);
        }
    };
    let (mut raw, mut faults) = (Vec::new(), Vec::new());
    let (mut line, mut passed) = (1, 0);
    for item in items {
        // The item is a part of the text, so the distance of their beginnings is its place.
        let place = (item.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
        line += text.as_bytes()[passed..place].iter().filter(|byte| **byte == b'\n').count();
        passed = place;
        let Ok(values) = serde_json::from_str::<Map<String, Value>>(item.get()) else {
            faults.push(Fault::new(line, "", "it is no object of columns and values"));
            continue;
        };
        for name in values.keys().filter(|name| !known(name)) {
            faults.push(Fault::new(line, name, column::unknown(name)));
        }
        let values = values.into_iter().filter(|(_, value)| !matches!(value, Value::Null) && *value != "");
        raw.push(Raw { line, values: values.map(|(name, value)| (name, trimmed(value))).collect() });
    }
    (raw, faults)
}

fn trimmed(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.trim().to_owned()),
        other => other,
    }
}
