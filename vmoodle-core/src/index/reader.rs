//! Serves from the newest good index: hot reload without system calls, the last good one kept when the new one is not.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rkyv::string::ArchivedString;

use super::format::{ArchivedPayload, ArchivedSetting, Fault};
use super::map::Mapped;
use super::publish::previous_path;
use crate::farm::FarmId;

/// How long a look at the file's identity holds, where no publisher left a mark in the mapping.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What tells one file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

/// The index of one farm in one process.
pub struct Reader {
    path: PathBuf,
    farm: FarmId,
    mapped: Option<Mapped>,
    identity: Option<Identity>,
    probed: Option<Instant>,
    fault: Option<Fault>,
    loads: u64,
}

impl Reader {
    /// A reader of the index at a path. Opens nothing yet.
    pub fn new(path: &Path, farm: FarmId) -> Self {
        Self { path: path.to_owned(), farm, mapped: None, identity: None, probed: None, fault: None, loads: 0 }
    }

    /// The path it reads.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The farm it serves; an index of another farm is foreign.
    pub fn farm(&self) -> FarmId {
        self.farm
    }

    /// The newest good index, or `None` when neither it nor the previous one can be read.
    ///
    /// Costs a load and a look at the clock while nothing changed, a `stat` once a second, and the opening of the file
    /// when it did.
    pub fn current(&mut self) -> Option<Index<'_>> {
        self.update();
        self.index()
    }

    /// Makes [`Reader::index`] the newest good one.
    pub fn update(&mut self) {
        if !self.is_fresh() {
            self.refresh();
        }
    }

    /// The index as [`Reader::update`] last found it.
    pub fn index(&self) -> Option<Index<'_>> {
        self.mapped.as_ref().map(Index::of)
    }

    /// Why the file in place is not what is served; `None` when it is.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// How many times an index was loaded: changes when, and only when, [`Reader::current`] gives another one.
    pub fn loads(&self) -> u64 {
        self.loads
    }

    fn is_fresh(&self) -> bool {
        let Some(probed) = self.probed else { return false };
        // A mark in an index that is served for want of a better one says nothing new until the file changes.
        let marked = self.fault.is_none() && self.mapped.as_ref().is_some_and(Mapped::is_superseded);
        !marked && probed.elapsed() < PROBE_EVERY
    }

    fn refresh(&mut self) {
        self.probed = Some(Instant::now());
        let identity = identity(&self.path);
        let marked = self.fault.is_none() && self.mapped.as_ref().is_some_and(Mapped::is_superseded);
        if identity == self.identity && !marked && (self.mapped.is_some() || identity.is_some()) {
            return;
        }
        self.identity = identity;
        match open(&self.path, self.farm) {
            Ok(mapped) => self.serve(mapped, None),
            Err(fault) if self.mapped.is_some() => self.fault = Some(fault),
            Err(fault) => match open(&previous_path(&self.path), self.farm) {
                Ok(mapped) => self.serve(mapped, Some(fault)),
                Err(_) => self.fault = Some(fault),
            },
        }
    }

    /// Makes the next look a look at the file, as a second from now.
    #[cfg(test)]
    pub(super) fn expire(&mut self) {
        self.probed = None;
    }

    fn serve(&mut self, mapped: Mapped, fault: Option<Fault>) {
        self.mapped = Some(mapped);
        self.fault = fault;
        self.loads += 1;
    }
}

pub(super) fn open(path: &Path, farm: FarmId) -> Result<Mapped, Fault> {
    let mapped = Mapped::open(path)?;
    if mapped.header.farm == farm { Ok(mapped) } else { Err(Fault::Foreign) }
}

fn identity(path: &Path) -> Option<Identity> {
    let meta = std::fs::metadata(path).ok()?;
    Some(Identity {
        device: meta.dev(),
        inode: meta.ino(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        size: meta.size(),
    })
}

/// A good index, as long as it is looked at.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    mapped: &'a Mapped,
}

/// Where a key leads.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// To a tenant.
    Tenant(Record<'a>),
    /// To a tenant, by another name.
    Alias(Record<'a>),
}

impl<'a> Index<'a> {
    pub(super) fn of(mapped: &'a Mapped) -> Self {
        Self { mapped }
    }

    /// The registry's generation it was compiled from.
    pub fn generation(self) -> u64 {
        self.mapped.header.generation
    }

    /// When the registry was read, in seconds since 1970.
    pub fn published(self) -> u64 {
        self.payload().published.to_native()
    }

    /// How many tenants it holds.
    pub fn tenants(self) -> usize {
        self.payload().tenants.len()
    }

    /// The file's size in bytes.
    pub fn bytes(self) -> usize {
        self.mapped.len()
    }

    /// The most path segments a key has.
    pub fn depth(self) -> usize {
        self.payload().depth.to_native() as usize
    }

    /// Whether names below a domain may lead somewhere.
    pub fn has_wildcards(self) -> bool {
        self.payload().wildcards
    }

    /// Looks a key up: one hash, however many tenants there are.
    pub fn find(self, key: &str) -> Option<Found<'a>> {
        use super::format::ArchivedEntry as Entry;
        let payload = self.payload();
        let record = |place: usize| payload.tenants.get(place).map(|record| Record { mapped: self.mapped, record });
        match payload.keys.get(key)? {
            Entry::Tenant(place) => record(place.to_native() as usize).map(Found::Tenant),
            Entry::Alias(place) => record(place.to_native() as usize).map(Found::Alias),
        }
    }

    /// The component cache that was current when the index was made.
    pub fn components(self) -> Option<ComponentsRef<'a>> {
        let components = self.payload().components.as_ref()?;
        Some(ComponentsRef {
            path: &components.path,
            dirroot: &components.dirroot,
            versionmtime: components.versionmtime.to_native(),
            versionsize: components.versionsize.to_native(),
        })
    }

    fn payload(self) -> &'a ArchivedPayload {
        self.mapped.payload()
    }
}

