//! Settings as `$CFG->vmoodle` or php.ini give them; php.ini stands in for what `$CFG->vmoodle` leaves out.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use ext_php_rs::ffi::{zend_ini_entry, zend_string};
use ext_php_rs::flags::{DataTypeExt, IniEntryPermission};
use ext_php_rs::types::{ArrayKey, ZendHashTable, Zval};
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::{Given, PhpLimits};
use vmoodle_core::{Error, Kind, Result};

// The password of `dbuser` is never an INI entry: phpinfo() and ini_get_all() would show it.
const ENTRIES: [&CStr; 6] = [
    c"vmoodle.index",
    c"vmoodle.subpaths",
    c"vmoodle.trusted_proxies",
    c"vmoodle.dbuser",
    c"vmoodle.keyfile",
    c"vmoodle.control",
];

static INI: IniEntryDefs<7> = IniEntryDefs::new([
    watched(ENTRIES[0]),
    watched(ENTRIES[1]),
    watched(ENTRIES[2]),
    watched(ENTRIES[3]),
    watched(ENTRIES[4]),
    watched(ENTRIES[5]),
    IniEntryDef::end(),
]);

/// Goes up whenever an entry may have changed: web servers set `php_admin_value` per pool, or per request and back.
static CHANGES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The entries' values, and at which change they were read.
    static READ: RefCell<(Option<u64>, Vec<u8>)> = const { RefCell::new((None, Vec::new())) };
}

const fn watched(name: &'static CStr) -> IniEntryDef {
    let mut entry = IniEntryDef::new(name, c"", IniEntryPermission::System);
    entry.on_modify = Some(changed);
    entry
}

/// Called by the engine when an entry is set or set back; 0 accepts the value (`Zend/zend_ini.h`, `ZEND_INI_MH`).
unsafe extern "C" fn changed(
    _entry: *mut zend_ini_entry,
    _value: *mut zend_string,
    _arg1: *mut c_void,
    _arg2: *mut c_void,
    _arg3: *mut c_void,
    _stage: c_int,
) -> c_int {
    CHANGES.fetch_add(1, Ordering::Relaxed);
    0
}

/// Appends all that the settings are made of to a buffer, so that two requests with equal bytes have equal settings.
///
/// False where `$CFG->vmoodle` holds what cannot be compared so.
pub(crate) fn append_raw(own: Option<&Zval>, buffer: &mut Vec<u8>) -> bool {
    READ.with_borrow_mut(|(read, values)| {
        let changes = CHANGES.load(Ordering::Relaxed);
        if *read != Some(changes) {
            values.clear();
            for name in ENTRIES {
                values.extend_from_slice(ini(name).unwrap_or_default().as_bytes());
                values.push(0);
            }
            *read = Some(changes);
        }
        buffer.extend_from_slice(values);
    });
    own.is_none_or(|own| own.array().is_some_and(|own| append_table(own, buffer, 0)))
}

fn append_table(table: &ZendHashTable, buffer: &mut Vec<u8>, depth: u32) -> bool {
    // A list in an array is all there may be; an array may also hold itself.
    if depth > 1 {
        return false;
    }
    let mut entries = table.iter();
    // The key as it stands in the table: an `ArrayKey` would be a copy.
    while let Some((key, value)) = entries.next_zval() {
        match key.zend_str() {
            Some(key) => buffer.extend_from_slice(key.as_bytes()),
            None => buffer.extend_from_slice(&key.long().unwrap_or_default().to_ne_bytes()),
        }
        let value = value.dereference();
        buffer.extend_from_slice(&[0]);
        buffer.extend_from_slice(&value.get_type().as_u32().to_ne_bytes());
        if let Some(text) = value.zend_str() {
            buffer.extend_from_slice(text.as_bytes());
        } else if let Some(number) = value.long() {
            buffer.extend_from_slice(&number.to_ne_bytes());
        } else if let Some(inner) = value.array() {
            if !append_table(inner, buffer, depth + 1) {
                return false;
            }
        } else if !(value.is_bool() || value.is_null()) {
            return false;
        }
        buffer.push(0);
    }
    true
}

