//! Which site a request is for. Pure: facts and an index in, an [`Outcome`] out.

use crate::error::{Error, Kind, Result};
use crate::host::{HostPattern, escape, host_key, host_key_with_port, parse_port, request_path};
use crate::index::{Found, Index, Record};
use crate::settings::Settings;
use crate::tenant::Service;

/// The path that tells a load balancer whether this node can serve, whatever the host: 200 or 503.
pub const HEALTH_PATH: &str = "/local/vmoodle/health.php";

/// When a visitor may come back to a tenant that is not serving, in seconds.
const RETRY_TENANT: u32 = 600;
/// When a visitor may come back to a node without an index, in seconds.
const RETRY_INDEX: u32 = 30;

/// What the web server says of a request, byte for byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestFacts<'a> {
    /// `HTTP_HOST`
    pub host: Option<&'a [u8]>,
    /// `SERVER_NAME`, used where there is no `Host` header.
    pub server_name: Option<&'a [u8]>,
    /// `SERVER_PORT`
    pub server_port: Option<&'a [u8]>,
    /// `REQUEST_URI`
    pub uri: Option<&'a [u8]>,
    /// `REQUEST_METHOD`
    pub method: Option<&'a [u8]>,
    /// `REMOTE_ADDR`
    pub remote_addr: Option<&'a [u8]>,
    /// `HTTP_X_FORWARDED_HOST`, believed from trusted proxies only.
    pub forwarded_host: Option<&'a [u8]>,
    /// `HTTP_X_FORWARDED_PORT`, believed from trusted proxies only.
    pub forwarded_port: Option<&'a [u8]>,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// A visitor: enabled tenants only, aliases redirect.
    Web(RequestFacts<'a>),
    /// A script on the command line: the site that `VMOODLE_HOST` or `CLI_VMOODLE_OVERRIDE` names, in any state, or
    /// the control site where neither does.
    CommandLine(Option<&'a [u8]>),
}

/// What a request is for.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// A tenant.
    Tenant(Record<'a>),
    /// The control site.
    Control,
    /// A tenant by another name; it is to be asked for at `location`.
    Redirect {
        /// The tenant.
        tenant: Record<'a>,
        /// Its address and the path that was asked for.
        location: String,
        /// 301 for GET and HEAD, else 308.
        status: u16,
    },
    /// A tenant that is not serving.
    Unavailable(Record<'a>),
    /// Nobody.
    Unknown,
    /// Nobody can tell: there is no index, and it is not the control site.
    NoIndex,
    /// A load balancer asks for this node's health.
    Health {
        /// Whether the node can serve.
        serves: bool,
    },
}

impl<'a> Outcome<'a> {
    /// Its word: `tenant`, `control`, `redirect`, `unavailable`, `unknown` or `health`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::Control => "control",
            Self::Redirect { .. } => "redirect",
            Self::Unavailable(_) | Self::NoIndex => "unavailable",
            Self::Unknown => "unknown",
            Self::Health { .. } => "health",
        }
    }

    /// The HTTP status a visitor gets; 200 where the site itself answers.
    pub fn status(&self) -> u16 {
        match self {
            Self::Tenant(_) | Self::Control | Self::Health { serves: true } => 200,
            Self::Redirect { status, .. } => *status,
            Self::Unknown => 404,
            Self::Unavailable(_) | Self::NoIndex | Self::Health { serves: false } => 503,
        }
    }

    /// The tenant it is about, if any.
    pub fn tenant(&self) -> Option<Record<'a>> {
        match self {
            Self::Tenant(tenant) | Self::Unavailable(tenant) | Self::Redirect { tenant, .. } => Some(*tenant),
            _ => None,
        }
    }
}

