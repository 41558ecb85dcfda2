//! Snapshots on disk: a manifest, a database, a list of files, and the files in a store that all snapshots share.
//!
//! ```text
//! <shelf>/<id>/manifest.json  database.sql.zst  files.jsonl.zst
//! <shelf>/objects/ab/<hash>   every file once, however many snapshots hold it
//! ```

pub mod manifest;
pub mod shelf;
mod store;
