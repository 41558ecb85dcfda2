//! Door 1: a request comes in, `$CFG` is made to fit.
//!
//! A [`Gate`] lives as long as its process. It opens no socket and starts no thread; it answers from one immutable
//! index, which it opens again only when a publisher replaced it.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::farm::FarmId;
use crate::host::SiteAddress;
use crate::ident::{DbName, Prefix};
use crate::index::{ComponentsRef, Index, Reader, Record};
use crate::resolve::{Caller, Outcome, Refusal, RequestFacts, Rules};
use crate::secret::{Keyring, Secret, Stored};
use crate::settings::Settings;
use crate::switch::{Config, Name, Switch};
use crate::tenant::TenantId;

/// How long a look at `version.php` and the component cache holds.
const COMPONENTS_PROBE_EVERY: Duration = Duration::from_secs(1);
/// How many opened passwords a process keeps.
const PASSWORDS_KEPT: usize = 1024;

/// The control site, as config.php describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFacts {
    /// `$CFG->wwwroot`
    pub wwwroot: String,
    /// `$CFG->dbname`
    pub dbname: String,
    /// `$CFG->prefix`
    pub prefix: String,
    /// `$CFG->dirroot`, where config.php sets it.
    pub dirroot: Option<String>,
}

impl ControlFacts {
    /// Which farm this control site administers, and its address.
    ///
    /// Refuses with [`Kind::BadConfiguration`] a config.php without a usable `wwwroot`, `dbname` or `prefix`.
    pub fn farm(&self) -> Result<(FarmId, SiteAddress)> {
        let read = || {
            let address = SiteAddress::parse(&self.wwwroot)?;
            Ok((FarmId::new(&address, &DbName::parse(&self.dbname)?, &Prefix::parse(&self.prefix)?), address))
        };
        read().map_err(|e: Error| {
            Error::new(Kind::BadConfiguration, "config.php does not describe a control site").because(e)
        })
    }
}

/// The request door of one farm in one process.
pub struct Gate {
    settings: Settings,
    control: ControlFacts,
    control_key: String,
    farm: FarmId,
    reader: Reader,
    passwords: Passwords,
    components: ComponentsProbe,
}

impl Gate {
    /// The door of the farm that a control site administers. Opens nothing yet.
    pub fn new(control: ControlFacts, settings: Settings) -> Result<Self> {
        let (farm, address) = control.farm()?;
        let reader = Reader::new(&settings.index, farm);
        let (passwords, components) = (Passwords::default(), ComponentsProbe::default());
        Ok(Self { settings, control, control_key: address.key(), farm, reader, passwords, components })
    }

