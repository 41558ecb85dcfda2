//! Snapshots on disk: a manifest, a database, a list of files, and the files in a store that all snapshots share.
//!
//! ```text
//! <shelf>/<id>/manifest.json  database.sql.zst  files.jsonl.zst
//! <shelf>/objects/ab/<hash>   every file once, however many snapshots hold it
//! ```
// `pub` for the tests at the boundary only, by the feature `testing`.
#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

pub mod manifest;
pub mod shelf;
mod store;
