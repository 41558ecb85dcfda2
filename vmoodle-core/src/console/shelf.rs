//! Files of nodes, and the farm's snapshots.

use serde_json::{Map, Value, json};

use super::{Console, map};
use crate::error::{Error, Kind, Result};
use crate::ident::Prefix;
use crate::lifecycle::build::shelf_of;
use crate::lifecycle::{import, trial};
use crate::nodes;
use crate::snapshot::manifest::Manifest;
use crate::tenant::Engine;

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

    /// Checks every octet of a snapshot, then reads its database into one of its own on a server, and drops that again;
    /// gives the snapshot with `server`, `tables` and `rows`. Without a server's name the first one of its engine is taken.
    ///
    /// Fails with `snapshot_damaged`, `server_not_found`, `transfer_failed`, or with what the server refuses.
    pub fn snapshot_trial(&self, snapshot: &str, server: Option<&str>) -> Result<Map<String, Value>> {
        let snapshots = shelf_of(&self.control);
        let manifest = snapshots.verify(snapshot)?;
        let (engine, prefix) = (Engine::parse_vdbtype(&manifest.facts.engine)?, Prefix::parse(&manifest.facts.prefix)?);
        let file = snapshots.database_of(&manifest.id)?;
        let keyring = self.keyring()?;
        let dump = trial::Dump { file: &file, engine, prefix: &prefix };
        let found = self.connect(async |db| Box::pin(trial::run(db, &self.control, &keyring, dump, server)).await)?;
        if found.version.version.to_string() != manifest.facts.moodle.version {
            let message = format!("the database of the snapshot `{}` is of another version than it says", manifest.id);
            return Err(Error::new(Kind::SnapshotDamaged, message).hint("take another snapshot"));
        }
        let mut answer = shown(&manifest);
        answer.extend(map(json!({ "server": found.server, "tables": found.tables, "rows": found.rows })));
        Ok(answer)
    }

    /// Makes a snapshot a template by a name, or takes its name away (an empty text); gives it.
    pub fn snapshot_name(&self, snapshot: &str, name: &str) -> Result<Map<String, Value>> {
        Ok(shown(&shelf_of(&self.control).name(snapshot, Some(name).filter(|name| !name.is_empty()))?))
    }

    /// Brings a template of the original `VMoodle` onto the shelf, under its key; gives it. A trial on a server (see
    /// [`Self::snapshot_trial`]) tells what its files do not.
    pub fn snapshot_import(&self, key: &str, server: Option<&str>) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let work =
            async |db: &mut crate::db::Db| Box::pin(import::template(db, &self.control, &keyring, key, server)).await;
        Ok(shown(&self.connect(work)?))
    }

    /// The keys of the original's templates, for [`Self::snapshot_import`].
    pub fn snapshot_originals(&self) -> Vec<String> {
        import::keys(&self.control)
    }

    /// Removes what killed runs have left: databases of trials, snapshots and files that nobody finished or holds; gives
    /// how many `trials` and `files` went.
    pub fn snapshot_sweep(&self) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let trials = self.connect(async |db| trial::sweep(db, &self.control, &keyring).await)?;
        let files = shelf_of(&self.control).sweep()?;
        Ok(map(json!({ "trials": trials, "files": files })))
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
