//! The farm that is fuzzed: that of `tests/fixtures/hosts.json`.

use std::path::Path;

use serde_json::{Map, Value};
use vmoodle_core::farm::{Alias, Components, Farm, Policy};
use vmoodle_core::gate::{ControlFacts, Gate};
use vmoodle_core::host::{HostPattern, SiteAddress};
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::index::{compile, publish};
use vmoodle_core::secret::Stored;
use vmoodle_core::settings::{Given, Settings};
use vmoodle_core::targets::Targets;
use vmoodle_core::tenant::{Endpoint, Engine, State, Tenant, TenantId};

const HOSTS: &str = include_str!("../../fixtures/hosts.json");

/// The shared cases of host names.
pub fn hosts() -> Value {
    serde_json::from_str(HOSTS).expect("the fixture is JSON")
}

fn control(cases: &Value) -> ControlFacts {
    ControlFacts {
        wwwroot: cases["control"].as_str().expect("a text").into(),
        dbname: "control".into(),
        prefix: "mdl_".into(),
        dirroot: None,
    }
}

/// The farm of the fixture, with every kind of value somewhere in it.
pub fn farm() -> Farm {
    let cases = hosts();
    let rows = |name: &str| cases[name].as_array().expect("a list").clone();
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let (id, address) = control(&cases).farm().expect("the fixture names a control site");
    let tenants = rows("tenants").into_iter().map(|row| {
        let mut tenant = tenant(number(&row["id"]), &text(&row, "wwwroot").expect("an address"));
        tenant.state = text(&row, "state").map_or(State::Enabled, |word| State::parse(&word).expect("a state"));
        tenant
    });
    let aliases = rows("aliases")
        .iter()
        .map(|row| Alias {
            pattern: HostPattern::parse(&text(row, "host").expect("a host")).expect("a pattern"),
            tenant: TenantId(number(&row["tenant"])),
        })
        .collect();
    let policy = Policy {
        name: "policy".into(),
        targets: Targets::parse(&["any"]).expect("a target"),
        settings: map(r#"{"theme": "boost", "list": [1, 2.5, null, true, {"a": "b"}]}"#),
    };
    let components = Components { path: "/c.php".into(), dirroot: "/code".into(), versionmtime: 1, versionsize: 2 };
    Farm {
        id,
        control: address,
        generation: 1,
        published: 1,
        tenants: tenants.collect(),
        aliases,
        policies: vec![policy],
        components: Some(components),
    }
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

fn map(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).expect("a map")
}

fn tenant(id: u32, wwwroot: &str) -> Tenant {
    Tenant {
        id: TenantId(id),
        name: format!("School {id}"),
        shortname: format!("s{id}"),
        address: SiteAddress::parse(wwwroot).expect("an address"),
        database: Endpoint {
            engine: Engine::MariaDb,
            host: "localhost".into(),
            port: Some(3307),
            socket: None,
            database: DbName::parse(&format!("moodle_{id}")).expect("a name"),
            user: Some(format!("u{id}")),
            password: Some(Stored::from_column(format!("p{id}"))),
        },
        prefix: Prefix::parse("mdl_").expect("a prefix"),
        persist: false,
        options: map(r#"{"dbcollation": "utf8mb4_bin"}"#),
        dataroot: format!("/var/moodledata/{id}"),
        mnet: 0,
        state: State::Enabled,
        settings: map(r#"{"x": {"y": [0]}}"#),
        tags: vec!["pilot".into()],
    }
}

/// The bytes of its index.
pub fn index_bytes() -> Vec<u8> {
    compile(&farm()).expect("the fixture has no contradiction").bytes
}

/// Its request door, with the index in a folder and the settings of the fixture.
pub fn gate(folder: &Path) -> Gate {
    let cases = hosts();
    let path = folder.join("index");
    publish(&path, &compile(&farm()).expect("the fixture has no contradiction")).expect("the folder can be written");
    let proxies = cases["settings"]["trusted_proxies"].as_array().expect("a list");
    let given = Given {
        index: Some(path.to_str().expect("a plain path").into()),
        subpaths: cases["settings"]["subpaths"].as_bool(),
        trusted_proxies: proxies.iter().filter_map(|proxy| proxy.as_str().map(str::to_owned)).collect(),
        ..Given::default()
    };
    Gate::new(control(&cases), Settings::new(given, "/data").expect("settings")).expect("a gate")
}
