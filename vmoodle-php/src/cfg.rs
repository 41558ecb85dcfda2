//! Moodle's `$CFG` as the switch sees it: read without warnings, written under names that are made once per process.

use std::ptr;

use ext_php_rs::ffi::{BP_VAR_IS, zend_standard_class_def, zend_string};
use ext_php_rs::types::{ZendHashTable, ZendObject, ZendStr, Zval};
use vmoodle_core::index::{Record, SettingRef};
use vmoodle_core::switch::{Config, Name};

use crate::kept::{Kept, Values, is_same};
use crate::memory::OfRequest;
use crate::names::Interned;
use crate::shape;

/// `$CFG`.
pub(crate) struct Cfg<'a>(&'a mut ZendObject);

impl<'a> Cfg<'a> {
    pub(crate) fn new(object: &'a mut ZendObject) -> Self {
        Self(object)
    }
}

impl Cfg<'_> {
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

    #[cold]
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

#[cold]
fn owned(value: &Zval) -> Option<String> {
    value.str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn bytes(value: &Zval) -> Option<&[u8]> {
    value.zend_str().map(ZendStr::as_bytes)
}

/// `$CFG` while it is switched, with the values that are kept for the tenant.
pub(crate) struct Switching<'s, 'c> {
    cfg: &'s mut Cfg<'c>,
    kept: Option<&'s mut Kept>,
    values: Option<&'s mut Values>,
}

impl<'s, 'c> Switching<'s, 'c> {
    pub(crate) fn new(cfg: &'s mut Cfg<'c>, kept: &'s mut Kept) -> Self {
        Self { cfg, kept: Some(kept), values: None }
    }

    /// The public facts of the tenant that was switched to.
    pub(crate) fn facts(self, tenant: Record<'_>) -> Zval {
        match self.values {
            Some(values) => values.facts(tenant),
            None => shape::facts(tenant, &mut OfRequest),
        }
    }
}

impl Config for Switching<'_, '_> {
    fn text(&self, name: Name) -> Option<String> {
        match self.cfg.table() {
            // Most of what is asked for is not there.
            Some(table) => Interned::from(name).find(table).and_then(owned),
            None => self.cfg.read_text(name).filter(|text| !text.is_empty()),
        }
    }

    fn becomes(&mut self, tenant: Record<'_>, loads: u64) {
        self.values = self.kept.take().and_then(|kept| kept.of(tenant.id(), loads));
    }

    fn set(&mut self, name: Name, value: SettingRef<'_>) {
        let value = match (value, self.values.as_deref_mut()) {
            (SettingRef::Bool(truth), _) => shape::value(truth),
            (SettingRef::Text(text), _) if matches!(name, Name::Dbtype | Name::Dblibrary) => {
                Interned::word(text).unwrap_or_else(|| shape::value(text))
            }
            (SettingRef::Text(text), Some(values)) if is_same(name) => values.text(name, text),
            (SettingRef::Map(options), Some(values)) if name == Name::Dboptions => values.dboptions(options),
            (value, _) => shape::setting(value, &mut OfRequest),
        };
        match self.cfg.table_mut() {
            Some(table) => Interned::from(name).put(table, value),
            None => self.cfg.write_raw(Interned::from(name).as_ptr(), value),
        }
    }

    fn set_named(&mut self, name: &str, value: SettingRef<'_>) {
        let mut name = ZendStr::new(name, false);
        self.cfg.write_raw(&raw mut *name, shape::setting(value, &mut OfRequest));
    }

    fn unset(&mut self, name: Name) {
        self.cfg.take_away(name);
    }
}
