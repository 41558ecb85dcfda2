//! Host names and site addresses, parsed and normalised once, at the edge.
//!
//! Everything that names a site comes down to a *key*: `host[:port][/path]`, the host in lower case ASCII without a
//! final dot, the port only when it is neither 80 nor 443, the path without a final slash. Two addresses with one key
//! are one site; the scheme does not take part.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::error::{Error, Kind, Result};

/// The longest host name in octets (RFC 1035, without the final dot).
const HOST_MAX: usize = 253;
/// The longest label in octets.
const LABEL_MAX: usize = 63;
/// The longest key in octets: the column `hostkey` of the registry.
pub const KEY_MAX: usize = 255;

/// A host name: lower case ASCII, no port, no final dot; an IPv6 address stands in brackets.
///
/// Underscores are accepted beside the letters, digits and hyphens of RFC 1123, since the original VMoodle made host
/// names from short names with underscores.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Parses a host name without a port.
    ///
    /// Accepts capitals, one final dot, IPv4, IPv6 with or without brackets, and international names in Unicode or
    /// in their ASCII form. Refuses anything else with [`Kind::BadHost`] and the rule that was broken.
    ///
    /// ```
    /// use vmoodle_core::host::HostName;
    /// assert_eq!(HostName::parse("École.Example.ORG.")?.as_str(), "xn--cole-9oa.example.org");
    /// assert!(HostName::parse("x'or'1'='1").is_err());
    /// # Ok::<(), vmoodle_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        normalise_host(text.as_bytes()).map(Self)
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people write it: international labels in Unicode.
    pub fn to_unicode(&self) -> String {
        if self.0.contains("xn--") { idna::domain_to_unicode(&self.0).0 } else { self.0.clone() }
    }

    /// Whether it is an IPv4 or IPv6 address.
    pub fn is_address(&self) -> bool {
        self.0.starts_with('[') || self.0.parse::<Ipv4Addr>().is_ok()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// The scheme of a site address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http://`
    Http,
    /// `https://`
    Https,
}

impl Scheme {
    /// The scheme's word, without `://`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A site's address, what Moodle calls `wwwroot`: scheme, host, port where it is not the scheme's own, path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SiteAddress {
    scheme: Scheme,
    host: HostName,
    port: Option<u16>,
    path: String,
}

