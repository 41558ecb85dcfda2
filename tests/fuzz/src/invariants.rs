//! The invariants, as functions that panic where one is broken.

use std::net::Ipv6Addr;
use std::path::Path;

use twox_hash::XxHash3_64;
use vmoodle_core::farm::{Farm, FarmId};
use vmoodle_core::gate::Gate;
use vmoodle_core::ident::Prefix;
use vmoodle_core::index::{Found, Index, Reader, Record, SettingRef, previous_path};
use vmoodle_core::moodle::serialized;
use vmoodle_core::resolve::{Caller, Outcome, RequestFacts};
use vmoodle_core::sqlscript::{Class, Script};
use vmoodle_core::tenant::{Engine, Service, State};

/// A script, whatever stands in it: refused, or cut into statements that are whole and are not cut again.
pub fn sql(text: &str) {
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let Ok(script) = Script::read(text, engine) else { continue };
        let verdicts = script.judge(&Prefix::parse("mdl_").expect("a prefix"), &[]).expect("a verdict on each");
        assert_eq!(verdicts.len(), script.len());
        let mut at = 0;
        for (statement, verdict) in script.texts().zip(&verdicts) {
            at += text[at..].find(statement).expect("a part of the script, behind the last") + statement.len();
            if verdict.class == Class::Read && verdict.needs.is_empty() {
                let asks = ["select", "with", "values", "table", "show", "explain", "describe", "desc"];
                assert!(asks.contains(&verdict.word.as_str()), "{statement}");
            }
            // Another delimiter lets `;` stand within a statement.
            if !text.to_ascii_lowercase().contains("delimiter") {
                let again = Script::read(statement, engine).expect("what was read once");
                assert_eq!(again.len(), 1, "{statement}");
                assert!(again.texts().all(|whole| statement.starts_with(whole)), "{statement}");
            }
        }
    }
}

/// A stored value, whatever its octets, and a text to replace in it: left octet by octet, or rewritten and as whole as it was.
pub fn serialized(value: &[u8], search: &[u8]) {
    let inside = [format!("a:1:{{i:0;s:{}:\"", value.len()).as_bytes(), value, b"\";}"].concat();
    for value in [value, inside.as_slice(), base64(&inside).as_slice()] {
        let is_whole = serialized::is_serialized(value);
        let untouched = serialized::rewrite(value, &|_| None);
        assert!(matches!(untouched, Ok(None) | Err(_)) && (!is_whole || untouched.is_ok()));
        assert_eq!(serialized::rewrite(value, &|text| Some(text.to_vec())), untouched);
        // An octet that the text does not have, so that none of it comes about anew.
        let Some(with) = (0..=255).find(|octet| !search.contains(octet)).filter(|_| !search.is_empty()) else {
            continue;
        };
        let edit = |text: &[u8]| replaced(text, search, with);
        match serialized::rewrite(value, &edit) {
            Ok(Some(new)) => {
                assert_ne!(new, value);
                assert!(!is_whole || serialized::is_serialized(&new));
                assert!(serialized::plain(value).is_none() || serialized::plain(&new).is_some());
                assert!(!matches!(serialized::rewrite(&new, &edit), Ok(Some(_))), "a second time changes nothing");
            }
            Ok(None) => {}
            Err(_) => assert!(!is_whole),
        }
    }
}

fn replaced(text: &[u8], search: &[u8], with: u8) -> Option<Vec<u8>> {
    let (mut new, mut rest, mut found) = (Vec::new(), text, false);
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(search) {
            new.push(with);
            (rest, found) = (after, true);
        } else {
            new.push(*first);
            rest = &rest[1..];
        }
    }
    found.then_some(new)
}

/// `base64_encode`, by a writing of its own.
fn base64(octets: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for group in octets.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let sign = |shift: u32| SIGNS[(bits >> shift & 63) as usize];
        let signs = [sign(18), sign(12), sign(6), sign(0)];
        out.extend_from_slice(&signs[..=group.len()]);
        out.extend(std::iter::repeat_n(b'=', 3 - group.len()));
    }
    out
}

