//! Names that are looked up in every request, made once per process with their hashes.

use std::ptr;
use std::sync::OnceLock;

use ext_php_rs::ffi::{zend_hash_find_known_hash, zend_hash_update, zend_string};
use ext_php_rs::flags::ZvalTypeFlags;
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use vmoodle_core::switch::Name;

/// An interned name: never freed and never changed.
#[derive(Clone, Copy)]
pub(crate) struct Interned(*mut zend_string);

// SAFETY: a permanent interned string is immutable and lives as long as the process.
unsafe impl Send for Interned {}
// SAFETY: as above.
unsafe impl Sync for Interned {}

macro_rules! names {
    ($($variant:ident = $text:literal,)*) => {
        /// Names other than those of the switch: of `$_SERVER`, of `$CFG`, of the facts, of constants.
        #[derive(Clone, Copy)]
        pub(crate) enum Own { $($variant,)* }

        const OWN: &[&str] = &[$($text),*];
    };
}

names! {
    HttpHost = "HTTP_HOST", ServerName = "SERVER_NAME", ServerPort = "SERVER_PORT", RequestUri = "REQUEST_URI",
    RequestMethod = "REQUEST_METHOD", RemoteAddr = "REMOTE_ADDR", ForwardedHost = "HTTP_X_FORWARDED_HOST",
    ForwardedPort = "HTTP_X_FORWARDED_PORT", Server = "_SERVER",
    Vmoodle = "vmoodle", Dirroot = "dirroot", BehatWwwroot = "behat_wwwroot", Pathtophp = "pathtophp", PhpBindir = "PHP_BINDIR",
    Id = "id", FactName = "name", Shortname = "shortname", Wwwroot = "wwwroot", Key = "key", State = "state",
    Mnet = "mnet", Tags = "tags", Cacheprefix = "cacheprefix", Generation = "generation",
    CacheDisableAll = "CACHE_DISABLE_ALL", IgnoreComponentCache = "IGNORE_COMPONENT_CACHE",
    PhpunitTest = "PHPUNIT_TEST", PhpunitUtil = "PHPUNIT_UTIL", BehatUtil = "BEHAT_UTIL", BehatTest = "BEHAT_TEST",
    MoodleInternal = "MOODLE_INTERNAL",
    CliOverride = "CLI_VMOODLE_OVERRIDE", SessionHandlerClass = "session_handler_class",
    SessionRedisHost = "session_redis_host", SessionRedisPort = "session_redis_port",
    SessionRedisAuth = "session_redis_auth", SessionRedisDatabase = "session_redis_database",
    SessionRedisEncrypt = "session_redis_encrypt",
}

/// Words that are values in every request.
const WORDS: [&str; 5] = ["native", "mariadb", "mysqli", "pgsql", "enabled"];

static NAMES: OnceLock<Vec<Interned>> = OnceLock::new();

/// Makes the names; only at module startup may strings become permanent.
pub(crate) fn intern() {
    let all = Name::ALL.iter().chain(OWN).chain(&WORDS);
    NAMES.get_or_init(|| all.map(|name| Interned(ZendStr::new_interned(name, true).into_raw())).collect());
}

impl From<Name> for Interned {
    fn from(name: Name) -> Self {
        at(name as usize)
    }
}

impl From<Own> for Interned {
    fn from(name: Own) -> Self {
        at(Name::ALL.len() + name as usize)
    }
}

fn at(place: usize) -> Interned {
    NAMES.get().map_or(Interned(ptr::null_mut()), |names| names[place])
}

impl Interned {
    /// One of the words that are values in every request, as a value that needs no counting.
    pub(crate) fn word(text: &str) -> Option<Zval> {
        let word = at(Name::ALL.len() + OWN.len() + WORDS.iter().position(|word| *word == text)?);
        let mut value = Zval::new();
        value.u1.type_info = ZvalTypeFlags::InternedStringEx.bits();
        value.value.str_ = word.0;
        Some(value)
    }

    /// For the engine, which only reads it.
    pub(crate) fn as_ptr(self) -> *mut zend_string {
        self.0
    }

    /// Looks it up in a table; references are followed.
    pub(crate) fn find(self, table: &ZendHashTable) -> Option<&Zval> {
        // SAFETY: the hash of an interned string is known; the value lives as long as the table is not changed, which
        // the borrow sees to.
        let value = unsafe { zend_hash_find_known_hash(table, self.0).as_ref() }?;
        let value = if value.is_indirect() { value.indirect()? } else { value };
        Some(value.dereference())
    }

    /// Puts a value into a table under it.
    pub(crate) fn put(self, table: &mut ZendHashTable, mut value: Zval) {
        // SAFETY: the table takes the value over bit by bit, so our copy must not drop it.
        unsafe { zend_hash_update(table, self.0, &raw mut value) };
        std::mem::forget(value);
    }
}