/// Why a request is not served: what the page, the headers and the log line are made from.
#[derive(Debug)]
pub struct Refusal {
    /// The reason and the operator's sentence; the host in it is escaped.
    pub error: Error,
    /// The HTTP status.
    pub status: u16,
    /// Where to go instead, for an alias.
    pub location: Option<String>,
    /// After how many seconds to come back, for 503.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// The refusal an outcome amounts to; `None` for a tenant and for the control site.
    pub(crate) fn of(outcome: &Outcome<'_>, caller: &Caller<'_>) -> Option<Self> {
        if matches!(outcome, Outcome::Tenant(_) | Outcome::Control) {
            return None;
        }
        let host = asked_for(caller);
        let (error, retry_after) = match outcome {
            Outcome::Tenant(_) | Outcome::Control => return None,
            Outcome::Redirect { tenant, .. } => {
                (Error::new(Kind::AliasRedirect, format!("`{host}` is an alias")).of_tenant(tenant.wwwroot()), None)
            }
            Outcome::Unavailable(tenant) => {
                let message = format!("the tenant of `{host}` is {}", tenant.state().word());
                (Error::new(Kind::TenantUnavailable, message).of_tenant(tenant.wwwroot()), Some(RETRY_TENANT))
            }
            Outcome::Unknown => (Error::new(Kind::HostUnknown, format!("no tenant has the host `{host}`")), None),
            Outcome::NoIndex => {
                let message = format!("no index can be read, so nobody knows the host `{host}`");
                let hint = "run `php local/vmoodle/cli/publish.php` on the control site";
                (Error::new(Kind::IndexUnreadable, message).hint(hint), Some(RETRY_INDEX))
            }
            Outcome::Health { serves: true } => (Error::new(Kind::NodeHealth, "this node can serve"), None),
            Outcome::Health { serves: false } => {
                (Error::new(Kind::NodeHealth, "this node has no index to serve from"), Some(RETRY_INDEX))
            }
        };
        let location = match outcome {
            Outcome::Redirect { location, .. } => Some(location.clone()),
            _ => None,
        };
        Some(Self { error, status: outcome.status(), location, retry_after })
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, status: 503, location: None, retry_after: Some(RETRY_INDEX) }
    }
}

/// What was asked for, escaped for a log line.
fn asked_for(caller: &Caller<'_>) -> String {
    let raw = match caller {
        Caller::Web(facts) => facts.host.or(facts.server_name),
        Caller::CommandLine(name) => *name,
    };
    escape(&String::from_utf8_lossy(raw.unwrap_or_default())).into_owned()
}

/// What a decision needs to know beside the index.
pub(crate) struct Rules<'a> {
    pub(crate) settings: &'a Settings,
    /// The control site's key.
    pub(crate) control_key: &'a str,
}

