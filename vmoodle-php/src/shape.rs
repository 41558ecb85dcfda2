//! Core values to PHP values and back; the only file that builds arrays.

use ext_php_rs::boxed::ZBox;
use ext_php_rs::convert::IntoZval;
use ext_php_rs::types::{ZendHashTable, Zval};
use serde_json::{Map, Number, Value};
use vmoodle_core::index::{Record, SettingMap, SettingRef};
use vmoodle_core::{Error, Kind, Result};

use crate::memory::Memory;
use crate::names::{Interned, Own};

/// How deep PHP arrays may be nested.
const DEEPEST: u32 = 16;

/// A PHP array of names and values.
pub(crate) fn array<const N: usize>(entries: [(&str, Zval); N]) -> ZBox<ZendHashTable> {
    let mut table = ZendHashTable::with_capacity(u32::try_from(N).unwrap_or_default());
    for (name, value) in entries {
        // Only a name with a zero byte or a full table could be refused.
        let _ = table.insert(name, value);
    }
    table
}

/// Any value that PHP knows.
pub(crate) fn value(of: impl IntoZval) -> Zval {
    of.into_zval(false).unwrap_or_else(|_| Zval::null())
}

/// What the public may know of a tenant: the array that `boot` and `current` give. Its keys are made once per process.
pub(crate) fn facts<M: Memory>(tenant: Record<'_>, memory: &mut M) -> Zval {
    memory.array(10, |memory, facts| {
        let mut put = |name: Own, value: Zval| Interned::from(name).put(facts, value);
        put(Own::Id, value(i64::from(tenant.id().0)));
        put(Own::FactName, memory.text(tenant.name()));
        put(Own::Shortname, memory.text(tenant.shortname()));
        put(Own::Wwwroot, memory.text(tenant.wwwroot()));
        put(Own::Key, memory.text(tenant.key()));
        let state = tenant.state().word();
        put(Own::State, Interned::word(state).unwrap_or_else(|| memory.text(state)));
        put(Own::Mnet, value(i64::from(tenant.mnet())));
        let tags = memory.array(tenant.tags().count(), |memory, tags| {
            for tag in tenant.tags() {
                let _ = tags.push(memory.text(tag));
            }
        });
        put(Own::Tags, tags);
        put(Own::Cacheprefix, memory.text(tenant.own_prefix()));
        put(Own::Generation, value(i64::try_from(tenant.generation()).unwrap_or(i64::MAX)));
    })
}

/// A setting of the index as a PHP value.
pub(crate) fn setting<M: Memory>(setting: SettingRef<'_>, memory: &mut M) -> Zval {
    match setting {
        SettingRef::Null => Zval::null(),
        SettingRef::Bool(b) => value(b),
        SettingRef::Int(i) => value(i),
        SettingRef::Float(f) => value(f),
        SettingRef::Text(text) => memory.text(text),
        SettingRef::List(list) => memory.array(list.iter().len(), |memory, table| {
            for one in list.iter() {
                let _ = table.push(self::setting(one, memory));
            }
        }),
        SettingRef::Map(map) => settings(map, memory),
    }
}

/// A map of settings as a PHP array.
pub(crate) fn settings<M: Memory>(map: SettingMap<'_>, memory: &mut M) -> Zval {
    memory.array(map.iter().len(), |memory, table| {
        for (name, one) in map.iter() {
            let one = setting(one, memory);
            memory.put(table, name, one);
        }
    })
}

/// A plain value of the core as a PHP value.
pub(crate) fn plain(of: &Value) -> Zval {
    match of {
        Value::Null => Zval::null(),
        Value::Bool(b) => value(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| value(n.as_f64()), value),
        Value::String(text) => value(text.as_str()),
        Value::Array(items) => value(list(items.iter().map(plain))),
        Value::Object(map) => value(self::map(map)),
    }
}

/// A plain map of the core as a PHP array.
pub(crate) fn map(of: &Map<String, Value>) -> ZBox<ZendHashTable> {
    let mut table = ZendHashTable::with_capacity(u32::try_from(of.len()).unwrap_or_default());
    for (name, one) in of {
        let _ = table.insert(name.as_str(), plain(one));
    }
    table
}

/// A list as a PHP array.
pub(crate) fn list(items: impl Iterator<Item = Zval>) -> ZBox<ZendHashTable> {
    let mut table = ZendHashTable::new();
    for one in items {
        let _ = table.push(one);
    }
    table
}

/// A PHP array as a plain map; refuses objects, resources, text that is no UTF-8, and deep nesting.
pub(crate) fn to_map(table: &ZendHashTable) -> Result<Map<String, Value>> {
    entries(table, 0)
}

fn entries(table: &ZendHashTable, depth: u32) -> Result<Map<String, Value>> {
    table.iter().map(|(name, one)| to_plain(one, depth + 1).map(|one| (name.to_string(), one))).collect()
}

fn to_plain(zval: &Zval, depth: u32) -> Result<Value> {
    let bad = |what: &str| Error::new(Kind::BadParameter, format!("an array holds {what}"));
    let zval = zval.dereference();
    if depth > DEEPEST {
        return Err(bad(&format!("more than {DEEPEST} levels")));
    }
    if zval.is_null() {
        Ok(Value::Null)
    } else if let Some(b) = zval.bool() {
        Ok(Value::Bool(b))
    } else if let Some(i) = zval.long() {
        Ok(Value::Number(i.into()))
    } else if let Some(f) = zval.double() {
        Number::from_f64(f).map(Value::Number).ok_or_else(|| bad("a number that is not finite"))
    } else if zval.is_string() {
        zval.str().map(Value::from).ok_or_else(|| bad("a text that is no UTF-8"))
    } else if let Some(table) = zval.array() {
        // PHP does not tell an empty list from an empty map; the core takes an empty list for either.
        if table.has_sequential_keys() {
            table.values().map(|one| to_plain(one, depth + 1)).collect::<Result<_>>().map(Value::Array)
        } else {
            entries(table, depth).map(Value::Object)
        }
    } else {
        Err(bad("an object or a resource"))
    }
}
