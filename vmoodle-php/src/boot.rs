//! `Vmoodle\boot` and what follows from it in one request: `current`, `resolve`, the control site's credentials.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::os::unix::ffi::OsStringExt;
use std::thread::LocalKey;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::{ZendHashTable, ZendObject, Zval};
use ext_php_rs::zend::ExecutorGlobals;
use serde_json::Value;
use vmoodle_core::console::Console;
use vmoodle_core::control::{ControlDatabase, ControlSite};
use vmoodle_core::gate::{ControlFacts, Gate};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::resolve::{Caller, Outcome, RequestFacts};
use vmoodle_core::secret::Secret;
use vmoodle_core::settings::{Settings, Shared};
use vmoodle_core::switch::Name;
use vmoodle_core::tenant::Engine;
use vmoodle_core::{Error, Kind, Result};

use crate::cfg::{Cfg, Switching};
use crate::error::{codes, refused, thrown};
use crate::kept::Kept;
use crate::memory::OfRequest;
use crate::names::{Interned, Own};
use crate::parameter::{Bytes, Entries, Facts};
use crate::request::{self, Variables};
use crate::settings::{append_raw, given};
use crate::shape::{array, to_map, value};

/// The gate of a farm in this worker, and what it was made from.
struct Opened {
    raw: Vec<u8>,
    control: ControlFacts,
    dataroot: String,
    gate: Gate,
    kept: Kept,
}

/// What this request became.
enum Booted {
    /// The control site; its credentials were taken down before anybody could change `$CFG`.
    Control(Result<Box<Console>>),
    /// A tenant: its public facts.
    Tenant(Zval),
}

thread_local! {
    /// The farms this worker has served: one, unless several config.php share a pool.
    static GATES: Cell<Vec<Opened>> = const { Cell::new(Vec::new()) };
    /// Which of them the request is for.
    static LAST: Cell<Option<usize>> = const { Cell::new(None) };
    static BOOTED: Cell<Option<Booted>> = const { Cell::new(None) };
    /// Room for what a request gave, kept so that no request has to find memory for it.
    static RAW: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a worker keeps, taken out for the time of a call and put back at its end.
///
/// `$CFG` may be an object with code of its own, which may call us again or end the script by a jump over our frames
/// (`zend_bailout`). A lock would then stay closed for the worker's whole life; this way what was taken is made again.
struct Taken<T: Default + 'static> {
    value: T,
    place: &'static LocalKey<Cell<T>>,
}

fn take<T: Default>(place: &'static LocalKey<Cell<T>>) -> Taken<T> {
    Taken { value: place.take(), place }
}

impl<T: Default> Deref for Taken<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> DerefMut for Taken<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Default> Drop for Taken<T> {
    fn drop(&mut self) {
        self.place.set(std::mem::take(&mut self.value));
    }
}

/// How many farms a worker remembers.
const GATES_KEPT: usize = 16;

pub(crate) fn register(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .function(wrap_function!(vmoodle_boot))
        .function(wrap_function!(vmoodle_current))
        .function(wrap_function!(vmoodle_resolve))
        .function(wrap_function!(vmoodle_error_codes))
}

/// Forgets the request; its PHP values must go before PHP frees the request's memory.
pub(crate) fn forget_request() {
    BOOTED.take();
    LAST.take();
}

/// Rows for `phpinfo()`: each farm's index.
pub(crate) fn shown() -> Vec<(String, String)> {
    let row = |opened: &mut Opened| {
        let name = format!("Index of {}", opened.control.wwwroot);
        let (index, alarm) = opened.gate.index();
        let mut shown = index.map_or_else(
            || "none".to_owned(),
            |index| format!("generation {}, {} tenants", index.generation(), index.tenants()),
        );
        if let Some(alarm) = alarm {
            shown = format!("{shown}; {alarm}");
        }
        (name, shown)
    };
    take(&GATES).iter_mut().map(row).collect()
}

/// Switches `$cfg` to the site that the request is for.
#[php_function]
#[php(name = "Vmoodle\\boot")]
pub(crate) fn vmoodle_boot(cfg: &mut ZendObject) -> PhpResult<Option<Facts>> {
    forget_request();
    let mut cfg = Cfg::new(cfg);
    let own = cfg.read(Own::Vmoodle);
    if own.is_some() {
        // It may hold a password.
        cfg.take_away(Own::Vmoodle);
    }
    let command_line = request::is_command_line();
    if is_under_test(&cfg, command_line) && !is_asked_by_a_test(own.as_ref()) {
        return Ok(None);
    }
    let validates = request::is_true(Own::CacheDisableAll) || request::is_true(Own::IgnoreComponentCache);
    let named = if command_line { named_site() } else { None };
    let variables = if command_line { None } else { Some(Variables::of_request()) };
    let caller = match &variables {
        Some(variables) => Caller::Web(variables.facts()),
        None => Caller::CommandLine(named.as_deref()),
    };
    with_gate(&mut cfg, own.as_ref(), |opened, cfg| {
        let mut switching = Switching::new(cfg, &mut opened.kept);
        let booted = opened.gate.boot(&caller, validates, &mut switching).map_err(|refusal| refused(&refusal))?;
        if ExecutorGlobals::has_exception() {
            // `$CFG` is no plain object and refused a value: half switched, it is nobody's.
            return Ok(None);
        }
        if let Some(tenant) = booted {
            let facts = switching.facts(tenant);
            let given = Facts(facts.shallow_clone());
            BOOTED.set(Some(Booted::Tenant(facts)));
            return Ok(Some(given));
        }
        let site = control_site(cfg, opened);
        BOOTED.set(Some(Booted::Control(site.map(|site| Box::new(Console::new(site))))));
        Ok(None)
    })
}

