//! The tree of exceptions: `Vmoodle\Exception` and a child for each class of error, with what a program needs on getters.

use std::ffi::c_char;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use ext_php_rs::args::ArgInfoTables;
use ext_php_rs::boxed::ZBox;
use ext_php_rs::builders::{ClassBuilder, ClassProperty, FunctionBuilder};
use ext_php_rs::convert::IntoZval;
use ext_php_rs::error::Result as Setup;
use ext_php_rs::ffi::zend_read_property;
use ext_php_rs::flags::{DataType, MethodFlags, PropertyFlags};

use ext_php_rs::prelude::*;
use ext_php_rs::types::{ZendHashTable, ZendObject, Zval};
use ext_php_rs::zend::{ClassEntry, ExecuteData, ce};
use vmoodle_core::error::Class;
use vmoodle_core::resolve::Refusal;
use vmoodle_core::{Error, Kind};

use crate::shape::{array, value};

unsafe extern "C" {
    /// `Zend/zend_API.c`: writes a property as code of `scope` would.
    fn zend_update_property(
        scope: *mut ClassEntry,
        object: *mut ZendObject,
        name: *const c_char,
        length: usize,
        value: *mut Zval,
    );
}

/// A class, once it is registered.
struct Place {
    class: AtomicPtr<ClassEntry>,
    /// What its methods take: the engine keeps pointers into the tables as long as the process lives.
    arguments: AtomicPtr<ArgInfoTables>,
}

impl Place {
    const fn empty() -> Self {
        Self { class: AtomicPtr::new(ptr::null_mut()), arguments: AtomicPtr::new(ptr::null_mut()) }
    }
}

macro_rules! classes {
    ($($place:ident: $short:literal extends $parent:expr, $parent_name:literal, properties $properties:expr, methods $methods:expr;)*) => {
        $(static $place: Place = Place::empty();)*

        /// Registers the classes, the parents first.
        pub(crate) fn register() -> Setup<()> {
            $({
                let properties: &[(&str, fn() -> Zval)] = $properties;
                let methods: &[Getter] = $methods;
                let mut class = ClassBuilder::new(concat!("Vmoodle\\", $short)).extends(($parent, $parent_name));
                for (name, default) in properties {
                    class = class.property(property(name, *default));
                }
                for (name, handler, returns, nullable) in methods {
                    class = class.method(
                        FunctionBuilder::new(*name, *handler).returns(*returns, false, *nullable),
                        MethodFlags::Public | MethodFlags::Final,
                    );
                }
                class
                    .registration(|entry, arguments| {
                        $place.arguments.store(Box::into_raw(Box::new(arguments)), Ordering::Release);
                        $place.class.store(entry, Ordering::Release);
                    })
                    .register()?;
            })*
            Ok(())
        }
    };
}

type Getter = (&'static str, extern "C" fn(&mut ExecuteData, &mut Zval), DataType, bool);

classes! {
    EXCEPTION: "Exception" extends ce::exception, "\\Exception",
        properties &[
            ("reason", || value("")), ("tenant", Zval::null), ("retryable", || value(false)), ("hint", Zval::null),
        ],
        methods &[
            ("getReason", get_reason, DataType::String, false),
            ("getTenant", get_tenant, DataType::String, true),
            ("isRetryable", is_retryable, DataType::Bool, false),
            ("getHint", get_hint, DataType::String, true),
        ];
    REFUSED: "RefusedException" extends exception, "Vmoodle\\Exception",
        properties &[("location", Zval::null), ("retryafter", Zval::null)],
        methods &[
            ("getLocation", get_location, DataType::String, true),
            ("getRetryAfter", get_retry_after, DataType::Long, true),
        ];
    INVALID: "InvalidException" extends exception, "Vmoodle\\Exception", properties &[], methods &[];
    NOT_FOUND: "NotFoundException" extends exception, "Vmoodle\\Exception", properties &[], methods &[];
    CONFLICT: "ConflictException" extends exception, "Vmoodle\\Exception", properties &[], methods &[];
    TENANT: "TenantException" extends exception, "Vmoodle\\Exception", properties &[], methods &[];
    CONTROL: "ControlException" extends exception, "Vmoodle\\Exception", properties &[], methods &[];
    INTERNAL: "InternalException" extends exception, "Vmoodle\\Exception", properties &[], methods &[];
}

fn property(name: &str, default: fn() -> Zval) -> ClassProperty {
    ClassProperty {
        name: name.to_owned(),
        flags: PropertyFlags::Protected,
        default: Some(Box::new(move || Ok(default()))),
        docs: &[],
        ty: None,
        nullable: true,
        readonly: false,
        default_stub: None,
    }
}

fn entry(place: &Place) -> &'static ClassEntry {
    // SAFETY: the place is null or holds a class that was registered at startup and lives as long as the process.
    unsafe { place.class.load(Ordering::Acquire).as_ref() }.unwrap_or_else(ce::exception)
}

