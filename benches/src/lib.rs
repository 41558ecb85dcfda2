//! What the benches share: farms of any size, made without a database.

use std::path::Path;

use vmoodle_core::farm::{Farm, FarmId};
use vmoodle_core::gate::ControlFacts;
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::index::{compile, publish};
use vmoodle_core::secret::Stored;
use vmoodle_core::tenant::{Endpoint, Engine, State, Tenant, TenantId};

/// The control site of every bench.
pub fn control() -> ControlFacts {
    ControlFacts {
        wwwroot: "https://farm.example.org".into(),
        dbname: "control".into(),
        prefix: "mdl_".into(),
        dirroot: None,
    }
}

/// The host of a tenant by its number.
pub fn host(number: u32) -> String {
    format!("school{number}.example.org")
}

/// A tenant by its number: every column as a real one would have it.
pub fn tenant(number: u32) -> Tenant {
    let wwwroot = format!("https://{}", host(number));
    Tenant {
        id: TenantId(number),
        name: format!("L'école numéro {number}"),
        shortname: format!("school{number}"),
        address: SiteAddress::parse(&wwwroot).expect("an address"),
        database: Endpoint {
            engine: Engine::MariaDb,
            host: "db.example.org".into(),
            port: Some(3306),
            socket: None,
            database: DbName::parse(&format!("moodle_{number}")).expect("a name"),
            user: Some(format!("moodle_{number}")),
            password: Some(Stored::from_column(format!("secret-of-school-{number}"))),
        },
        prefix: Prefix::parse("mdl_").expect("a prefix"),
        persist: false,
        options: serde_json::Map::new(),
        dataroot: format!("/var/moodledata/school{number}"),
        mnet: 0,
        state: State::Enabled,
        settings: serde_json::Map::new(),
        tags: Vec::new(),
    }
}

/// A farm of `count` tenants.
pub fn farm(count: u32, generation: u64) -> Farm {
    let (id, address): (FarmId, SiteAddress) = control().farm().expect("a farm");
    Farm {
        id,
        control: address,
        generation,
        published: 1_700_000_000,
        tenants: (1..=count).map(tenant).collect(),
        aliases: Vec::new(),
        policies: Vec::new(),
        components: None,
    }
}

/// Compiles a farm of `count` tenants and puts it at `path`; gives its size in bytes.
pub fn put_index(path: &Path, count: u32, generation: u64) -> usize {
    let compiled = compile(&farm(count, generation)).expect("no ambiguity");
    publish(path, &compiled).expect("a place to write to");
    compiled.bytes.len()
}
