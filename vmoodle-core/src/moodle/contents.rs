//! Texts in a site's tables: every column of text of every table, as Moodle's own search and replace goes through them
//! (lib/adminlib.php, `db_replace` and `db_should_replace`).
//!
//! Not by the server's `REPLACE`, as there: it breaks the lengths of serialised values and cuts what has become too long.
//! The server only finds the rows; each value is rewritten here, a serialised one by its texts (any column may hold one;
//! `block_instances.configdata` holds it in base64, where no server can look).

mod needle;
mod patch;
mod replace;
mod scope;
mod walk;

pub use needle::{Case, Needle};
pub use patch::{Patches, Way};
pub use replace::{Sample, find, put};
pub use scope::Scope;
pub(super) use scope::is_content;
pub(crate) use scope::{is_secret_by_name, is_secret_name};
pub(super) use walk::{Filter, Letters, Walk};

use super::serialized::{self, Malformed};
use crate::db::Limit;

/// What a rewrite makes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// Nothing is to be replaced in it.
    Same,
    /// The new value.
    New(String),
    /// It would be longer than its column takes.
    TooLong,
    /// A damaged serialised value, or one that would be no UTF-8 any more.
    Damaged,
}

/// Rewrites a value of a column.
pub(super) fn rewritten(old: &str, limit: Limit, edit: serialized::Edit<'_>) -> Rewritten {
    match serialized::rewrite(old.as_bytes(), edit) {
        Ok(None) => Rewritten::Same,
        Ok(Some(new)) => match String::from_utf8(new) {
            Ok(new) if limit.takes(&new) => Rewritten::New(new),
            Ok(_) => Rewritten::TooLong,
            Err(_) => Rewritten::Damaged,
        },
        // Damaged: what it says must not matter to us.
        Err(Malformed) if edit(old.as_bytes()).is_none() => Rewritten::Same,
        Err(Malformed) => Rewritten::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::SiteAddress;
    use crate::moodle::address::Replacement;

    #[test]
    fn what_would_not_fit_or_is_damaged_is_no_new_value() {
        let parse = |text: &str| SiteAddress::parse(text).unwrap();
        let with = Replacement::new(&parse("https://o.fr"), &parse("https://new.example.org")).unwrap();
        let is = |old: &str, limit| rewritten(old, limit, &|text| with.in_text(text));
        let new = |text: &str| Rewritten::New(text.to_owned());
        assert_eq!(is("https://o.fr/é", Limit::Characters(25)), new("https://new.example.org/é"));
        assert_eq!(is("https://o.fr/é", Limit::Characters(24)), Rewritten::TooLong);
        assert_eq!(is("https://o.fr/é", Limit::Octets(25)), Rewritten::TooLong);
        assert_eq!(is("s:99:\"https://o.fr\";", Limit::None), Rewritten::Damaged);
        assert_eq!(is("s:99:\"https://x.fr\";", Limit::None), Rewritten::Same);
        assert_eq!(is("s:12:\"https://o.fr\";", Limit::None), new("s:23:\"https://new.example.org\";"));
    }
}
