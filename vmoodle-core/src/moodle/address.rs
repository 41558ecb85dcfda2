//! A site's address in a text: found in every spelling, replaced in the same one.

use regex::bytes::{Captures, Regex};

use crate::error::{Error, Kind, Result};
use crate::host::SiteAddress;

/// A slash as texts have it: bare, escaped for JSON any number of times (`\/`, `\\\/`), or for a URL (`%2F`).
const SLASH: &str = r"(?:\\*/|%2[Ff])";
/// A colon as texts have it.
const COLON: &str = "(?::|%3[Aa])";

/// Replaces one site's address by another's.
///
/// It is found with `http` or `https` whichever the site had (texts are older than certificates), and without scheme
/// (`//host`); in upper case; bare, escaped for JSON, or for a URL. It is not found where it is a part of something else:
/// a longer host (`old.example.org.evil`), another port, a longer path segment. A text that has the new address already
/// is left, also where that lies below the old one (`/` → `/school`), so a second time changes nothing.
#[derive(Debug)]
pub struct Replacement {
    old: Regex,
    /// What follows the old address where it is the new one already.
    below: Option<Regex>,
    new: SiteAddress,
}

impl Replacement {
    /// From one address to another.
    pub fn new(old: &SiteAddress, new: &SiteAddress) -> Result<Self> {
        let (host, port) = host_and_port(old);
        let port = port.map_or_else(String::new, |port| format!("{COLON}{port}"));
        let pattern =
            format!("(?i:(https?)({COLON}))?({SLASH}){SLASH}(?i:{}){port}{}", regex::escape(&host), path(old.path()));
        let below = new
            .key()
            .strip_prefix(&old.key())
            .filter(|rest| rest.starts_with('/'))
            .map(|rest| format!("^{}", path(rest)));
        Ok(Self { old: regex(&pattern)?, below: below.as_deref().map(regex).transpose()?, new: new.clone() })
    }

    /// The text with the new address; `None` where there is nothing to replace.
    pub fn in_text(&self, text: &[u8]) -> Option<Vec<u8>> {
        let (mut out, mut done) = (Vec::new(), 0);
        for found in self.old.captures_iter(text) {
            let (range, scheme) = (found.get(0)?.range(), found.get(1).map(|scheme| scheme.range()));
            let rest = &text[range.end..];
            if goes_on(rest) {
                continue;
            }
            let (replaced, with) = match scheme {
                // It is the new address already, with the old scheme perhaps.
                Some(scheme) if self.is_below(rest) => (scheme, self.new.scheme().word().into()),
                None if self.is_below(rest) => continue,
                None if !begins_something(text, range.start) => continue,
                _ => (range, self.spelled_as(&found)),
            };
            out.extend_from_slice(&text[done..replaced.start]);
            out.extend_from_slice(&with);
            done = replaced.end;
        }
        out.extend_from_slice(&text[done..]);
        (done > 0 && out != text).then_some(out)
    }

    fn is_below(&self, rest: &[u8]) -> bool {
        self.below.as_ref().and_then(|below| below.find(rest)).is_some_and(|below| !goes_on(&rest[below.end()..]))
    }

    /// The new address, spelled as the old one was.
    fn spelled_as(&self, found: &Captures<'_>) -> Vec<u8> {
        let group = |number| found.get(number).map_or(&b""[..], |group| group.as_bytes());
        let (colon, slash) = (group(2), group(3));
        let (host, port) = host_and_port(&self.new);
        let scheme = if colon.is_empty() { "" } else { self.new.scheme().word() };
        let mut out = [scheme.as_bytes(), colon, slash, slash, host.as_bytes()].concat();
        if let Some(port) = port {
            out.extend_from_slice(if slash.starts_with(b"%") { b"%3A" } else { b":" });
            out.extend_from_slice(port.as_bytes());
        }
        for segment in self.new.path().split('/').skip(1) {
            out.extend_from_slice(slash);
            out.extend_from_slice(segment.as_bytes());
        }
        out
    }
}

/// Whether `//host` at this place begins an address: `ftp://host`, `a//host` and `%2F%2Fhost` are something else.
fn begins_something(text: &[u8], start: usize) -> bool {
    text[start] != b'%'
        && !text[..start].last().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'\\'))
}

/// Whether a host, port or path goes on here, so that what stands before is a part of another address.
fn goes_on(rest: &[u8]) -> bool {
    match rest {
        [b, ..] if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'~' | b'@') => true,
        [b'.', next, ..] => next.is_ascii_alphanumeric(),
        [b':', next, ..] | [b'%', b'3', b'A' | b'a', next, ..] => next.is_ascii_digit(),
        _ => false,
    }
}