/// A request, whatever its bytes: it reaches a tenant only by that tenant's own key, and a redirect leads to the tenant.
pub fn door(gate: &mut Gate, farm: &Farm, facts: RequestFacts<'_>) {
    let key = gate.requested_key(&facts).ok();
    if let Some(key) = &key {
        assert!(
            key.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b'/' && b != b'*'),
            "{key:?}"
        );
    }
    let trusted = gate.settings().trusts(facts.remote_addr.unwrap_or_default());
    let subpaths = gate.settings().subpaths;
    let path = reference_path(facts.uri.unwrap_or_default());
    match gate.resolve(&Caller::Web(facts)) {
        Outcome::Tenant(tenant) => {
            let registered = registered(farm, tenant);
            assert_eq!(registered.state, State::Enabled);
            // The key is exactly a registered one: the host as it was asked for, and whole segments of the path.
            let own = registered.address.key();
            let (host, own_path) = own.split_once('/').map_or((own.as_str(), ""), |(host, path)| (host, path));
            assert_eq!(Some(host), key.as_deref());
            if own_path.is_empty() {
                assert!(!longer_exists(farm, host, &path) || !subpaths, "a longer prefix is another site's");
            } else {
                assert!(subpaths && has_prefix(&path, own_path), "{own} for {path:?}");
            }
            if !trusted && let Some(host_header) = facts.host.filter(|host| host.is_ascii() && !host.is_empty()) {
                assert!(spells(host_header, host), "{host} for {:?}", String::from_utf8_lossy(host_header));
            }
        }
        Outcome::Redirect { tenant, location, status } => {
            let registered = registered(farm, tenant);
            assert_eq!(registered.state, State::Enabled);
            assert!(farm.aliases.iter().any(|alias| alias.tenant == registered.id), "a redirect comes from an alias");
            let rest =
                location.strip_prefix(&registered.address.to_string()).expect("it leads to the tenant's address");
            assert!(rest.is_empty() || rest.starts_with('/') || rest.starts_with('?'), "{location}");
            assert!(location.bytes().all(|b| b.is_ascii_graphic()), "{location:?}");
            assert!(!rest.starts_with("//"), "{location}");
            let safe = matches!(facts.method, None | Some(b"GET" | b"HEAD"));
            assert_eq!(status, if safe { 301 } else { 308 });
        }
        Outcome::Unavailable(tenant) => assert_eq!(registered(farm, tenant).state.service(), Service::Unavailable),
        Outcome::Control => assert_eq!(key.as_deref(), farm.control.key().split('/').next()),
        Outcome::Health { serves } => assert!(serves, "there is an index"),
        Outcome::Unknown => {}
        Outcome::NoIndex => panic!("there is an index"),
    }
}

/// A name on the command line, whatever its bytes: a tenant, the control site by its own name, or nobody.
pub fn command_line(gate: &mut Gate, farm: &Farm, name: &[u8]) {
    match gate.resolve(&Caller::CommandLine(Some(name))) {
        Outcome::Tenant(tenant) => {
            registered(farm, tenant);
        }
        Outcome::Control => {
            let text = String::from_utf8_lossy(name).to_lowercase();
            assert!(text.contains(farm.control.host().as_str()), "{text:?}");
        }
        Outcome::Unknown => {}
        other => panic!("{other:?}"),
    }
}

/// A file, whatever its bytes: served only when its checksum holds, and then all of it can be read.
pub fn index(folder: &Path, farm: FarmId, bytes: &[u8]) -> bool {
    let path = folder.join("index");
    std::fs::write(&path, bytes).expect("the folder can be written");
    assert!(!previous_path(&path).exists(), "nothing else may be served");
    let mut reader = Reader::new(&path, farm);
    let Some(index) = reader.current() else {
        assert!(reader.fault().is_some(), "what is not served has a reason");
        return false;
    };
    assert!(checksum_holds(bytes, farm), "a file without its checksum was served");
    read_all(index);
    true
}

/// The place of the checksum and of what it is over (vmoodle-core, index/format.rs), written down a second time.
const HEADER: usize = 64;

fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&bytes[..40]), &bytes[HEADER..])
}

fn checksum_holds(bytes: &[u8], farm: FarmId) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(b"VMOODLE\n\x01\0\0\0")
        && bytes[24..32] == farm.0.to_le_bytes()
        && bytes[32..40] == ((bytes.len() - HEADER) as u64).to_le_bytes()
        && bytes[40..48] == checksum(bytes).to_le_bytes()
}

/// Makes a damaged file pass for whole, so that what stands behind the checksum is tried too.
pub fn forge_checksum(bytes: &mut [u8]) {
    if bytes.len() >= HEADER {
        let payload = (bytes.len() - HEADER) as u64;
        bytes[32..40].copy_from_slice(&payload.to_le_bytes());
        let sum = checksum(bytes);
        bytes[40..48].copy_from_slice(&sum.to_le_bytes());
    }
}

