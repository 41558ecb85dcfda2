//! Files of nodes, and the farm's snapshots.

use serde_json::{Map, Value, json};

use super::{Console, map};
use crate::error::Result;
use crate::lifecycle::build::shelf_of;
use crate::nodes;
use crate::snapshot::manifest::Manifest;

impl Console {
    /// Reads a file of nodes (the original's CSV, or JSON) and checks it whole; gives `nodes`, as `create_tenant` takes
    /// them, and `faults`, each with `line`, `column` and `message`. Nothing is touched.
    pub fn nodes(&self, contents: &[u8], defaults: &Map<String, Value>) -> Map<String, Value> {
        let (nodes, faults) = nodes::read(contents, defaults);
        let faults: Vec<Value> = faults
            .iter()
            .map(|fault| json!({ "line": fault.line, "column": fault.column, "message": fault.message }))
            .collect();
        let nodes: Vec<Value> = nodes.into_iter().map(|node| Value::Object(node.into_wish())).collect();
        map(json!({ "nodes": nodes, "faults": faults }))
    }

    /// The snapshots, the oldest first; one that cannot be read has a `problem` instead of its facts.
    pub fn snapshots(&self) -> Result<Vec<Map<String, Value>>> {
        let (found, bad) = shelf_of(&self.control).list()?;
        let bad = bad.iter().map(|error| map(json!({ "problem": error.to_string() })));
        Ok(found.iter().map(shown).chain(bad).collect())
    }

    /// Checks every octet of a snapshot; gives it. Fails with `snapshot_damaged`.
    pub fn snapshot_verify(&self, snapshot: &str) -> Result<Map<String, Value>> {
        Ok(shown(&shelf_of(&self.control).verify(snapshot)?))
    }

    /// Deletes a snapshot, and the files that no other one holds; gives it as it was.
    pub fn snapshot_delete(&self, snapshot: &str) -> Result<Map<String, Value>> {
        let snapshots = shelf_of(&self.control);
        let manifest = snapshots.open(snapshot)?;
        snapshots.delete(&manifest.id)?;
        Ok(shown(&manifest))
    }
}

fn shown(manifest: &Manifest) -> Map<String, Value> {
    let mut shown = serde_json::to_value(manifest).map(map).unwrap_or_default();
    shown.insert("problem".into(), Value::Null);
    shown
}