/// [`crate::farm::Components`], borrowed from the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentsRef<'a> {
    /// The file.
    pub path: &'a str,
    /// The code base it was built from.
    pub dirroot: &'a str,
    /// Modification time of `version.php` then, in seconds since 1970.
    pub versionmtime: i64,
    /// Size of `version.php` then, in bytes.
    pub versionsize: u64,
}

/// A tenant in the index.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    mapped: &'a Mapped,
    record: &'a super::format::ArchivedRecord,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])* pub fn $name(self) -> &'a str { self.record.$name.as_str() })*
    };
}

impl<'a> Record<'a> {
    texts! {
        /// Its name, for people.
        name,
        /// Its short name.
        shortname,
        /// Its address.
        wwwroot,
        /// Its key.
        key,
        /// What its keys begin with in stores that tenants share ([`FarmId::tenant_prefix`]).
        own_prefix,
        /// Moodle's driver.
        dbtype,
        /// The database server.
        dbhost,
        /// The database.
        dbname,
        /// The prefix of its tables.
        prefix,
        /// Its files.
        dataroot,
    }

    /// The generation of the index it stands in.
    pub fn generation(self) -> u64 {
        self.mapped.header.generation
    }

    /// Its number in the registry.
    pub fn id(self) -> crate::tenant::TenantId {
        crate::tenant::TenantId(self.record.id.to_native())
    }

    /// Where it stands in its life. What a newer registry calls otherwise is not served.
    pub fn state(self) -> crate::tenant::State {
        let known = crate::tenant::State::ALL.get(usize::from(self.record.state));
        known.copied().unwrap_or(crate::tenant::State::Broken)
    }

    /// Its MNET network.
    pub fn mnet(self) -> i32 {
        self.record.mnet.to_native()
    }

    /// Words to select it by.
    pub fn tags(self) -> impl Iterator<Item = &'a str> {
        self.record.tags.iter().map(ArchivedString::as_str)
    }

    /// The database account, if it has its own.
    pub fn dbuser(self) -> Option<&'a str> {
        self.record.dbuser.as_ref().map(ArchivedString::as_str)
    }

    /// The account's password as stored, if it has its own.
    pub fn dbpass(self) -> Option<&'a str> {
        self.record.dbpass.as_ref().map(ArchivedString::as_str)
    }

    /// `$CFG->dboptions`.
    pub fn dboptions(self) -> SettingMap<'a> {
        SettingMap(&self.record.dboptions)
    }

    /// What its policies set, the lowest first, then its own settings: later ones win.
    pub fn settings(self) -> impl Iterator<Item = (&'a str, SettingRef<'a>)> {
        let payload = self.mapped.payload();
        let policies = self.record.policies.iter();
        policies
            .filter_map(|number| payload.policies.get(number.to_native() as usize))
            .chain([&self.record.settings])
            .flat_map(|settings| SettingMap(settings).iter())
    }
}

/// A value of `$CFG`, borrowed from the index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettingRef<'a> {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A list.
    List(SettingList<'a>),
    /// A map, in its order.
    Map(SettingMap<'a>),
}

/// A list of values, borrowed from the index.
#[derive(Clone, Copy)]
pub struct SettingList<'a>(&'a [ArchivedSetting]);

/// A map of values, borrowed from the index.
#[derive(Clone, Copy)]
pub struct SettingMap<'a>(&'a [rkyv::tuple::ArchivedTuple2<ArchivedString, ArchivedSetting>]);

impl<'a> SettingList<'a> {
    /// The values.
    pub fn iter(self) -> impl ExactSizeIterator<Item = SettingRef<'a>> {
        self.0.iter().map(SettingRef::of)
    }
}

impl<'a> SettingMap<'a> {
    /// The names and values, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (&'a str, SettingRef<'a>)> {
        self.0.iter().map(|pair| (pair.0.as_str(), SettingRef::of(&pair.1)))
    }
}

impl<'a> SettingRef<'a> {
    fn of(setting: &'a ArchivedSetting) -> Self {
        match setting {
            ArchivedSetting::Null => Self::Null,
            ArchivedSetting::Bool(b) => Self::Bool(*b),
            ArchivedSetting::Int(i) => Self::Int(i.to_native()),
            ArchivedSetting::Float(f) => Self::Float(f.to_native()),
            ArchivedSetting::Text(text) => Self::Text(text),
            ArchivedSetting::List(items) => Self::List(SettingList(items)),
            ArchivedSetting::Map(items) => Self::Map(SettingMap(items)),
        }
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} {})", self.id(), self.wwwroot())
    }
}

impl PartialEq for SettingList<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl PartialEq for SettingMap<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for SettingList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl std::fmt::Debug for SettingMap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
