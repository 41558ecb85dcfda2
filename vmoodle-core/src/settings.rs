//! The farm's settings as `$CFG->vmoodle` or php.ini give them, turned into meaning once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::secret::Secret;

/// The settings as they were given; `None` where nothing was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Path of the index.
    pub index: Option<String>,
    /// Whether paths take part in choosing the tenant.
    pub subpaths: Option<bool>,
    /// Addresses or networks of reverse proxies.
    pub trusted_proxies: Vec<String>,
    /// The account for all tenants' databases.
    pub dbuser: Option<String>,
    /// Its password.
    pub dbpass: Option<Secret>,
    /// Path of the key file.
    pub keyfile: Option<String>,
    /// `serve` or `refuse`.
    pub control: Option<String>,
}

/// The settings as they are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Path of the index.
    pub index: PathBuf,
    /// Whether paths take part in choosing the tenant.
    pub subpaths: bool,
    /// Reverse proxies whose `X-Forwarded-Host` and `X-Forwarded-Port` count.
    pub trusted_proxies: Vec<IpNet>,
    /// One account for all tenants' databases, so that the registry holds none.
    pub account: Option<(String, Option<Secret>)>,
    /// The file with the keys of stored passwords.
    pub keyfile: Option<PathBuf>,
    /// Whether the control site's own host is served on the web.
    pub serve_control: bool,
    /// What the control site's `config.php` says for all tenants about caches, files and sessions.
    pub shared: Shared,
    /// The limits of this PHP, which the scripts that it starts get too.
    pub php: PhpLimits,
}

/// How many `max_input_vars` Moodle's upgrade asks for (lib/upgradelib.php, `check_max_input_vars`).
const INPUT_VARS: u32 = 5000;

/// What PHP's own settings allow a script; one that is started gets the same, whatever its `php.ini` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhpLimits(Vec<(&'static str, String)>);