impl Rules<'_> {
    /// Decides.
    pub(crate) fn decide<'i>(&self, index: Option<Index<'i>>, caller: &Caller<'_>) -> Outcome<'i> {
        match caller {
            Caller::Web(facts) => self.decide_request(index, facts),
            Caller::CommandLine(None) => Outcome::Control,
            Caller::CommandLine(Some(name)) => self.decide_name(index, name),
        }
    }

    fn decide_request<'i>(&self, index: Option<Index<'i>>, facts: &RequestFacts<'_>) -> Outcome<'i> {
        let uri = facts.uri.unwrap_or_default();
        let path = request_path(uri);
        if path.ends_with(HEALTH_PATH.as_bytes()) {
            return Outcome::Health { serves: index.is_some() };
        }
        let Ok(host) = self.requested_key(facts) else { return Outcome::Unknown };
        let mut key = host;
        let host_len = key.len();
        let subpaths = self.settings.subpaths;
        if subpaths {
            let depth = index.map_or(0, Index::depth).max(self.control_key.matches('/').count());
            push_segments(&mut key, &path, depth);
        }
        let is_control = |key: &str| match self.control_key.strip_prefix(key) {
            Some(rest) => rest.is_empty() || (!subpaths && rest.starts_with('/')),
            None => false,
        };
        // The longest prefix wins.
        loop {
            if is_control(&key) {
                return if self.settings.serve_control { Outcome::Control } else { Outcome::Unknown };
            }
            if let Some(found) = index.and_then(|index| index.find(&key)) {
                return answer(found, facts.method, || location(uri, &path, key.len() - host_len));
            }
            match key.rfind('/') {
                Some(slash) => key.truncate(slash),
                None => break,
            }
        }
        let Some(index) = index else { return Outcome::NoIndex };
        match find_wildcard(index, &key) {
            Some(found) => answer(found, facts.method, || location(uri, &path, 0)),
            None => Outcome::Unknown,
        }
    }

    fn decide_name<'i>(&self, index: Option<Index<'i>>, name: &[u8]) -> Outcome<'i> {
        let name = std::str::from_utf8(name).ok().and_then(|name| HostPattern::parse(name.trim()).ok());
        let Some(name) = name.filter(|name| !name.is_wildcard()) else { return Outcome::Unknown };
        if name.as_str() == self.control_key {
            return Outcome::Control;
        }
        let Some(index) = index else { return Outcome::NoIndex };
        match index.find(name.as_str()).or_else(|| find_wildcard(index, name.as_str())) {
            Some(Found::Tenant(tenant) | Found::Alias(tenant)) => Outcome::Tenant(tenant),
            None => Outcome::Unknown,
        }
    }

    /// The key a request asks for, without a path: `host[:port]`.
    pub(crate) fn requested_key(&self, facts: &RequestFacts<'_>) -> Result<String> {
        let forwarded = facts.forwarded_host.filter(|host| !host.is_empty());
        if let Some(hosts) = forwarded.filter(|_| self.settings.trusts(facts.remote_addr.unwrap_or_default())) {
            let port = facts.forwarded_port.and_then(|ports| parse_port(first_of(ports)));
            return host_key_with_port(first_of(hosts), port);
        }
        match facts.host.filter(|host| !host.is_empty()) {
            Some(host) => host_key(host),
            None => host_key_with_port(facts.server_name.unwrap_or_default(), facts.server_port.and_then(parse_port)),
        }
    }
}

/// The first of a list of forwarded values: the one of the proxy nearest to the visitor.
fn first_of(list: &[u8]) -> &[u8] {
    list.split(|b| *b == b',').next().unwrap_or_default().trim_ascii()
}

/// Adds the first segments of a path to a key, up to the first that no key can have.
fn push_segments(key: &mut String, path: &[u8], depth: usize) {
    for segment in path.split(|b| *b == b'/').filter(|segment| !segment.is_empty()).take(depth) {
        let Ok(segment) = std::str::from_utf8(segment) else { return };
        key.push('/');
        key.push_str(segment);
    }
}

fn find_wildcard<'i>(index: Index<'i>, key: &str) -> Option<Found<'i>> {
    if !index.has_wildcards() {
        return None;
    }
    let mut rest = key;
    let mut pattern = String::with_capacity(key.len() + 2);
    while let Some((_, domain)) = rest.split_once('.') {
        pattern.clear();
        pattern.push_str("*.");
        pattern.push_str(domain);
        if let Some(found) = index.find(&pattern) {
            return Some(found);
        }
        rest = domain;
    }
    None
}

fn answer<'i>(found: Found<'i>, method: Option<&[u8]>, rest: impl FnOnce() -> String) -> Outcome<'i> {
    let (Found::Tenant(tenant) | Found::Alias(tenant)) = found;
    match (tenant.state().service(), found) {
        (Service::Hidden, _) => Outcome::Unknown,
        (Service::Unavailable, _) => Outcome::Unavailable(tenant),
        (Service::Served, Found::Tenant(_)) => Outcome::Tenant(tenant),
        (Service::Served, Found::Alias(_)) => Outcome::Redirect {
            tenant,
            location: tenant.wwwroot().to_owned() + &rest(),
            status: if matches!(method, None | Some(b"GET" | b"HEAD")) { 301 } else { 308 },
        },
    }
}