fn exception() -> &'static ClassEntry {
    entry(&EXCEPTION)
}

fn class_of(class: Class) -> (&'static Place, &'static str) {
    match class {
        Class::Refused => (&REFUSED, "RefusedException"),
        Class::Invalid => (&INVALID, "InvalidException"),
        Class::NotFound => (&NOT_FOUND, "NotFoundException"),
        Class::Conflict => (&CONFLICT, "ConflictException"),
        Class::Tenant => (&TENANT, "TenantException"),
        Class::Control => (&CONTROL, "ControlException"),
        Class::Internal => (&INTERNAL, "InternalException"),
    }
}

/// The exception that an error of the core becomes.
pub(crate) fn thrown(error: &Error) -> PhpException {
    let (place, _) = class_of(error.kind().class());
    build(error, entry(place), 0, &[])
}

/// The exception that a refusal of `boot` becomes; its code is the HTTP status.
pub(crate) fn refused(refusal: &Refusal) -> PhpException {
    // A fault in the settings is not the visitor's: it keeps its own class.
    let (place, _) = class_of(refusal.error.kind().class());
    if !matches!(refusal.error.kind().class(), Class::Refused) {
        return build(&refusal.error, entry(place), i32::from(refusal.status), &[]);
    }
    let own =
        [("location", value(refusal.location.as_deref())), ("retryafter", value(refusal.retry_after.map(i64::from)))];
    build(&refusal.error, entry(place), i32::from(refusal.status), &own)
}

fn build(error: &Error, class: &'static ClassEntry, code: i32, own: &[(&str, Zval)]) -> PhpException {
    let mut text = error.to_string();
    if let Some(hint) = error.way_out() {
        text = format!("{text} (hint: {hint})");
    }
    let mut object = class.new();
    set(ce::exception(), &mut object, "message", value(text.as_str()));
    set(ce::exception(), &mut object, "code", value(i64::from(code)));
    set(exception(), &mut object, "reason", value(error.code()));
    set(exception(), &mut object, "tenant", value(error.tenant()));
    set(exception(), &mut object, "retryable", value(error.kind().is_retryable()));
    set(exception(), &mut object, "hint", value(error.way_out()));
    for (name, value) in own {
        set(class, &mut object, name, value.shallow_clone());
    }
    let thrown = PhpException::new(text, code, class);
    match object.into_zval(false) {
        Ok(object) => thrown.with_object(object),
        Err(_) => thrown,
    }
}

fn set(scope: &'static ClassEntry, object: &mut ZendObject, name: &str, mut value: Zval) {
    // SAFETY: the class and the object live through the call; the engine takes a reference of its own to the value and
    // only reads the name.
    unsafe {
        let scope = ptr::from_ref(scope).cast_mut();
        zend_update_property(scope, ptr::from_mut(object), name.as_ptr().cast(), name.len(), &raw mut value);
    }
}

fn get(scope: &'static ClassEntry, call: &mut ExecuteData, name: &str, result: &mut Zval) {
    let Some(object) = call.This.object_mut() else { return };
    let mut made = Zval::new();
    // SAFETY: as above; the property's value is copied before the object could change.
    let found = unsafe {
        let scope = ptr::from_ref(scope).cast_mut();
        zend_read_property(scope, ptr::from_mut(object), name.as_ptr().cast(), name.len(), true, &raw mut made).as_ref()
    };
    *result = found.map_or_else(Zval::null, |value| value.dereference().shallow_clone());
}

macro_rules! getters {
    ($($function:ident reads $name:literal of $scope:expr;)*) => {
        $(extern "C" fn $function(call: &mut ExecuteData, result: &mut Zval) {
            get($scope, call, $name, result);
        })*
    };
}

getters! {
    get_reason reads "reason" of exception();
    get_tenant reads "tenant" of exception();
    is_retryable reads "retryable" of exception();
    get_hint reads "hint" of exception();
    get_location reads "location" of entry(&REFUSED);
    get_retry_after reads "retryafter" of entry(&REFUSED);
}

/// Every code with whose fault it is, whether to try again, and its exception.
pub(crate) fn codes() -> ZBox<ZendHashTable> {
    let mut codes = ZendHashTable::new();
    for kind in Kind::ALL {
        let (_, class) = class_of(kind.class());
        let entry = array([
            ("blame", value(kind.blame().word())),
            ("retryable", value(kind.is_retryable())),
            ("exception", value(class)),
        ]);
        let _ = codes.insert(kind.code(), entry);
    }
    codes
}