/// Host and port of an address, as they stand in its key.
pub(super) fn host_and_port(address: &SiteAddress) -> (String, Option<String>) {
    let key = address.key();
    let whole = key.strip_suffix(address.path()).unwrap_or(&key);
    let host = address.host().as_str();
    (host.to_owned(), whole.strip_prefix(host).and_then(|port| port.strip_prefix(':')).map(str::to_owned))
}

/// A path, however its slashes are spelled.
fn path(path: &str) -> String {
    path.split('/').skip(1).flat_map(|segment| [SLASH.to_owned(), regex::escape(segment)]).collect()
}

fn regex(pattern: &str) -> Result<Regex> {
    // Octets, not characters: texts in serialised values need not be UTF-8.
    Regex::new(&format!("(?-u){pattern}"))
        .map_err(|error| Error::new(Kind::Internal, "an address makes no pattern").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacement(old: &str, new: &str) -> Replacement {
        Replacement::new(&SiteAddress::parse(old).unwrap(), &SiteAddress::parse(new).unwrap()).unwrap()
    }

    fn replaced(with: &Replacement, text: &str) -> String {
        let new = with.in_text(text.as_bytes()).map_or_else(|| text.to_owned(), |new| String::from_utf8(new).unwrap());
        assert_eq!(with.in_text(new.as_bytes()), None, "a second time changes nothing: {new}");
        new
    }

    #[test]
    fn every_spelling_keeps_its_own() {
        let with = replacement("http://old.example.org", "https://new.example.org:8443/s");
        for (text, wanted) in [
            ("http://old.example.org", "https://new.example.org:8443/s"),
            ("see https://old.example.org/mod/x.php?id=1.", "see https://new.example.org:8443/s/mod/x.php?id=1."),
            ("<a href=\"HTTP://Old.Example.ORG/\">", "<a href=\"https://new.example.org:8443/s/\">"),
            ("{\"a\":\"http:\\/\\/old.example.org\\/x\"}", "{\"a\":\"https:\\/\\/new.example.org:8443\\/s\\/x\"}"),
            (r#""http:\\\/\\\/old.example.org\\\/x""#, r#""https:\\\/\\\/new.example.org:8443\\\/s\\\/x""#),
            ("?u=http%3A%2F%2Fold.example.org%2Fx", "?u=https%3A%2F%2Fnew.example.org%3A8443%2Fs%2Fx"),
            ("src='//old.example.org/x'", "src='//new.example.org:8443/s/x'"),
            ("\"\\/\\/old.example.org\\/x\"", "\"\\/\\/new.example.org:8443\\/s\\/x\""),
            ("(http://old.example.org).", "(https://new.example.org:8443/s)."),
            ("http://old.example.org.", "https://new.example.org:8443/s."),
            ("é http://old.example.org é", "é https://new.example.org:8443/s é"),
        ] {
            assert_eq!(replaced(&with, text), wanted);
        }
    }

    #[test]
    fn what_is_something_else_stays() {
        let with = replacement("https://old.example.org", "https://new.example.org");
        for text in [
            "https://old.example.org.evil/x",
            "https://old.example.orgs",
            "https://old.example.org-x.fr",
            "https://old.example.org:8080/",
            "https://old.example.org@evil.example/",
            "https://very.old.example.org/",
            "https://oldXexample.org/",
            "ftp://old.example.org/",
            "a//old.example.org",
            "mail@old.example.org",
            "old.example.org",
            "https%3A%2F%2Fold.example.org%3A81",
            "https://new.example.org/?u=old.example.org",
        ] {
            assert_eq!(replaced(&with, text), text);
        }
        let with = replacement("https://farm.example.org/a", "https://new.example.org");
        assert_eq!(replaced(&with, "https://farm.example.org/a/x"), "https://new.example.org/x");
        for text in [
            "https://farm.example.org/ab",
            "https://farm.example.org/a.b",
            "https://farm.example.org/b",
            "https://farm.example.org/A",
        ] {
            assert_eq!(replaced(&with, text), text);
        }
    }

    #[test]
    fn a_site_that_moves_below_its_own_address_moves_once() {
        let with = replacement("http://old.example.org", "https://old.example.org/s");
        for (text, wanted) in [
            ("http://old.example.org/x", "https://old.example.org/s/x"),
            ("https://old.example.org/s/x", "https://old.example.org/s/x"),
            ("http://old.example.org/s", "https://old.example.org/s"),
            ("http://old.example.org/sx", "https://old.example.org/s/sx"),
            ("//old.example.org/s/x", "//old.example.org/s/x"),
        ] {
            assert_eq!(replaced(&with, text), wanted);
        }
        let with = replacement("http://old.example.org", "https://old.example.org");
        assert_eq!(
            replaced(&with, "http://old.example.org/x //old.example.org/"),
            "https://old.example.org/x //old.example.org/"
        );
    }
}
