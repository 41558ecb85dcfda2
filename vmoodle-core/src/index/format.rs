//! What an index file holds: a header of fixed place and size, then the archived farm.

use std::collections::HashMap;

use rkyv::{Archive, Serialize};
use twox_hash::XxHash3_64;

use crate::farm::FarmId;

/// What an index file begins with.
const MAGIC: [u8; 8] = *b"VMOODLE\n";
/// The version of everything below. A reader refuses another one.
const VERSION: u32 = 1;
/// Where the archived farm begins; a multiple of its alignment.
pub(super) const HEADER_LEN: usize = 64;
/// Where the *superseded* word is: zero until a newer index took this one's place. It stands outside the checksum,
/// since the publisher writes it into the file that readers have mapped.
pub(super) const SUPERSEDED_AT: usize = 48;

/// Why a file is no index to serve from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no file.
    Missing,
    /// It is shorter or longer than it says, or its checksum differs.
    Torn,
    /// It is no index, or one of another farm.
    Foreign,
    /// It was written by a version of vmoodle with another format.
    Version(u32),
    /// The operating system refused to open or map it.
    Unreadable(String),
}

/// The numbers of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) generation: u64,
    pub(super) farm: FarmId,
}

/// Puts header and payload together.
pub(super) fn frame(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&header.generation.to_le_bytes());
    bytes.extend_from_slice(&header.farm.0.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&checksum(&bytes, payload).to_le_bytes());
    bytes.resize(HEADER_LEN, 0);
    bytes.extend_from_slice(payload);
    bytes
}

/// Checks a whole file; gives its header.
pub(super) fn check(bytes: &[u8]) -> Result<Header, Fault> {
    let word = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    if bytes.is_empty() {
        return Err(Fault::Torn);
    }
    if !bytes.starts_with(&MAGIC[..MAGIC.len().min(bytes.len())]) {
        return Err(Fault::Foreign);
    }
    let version = bytes.get(8..12).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(Fault::Torn)?;
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let payload = bytes.get(HEADER_LEN..).ok_or(Fault::Torn)?;
    let (generation, farm) = (word(16).ok_or(Fault::Torn)?, word(24).ok_or(Fault::Torn)?);
    if word(32) != Some(payload.len() as u64) || word(40) != Some(checksum(&bytes[..40], payload)) {
        return Err(Fault::Torn);
    }
    Ok(Header { generation, farm: FarmId(farm) })
}

fn checksum(head: &[u8], payload: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(head), payload)
}

/// The archived farm.
#[derive(Archive, Serialize)]
pub(super) struct Payload {
    /// When the registry was read, in seconds since 1970.
    pub(super) published: u64,
    /// The most path segments of any key.
    pub(super) depth: u32,
    /// Whether any alias is a wildcard.
    pub(super) wildcards: bool,
    /// Key or pattern -> tenant or alias.
    pub(super) keys: HashMap<String, Entry>,
    /// The tenants.
    pub(super) tenants: Vec<Record>,
    /// What policies set, by their number in [`Record::policies`].
    pub(super) policies: Vec<Vec<(String, Setting)>>,
    /// The shared component cache.
    pub(super) components: Option<ComponentsRecord>,
}

/// Where a key leads: the number of a tenant in [`Payload::tenants`].
#[derive(Archive, Serialize)]
pub(super) enum Entry {
    Tenant(u32),
    Alias(u32),
}

/// One tenant, ready to be served.
#[derive(Archive, Serialize)]
pub(super) struct Record {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) shortname: String,
    pub(super) wwwroot: String,
    pub(super) key: String,
    pub(super) own_prefix: String,
    pub(super) state: u8,
    pub(super) mnet: i32,
    pub(super) tags: Vec<String>,
    pub(super) dbtype: String,
    pub(super) dbhost: String,
    pub(super) dbname: String,
    pub(super) dbuser: Option<String>,
    pub(super) dbpass: Option<String>,
    pub(super) prefix: String,
    pub(super) dboptions: Vec<(String, Setting)>,
    pub(super) dataroot: String,
    pub(super) policies: Vec<u32>,
    pub(super) settings: Vec<(String, Setting)>,
}

/// [`crate::farm::Components`], archived.
#[derive(Archive, Serialize)]
pub(super) struct ComponentsRecord {
    pub(super) path: String,
    pub(super) dirroot: String,
    pub(super) versionmtime: i64,
    pub(super) versionsize: u64,
}

/// A value of `$CFG`.
// The type holds itself, so the bounds that the derive would add are given by hand (rkyv, example json_like_schema).
#[derive(Archive, Serialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source))]
#[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext)))]
pub(super) enum Setting {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(#[rkyv(omit_bounds)] Vec<Setting>),
    Map(#[rkyv(omit_bounds)] Vec<(String, Setting)>),
}