impl SiteAddress {
    /// Parses `http(s)://host[:port][/path]`; final slashes are dropped.
    ///
    /// Refuses, with [`Kind::BadWwwroot`] or [`Kind::BadHost`], another scheme, a user name, a query, a fragment, and
    /// path segments other than letters, digits, `-`, `_`, `.` and `~`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |rule: &str| Error::new(Kind::BadWwwroot, format!("`{}` is no site address: {rule}", escape(text)));
        let (scheme, rest) = match text.split_once("://") {
            Some((s, rest)) if s.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            _ => return Err(bad("it must begin with `http://` or `https://`").hint("write `https://host.example.org`")),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = split_port(authority.as_bytes())?;
        let host = HostName(normalise_host(host)?);
        let port = port.filter(|port| *port != scheme.default_port());
        let path = normalise_path(path).ok_or_else(|| {
            bad("its path may only have segments of letters, digits, `-`, `_`, `.` and `~`, without query or fragment")
        })?;
        let address = Self { scheme, host, port, path };
        if address.key().len() > KEY_MAX {
            return Err(bad(&format!("host and path together have more than {KEY_MAX} characters")));
        }
        Ok(address)
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// The path: empty, or with a leading and without a final slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The key that finds the site: `host[:port][/path]`.
    pub fn key(&self) -> String {
        let mut key = key_of(self.host.as_str(), self.port);
        key.push_str(&self.path);
        key
    }
}

impl fmt::Display for SiteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.word(), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl FromStr for SiteAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// What an alias answers to: one key, or every name below a domain (`*.example.org`, at any depth).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern(String);

impl HostPattern {
    /// Parses `host[:port][/path]`, a whole site address, or `*.domain[:port]`.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(domain) = text.strip_prefix("*.") {
            let (host, port) = split_port(domain.as_bytes())?;
            let host = HostName(normalise_host(host)?);
            if host.is_address() {
                return Err(bad_host(text.as_bytes(), "an address has no names below it"));
            }
            return Ok(Self(format!("*.{}", key_of(host.as_str(), port))));
        }
        if text.contains("://") {
            return Ok(Self(SiteAddress::parse(text)?.key()));
        }
        // The scheme takes no part in a key, so any will do to read the rest.
        Ok(Self(SiteAddress::parse(&format!("https://{text}"))?.key()))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for every name below a domain.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host part of a key from a `Host` header or the like: `host[:port]`, ports 80 and 443 dropped.
pub(crate) fn host_key(raw: &[u8]) -> Result<String> {
    let (host, port) = split_port(raw)?;
    Ok(key_of_owned(normalise_host(host)?, port))
}

/// The same from a server's name and port, which CGI gives apart.
pub(crate) fn host_key_with_port(raw: &[u8], port: Option<u16>) -> Result<String> {
    let (host, own) = split_port(raw)?;
    Ok(key_of_owned(normalise_host(host)?, own.or(port)))
}

fn key_of(host: &str, port: Option<u16>) -> String {
    key_of_owned(host.to_owned(), port)
}

fn key_of_owned(mut host: String, port: Option<u16>) -> String {
    if let Some(port) = port.filter(|port| !matches!(port, 80 | 443)) {
        use fmt::Write;
        let _ = write!(host, ":{port}");
    }
    host
}

/// Parses a port: 1 to 65535, decimal.
pub(crate) fn parse_port(raw: &[u8]) -> Option<u16> {
    if raw.is_empty() || raw.len() > 5 || !raw.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(raw).ok()?.parse().ok().filter(|port| *port != 0)
}

/// Splits `host[:port]`; an empty port counts as none (RFC 3986, 3.2.3).
fn split_port(raw: &[u8]) -> Result<(&[u8], Option<u16>)> {
    let colon = match raw.iter().rposition(|b| *b == b':') {
        None => return Ok((raw, None)),
        Some(_) if raw.ends_with(b"]") => return Ok((raw, None)),
        Some(colon) => colon,
    };
    let (host, port) = (&raw[..colon], &raw[colon + 1..]);
    if !host.starts_with(b"[") && host.contains(&b':') {
        // More than one colon without brackets: an IPv6 address as CGI's SERVER_NAME may have it.
        return Ok((raw, None));
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    match parse_port(port) {
        Some(port) => Ok((host, Some(port))),
        None => Err(bad_host(raw, "its port must be a number from 1 to 65535")),
    }
}

fn bad_host(raw: &[u8], rule: &str) -> Error {
    let shown = escape(&String::from_utf8_lossy(raw)).into_owned();
    Error::new(Kind::BadHost, format!("`{shown}` is no host name: {rule}"))
}

/// Text from outside made fit for a log line: printable ASCII and at most 100 characters, the rest escaped or cut.
pub fn escape(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 100;
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '`' && c != '\\';
    if text.len() <= SHOWN && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars().take(SHOWN) {
        if plain(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    if text.chars().nth(SHOWN).is_some() {
        out.push_str("...");
    }
    Cow::Owned(out)
}

fn normalise_host(raw: &[u8]) -> Result<String> {
    if let Some(name) = plain_host(raw) {
        return Ok(name);
    }
    let bad = |rule: &str| bad_host(raw, rule);
    if raw.is_empty() {
        return Err(bad("it is empty"));
    }
    // An international name has at most 4 octets per character, and no fewer than one character per ASCII octet.
    if raw.len() > 4 * (HOST_MAX + 1) {
        return Err(bad("it has more than 253 characters"));
    }
    if raw.starts_with(b"[") || raw.iter().filter(|b| **b == b':').nth(1).is_some() {
        let inner = raw.strip_prefix(b"[").map_or(Some(raw), |rest| rest.strip_suffix(b"]"));
        let address = inner.and_then(|inner| std::str::from_utf8(inner).ok()).and_then(|s| s.parse::<Ipv6Addr>().ok());
        return address.map(|a| format!("[{a}]")).ok_or_else(|| bad("it is no IPv6 address"));
    }
    let mut name = if raw.is_ascii() && !has_ace_label(raw) {
        let mut name = String::with_capacity(raw.len() + 6);
        name.extend(raw.iter().map(|b| char::from(b.to_ascii_lowercase())));
        name
    } else {
        let ascii = Uts46::new().to_ascii(raw, AsciiDenyList::URL, Hyphens::Allow, DnsLength::Ignore);
        ascii.map_err(|_| bad("it is no valid international name (IDNA)"))?.into_owned()
    };
    if name.ends_with('.') {
        name.pop();
    }
    if name.len() > HOST_MAX {
        return Err(bad("it has more than 253 characters"));
    }
    for label in name.split('.') {
        check_label(label.as_bytes()).map_err(bad)?;
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_err() {
        return Err(bad("its last label is a number and it is no IPv4 address"));
    }
    Ok(name)
}

/// The common case in one pass: letters, digits, hyphens and dots, no label like `xn--` or `1`. Everything else, right or
/// wrong, takes the long way.
fn plain_host(raw: &[u8]) -> Option<String> {
    let raw = raw.strip_suffix(b".").unwrap_or(raw);
    if raw.len() > HOST_MAX {
        return None;
    }
    let mut name = Vec::with_capacity(raw.len() + 6);
    name.extend_from_slice(raw);
    name.make_ascii_lowercase();
    let (mut start, mut letters, mut last) = (0, false, b'.');
    for (at, &byte) in name.iter().enumerate() {
        if byte.is_ascii_lowercase() {
            letters = true;
        } else if !byte.is_ascii_digit() {
            // A hyphen or a dot, and only after a letter or a digit.
            if matches!(last, b'.' | b'-') {
                return None;
            }
            match byte {
                b'-' => {}
                b'.' if at - start <= LABEL_MAX => (start, letters) = (at + 1, false),
                _ => return None,
            }
        }
        last = byte;
    }
    let whole = letters && last != b'-' && raw.len() - start <= LABEL_MAX;
    if whole { String::from_utf8(name).ok() } else { None }
}

fn has_ace_label(raw: &[u8]) -> bool {
    raw.windows(4).any(|w| w.eq_ignore_ascii_case(b"xn--"))
}

fn check_label(label: &[u8]) -> Result<(), &'static str> {
    if label.is_empty() {
        return Err("it has an empty label");
    }
    if label.len() > LABEL_MAX {
        return Err("a label has more than 63 characters");
    }
    if label[0] == b'-' || label[label.len() - 1] == b'-' {
        return Err("a label begins or ends with a hyphen");
    }
    if !label.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')) {
        return Err("it has a character other than letters, digits, `-`, `_` and `.`");
    }
    Ok(())
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
}

fn normalise_path(path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    match path.strip_prefix('/') {
        None => path.is_empty().then(String::new),
        Some(inner) => inner.split('/').all(is_segment).then(|| path.to_owned()),
    }
}

/// The path of a request target as the web server sees it: no query, no fragment, percent-decoded once, slashes
/// merged, `.` and `..` resolved. Reads the origin form (`/a/b?x`) and the absolute form (`http://h/a/b`).
pub(crate) fn request_path(target: &[u8]) -> Cow<'_, [u8]> {
    let target = match target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://")) {
        Some(rest) => &rest[rest.iter().position(|b| *b == b'/').unwrap_or(rest.len())..],
        None => target,
    };
    let path = &target[..target.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(target.len())];
    let odd = path.contains(&b'%') || path.windows(2).any(|w| w[0] == b'/' && matches!(w[1], b'/' | b'.'));
    if !odd {
        return Cow::Borrowed(path);
    }
    let decoded = percent_decode(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut out = Vec::with_capacity(decoded.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if decoded.ends_with(b"/") || segments.is_empty() {
        out.push(b'/');
    }
    Cow::Owned(out)
}

fn percent_decode(path: &[u8]) -> Vec<u8> {
    let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let pair = path.get(at + 1).copied().and_then(hex).zip(path.get(at + 2).copied().and_then(hex));
        match (path[at], pair) {
            (b'%', Some((high, low))) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_normalised() {
        for (raw, expected) in [
            ("ONE.Example.ORG", "one.example.org"),
            ("one.example.org.", "one.example.org"),
            ("école.fr", "xn--cole-9oa.fr"),
            ("XN--COLE-9OA.fr", "xn--cole-9oa.fr"),
            ("faß.de", "xn--fa-hia.de"),
            ("ecole。fr", "ecole.fr"),
            ("school_1.ex.org", "school_1.ex.org"),
            ("127.0.0.1", "127.0.0.1"),
            ("[2001:DB8:0::1]", "[2001:db8::1]"),
            ("2001:db8::1", "[2001:db8::1]"),
        ] {
            assert_eq!(HostName::parse(raw).map(|h| h.0).map_err(|e| e.to_string()), Ok(expected.into()), "{raw}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long_label = "a".repeat(64) + ".org";
        let long_host = "abcdefg.".repeat(32) + "org";
        for raw in [
            "",
            ".",
            "..",
            "a..b",
            "-a.org",
            "a-.org",
            "a b.org",
            "a/b",
            "x'or'1'='1",
            "a%41.org",
            "u@h.org",
            "1.2.3",
            "256.1.1.1",
            "[::1",
            "[::1%eth0]",
            "::g",
            "xn--a-.org",
            "xn--\u{0}.org",
            "a\u{0}.org",
            &long_label,
            &long_host,
        ] {
            assert!(HostName::parse(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn default_ports_do_not_count() {
        for (raw, expected) in [
            ("a.org", "a.org"),
            ("a.org:80", "a.org"),
            ("a.org:443", "a.org"),
            ("a.org:", "a.org"),
            ("a.org:8443", "a.org:8443"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(host_key(raw.as_bytes()).unwrap(), expected, "{raw}");
        }
        for raw in ["a.org:0", "a.org:65536", "a.org:x", "a.org:+80", "a:b:c"] {
            assert!(host_key(raw.as_bytes()).is_err(), "{raw}");
        }
    }

    #[test]
    fn addresses_print_as_moodle_wants_them() {
        for (raw, shown, key) in [
            ("HTTPS://A.org/", "https://a.org", "a.org"),
            ("http://a.org:80", "http://a.org", "a.org"),
            ("http://a.org:443", "http://a.org:443", "a.org"),
            ("https://a.org:8443/School1/", "https://a.org:8443/School1", "a.org:8443/School1"),
            ("https://[::1]/x/y", "https://[::1]/x/y", "[::1]/x/y"),
        ] {
            let address = SiteAddress::parse(raw).unwrap();
            assert_eq!((address.to_string().as_str(), address.key().as_str()), (shown, key));
        }
        for raw in [
            "a.org",
            "ftp://a.org",
            "https://u:p@a.org",
            "https://a.org/?x",
            "https://a.org/a b",
            "https:///x",
            "https://a.org/..",
            "https://a.org//b",
            "https://a.org/a%2Fb",
            "https://a.org#x",
        ] {
            assert!(SiteAddress::parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn patterns_are_keys_or_domains() {
        assert_eq!(HostPattern::parse("*.School.EDU").unwrap().as_str(), "*.school.edu");
        assert_eq!(HostPattern::parse("https://A.org/x").unwrap().as_str(), "a.org/x");
        assert_eq!(HostPattern::parse("A.org:8080").unwrap().as_str(), "a.org:8080");
        for raw in ["*", "*.", "a.*.org", "*a.org", "*.127.0.0.1", "*.*.org"] {
            assert!(HostPattern::parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn request_paths_are_what_the_web_server_serves() {
        for (raw, expected) in [
            ("/school1", "/school1"),
            ("/school1?x=/school2", "/school1"),
            ("//school1//x", "/school1/x"),
            ("/school1/../school2/x", "/school2/x"),
            ("/%73chool1/x", "/school1/x"),
            ("/a/%2e%2e/b", "/b"),
            ("http://h.org/school1", "/school1"),
            ("https://h.org", ""),
            ("*", "*"),
            ("/a%zz", "/a%zz"),
            ("/a%20b/", "/a b/"),
            ("/a/..", "/"),
        ] {
            assert_eq!(request_path(raw.as_bytes()).as_ref(), expected.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn text_from_outside_is_safe_in_a_log_line() {
        assert_eq!(escape("a\nb\u{1b}[0m"), "a\\nb\\u{1b}[0m");
        assert_eq!(escape(&"x".repeat(200)).len(), 103);
    }

    proptest! {
        #[test]
        fn the_short_way_and_the_long_way_agree(raw in "[a-zA-Z0-9._-]{0,30}") {
            if let Some(name) = plain_host(raw.as_bytes()) {
                let long = name.split('.').try_for_each(|label| check_label(label.as_bytes()));
                prop_assert!(long.is_ok() && !has_ace_label(raw.as_bytes()), "{}", raw);
            }
        }

        #[test]
        fn a_normalised_host_normalises_to_itself(raw in "\\PC{0,40}") {
            if let Ok(host) = HostName::parse(&raw) {
                prop_assert_eq!(HostName::parse(host.as_str()).unwrap(), host);
            }
        }

        #[test]
        fn any_bytes_are_answered_without_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = host_key(&raw);
            let _ = request_path(&raw);
        }

        #[test]
        fn an_address_printed_and_read_again_is_the_same(raw in "https?://[a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?(/[a-z0-9]{1,5}){0,3}/?") {
            if let Ok(address) = SiteAddress::parse(&raw) {
                prop_assert_eq!(SiteAddress::parse(&address.to_string()).unwrap(), address);
            }
        }
    }
}
