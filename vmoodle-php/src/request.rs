//! The request as PHP knows it: `$_SERVER`, the SAPI, constants.

use std::ffi::{CStr, c_void};

use ext_php_rs::ffi::{ext_php_rs_executor_globals, ext_php_rs_sapi_module, zend_is_auto_global, zend_string};
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use vmoodle_core::resolve::RequestFacts;

use crate::names::{Interned, Own};

unsafe extern "C" {
    /// `Zend/zend_constants.c`: the value of a constant, or null where there is none.
    fn zend_get_constant(name: *mut zend_string) -> *mut c_void;
}

/// The variables a decision needs, in the order of [`Variables::facts`].
const VARIABLES: [(Own, &CStr); 8] = [
    (Own::HttpHost, c"HTTP_HOST"),
    (Own::ServerName, c"SERVER_NAME"),
    (Own::ServerPort, c"SERVER_PORT"),
    (Own::RequestUri, c"REQUEST_URI"),
    (Own::RequestMethod, c"REQUEST_METHOD"),
    (Own::RemoteAddr, c"REMOTE_ADDR"),
    (Own::ForwardedHost, c"HTTP_X_FORWARDED_HOST"),
    (Own::ForwardedPort, c"HTTP_X_FORWARDED_PORT"),
];

/// The request's variables: `$_SERVER` where there is one, else what it would be made from.
///
/// With `auto_globals_jit` PHP makes `$_SERVER` only for a script that names it, and nobody can have written into what
/// was not made; under FPM the few variables are then asked for one by one.
pub(crate) enum Variables {
    /// `$_SERVER`, with what the script wrote into it.
    Server(&'static ZendHashTable),
    /// The web server's own.
    Environment([Option<&'static [u8]>; VARIABLES.len()]),
}

impl Variables {
    pub(crate) fn of_request() -> Self {
        match existing_server() {
            Some(server) => Self::Server(server),
            None if sapi_name() == b"fpm-fcgi" => Self::Environment(asked()),
            None => server().map_or(Self::Environment([const { None }; VARIABLES.len()]), Self::Server),
        }
    }

    /// The facts, byte for byte.
    pub(crate) fn facts(&self) -> RequestFacts<'_> {
        match self {
            Self::Server(server) => facts(server),
            Self::Environment(values) => {
                let [host, server_name, server_port, uri, method, remote_addr, forwarded_host, forwarded_port] =
                    *values;
                RequestFacts {
                    host,
                    server_name,
                    server_port,
                    uri,
                    method,
                    remote_addr,
                    forwarded_host,
                    forwarded_port,
                }
            }
        }
    }
}

/// The variables that a decision can depend on: without a forwarded host nobody asks who forwarded it, and with a host
/// nobody asks for the server's own name (`Rules::requested_key` of the core).
fn asked() -> [Option<&'static [u8]>; VARIABLES.len()] {
    let ask = |place: usize| environment(VARIABLES[place].1);
    let given = |value: Option<&[u8]>| value.is_some_and(|value| !value.is_empty());
    let (host, forwarded) = (ask(0), ask(6));
    let (named, proxied) = (given(host), given(forwarded));
    let [server_name, server_port] = [1, 2].map(|place| if named { None } else { ask(place) });
    let [remote_addr, forwarded_port] = [5, 7].map(|place| if proxied { ask(place) } else { None });
    [host, server_name, server_port, ask(3), ask(4), remote_addr, forwarded, forwarded_port]
}

/// A variable as php-fpm holds it: `sapi_getenv` would copy it twice, once for input filters, and have us free it.
fn environment(name: &'static CStr) -> Option<&'static [u8]> {
    // SAFETY: the name ends with a zero byte and the length is its own. What comes back is null or a string that ends
    // with a zero byte and belongs to the request (`main/fastcgi.c`, `fcgi_hash`): it stays until the next request, even
    // after `fastcgi_finish_request()`, and no reference to it is kept beyond one call.
    unsafe {
        let value = (*ext_php_rs_sapi_module()).getenv?(name.as_ptr(), name.count_bytes());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
    }
}

fn sapi_name() -> &'static [u8] {
    // SAFETY: the SAPI module is set before any extension starts, and its name is a static string or null.
    unsafe {
        let name = (*ext_php_rs_sapi_module()).name;
        if name.is_null() { b"" } else { CStr::from_ptr(name).to_bytes() }
    }
}

/// Whether PHP runs on the command line.
pub(crate) fn is_command_line() -> bool {
    matches!(sapi_name(), b"cli" | b"phpdbg")
}

/// The value of a constant, where it is defined.
pub(crate) fn constant(name: Own) -> Option<Zval> {
    // SAFETY: the name is a string of the engine; the value belongs to the engine and is copied at once.
    unsafe { zend_get_constant(Interned::from(name).as_ptr()).cast::<Zval>().as_ref().map(Zval::shallow_clone) }
}

/// Whether a constant is defined and true.
pub(crate) fn is_true(name: Own) -> bool {
    constant(name).is_some_and(|value| value.coerce_to_bool())
}

/// `$_SERVER` as the script sees it now, where it was made already.
fn existing_server() -> Option<&'static ZendHashTable> {
    // SAFETY: the executor globals live as long as the thread. The table lives until the end of the request, and no
    // reference to it is kept beyond one call.
    let globals = unsafe { &*ext_php_rs_executor_globals() };
    Interned::from(Own::Server).find(&globals.symbol_table)?.array()
}

/// `$_SERVER`, made where it was not.
pub(crate) fn server() -> Option<&'static ZendHashTable> {
    existing_server().or_else(|| {
        // SAFETY: the name is an interned string; the engine fills the symbol table.
        unsafe { zend_is_auto_global(Interned::from(Own::Server).as_ptr()) };
        existing_server()
    })
}

/// The facts a decision needs, byte for byte, from `$_SERVER` or a table like it.
pub(crate) fn facts(server: &ZendHashTable) -> RequestFacts<'_> {
    let [host, server_name, server_port, uri, method, remote_addr, forwarded_host, forwarded_port] =
        VARIABLES.map(|(name, _)| Interned::from(name).find(server).and_then(Zval::zend_str).map(ZendStr::as_bytes));
    RequestFacts { host, server_name, server_port, uri, method, remote_addr, forwarded_host, forwarded_port }
}