unsafe extern "C" {
    /// `Zend/zend_ini.c`: the value of an entry, owned by the engine.
    fn zend_ini_string(name: *const c_char, length: usize, original: c_int) -> *mut c_char;
}

pub(crate) fn register(module: i32) {
    IniEntryDef::register(INI.as_slice(), module);
}

/// The entries and their values, for `phpinfo()`.
pub(crate) fn shown() -> Vec<(&'static str, String)> {
    let shown = |name: &'static CStr| (name.to_str().unwrap_or_default(), ini(name).unwrap_or_default());
    ENTRIES.into_iter().map(shown).collect()
}

/// An entry's value; `None` when it is empty.
fn ini(name: &'static CStr) -> Option<String> {
    // SAFETY: the name ends with a zero byte and the length is its own; what comes back is null or a string of the
    // engine that lives at least until the next change of the entry, and it is copied at once.
    let text = unsafe {
        let value = zend_ini_string(name.as_ptr(), name.count_bytes(), 0);
        if value.is_null() {
            return None;
        }
        CStr::from_ptr(value)
    };
    Some(text.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}

/// The limits of this PHP that scripts which it starts get too.
pub(crate) fn limits() -> PhpLimits {
    PhpLimits::read(|name| match name {
        "memory_limit" => ini(c"memory_limit"),
        "max_input_vars" => ini(c"max_input_vars"),
        _ => None,
    })
}

/// What was given for this request. `own` is `$CFG->vmoodle`, where it is set.
pub(crate) fn given(own: Option<&Zval>) -> Result<Given> {
    const KNOWN: [&str; 7] = ["index", "subpaths", "trusted_proxies", "dbuser", "dbpass", "keyfile", "control"];
    let own = own.map(|own| {
        own.array().ok_or_else(|| Error::new(Kind::BadConfiguration, "`$CFG->vmoodle` must be an array of settings"))
    });
    let own = own.transpose()?;
    let entry_of = |name: &str| own.and_then(|own| own.get(name)).map(Zval::dereference);
    let unknown = |key: &ArrayKey<'_>| !KNOWN.contains(&key.to_string().as_str());
    if let Some((unknown, _)) = own.and_then(|own| own.iter().find(|(key, _)| unknown(key))) {
        let message = format!("`$CFG->vmoodle` has no setting `{}`", vmoodle_core::host::escape(&unknown.to_string()));
        return Err(Error::new(Kind::BadConfiguration, message).hint(format!("known are {}", KNOWN.join(", "))));
    }
    let text = |name: &str, entry: Option<&'static CStr>| match entry_of(name) {
        None => Ok(entry.and_then(ini)),
        Some(value) if value.is_null() => Ok(entry.and_then(ini)),
        Some(value) if value.is_string() || value.is_long() || value.is_bool() => Ok(value.coerce_to_string()),
        Some(_) => Err(Error::new(Kind::BadConfiguration, format!("`$CFG->vmoodle['{name}']` must be a text"))),
    };
    let truth = |text: String| !matches!(text.to_ascii_lowercase().as_str(), "" | "0" | "off" | "no" | "false");
    let trusted_proxies = if let Some(list) = entry_of("trusted_proxies").and_then(Zval::array) {
        list.values().map(|one| one.dereference().string()).collect::<Option<_>>().ok_or_else(|| {
            Error::new(Kind::BadConfiguration, "`$CFG->vmoodle['trusted_proxies']` must be a list of texts")
        })?
    } else {
        let list = text("trusted_proxies", Some(c"vmoodle.trusted_proxies"))?.unwrap_or_default();
        list.split([',', ' ']).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    Ok(Given {
        index: text("index", Some(c"vmoodle.index"))?.filter(|path| !path.is_empty()),
        subpaths: text("subpaths", Some(c"vmoodle.subpaths"))?.map(truth),
        trusted_proxies,
        dbuser: text("dbuser", Some(c"vmoodle.dbuser"))?.filter(|user| !user.is_empty()),
        dbpass: text("dbpass", None)?.map(Secret::new),
        keyfile: text("keyfile", Some(c"vmoodle.keyfile"))?,
        control: text("control", Some(c"vmoodle.control"))?,
    })
}