fn read_all(index: Index<'_>) {
    let mut read = index.tenants() + index.bytes() + index.depth() + usize::from(index.has_wildcards());
    read += index.components().map_or(0, |built| built.path.len() + built.dirroot.len());
    for key in [
        "one.example.org",
        "paths.example.org/school1",
        "www.one.example.org",
        "*.one.example.net",
        "nobody.example.org",
        "",
    ] {
        if let Some(Found::Tenant(tenant) | Found::Alias(tenant)) = index.find(key) {
            read += read_record(tenant);
        }
    }
    std::hint::black_box(read);
}

fn read_record(tenant: Record<'_>) -> usize {
    let texts = [
        tenant.name(),
        tenant.shortname(),
        tenant.wwwroot(),
        tenant.key(),
        tenant.own_prefix(),
        tenant.dbtype(),
        tenant.dbhost(),
        tenant.dbname(),
        tenant.prefix(),
        tenant.dataroot(),
        tenant.dbuser().unwrap_or_default(),
        tenant.dbpass().unwrap_or_default(),
        tenant.state().word(),
    ];
    let options = tenant.dboptions().iter().map(|(name, value)| name.len() + read_setting(value)).sum::<usize>();
    let settings = tenant.settings().map(|(name, value)| name.len() + read_setting(value)).sum::<usize>();
    texts.iter().map(|text| text.chars().count()).sum::<usize>()
        + tenant.tags().map(str::len).sum::<usize>()
        + options
        + settings
}

fn read_setting(setting: SettingRef<'_>) -> usize {
    match setting {
        SettingRef::Text(text) => text.chars().count(),
        SettingRef::List(list) => list.iter().map(read_setting).sum(),
        SettingRef::Map(map) => map.iter().map(|(name, value)| name.chars().count() + read_setting(value)).sum(),
        SettingRef::Null | SettingRef::Bool(_) | SettingRef::Int(_) | SettingRef::Float(_) => 1,
    }
}

fn registered<'f>(farm: &'f Farm, tenant: Record<'_>) -> &'f vmoodle_core::tenant::Tenant {
    let known = farm.tenants.iter().find(|known| known.id == tenant.id()).expect("a registered tenant");
    assert_eq!(known.address.to_string(), tenant.wwwroot());
    known
}

/// The path of a request target, once more and simply: decoded, without `.`, `..` and empty segments.
fn reference_path(uri: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = uri;
    for scheme in [&b"http://"[..], b"https://"] {
        if let Some(behind) = uri.strip_prefix(scheme) {
            rest = behind.iter().position(|b| *b == b'/').map_or(&[], |slash| &behind[slash..]);
        }
    }
    let end = rest.iter().position(|b| *b == b'?' || *b == b'#').unwrap_or(rest.len());
    let mut decoded = Vec::new();
    let mut rest = &rest[..end];
    while let Some((byte, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(value) if *byte == b'%' => {
                decoded.push(value);
                rest = &behind[2..];
            }
            _ => {
                decoded.push(*byte);
                rest = behind;
            }
        }
    }
    let mut segments: Vec<Vec<u8>> = Vec::new();
    for segment in decoded.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            other => segments.push(other.to_vec()),
        }
    }
    segments
}

fn has_prefix(path: &[Vec<u8>], prefix: &str) -> bool {
    let prefix: Vec<&[u8]> = prefix.split('/').map(str::as_bytes).collect();
    path.len() >= prefix.len() && prefix.iter().zip(path).all(|(a, b)| *a == b.as_slice())
}

/// Whether another site of this host has a path that the request's begins with.
fn longer_exists(farm: &Farm, host: &str, path: &[Vec<u8>]) -> bool {
    farm.tenants.iter().any(|tenant| {
        tenant.address.key().split_once('/').is_some_and(|(other, prefix)| other == host && has_prefix(path, prefix))
    })
}

/// Whether an ASCII host header spells a key, by a reading of its own.
fn spells(header: &[u8], key: &str) -> bool {
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    let split = |text: &str| match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host.to_owned(), port.parse::<u16>().ok()),
        _ => (text.to_owned(), None),
    };
    let plain = |port: Option<u16>| port.filter(|port| *port != 80 && *port != 443);
    let ((host, port), (own, own_port)) = (split(&header), split(key));
    let address = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let same = match (address(&host), address(&own)) {
        (Some(a), Some(b)) => a == b,
        _ => host.strip_suffix('.').unwrap_or(&host) == own,
    };
    same && plain(port) == own_port
}