    /// The farm.
    pub fn farm(&self) -> FarmId {
        self.farm
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The index in use, and what is wrong with the one in place where another is used.
    pub fn index(&mut self) -> (Option<Index<'_>>, Option<String>) {
        self.reader.update();
        let alarm = self.reader.fault().map(|fault| fault.message(self.reader.path()));
        (self.reader.index(), alarm)
    }

    /// The key a request asks for, `host[:port]`; refused with [`Kind::BadHost`] where the host is no host name.
    pub fn requested_key(&self, facts: &RequestFacts<'_>) -> Result<String> {
        Rules { settings: &self.settings, control_key: &self.control_key }.requested_key(facts)
    }

    /// Decides without switching.
    pub fn resolve(&mut self, caller: &Caller<'_>) -> Outcome<'_> {
        self.reader.update();
        Rules { settings: &self.settings, control_key: &self.control_key }.decide(self.reader.index(), caller)
    }

    /// Decides and switches: gives the tenant, or `None` on the control site.
    ///
    /// `validates_components` says that Moodle checks its component cache itself in this request, that is, that
    /// `CACHE_DISABLE_ALL` or `IGNORE_COMPONENT_CACHE` is defined (lib/classes/component.php, init): then the shared
    /// one is not set.
    pub fn boot(
        &mut self,
        caller: &Caller<'_>,
        validates_components: bool,
        cfg: &mut impl Config,
    ) -> Result<Option<Record<'_>>, Refusal> {
        let Self { settings, control, control_key, reader, passwords, components, .. } = self;
        reader.update();
        let index = reader.index();
        let outcome = Rules { settings, control_key }.decide(index, caller);
        if let Some(refusal) = Refusal::of(&outcome, caller) {
            return Err(refusal);
        }
        let shared = index.filter(|_| !validates_components).and_then(Index::components).filter(|built| {
            cfg.text(Name::AlternativeComponentCache).is_none()
                && control.dirroot.as_deref().is_some_and(|dirroot| components.are_current(*built, dirroot))
        });
        let mut switch = Switch {
            control_wwwroot: &control.wwwroot,
            dbuser: "",
            dbpass: "",
            components: shared.map(|built| built.path),
            command_line: matches!(caller, Caller::CommandLine(Some(_))),
        };
        let Outcome::Tenant(tenant) = outcome else {
            switch.to_control(cfg);
            return Ok(None);
        };
        if let Some((user, password)) = &settings.account {
            switch.dbuser = user;
            switch.dbpass = password.as_ref().map_or("", Secret::reveal);
        } else {
            switch.dbuser = tenant.dbuser().unwrap_or_default();
            switch.dbpass = passwords.of(tenant, settings, reader.loads())?;
        }
        cfg.becomes(tenant, reader.loads());
        switch.to_tenant(tenant, cfg);
        Ok(Some(tenant))
    }
}

/// Passwords opened once per index and kept, so that a request opens none.
#[derive(Default)]
struct Passwords {
    loads: u64,
    keyring: Option<Keyring>,
    opened: HashMap<TenantId, Secret>,
}

impl Passwords {
    fn of<'s>(&'s mut self, tenant: Record<'s>, settings: &Settings, loads: u64) -> Result<&'s str> {
        let Some(stored) = tenant.dbpass() else { return Ok("") };
        if !Stored::is_sealed_text(stored) {
            return Ok(stored);
        }
        if self.loads != loads {
            *self = Self { loads, ..Self::default() };
        }
        if !self.opened.contains_key(&tenant.id()) {
            let keyring = match &mut self.keyring {
                Some(keyring) => keyring,
                empty => empty.insert(settings.keyfile.as_deref().map_or(Ok(Keyring::none()), Keyring::open)?),
            };
            let secret =
                keyring.open_stored(&Stored::from_column(stored)).map_err(|e| e.of_tenant(tenant.wwwroot()))?;
            if self.opened.len() >= PASSWORDS_KEPT {
                self.opened.clear();
            }
            self.opened.insert(tenant.id(), secret);
        }
        Ok(self.opened.get(&tenant.id()).map_or("", Secret::reveal))
    }
}

/// Whether the shared component cache still fits the code, looked up at most once a second.
#[derive(Default)]
struct ComponentsProbe {
    probed: Option<Instant>,
    path: String,
    current: bool,
}

impl ComponentsProbe {
    fn are_current(&mut self, built: ComponentsRef<'_>, dirroot: &str) -> bool {
        let fresh = self.probed.is_some_and(|probed| probed.elapsed() < COMPONENTS_PROBE_EVERY);
        if !fresh || self.path != built.path {
            self.current = built.dirroot == dirroot
                && std::fs::metadata(format!("{dirroot}/version.php"))
                    .is_ok_and(|version| version.mtime() == built.versionmtime && version.size() == built.versionsize)
                && std::fs::metadata(built.path).is_ok_and(|cache| cache.is_file());
            built.path.clone_into(&mut self.path);
            self.probed = Some(Instant::now());
        }
        self.current
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::farm::{Components, Farm};
    use crate::index::{SettingRef, compile, publish};
    use crate::resolve::RequestFacts;
    use crate::settings::Given;
    use crate::tenant::State;
    use crate::tenant::tests_support::tenant;

    /// A `$CFG` of texts as the switch leaves it.
    #[derive(Default)]
    struct Recorded(BTreeMap<String, String>);

    impl Config for Recorded {
        fn text(&self, name: Name) -> Option<String> {
            self.0.get(name.as_str()).cloned()
        }

        fn becomes(&mut self, _tenant: Record<'_>, _loads: u64) {}

        fn set(&mut self, name: Name, value: SettingRef<'_>) {
            self.set_named(name.as_str(), value);
        }

        fn set_named(&mut self, name: &str, value: SettingRef<'_>) {
            let text = if let SettingRef::Text(text) = value { text.to_owned() } else { format!("{value:?}") };
            self.0.insert(name.to_owned(), text);
        }

        fn unset(&mut self, name: Name) {
            self.0.remove(name.as_str());
        }
    }

    fn control(dirroot: &Path) -> ControlFacts {
        ControlFacts {
            wwwroot: "https://farm.org".into(),
            dbname: "control".into(),
            prefix: "mdl_".into(),
            dirroot: Some(dirroot.to_str().unwrap().into()),
        }
    }

    /// A farm of two tenants in a folder, with what `change` makes of it; gives its gate.
    fn gate(folder: &Path, given: Given, change: impl FnOnce(&mut Farm)) -> Gate {
        let control = control(folder);
        let (id, address) = control.farm().unwrap();
        let tenants = vec![tenant(1, "https://a.org"), tenant(2, "http://b.org:8080")];
        let mut farm = Farm {
            id,
            control: address,
            generation: 1,
            published: 0,
            tenants,
            aliases: Vec::new(),
            policies: Vec::new(),
            components: None,
        };
        change(&mut farm);
        let settings = Settings::new(given, folder.to_str().unwrap()).unwrap();
        publish(&settings.index, &compile(&farm).unwrap()).unwrap();
        Gate::new(control, settings).unwrap()
    }

    fn web(host: &'static str) -> Caller<'static> {
        Caller::Web(RequestFacts { host: Some(host.as_bytes()), ..RequestFacts::default() })
    }

    fn boot(gate: &mut Gate, host: &'static str, cfg: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut cfg = Recorded(cfg.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect());
        gate.boot(&web(host), false, &mut cfg).unwrap();
        cfg.0
    }

    #[test]
    fn a_tenant_gets_its_own_database_files_and_prefixes() {
        let dir = tempfile::tempdir().unwrap();
        let mut gate = gate(dir.path(), Given::default(), |_| {});
        let a = boot(&mut gate, "a.org", &[("dbname", "control"), ("wwwroot", "https://farm.org")]);
        let b = boot(&mut gate, "B.org:8080", &[]);
        for (name, expected) in [
            ("dbtype", "mariadb"),
            ("dblibrary", "native"),
            ("dbhost", "localhost"),
            ("dbname", "moodle_1"),
            ("dbuser", "u1"),
            ("dbpass", "p1"),
            ("prefix", "mdl_"),
            ("wwwroot", "https://a.org"),
            ("dataroot", "/var/moodledata/1"),
            ("preventexecpath", "Bool(true)"),
            ("disableupdateautodeploy", "Bool(true)"),
            ("uninstallclionly", "Bool(true)"),
            ("mainwwwroot", "https://farm.org"),
            ("vmoodleroot", "https://a.org"),
            ("vmoodlename", "a.org"),
        ] {
            assert_eq!(a[name], expected, "{name}");
        }
        for own in ["session_redis_prefix", "session_memcached_prefix", "sessioncookie", "dataroot", "dbname"] {
            assert_ne!(a[own], b[own], "{own}");
        }
        assert!(!a.contains_key("sslproxy") && b["sslproxy"] == "Bool(false)");
        assert!(!a.contains_key("cachedir") && !a.contains_key("vhost"));
    }

    #[test]
    fn folders_that_the_control_site_moved_are_parted() {
        let dir = tempfile::tempdir().unwrap();
        let mut gate = gate(dir.path(), Given::default(), |_| {});
        let moved =
            [("cachedir", "/fast/cache/"), ("session_file_save_path", "/s"), ("altcacheconfigpath", "/muc.php")];
        let (a, b) = (boot(&mut gate, "a.org", &moved), boot(&mut gate, "b.org:8080", &moved));
        assert!(a["cachedir"].starts_with("/fast/cache/vm") && a["cachedir"] != b["cachedir"]);
        assert!(
            a["session_file_save_path"].starts_with("/s/vm")
                && a["session_file_save_path"] != b["session_file_save_path"]
        );
        assert!(!a.contains_key("altcacheconfigpath"));
        let control = boot(&mut gate, "farm.org", &moved);
        assert_eq!(control["cachedir"], "/fast/cache/");
        assert!(!control.contains_key("dbname") && control["mainwwwroot"] == "https://farm.org");
    }

    #[test]
    fn own_settings_are_set_and_one_account_may_serve_all() {
        let dir = tempfile::tempdir().unwrap();
        let given = Given { dbuser: Some("farm".into()), dbpass: Some(Secret::new("s")), ..Given::default() };
        let mut gate = gate(dir.path(), given, |farm| {
            farm.tenants[0].settings =
                json!({"theme": "moove", "preventexecpath": false}).as_object().cloned().unwrap();
        });
        let a = boot(&mut gate, "a.org", &[]);
        assert_eq!((a["theme"].as_str(), a["dbuser"].as_str(), a["dbpass"].as_str()), ("moove", "farm", "s"));
        assert_eq!(a["preventexecpath"], "Bool(false)", "the farm's administrator may lift it for one tenant");
    }

    #[test]
    fn a_sealed_password_is_opened_with_the_key_file() {
        let dir = tempfile::tempdir().unwrap();
        let keyfile = dir.path().join("key");
        let sealed = Keyring::create(&keyfile).unwrap().seal(&Secret::new("clear")).unwrap();
        let given = Given { keyfile: Some(keyfile.to_str().unwrap().into()), ..Given::default() };
        let mut with_key = gate(dir.path(), given, |farm| farm.tenants[0].database.password = Some(sealed.clone()));
        assert_eq!(boot(&mut with_key, "a.org", &[])["dbpass"], "clear");
        std::fs::remove_file(&keyfile).unwrap();
        assert_eq!(boot(&mut with_key, "a.org", &[])["dbpass"], "clear", "it was opened once for this index");
        let mut without = gate(dir.path(), Given::default(), |farm| farm.tenants[0].database.password = Some(sealed));
        let refusal = without.boot(&web("a.org"), false, &mut Recorded::default()).unwrap_err();
        assert_eq!((refusal.error.kind(), refusal.status), (Kind::SecretUndecryptable, 503));
    }

    #[test]
    fn a_refused_request_leaves_cfg_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut gate = gate(dir.path(), Given::default(), |farm| farm.tenants[0].state = State::Disabled);
        let mut cfg = Recorded::default();
        for (host, status) in [("a.org", 503), ("x'or'1'='1", 404), ("nobody.org", 404)] {
            assert_eq!(gate.boot(&web(host), false, &mut cfg).unwrap_err().status, status);
        }
        assert!(cfg.0.is_empty());
        let named = Caller::CommandLine(Some(b"a.org"));
        assert!(gate.boot(&named, false, &mut cfg).unwrap().is_some_and(|tenant| tenant.state() == State::Disabled));
        assert_eq!(cfg.0["vhost"], "a");
    }

    #[test]
    fn the_shared_component_cache_is_set_only_while_it_fits_the_code() {
        let dir = tempfile::tempdir().unwrap();
        let (version, cache) = (dir.path().join("version.php"), dir.path().join("core_component.php"));
        std::fs::write(&version, "<?php // 1").unwrap();
        std::fs::write(&cache, "<?php").unwrap();
        let meta = std::fs::metadata(&version).unwrap();
        let mut gate = gate(dir.path(), Given::default(), |farm| {
            farm.components = Some(Components {
                path: cache.to_str().unwrap().into(),
                dirroot: dir.path().to_str().unwrap().into(),
                versionmtime: meta.mtime(),
                versionsize: meta.size(),
            });
        });
        let shared = |gate: &mut Gate, validates, cfg: &[(&str, &str)]| {
            let mut cfg = Recorded(cfg.iter().map(|(n, t)| ((*n).into(), (*t).into())).collect());
            gate.components.probed = None;
            gate.boot(&web("a.org"), validates, &mut cfg).unwrap();
            cfg.0.remove("alternative_component_cache")
        };
        let path = cache.to_str().map(str::to_owned);
        assert_eq!(shared(&mut gate, false, &[]), path);
        assert_eq!(shared(&mut gate, true, &[]), None, "Moodle validates it itself");
        assert_eq!(shared(&mut gate, false, &[("alternative_component_cache", "/x")]).as_deref(), Some("/x"));
        std::fs::write(&version, "<?php // 22").unwrap();
        assert_eq!(shared(&mut gate, false, &[]), None, "the code changed");
        std::fs::write(&version, "<?php // 1").unwrap();
        std::fs::File::options().write(true).open(&version).unwrap().set_modified(meta.modified().unwrap()).unwrap();
        assert_eq!(shared(&mut gate, false, &[]), path);
        std::fs::remove_file(&cache).unwrap();
        assert_eq!(shared(&mut gate, false, &[]), None, "the cache is gone");
    }
}