/// The tenant of this request; null on the control site and before `boot`.
#[php_function]
#[php(name = "Vmoodle\\current")]
pub(crate) fn vmoodle_current() -> Option<Facts> {
    match &*take(&BOOTED) {
        Some(Booted::Tenant(facts)) => Some(Facts(facts.shallow_clone())),
        _ => None,
    }
}

/// What `boot` would decide for a host, without switching.
///
/// `$server` may hold further entries of `$_SERVER`, such as `REQUEST_URI`.
#[php_function]
#[php(name = "Vmoodle\\resolve", optional = "server", defaults(server = Entries::NONE))]
pub(crate) fn vmoodle_resolve(host: Bytes<'_>, server: Entries<'_>) -> PhpResult<ZBox<ZendHashTable>> {
    let facts = RequestFacts { host: Some(host.0), ..server.0.map(request::facts).unwrap_or_default() };
    let mut gates = take(&GATES);
    let opened = LAST.get().and_then(|place| gates.get_mut(place)).ok_or_else(|| thrown(&not_booted()))?;
    let key = opened.gate.requested_key(&facts).ok();
    let outcome = opened.gate.resolve(&Caller::Web(facts));
    let location = match &outcome {
        Outcome::Redirect { location, .. } => Some(location.as_str()),
        _ => None,
    };
    Ok(array([
        ("outcome", value(outcome.word())),
        ("status", value(i64::from(outcome.status()))),
        ("key", value(key)),
        ("location", value(location)),
        ("tenant", value(outcome.tenant().map(|tenant| crate::shape::facts(tenant, &mut OfRequest)))),
    ]))
}

/// Every error code with whose fault it is, whether to try again, and its exception.
#[php_function]
#[php(name = "Vmoodle\\error_codes")]
pub(crate) fn vmoodle_error_codes() -> ZBox<ZendHashTable> {
    codes()
}

/// Runs with the console of the control site; refuses where this process is not it.
pub(crate) fn with_console<T>(run: impl FnOnce(&Console) -> Result<T>) -> PhpResult<T> {
    match &*take(&BOOTED) {
        Some(Booted::Control(Ok(console))) => run(console).map_err(|e| thrown(&e)),
        Some(Booted::Control(Err(error))) => Err(thrown(error)),
        Some(Booted::Tenant(_)) => Err(thrown(
            &Error::new(Kind::NotControlSite, "this process serves a tenant; only the control site pilots the farm")
                .hint("run it without `VMOODLE_HOST`, or open the control site's address"),
        )),
        None => Err(thrown(&not_booted())),
    }
}

fn not_booted() -> Error {
    Error::new(Kind::NotBooted, "`Vmoodle\\boot` did not run in this process")
        .hint("require `local/vmoodle/boot.php` in config.php, before `lib/setup.php`")
}

