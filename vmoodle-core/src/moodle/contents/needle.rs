//! What is looked for in texts, and what takes its place.

use regex::bytes::{NoExpand, Regex, RegexBuilder};

use super::walk::{Filter, Letters};
use crate::error::{Error, Kind, Result};
use crate::host::SiteAddress;
use crate::moodle::address::Replacement;

/// The longest text that is looked for, in octets.
const LONGEST: usize = 4096;

/// Whether upper and lower case letters are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They are.
    Told,
    /// They are not.
    Any,
}

/// What is looked for, and what takes its place.
#[derive(Debug)]
pub struct Needle {
    kind: Kinds,
    filter: Filter,
}

#[derive(Debug)]
enum Kinds {
    Text { search: Regex, replace: Vec<u8> },
    Address(Replacement),
}

impl Needle {
    /// A text as it stands, wherever it stands. Refuses with [`Kind::BadParameter`] an empty one, one of more than 4096
    /// octets, and one that would be replaced by itself.
    pub fn text(search: &str, replace: &str, case: Case) -> Result<Self> {
        if search.is_empty() || search.len() > LONGEST {
            return Err(Error::new(Kind::BadParameter, format!("`search` must have 1 to {LONGEST} octets")));
        }
        if search == replace {
            return Err(Error::new(Kind::BadParameter, "`search` and `replace` are the same"));
        }
        if replace.contains('\0') {
            return Err(Error::new(
                Kind::BadParameter,
                "`replace` holds a zero octet, which no database takes in a text",
            ));
        }
        let pattern = regex::escape(search);
        let search_for = RegexBuilder::new(&pattern).case_insensitive(case == Case::Any).build();
        let search_for =
            search_for.map_err(|error| Error::new(Kind::Internal, "a text makes no pattern").because(error))?;
        let filter = Filter {
            pattern: like(search, case),
            letters: if case == Case::Any { Letters::AnyCase } else { Letters::Same },
        };
        Ok(Self { kind: Kinds::Text { search: search_for, replace: replace.as_bytes().to_vec() }, filter })
    }

    /// A site's address in every spelling that texts have it in, whole and not as a part of another one.
    pub fn address(old: &SiteAddress, new: &SiteAddress) -> Result<Self> {
        let pattern = format!("%{}%", escaped(old.host().as_str()));
        let filter = Filter { pattern, letters: Letters::AsCollated };
        Ok(Self { kind: Kinds::Address(Replacement::new(old, new)?), filter })
    }

    /// The text with what takes the place; `None` where there is nothing to replace.
    pub fn in_text(&self, text: &[u8]) -> Option<Vec<u8>> {
        match &self.kind {
            Kinds::Address(replacement) => replacement.in_text(text),
            Kinds::Text { search, replace } if search.is_match(text) => {
                let new = search.replace_all(text, NoExpand(replace)).into_owned();
                (new != text).then_some(new)
            }
            Kinds::Text { .. } => None,
        }
    }

    /// What the server looks for.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }
}

/// A pattern of `LIKE` that finds every row with a text. Engines fold letters beyond ASCII each in their own way, or not.
fn like(search: &str, case: Case) -> String {
    let mut pattern = String::from("%");
    for c in search.chars() {
        match c {
            c if !c.is_ascii() && case == Case::Any => {
                if !pattern.ends_with('%') || pattern.ends_with("\\%") {
                    pattern.push('%');
                }
            }
            c => pattern.push_str(&escaped(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('%');
    pattern
}

/// A text without what has a meaning in `LIKE`.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(needle: &Needle, text: &str) -> String {
        needle.in_text(text.as_bytes()).map_or_else(|| text.to_owned(), |new| String::from_utf8(new).unwrap())
    }

    #[test]
    fn a_text_is_found_as_it_stands_and_case_counts_where_it_is_told() {
        let told = Needle::text("a.b$", "$0", Case::Told).unwrap();
        assert_eq!(replaced(&told, "xa.b$a.b$ A.B$ a_b$"), "x$0$0 A.B$ a_b$");
        let any = Needle::text("École", "lycée", Case::Any).unwrap();
        assert_eq!(replaced(&any, "l'ÉCOLE, l'école"), "l'lycée, l'lycée");
        assert_eq!(Needle::text("a", "", Case::Told).unwrap().in_text(b"b"), None);
        assert_eq!(Needle::text("A", "a", Case::Any).unwrap().in_text(b"a"), None, "it stands so already");
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        for (search, replace) in [("", "x"), ("x", "x"), ("x", "\0"), (&"x".repeat(4097), "y")] {
            assert_eq!(Needle::text(search, replace, Case::Told).unwrap_err().kind(), Kind::BadParameter);
        }
    }

    #[test]
    fn the_servers_pattern_finds_at_least_what_is_replaced() {
        assert_eq!(like("50%_\\x", Case::Told), "%50\\%\\_\\\\x%");
        assert_eq!(like("École", Case::Told), "%École%");
        assert_eq!(like("ÉÉcole%É", Case::Any), "%cole\\%%%");
    }
}