impl PhpLimits {
    /// The entries of `php.ini` that count: memory, and how much input is taken.
    pub const NAMES: &'static [&'static str] = &["memory_limit", "max_input_vars"];

    /// Takes what `read` gives for each of the names; no fewer `max_input_vars` than Moodle's upgrade asks for.
    pub fn read(mut read: impl FnMut(&'static str) -> Option<String>) -> Self {
        let given = |name: &&'static str| Some((*name, read(name).filter(|text| !text.is_empty())?));
        let enough = |(name, text): (&'static str, String)| match text.parse::<u32>() {
            Ok(number) if name == "max_input_vars" && number < INPUT_VARS => (name, INPUT_VARS.to_string()),
            _ => (name, text),
        };
        Self(Self::NAMES.iter().filter_map(given).map(enough).collect())
    }

    /// Names and values.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// Where the control site's `config.php` has put caches, files and sessions, for itself and so for its tenants; boot parts them
/// (see [`crate::switch`]). It prints names only: one value is a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shared(BTreeMap<&'static str, String>);

impl Shared {
    /// The settings of `$CFG` that count.
    pub const NAMES: &'static [&'static str] = &[
        "cachedir",
        "localcachedir",
        "filedir",
        "trashdir",
        "langlocalroot",
        "session_file_save_path",
        "session_handler_class",
        "session_redis_host",
        "session_redis_port",
        "session_redis_auth",
        "session_redis_database",
        "session_redis_encrypt",
    ];

    /// Takes what `read` gives for each of the names; no fewer `max_input_vars` than Moodle's upgrade asks for.
    pub fn read(mut read: impl FnMut(&'static str) -> Option<String>) -> Self {
        let values = Self::NAMES.iter().filter_map(|name| Some((*name, read(name).filter(|text| !text.is_empty())?)));
        Self(values.collect())
    }

    /// One of them, where it is set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Settings {
    /// Checks what was given. `dataroot` is the control site's: the index lies in `<dataroot>/vmoodle/index` unless said
    /// otherwise. Refuses with [`Kind::BadConfiguration`] and the setting's name.
    pub fn new(given: Given, dataroot: &str) -> Result<Self> {
        let bad = |name: &str, value: &str, rule: &str| {
            let message = format!("`vmoodle.{name}` is `{}`: {rule}", escape(value));
            Error::new(Kind::BadConfiguration, message).hint("correct `$CFG->vmoodle` in config.php, or php.ini")
        };
        let absolute = |name: &str, path: String| {
            if path.starts_with('/') { Ok(PathBuf::from(&path)) } else { Err(bad(name, &path, "it must be absolute")) }
        };
        let index = given.index.unwrap_or_else(|| format!("{}/vmoodle/index", dataroot.trim_end_matches('/')));
        let trusted_proxies = given
            .trusted_proxies
            .iter()
            .map(|text| {
                let text = text.trim();
                let one = || text.parse::<IpAddr>().map(IpNet::from);
                text.parse::<IpNet>().or_else(|_| one()).map_err(|_| {
                    bad("trusted_proxies", text, "each must be an address or a network such as `10.0.0.0/8`")
                })
            })
            .collect::<Result<_>>()?;
        let serve_control = match given.control.as_deref() {
            None | Some("" | "serve") => true,
            Some("refuse") => false,
            Some(other) => return Err(bad("control", other, "it must be `serve` or `refuse`")),
        };
        if given.dbpass.is_some() && given.dbuser.is_none() {
            return Err(bad("dbpass", "...", "it needs `dbuser`"));
        }
        Ok(Self {
            index: absolute("index", index)?,
            subpaths: given.subpaths.unwrap_or(false),
            trusted_proxies,
            account: given.dbuser.filter(|user| !user.is_empty()).map(|user| (user, given.dbpass)),
            keyfile: given.keyfile.filter(|path| !path.is_empty()).map(|path| absolute("keyfile", path)).transpose()?,
            serve_control,
            shared: Shared::default(),
            php: PhpLimits::default(),
        })
    }

    /// Whether a request came through a proxy whose forwarded headers count.
    pub fn trusts(&self, remote_addr: &[u8]) -> bool {
        if self.trusted_proxies.is_empty() {
            return false;
        }
        let address = std::str::from_utf8(remote_addr).ok().and_then(|text| text.parse::<IpAddr>().ok());
        address.is_some_and(|ip| self.trusted_proxies.iter().any(|net| net.contains(&ip.to_canonical())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_a_sensible_meaning() {
        let settings = Settings::new(Given::default(), "/data/").unwrap();
        assert_eq!(settings.index, PathBuf::from("/data/vmoodle/index"));
        assert!(settings.serve_control && !settings.subpaths && settings.account.is_none());
        assert!(!settings.trusts(b"127.0.0.1"));
    }

    #[test]
    fn a_script_gets_the_input_that_moodles_upgrade_asks_for() {
        let limits = |vars: &str| PhpLimits::read(|name| (name == "max_input_vars").then(|| vars.to_owned()));
        for (given, told) in [("1000", "5000"), ("9000", "9000"), ("", "")] {
            let entries: Vec<String> = limits(given).entries().map(|(_, value)| value.to_owned()).collect();
            assert_eq!(entries.concat(), told, "{given}");
        }
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let given = Given { trusted_proxies: vec!["10.0.0.0/8".into(), " ::1".into()], ..Given::default() };
        let settings = Settings::new(given, "/data").unwrap();
        assert!(settings.trusts(b"10.1.2.3") && settings.trusts(b"::1") && settings.trusts(b"::ffff:10.0.0.1"));
        assert!(!settings.trusts(b"11.0.0.1") && !settings.trusts(b"") && !settings.trusts(b"\xff"));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for given in [
            Given { index: Some("relative".into()), ..Given::default() },
            Given { control: Some("maybe".into()), ..Given::default() },
            Given { trusted_proxies: vec!["everyone".into()], ..Given::default() },
            Given { dbpass: Some(Secret::new("hidden")), ..Given::default() },
        ] {
            let error = Settings::new(given, "/data").unwrap_err();
            assert_eq!(error.kind(), Kind::BadConfiguration);
            assert!(!error.to_string().contains("hidden"));
        }
    }
}