/// What follows the tenant's address in a redirect: the path behind the alias's own, and the query, fit for a header.
fn location(uri: &[u8], path: &[u8], alias_path: usize) -> String {
    let mut out = String::with_capacity(uri.len());
    let rest = path.get(alias_path..).unwrap_or_default();
    push_encoded(&mut out, rest, b"%?#");
    if let Some(query) = uri.iter().position(|b| *b == b'?') {
        let query = uri[query..].split(|b| *b == b'#').next().unwrap_or_default();
        push_encoded(&mut out, query, b"");
    }
    if out.starts_with('/') || out.starts_with('?') || out.is_empty() { out } else { String::new() }
}

fn push_encoded(out: &mut String, bytes: &[u8], also: &[u8]) {
    use std::fmt::Write;
    for byte in bytes {
        let plain =
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
        if plain && !also.contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::farm::{Alias, Farm, FarmId};
    use crate::host::SiteAddress;
    use crate::index::{Reader, compile, publish};
    use crate::settings::Given;
    use crate::tenant::tests_support::tenant;
    use crate::tenant::{State, TenantId};

    fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
        value[name].as_str()
    }

    fn farm(cases: &Value) -> Farm {
        let tenants = cases["tenants"].as_array().unwrap().iter().map(|row| {
            let mut tenant = tenant(u32::try_from(row["id"].as_u64().unwrap()).unwrap(), text(row, "wwwroot").unwrap());
            tenant.state = text(row, "state").map_or(State::Enabled, |state| State::parse(state).unwrap());
            tenant
        });
        let aliases = cases["aliases"].as_array().unwrap().iter().map(|row| Alias {
            pattern: HostPattern::parse(text(row, "host").unwrap()).unwrap(),
            tenant: TenantId(u32::try_from(row["tenant"].as_u64().unwrap()).unwrap()),
        });
        Farm {
            id: FarmId(1),
            control: SiteAddress::parse(text(cases, "control").unwrap()).unwrap(),
            generation: 1,
            published: 0,
            tenants: tenants.collect(),
            aliases: aliases.collect(),
            policies: Vec::new(),
            components: None,
        }
    }

    fn settings(cases: &Value) -> Settings {
        let given = &cases["settings"];
        let proxies = given["trusted_proxies"].as_array().unwrap().iter().map(|p| p.as_str().unwrap().to_owned());
        let given =
            Given { subpaths: given["subpaths"].as_bool(), trusted_proxies: proxies.collect(), ..Given::default() };
        Settings::new(given, "/data").unwrap()
    }

    fn with_rules(run: impl FnOnce(&Value, Index<'_>, &Rules<'_>)) {
        let cases: Value = serde_json::from_str(include_str!("../../tests/fixtures/hosts.json")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let farm = farm(&cases);
        publish(&path, &compile(&farm).unwrap()).unwrap();
        let mut reader = Reader::new(&path, farm.id);
        let (settings, control_key) = (settings(&cases), farm.control.key());
        run(&cases, reader.current().unwrap(), &Rules { settings: &settings, control_key: &control_key });
    }

    #[test]
    fn every_shared_case_is_for_whom_it_says() {
        with_rules(|cases, index, rules| {
            for case in cases["cases"].as_array().unwrap() {
                let server = |name: &str| text(&case["server"], name).map(str::as_bytes);
                let facts = RequestFacts {
                    host: server("HTTP_HOST"),
                    server_name: server("SERVER_NAME"),
                    server_port: server("SERVER_PORT"),
                    uri: server("REQUEST_URI"),
                    method: server("REQUEST_METHOD"),
                    remote_addr: server("REMOTE_ADDR"),
                    forwarded_host: server("HTTP_X_FORWARDED_HOST"),
                    forwarded_port: server("HTTP_X_FORWARDED_PORT"),
                };
                let outcome = rules.decide(Some(index), &Caller::Web(facts));
                let name = text(case, "name").unwrap();
                assert_eq!(outcome.word(), text(case, "outcome").unwrap(), "{name}: {outcome:?}");
                assert_eq!(outcome.tenant().map(|t| u64::from(t.id().0)), case["tenant"].as_u64(), "{name}");
                if let Some(status) = case["status"].as_u64() {
                    assert_eq!(u64::from(outcome.status()), status, "{name}");
                }
                if let Outcome::Redirect { location, .. } = &outcome {
                    assert_eq!(Some(location.as_str()), text(case, "location"), "{name}");
                }
            }
        });
    }

    #[test]
    fn the_command_line_reaches_any_state_but_never_falls_back() {
        with_rules(|_, index, rules| {
            let word = |name: Option<&str>| {
                let outcome = rules.decide(Some(index), &Caller::CommandLine(name.map(str::as_bytes)));
                (outcome.word(), outcome.tenant().map(|t| t.id().0))
            };
            assert_eq!(word(None), ("control", None));
            assert_eq!(word(Some("https://farm.example.org")), ("control", None));
            assert_eq!(word(Some("off.example.org")), ("tenant", Some(9)));
            assert_eq!(word(Some("gone.example.org")), ("tenant", Some(10)));
            assert_eq!(word(Some("WWW.one.example.org")), ("tenant", Some(1)));
            assert_eq!(word(Some("a.one.example.net")), ("tenant", Some(1)));
            assert_eq!(word(Some("https://paths.example.org/school1/annex")), ("tenant", Some(6)));
            for wrong in ["", " ", "nobody.org", "*.one.example.net", "x'or'1'='1", "paths.example.org"] {
                assert_eq!(word(Some(wrong)), ("unknown", None), "{wrong:?}");
            }
        });
    }

    #[test]
    fn without_sub_paths_only_the_host_counts() {
        with_rules(|_, index, rules| {
            let settings = Settings { subpaths: false, ..rules.settings.clone() };
            let rules = Rules { settings: &settings, control_key: "farm.example.org/moodle" };
            let facts = |host: &'static str| RequestFacts {
                host: Some(host.as_bytes()),
                uri: Some(b"/school1/x.php"),
                ..RequestFacts::default()
            };
            let word = |host| rules.decide(Some(index), &Caller::Web(facts(host))).word();
            assert_eq!(word("paths.example.org"), "unknown");
            assert_eq!(word("one.example.org"), "tenant");
            assert_eq!(word("farm.example.org"), "control");
        });
    }

    #[test]
    fn without_an_index_the_control_site_alone_is_served() {
        with_rules(|_, _, rules| {
            let ask = |host: &'static str| {
                let facts = RequestFacts { host: Some(host.as_bytes()), ..RequestFacts::default() };
                rules.decide(None, &Caller::Web(facts))
            };
            assert!(matches!(ask("farm.example.org"), Outcome::Control));
            let outcome = ask("one.example.org");
            assert_eq!((outcome.word(), outcome.status()), ("unavailable", 503));
            assert_eq!(rules.decide(None, &Caller::CommandLine(Some(b"one.example.org"))).word(), "unavailable");
            let refused = Settings { serve_control: false, ..rules.settings.clone() };
            let rules = Rules { settings: &refused, control_key: rules.control_key };
            let facts = RequestFacts { host: Some(b"farm.example.org"), ..RequestFacts::default() };
            assert_eq!(rules.decide(None, &Caller::Web(facts)).status(), 404);
        });
    }

    #[test]
    fn a_refusal_shows_the_host_escaped_and_when_to_come_back() {
        with_rules(|_, index, rules| {
            let refusal = |host: &'static [u8]| {
                let caller = Caller::Web(RequestFacts { host: Some(host), ..RequestFacts::default() });
                Refusal::of(&rules.decide(Some(index), &caller), &caller).unwrap()
            };
            let unknown = refusal(b"a\x1b[2Jb`\n\xff");
            assert_eq!((unknown.status, unknown.retry_after), (404, None));
            assert!(unknown.error.to_string().is_ascii() && !unknown.error.to_string().contains('\n'));
            let off = refusal(b"off.example.org");
            assert_eq!((off.status, off.retry_after, off.error.code()), (503, Some(600), "tenant_unavailable"));
        });
    }
}
