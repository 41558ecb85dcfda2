//! Which tenants are meant: `all`, `any`, an address, a glob, `/regex/`, `net:2`, `tag:pilot`, and `!` to take away.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use crate::error::{Error, Kind, Result};
use crate::host::{HostPattern, escape};
use crate::tenant::{State, Tenant, TenantId};

/// The most memory a compiled regular expression may take, in bytes.
const REGEX_MAX: usize = 1 << 20;

/// A list of target words, read once, applied left to right.
#[derive(Debug)]
pub struct Targets(Vec<(bool, Word)>);

#[derive(Debug)]
enum Word {
    Enabled,
    Any,
    Key(String),
    Glob(GlobMatcher),
    Regex(Regex),
    Network(i32),
    Tag(String),
}

impl Targets {
    /// Reads target words; refuses with [`Kind::BadParameter`] one that is malformed.
    ///
    /// Globs and regular expressions are held against the tenant's key (`host[:port][/path]`), without regard to case.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self> {
        words.iter().map(|word| parse_word(word.as_ref())).collect::<Result<_>>().map(Self)
    }

    /// The tenants meant, in the order of `tenants`. No words mean no tenants; a list that begins with `!` takes away
    /// from `all`.
    pub fn select<'a>(&self, tenants: &'a [Tenant]) -> Vec<&'a Tenant> {
        let mut chosen: BTreeSet<TenantId> = BTreeSet::new();
        if self.0.first().is_some_and(|(adds, _)| !adds) {
            chosen.extend(tenants.iter().filter(|t| Word::Enabled.means(t)).map(|t| t.id));
        }
        for (adds, word) in &self.0 {
            for tenant in tenants.iter().filter(|t| word.means(t)) {
                if *adds {
                    chosen.insert(tenant.id);
                } else {
                    chosen.remove(&tenant.id);
                }
            }
        }
        tenants.iter().filter(|t| chosen.contains(&t.id)).collect()
    }

    /// Whether one tenant is meant.
    pub fn mean(&self, tenant: &Tenant) -> bool {
        !self.select(std::slice::from_ref(tenant)).is_empty()
    }
}

impl Word {
    fn means(&self, tenant: &Tenant) -> bool {
        match self {
            Self::Enabled => tenant.state == State::Enabled,
            Self::Any => true,
            Self::Key(key) => tenant.address.key() == *key,
            Self::Glob(glob) => glob.is_match(tenant.address.key()),
            Self::Regex(regex) => regex.is_match(&tenant.address.key()),
            Self::Network(number) => tenant.mnet == *number,
            Self::Tag(tag) => tenant.tags.iter().any(|t| t == tag),
        }
    }
}

fn parse_word(text: &str) -> Result<(bool, Word)> {
    let (adds, word) = text.strip_prefix('!').map_or((true, text), |rest| (false, rest));
    let bad = |why: &str| {
        Error::new(Kind::BadParameter, format!("`{}` is no target: {why}", escape(text)))
            .hint("use `all`, `any`, an address, a glob such as `*.school.edu`, `/regex/`, `net:2` or `tag:pilot`")
    };
    let word = match word {
        "" => return Err(bad("it is empty")),
        "all" => Word::Enabled,
        "any" => Word::Any,
        _ if word.len() > 1 && word.starts_with('/') && word.ends_with('/') => {
            let built =
                RegexBuilder::new(&word[1..word.len() - 1]).case_insensitive(true).size_limit(REGEX_MAX).build();
            Word::Regex(built.map_err(|e| bad(&e.to_string()))?)
        }
        _ => match word.split_once(':') {
            Some(("net", number)) => Word::Network(number.parse().map_err(|_| bad("a network is a number"))?),
            Some(("tag", "")) => return Err(bad("the tag is missing")),
            Some(("tag", tag)) => Word::Tag(tag.to_owned()),
            _ if word.contains(['*', '?', '[']) && !word.contains("[:") && !word.starts_with('[') => {
                let glob = GlobBuilder::new(word).case_insensitive(true).build();
                Word::Glob(glob.map_err(|e| bad(&e.to_string()))?.compile_matcher())
            }
            _ => Word::Key(HostPattern::parse(word)?.as_str().to_owned()),
        },
    };
    Ok((adds, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::tests_support::tenant;

    fn chosen(words: &[&str]) -> Vec<u32> {
        let mut tenants = vec![
            tenant(1, "https://a.school.edu"),
            tenant(2, "https://b.school.edu:8443"),
            tenant(3, "https://c.org/x"),
            tenant(4, "https://d.org"),
        ];
        tenants[1].mnet = 2;
        tenants[2].tags = vec!["pilot".into()];
        tenants[3].state = State::Disabled;
        Targets::parse(words).unwrap().select(&tenants).iter().map(|t| t.id.0).collect()
    }

    #[test]
    fn words_are_combined_from_left_to_right() {
        assert_eq!(chosen(&[]), [0; 0]);
        assert_eq!(chosen(&["all"]), [1, 2, 3]);
        assert_eq!(chosen(&["any"]), [1, 2, 3, 4]);
        assert_eq!(chosen(&["*.SCHOOL.edu*", "!net:2"]), [1]);
        assert_eq!(chosen(&["!tag:pilot"]), [1, 2]);
        assert_eq!(chosen(&["/^[ad]\\./"]), [1, 4]);
        assert_eq!(chosen(&["https://C.org/x/", "d.org"]), [3, 4]);
        assert_eq!(chosen(&["all", "!any", "tag:pilot"]), [3]);
    }

    #[test]
    fn malformed_words_are_refused() {
        for word in ["", "!", "net:x", "/(/", "a b", "tag:"] {
            assert!(Targets::parse(&[word]).is_err(), "{word}");
        }
    }
}