/// Finds or makes the gate of this farm. A worker that serves several farms keeps them apart by all that was given.
fn with_gate<T>(
    cfg: &mut Cfg<'_>,
    own: Option<&Zval>,
    run: impl FnOnce(&mut Opened, &mut Cfg<'_>) -> PhpResult<T>,
) -> PhpResult<T> {
    let mut raw = take(&RAW);
    let comparable = read_raw(cfg, own, &mut raw);
    let mut gates = take(&GATES);
    let known = gates.iter().position(|opened| comparable && opened.raw == *raw);
    let place = if let Some(place) = known {
        place
    } else {
        let raw = if comparable { raw.clone() } else { Vec::new() };
        let opened = open(cfg, own, raw).map_err(|e| refused(&e.into()))?;
        if gates.len() >= GATES_KEPT {
            gates.clear();
        }
        gates.push(opened);
        gates.len() - 1
    };
    let done = run(&mut gates[place], cfg);
    LAST.set(Some(place));
    done
}

/// Reads everything a gate is made from, as bytes; false where `$CFG->vmoodle` holds what no setting can be.
fn read_raw(cfg: &Cfg<'_>, own: Option<&Zval>, raw: &mut Vec<u8>) -> bool {
    raw.clear();
    for name in [Name::Wwwroot, Name::Dbname, Name::Prefix, Name::Dataroot] {
        cfg.append_text(name, raw);
    }
    cfg.append_text(Own::Dirroot, raw);
    append_raw(own, raw)
}

fn open(cfg: &Cfg<'_>, own: Option<&Zval>, raw: Vec<u8>) -> Result<Opened> {
    let text = |name: Name| cfg.read_text(name).unwrap_or_default();
    let control = ControlFacts {
        wwwroot: text(Name::Wwwroot),
        dbname: text(Name::Dbname),
        prefix: text(Name::Prefix),
        dirroot: cfg.read_text(Own::Dirroot),
    };
    let dataroot = text(Name::Dataroot);
    let gate = Gate::new(control.clone(), Settings::new(given(own)?, &dataroot)?)?;
    Ok(Opened { raw, control, dataroot, gate, kept: Kept::default() })
}

/// Moodle's own test runs bring their own database and files (lib/phpunit/bootstrap.php, lib/behat/lib.php).
fn is_under_test(cfg: &Cfg<'_>, command_line: bool) -> bool {
    if command_line {
        return [Own::PhpunitTest, Own::PhpunitUtil, Own::BehatUtil, Own::BehatTest].into_iter().any(request::is_true);
    }
    let Some(behat) = cfg.read_text(Own::BehatWwwroot).and_then(|text| SiteAddress::parse(&text).ok()) else {
        return false;
    };
    let host = request::server().and_then(|server| server.get("HTTP_HOST")).and_then(Zval::string);
    host.is_some_and(|host| {
        SiteAddress::parse(&format!("http://{host}{}", behat.path())).is_ok_and(|a| a.key() == behat.key())
    })
}

/// Whether a test wants a farm of its own: Moodle is there already, so that it is not `config.php` that asks, and `$cfg` says how
/// the farm is set, which Moodle's `$CFG` does not any more.
fn is_asked_by_a_test(own: Option<&Zval>) -> bool {
    own.is_some() && request::is_true(Own::MoodleInternal)
}

/// The site that a command line names: `CLI_VMOODLE_OVERRIDE` before `VMOODLE_HOST`. The original's scripts set the
/// constant to `true` for the control site.
fn named_site() -> Option<Vec<u8>> {
    if let Some(site) = request::constant(Own::CliOverride) {
        return if site.is_true() { None } else { Some(site.coerce_to_string().unwrap_or_default().into_bytes()) };
    }
    std::env::var_os("VMOODLE_HOST").map(std::ffi::OsString::into_vec)
}

/// The PHP that runs scripts: Moodle's setting, else the one of this installation; `PHP_BINARY` is php-fpm on the web.
fn php_program(cfg: &Cfg<'_>) -> String {
    let named = cfg.read_text(Own::Pathtophp).filter(|path| !path.is_empty());
    let folder = || request::constant(Own::PhpBindir).and_then(|folder| folder.string());
    named.or_else(|| folder().map(|folder| format!("{folder}/php"))).unwrap_or_else(|| "php".to_owned())
}

/// Where the control site keeps caches and sessions, before Moodle fills in what its `config.php` leaves out.
fn shared(cfg: &Cfg<'_>, name: &str) -> Option<String> {
    let name: Interned = match name {
        "cachedir" => Name::Cachedir.into(),
        "localcachedir" => Name::Localcachedir.into(),
        "session_file_save_path" => Name::SessionFileSavePath.into(),
        "session_handler_class" => Own::SessionHandlerClass.into(),
        "session_redis_host" => Own::SessionRedisHost.into(),
        "session_redis_port" => Own::SessionRedisPort.into(),
        "session_redis_auth" => Own::SessionRedisAuth.into(),
        "session_redis_database" => Own::SessionRedisDatabase.into(),
        "session_redis_encrypt" => Own::SessionRedisEncrypt.into(),
        _ => return None,
    };
    let value = cfg.read(name)?;
    // Options of TLS are an array; that there are some is what counts.
    if value.is_array() { Some("1".to_owned()) } else { value.coerce_to_string() }
}

fn control_site(cfg: &Cfg<'_>, opened: &Opened) -> Result<ControlSite> {
    let text = |name: Name| cfg.read_text(name).unwrap_or_default();
    let options =
        cfg.read(Name::Dboptions).and_then(|value| value.array().map(to_map)).transpose()?.unwrap_or_default();
    let option = |name: &str| {
        options.get(name).and_then(|value| match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let mut settings = opened.gate.settings().clone();
    settings.shared = Shared::read(|name| shared(cfg, name));
    settings.php = crate::settings::limits();
    Ok(ControlSite {
        database: ControlDatabase {
            engine: Engine::parse_vdbtype(&text(Name::Dbtype))?,
            host: text(Name::Dbhost),
            port: option("dbport").and_then(|port| port.parse().ok()),
            socket: option("dbsocket").filter(|socket| socket.starts_with('/')),
            database: DbName::parse(&opened.control.dbname)?,
            user: text(Name::Dbuser),
            password: Secret::new(text(Name::Dbpass)),
            options: options.clone(),
        },
        prefix: Prefix::parse(&opened.control.prefix)?,
        address: SiteAddress::parse(&opened.control.wwwroot)?,
        dataroot: opened.dataroot.clone(),
        dirroot: opened.control.dirroot.clone().unwrap_or_default(),
        php: php_program(cfg),
        settings,
    })
}
