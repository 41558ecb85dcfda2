//! From the farm in memory to the bytes of an index; what is ambiguous is refused here, never at run time.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt::Write;

use rkyv::rancor;
use serde_json::{Map, Value};

use super::format::{ComponentsRecord, Entry, Header, Payload, Record, Setting, frame};
use crate::error::{Error, Kind, Result};
use crate::farm::Farm;
use crate::overrides::lay_over;
use crate::tenant::{State, Tenant};

/// The bytes of an index and what they hold.
#[derive(Debug)]
pub struct Compiled {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Its generation.
    pub generation: u64,
    /// The farm it belongs to.
    pub farm: crate::farm::FarmId,
    /// How many tenants it holds.
    pub tenants: usize,
    /// How many aliases it holds.
    pub aliases: usize,
}

/// Compiles a farm.
///
/// Refuses with [`Kind::RegistryInvalid`], naming each: a key that two tenants or aliases share, one that is the
/// control site's, an alias of a tenant that does not exist, more than 4,294,967,295 tenants.
pub fn compile(farm: &Farm) -> Result<Compiled> {
    let keys = keys(farm)?;
    let own: Vec<Vec<u32>> = farm.tenants.iter().map(|tenant| policies_of(farm, tenant)).collect();
    let depth = keys.keys().map(|key| key.matches('/').count()).max().unwrap_or(0);
    let payload = Payload {
        published: farm.published,
        depth: u32::try_from(depth).unwrap_or(u32::MAX),
        wildcards: farm.aliases.iter().any(|alias| alias.pattern.is_wildcard()),
        keys,
        tenants: farm.tenants.iter().zip(own).map(|(tenant, policies)| record(farm, tenant, policies)).collect(),
        policies: farm.policies.iter().map(|policy| settings(&policy.settings)).collect(),
        components: farm.components.as_ref().map(|c| ComponentsRecord {
            path: c.path.clone(),
            dirroot: c.dirroot.clone(),
            versionmtime: c.versionmtime,
            versionsize: c.versionsize,
        }),
    };
    let payload = rkyv::to_bytes::<rancor::Error>(&payload)
        .map_err(|e| Error::new(Kind::Internal, "the index could not be compiled").because(e.to_string()))?;
    let bytes = frame(Header { generation: farm.generation, farm: farm.id }, &payload);
    Ok(Compiled {
        bytes,
        generation: farm.generation,
        farm: farm.id,
        tenants: farm.tenants.len(),
        aliases: farm.aliases.len(),
    })
}

/// How many contradictions one message names.
const SHOWN: usize = 20;

fn keys(farm: &Farm) -> Result<HashMap<String, Entry>> {
    let mut faults = Vec::new();
    let mut owners: HashMap<String, String> = HashMap::with_capacity(farm.tenants.len() + farm.aliases.len());
    owners.insert(farm.control.key(), "the control site".to_owned());
    let mut keys = HashMap::with_capacity(farm.tenants.len() + farm.aliases.len());
    let mut take = |key: String, owner: String, entry: Entry| match owners.entry(key.clone()) {
        Slot::Occupied(taken) => Some(format!("`{key}` belongs to {} and to {owner}", taken.get())),
        Slot::Vacant(free) => {
            free.insert(owner);
            keys.insert(key, entry);
            None
        }
    };
    let mut places = HashMap::with_capacity(farm.tenants.len());
    for (place, tenant) in (0..).zip(&farm.tenants) {
        places.insert(tenant.id, place);
        faults.extend(take(tenant.address.key(), format!("tenant {}", tenant.id), Entry::Tenant(place)));
    }
    for alias in &farm.aliases {
        let pattern = alias.pattern.as_str().to_owned();
        match places.get(&alias.tenant) {
            Some(place) => {
                faults.extend(take(pattern, format!("an alias of tenant {}", alias.tenant), Entry::Alias(*place)));
            }
            None => faults.push(format!("alias `{pattern}` leads to tenant {}, which does not exist", alias.tenant)),
        }
    }
    if faults.is_empty() {
        return Ok(keys);
    }
    let more = faults.len().saturating_sub(SHOWN);
    faults.truncate(SHOWN);
    let mut text = faults.join("; ");
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    Err(Error::new(Kind::RegistryInvalid, format!("the registry is ambiguous: {text}"))
        .hint("give each host to one tenant or alias only"))
}

fn policies_of(farm: &Farm, tenant: &Tenant) -> Vec<u32> {
    (0..).zip(&farm.policies).filter(|(_, policy)| policy.targets.mean(tenant)).map(|(number, _)| number).collect()
}

/// The plain settings of a tenant cost nothing to lay over its policies at boot; maps of plugins have to be merged, so
/// that is done here and the result stands in the tenant's own settings.
fn own_settings(farm: &Farm, tenant: &Tenant, policies: &[u32]) -> Map<String, Value> {
    const MERGED: &str = "forced_plugin_settings";
    let mut merged = Map::new();
    let enforced =
        policies.iter().filter_map(|number| farm.policies.get(*number as usize)).map(|policy| &policy.settings);
    for layer in enforced.chain([&tenant.settings]) {
        if let Some(value) = layer.get(MERGED) {
            lay_over(&mut merged, &Map::from_iter([(MERGED.to_owned(), value.clone())]));
        }
    }
    let mut own = tenant.settings.clone();
    own.extend(merged);
    own
}

fn record(farm: &Farm, tenant: &Tenant, policies: Vec<u32>) -> Record {
    let database = &tenant.database;
    Record {
        id: tenant.id.0,
        name: tenant.name.clone(),
        shortname: tenant.shortname.clone(),
        wwwroot: tenant.address.to_string(),
        key: tenant.address.key(),
        own_prefix: farm.id.tenant_prefix(tenant.id),
        state: state_number(tenant.state),
        mnet: tenant.mnet,
        tags: tenant.tags.clone(),
        dbtype: database.engine.word().to_owned(),
        dbhost: database.host.clone(),
        dbname: database.database.to_string(),
        dbuser: database.user.clone(),
        dbpass: database.password.as_ref().map(|stored| stored.column().to_owned()),
        prefix: tenant.prefix.to_string(),
        dboptions: dboptions(tenant),
        dataroot: tenant.dataroot.clone(),
        settings: settings(&own_settings(farm, tenant, &policies)),
        policies,
    }
}

pub(super) fn state_number(state: State) -> u8 {
    State::ALL.iter().position(|one| *one == state).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// `$CFG->dboptions` (config-dist.php, section 1): the row's own columns over its further options.
fn dboptions(tenant: &Tenant) -> Vec<(String, Setting)> {
    let mut options = tenant.options.clone();
    options.insert("dbpersist".into(), Value::Bool(tenant.persist));
    if let Some(port) = tenant.database.port {
        options.insert("dbport".into(), port.into());
    }
    if let Some(socket) = &tenant.database.socket {
        options.insert("dbsocket".into(), socket.clone().into());
    }
    settings(&options)
}

fn settings(map: &Map<String, Value>) -> Vec<(String, Setting)> {
    map.iter().map(|(name, value)| (name.clone(), setting(value))).collect()
}

fn setting(value: &Value) -> Setting {
    match value {
        Value::Null => Setting::Null,
        Value::Bool(b) => Setting::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| Setting::Float(n.as_f64().unwrap_or(0.0)), Setting::Int),
        Value::String(s) => Setting::Text(s.clone()),
        Value::Array(items) => Setting::List(items.iter().map(setting).collect()),
        Value::Object(map) => Setting::Map(settings(map)),
    }
}
