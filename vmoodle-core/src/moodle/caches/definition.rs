//! How Moodle names the entries of a cache: the formulas of `cache/classes/definition.php` and `helper.php`.

use md5::Md5;
use sha1::{Digest, Sha1};

/// Caches of the whole site, `cache_store::MODE_APPLICATION`; those of a session or a request are nobody else's to drop.
pub(super) const APPLICATION: i64 = 1;

/// A cache that Moodle or a plugin declares (`db/caches.php`), as the site's settings repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    /// Component and area: `core/config`.
    pub(super) id: String,
    /// Whether keys stand in names as they are.
    pub(super) simple: bool,
    /// Whether entries end by age, so that Redis has a second list of them.
    pub(super) ttl: bool,
    /// What sites share the cache.
    pub(super) sharing: Sharing,
}

/// Whom a cache is shared with, `SHARING_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sharing {
    /// With all sites that have the store.
    All,
    /// With sites of the same identifier, and of the same word where there is one.
    Site(Option<String>),
    /// With those that have a word in common.
    Word(String),
    /// With sites of the same version, which only the site knows: entries cannot be named from outside.
    Version,
}

impl Sharing {
    /// Reads the bits (`definition.php`, `get_cache_identifier`).
    pub(super) fn of(bits: i64, word: &str) -> Self {
        let word = Some(word.to_owned()).filter(|word| bits & 8 != 0 && !word.is_empty());
        match (bits, word) {
            (bits, _) if bits & 1 != 0 => Self::All,
            (bits, _) if bits & 4 != 0 => Self::Version,
            (bits, word) if bits & 2 != 0 => Self::Site(word),
            (_, Some(word)) => Self::Word(word),
            (_, None) => Self::All,
        }
    }
}

impl Definition {
    /// What the names of its entries are made with on a site (`generate_single_key_prefix`); `None` where that cannot be
    /// known.
    pub(super) fn prefix(&self, siteidentifier: &str) -> Option<String> {
        let who = match &self.sharing {
            Sharing::All => String::new(),
            Sharing::Site(None) => siteidentifier.to_owned(),
            Sharing::Site(Some(word)) => format!("{siteidentifier}/{word}"),
            Sharing::Word(word) => word.clone(),
            Sharing::Version => return None,
        };
        Some(md5(&format!("{APPLICATION}/{}/{who}", self.id)))
    }

    /// The name of an entry (`cache/classes/helper.php`, `hash_key`).
    pub(super) fn entry(&self, key: &str, siteidentifier: &str) -> Option<String> {
        let prefix = self.prefix(siteidentifier)?;
        Some(if self.simple { format!("{key}-{prefix}") } else { sha1(&format!("{prefix}-{key}")) })
    }

    /// The name that the whole of it has in Redis (`generate_definition_hash`).
    pub(super) fn hash(&self) -> String {
        md5(&format!("{APPLICATION} {}", self.id.replacen('/', " ", 1)))
    }
}

/// The folder of a definition in a store of files (`cache/stores/file/lib.php`, `initialise`).
pub(super) fn folder(id: &str) -> String {
    let mut folder = String::with_capacity(id.len());
    for c in id.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => folder.push(c),
            _ if folder.ends_with('_') => {}
            _ => folder.push('_'),
        }
    }
    folder
}

pub(super) fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn sha1(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_a_running_site_has() {
        let named = |id: &str, simple| Definition { id: id.into(), simple, ttl: false, sharing: Sharing::of(2, "") };
        let config = named("core/config", false);
        assert_eq!(config.hash(), "1b088c226629b3fa247ff7ef67dad266");
        assert_eq!(named("core/plugin_manager", true).hash(), "38fe949f8d2b52b4bb84994b3f90c15e");
        assert_eq!(named("core/roledefs", true).hash(), "346f17378d0993bb74e0fb3a5000fdd0");
        assert_eq!(named("core/string", true).hash(), "92c18184d874d4bbcebbf87940d76b8b");
        let prefix = named("core/roledefs", true).prefix("x").unwrap();
        assert_eq!(named("core/roledefs", true).entry("7", "x").unwrap(), format!("7-{prefix}"));
        assert_eq!(config.entry("core", "x").unwrap().len(), 40);
    }

    #[test]
    fn the_bits_of_sharing_are_read_as_moodle_does() {
        assert_eq!(Sharing::of(1, "w"), Sharing::All);
        assert_eq!(Sharing::of(2, "w"), Sharing::Site(None));
        assert_eq!(Sharing::of(10, "w"), Sharing::Site(Some("w".into())));
        assert_eq!(Sharing::of(8, "w"), Sharing::Word("w".into()));
        assert_eq!(Sharing::of(6, ""), Sharing::Version);
    }

    #[test]
    fn a_folder_is_named_by_letters_and_digits() {
        assert_eq!(folder("core/config"), "core_config");
        assert_eq!(folder("mod_quiz/over--rides"), "mod_quiz_over_rides");
        assert_eq!(folder("../x"), "_x");
    }
}
