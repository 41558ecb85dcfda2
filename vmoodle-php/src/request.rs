//! The request as PHP knows it: `$_SERVER`, the SAPI, constants.

use std::ffi::{CStr, c_char, c_void};

use ext_php_rs::ffi::{ext_php_rs_executor_globals, ext_php_rs_sapi_module, zend_is_auto_global};
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use vmoodle_core::resolve::RequestFacts;

use crate::names::{Interned, Own};

unsafe extern "C" {
    /// `Zend/zend_constants.c`: the value of a constant, or null where there is none.
    fn zend_get_constant_str(name: *const c_char, length: usize) -> *mut c_void;
}

/// Whether PHP runs on the command line.
pub(crate) fn is_command_line() -> bool {
    // SAFETY: the SAPI module is set before any extension starts and its name is a static string.
    let name = unsafe { (*ext_php_rs_sapi_module()).name };
    // SAFETY: as above.
    !name.is_null() && matches!(unsafe { CStr::from_ptr(name) }.to_bytes(), b"cli" | b"phpdbg")
}

/// The value of a constant, where it is defined.
pub(crate) fn constant(name: &str) -> Option<Zval> {
    // SAFETY: a global constant's name without namespace is looked up by pointer and length; the value belongs to the
    // engine and is copied at once.
    unsafe { zend_get_constant_str(name.as_ptr().cast(), name.len()).cast::<Zval>().as_ref().map(Zval::shallow_clone) }
}

/// Whether a constant is defined and true.
pub(crate) fn is_true(name: &str) -> bool {
    constant(name).is_some_and(|value| value.coerce_to_bool())
}

/// `$_SERVER` as the script sees it now, with what the script wrote into it.
pub(crate) fn server() -> Option<&'static ZendHashTable> {
    // SAFETY: the executor globals live as long as the thread. With auto_globals_jit `$_SERVER` is made on first use,
    // which zend_is_auto_global brings about. The table lives until the end of the request, and no reference to it is
    // kept beyond one call.
    let globals = unsafe { &mut *ext_php_rs_executor_globals() };
    let name = Interned::from(Own::Server);
    if name.find(&globals.symbol_table).is_none() {
        // SAFETY: as above.
        unsafe { zend_is_auto_global(name.as_ptr()) };
    }
    name.find(&globals.symbol_table)?.array()
}

/// The facts a decision needs, byte for byte.
pub(crate) fn facts(server: &ZendHashTable) -> RequestFacts<'_> {
    let get = |name: Own| Interned::from(name).find(server).and_then(Zval::zend_str).map(ZendStr::as_bytes);
    RequestFacts {
        host: get(Own::HttpHost),
        server_name: get(Own::ServerName),
        server_port: get(Own::ServerPort),
        uri: get(Own::RequestUri),
        method: get(Own::RequestMethod),
        remote_addr: get(Own::RemoteAddr),
        forwarded_host: get(Own::ForwardedHost),
        forwarded_port: get(Own::ForwardedPort),
    }
}
