//! Moodle's `$CFG` as the switch sees it: read without warnings, written under names that are made once per process.

use std::ptr;

use ext_php_rs::ffi::{BP_VAR_IS, zend_standard_class_def, zend_string};
use ext_php_rs::types::{ZendHashTable, ZendObject, ZendStr, Zval};
use vmoodle_core::index::SettingRef;
use vmoodle_core::switch::{Config, Name};

use crate::names::Interned;
use crate::shape;

/// `$CFG`.
pub(crate) struct Cfg<'a>(&'a mut ZendObject, [Option<Made>; SHARED]);

/// How many texts of a switch are looked for again.
const SHARED: usize = 2;

/// A text that was made a PHP string, by its place in memory: the index does not move during a switch.
struct Made {
    place: *const str,
    value: Zval,
}

impl<'a> Cfg<'a> {
    pub(crate) fn new(object: &'a mut ZendObject) -> Self {
        Self(object, [const { None }; SHARED])
    }
}

impl Cfg<'_> {
    /// A text as a PHP string: once more the one that [`Config::set`] made of it, where it did.
    pub(crate) fn made(&self, text: &str) -> Zval {
        let known = self.1.iter().flatten().find(|made| ptr::eq(made.place, text));
        known.map_or_else(|| shape::value(text), |made| made.value.shallow_clone())
    }

    /// A property that is set and not null.
    pub(crate) fn read(&self, name: impl Into<Interned>) -> Option<Zval> {
        self.read_raw(name.into()).filter(|value| !value.is_null())
    }

    /// A property as text, where it is set; what cannot be a text reads as not set.
    pub(crate) fn read_text(&self, name: impl Into<Interned>) -> Option<String> {
        self.read(name).and_then(|value| value.coerce_to_string())
    }

    /// Appends a property's text to a buffer, where it is one.
    pub(crate) fn append_text(&self, name: impl Into<Interned>, buffer: &mut Vec<u8>) {
        let name = name.into();
        match self.table() {
            Some(table) => buffer.extend_from_slice(name.find(table).and_then(bytes).unwrap_or_default()),
            None => buffer.extend_from_slice(self.read_raw(name).as_ref().and_then(bytes).unwrap_or_default()),
        }
        buffer.push(0);
    }

    /// The table behind a plain `stdClass`, which Moodle's `$CFG` is: its properties need no handlers, since no code can
    /// hang on them.
    fn table(&self) -> Option<&ZendHashTable> {
        // SAFETY: the class entry of stdClass and the object's own table live as long as the object; a table that is
        // shared (an array cast) is left to the handlers, which part it.
        unsafe {
            if !ptr::eq(self.0.ce, zend_standard_class_def) {
                return None;
            }
            self.0.properties.as_ref().filter(|table| table.gc.refcount == 1)
        }
    }

    fn table_mut(&mut self) -> Option<&mut ZendHashTable> {
        let table = ptr::from_ref(self.table()?).cast_mut();
        // SAFETY: as above, and `$CFG` is borrowed for changing.
        unsafe { table.as_mut() }
    }

    fn read_raw(&self, name: Interned) -> Option<Zval> {
        if let Some(table) = self.table() {
            return name.find(table).map(Zval::shallow_clone);
        }
        let object = ptr::from_ref(self.0).cast_mut();
        // SAFETY: every object has a handler table whose read function takes the object, a string, a mode, no cache
        // slot and a place for a made-up value. BP_VAR_IS reads without a warning. The result is copied at once.
        unsafe {
            let read = (*self.0.handlers).read_property?;
            let mut made = Zval::new();
            let value =
                read(object, name.as_ptr(), BP_VAR_IS.cast_signed(), ptr::null_mut(), &raw mut made).as_ref()?;
            Some(value.dereference().shallow_clone())
        }
    }

    fn write_raw(&mut self, name: *mut zend_string, mut value: Zval) {
        // SAFETY: as for reading; the handler takes a reference of its own to the value, ours is dropped here.
        unsafe {
            if let Some(write) = (*self.0.handlers).write_property {
                write(ptr::from_mut(self.0), name, &raw mut value, ptr::null_mut());
            }
        }
    }

    /// Takes a property away.
    pub(crate) fn take_away(&mut self, name: impl Into<Interned>) {
        // SAFETY: as for reading.
        unsafe {
            if let Some(unset) = (*self.0.handlers).unset_property {
                unset(ptr::from_mut(self.0), name.into().as_ptr(), ptr::null_mut());
            }
        }
    }
}

fn bytes(value: &Zval) -> Option<&[u8]> {
    value.zend_str().map(ZendStr::as_bytes)
}

impl Config for Cfg<'_> {
    fn text(&self, name: Name) -> Option<String> {
        if let Some(table) = self.table() {
            let text = Interned::from(name).find(table)?.str();
            return text.filter(|text| !text.is_empty()).map(str::to_owned);
        }
        self.read_text(name).filter(|text| !text.is_empty())
    }

    fn set(&mut self, name: Name, value: SettingRef<'_>) {
        let value = match (name, value) {
            // These are set twice, and stand in the facts too.
            (Name::Wwwroot | Name::SessionRedisPrefix, SettingRef::Text(text)) => {
                let value = shape::value(text);
                let made = Made { place: text, value: value.shallow_clone() };
                self.1[usize::from(name == Name::Wwwroot)] = Some(made);
                value
            }
            (Name::Vmoodleroot | Name::SessionMemcachedPrefix, SettingRef::Text(text)) => self.made(text),
            (Name::Dbtype | Name::Dblibrary, SettingRef::Text(text)) => {
                Interned::word(text).unwrap_or_else(|| shape::value(text))
            }
            (_, value) => shape::setting(value),
        };
        match self.table_mut() {
            Some(table) => Interned::from(name).put(table, value),
            None => self.write_raw(Interned::from(name).as_ptr(), value),
        }
    }

    fn set_named(&mut self, name: &str, value: SettingRef<'_>) {
        let mut name = ZendStr::new(name, false);
        self.write_raw(&raw mut *name, shape::setting(value));
    }

    fn unset(&mut self, name: Name) {
        self.take_away(name);
    }
}
